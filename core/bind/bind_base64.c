// bind_base64.c -- tide.base64.

#include <lauxlib.h>
#include <string.h>

#include "base/encode.h"
#include "bind/arguments.h"
#include "bind/bind.h"
#include "script/secret_value.h"
#include "script/vm.h"

// What encodes a secret gives a secret.
static int encode_by(lua_State *L, void (*put)(struct buf *, struct slice))
{
  bool is_secret;
  struct slice bytes = check_bytes(L, 1, &is_secret);
  struct buf *out = vm_buf(vm_of(L));
  put(out, bytes);
  if (!is_secret) {
    push_buf(L, out); // bytes text
    return 1;
  }
  if (!buf_ok(out)) return luaL_error(L, "not enough memory");
  secret_value_push_bytes(L, buf_slice(out)); // bytes secret
  explicit_bzero(out->data, out->len);
  return 1;
}

static int decode_by(lua_State *L, bool (*get)(struct buf *, struct slice))
{
  struct slice text = check_slice(L, 1);
  struct buf *out = vm_buf(vm_of(L));
  if (!get(out, text) && buf_ok(out))
    return push_failure(L, E_INVALID, "not base64");
  push_buf(L, out); // text bytes
  return 1;
}

/// tide.base64.encode(bytes: string | tide.Secret): string | tide.Secret
static int encode(lua_State *L)
{
  return encode_by(L, base64_put);
}

/// tide.base64.decode(text: string): string?, tide.Error?
static int decode(lua_State *L)
{
  return decode_by(L, base64_get);
}

/// tide.base64.encode_url(bytes): string -- for URLs, no padding
static int encode_url(lua_State *L)
{
  return encode_by(L, base64url_put);
}

/// tide.base64.decode_url(text: string): string?, tide.Error?
static int decode_url(lua_State *L)
{
  return decode_by(L, base64url_get);
}

void bind_base64_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"encode", encode},
                                       {"decode", decode},
                                       {"encode_url", encode_url},
                                       {"decode_url", decode_url},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);     // tide base64
  lua_setfield(L, -2, "base64"); // tide
}
