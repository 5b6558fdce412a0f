// bind_hash.c -- tide.hash.

#include <lauxlib.h>

#include "base/encode.h"
#include "base/hash.h"
#include "bind/arguments.h"
#include "bind/bind.h"
#include "script/allowance.h"
#include "script/vm.h"

static struct slice digest_slice(const unsigned char digest[SHA256_LEN])
{
  return (struct slice){(const char *)digest, SHA256_LEN};
}

/// tide.hash.sha256(bytes: string | tide.Secret): string -- hex
static int sha256(lua_State *L)
{
  unsigned char digest[SHA256_LEN];
  struct slice bytes = check_bytes(L, 1, NULL);
  struct buf *out = vm_buf(vm_of(L));
  allowance_charge(L, bytes.len);
  if (!hash_sha256(bytes, digest)) return luaL_error(L, "not enough memory");
  hex_put(out, digest_slice(digest));
  push_buf(L, out); // bytes hex
  return 1;
}

static void put_raw(struct buf *b, struct slice s)
{
  buf_add(b, s);
}

/// tide.hash.hmac(key: string | tide.Secret, bytes: string,
///   options?: { encoding?: "hex" | "base64" | "raw" }): string
/// HMAC-SHA-256.
static int hmac(lua_State *L)
{
  static const char *const names[] = {"encoding", NULL};
  static const char *const encodings[] = {"hex", "base64", "raw", NULL};
  static void (*const put[])(struct buf *, struct slice) = {hex_put, base64_put,
                                                            put_raw};
  unsigned char digest[SHA256_LEN];
  struct slice key = check_bytes(L, 1, NULL), bytes = check_bytes(L, 2, NULL);
  int encoding = 0;
  if (check_options(L, 3, names)) {
    lua_getfield(L, 3, "encoding"); // ... encoding
    encoding = luaL_checkoption(L, -1, "hex", encodings);
  }
  struct buf *out = vm_buf(vm_of(L));
  allowance_charge(L, bytes.len);
  if (!hash_hmac_sha256(key, bytes, digest))
    return luaL_error(L, "not enough memory");
  put[encoding](out, digest_slice(digest));
  push_buf(L, out); // ... text
  return 1;
}

/// tide.hash.equal(a: string | tide.Secret, b: string | tide.Secret): boolean
/// In a time that tells nothing but the lengths.
static int equal(lua_State *L)
{
  lua_pushboolean(L,
                  hash_equal(check_bytes(L, 1, NULL), check_bytes(L, 2, NULL)));
  return 1;
}

void bind_hash_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
      {"sha256", sha256}, {"hmac", hmac}, {"equal", equal}, {NULL, NULL}};
  luaL_newlib(L, functions);   // tide hash
  lua_setfield(L, -2, "hash"); // tide
}
