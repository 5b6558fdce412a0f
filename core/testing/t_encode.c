// t_encode.c -- shows base/encode to the specs.

#include "base/encode.h"
#include "testing/t_base.h"

int t_encode(lua_State *L);

static void (*const encoders[])(struct buf *b, struct slice s) = {
    base64_put, base64url_put, hex_put, percent_put, percent_put_path};
static bool (*const decoders[])(struct buf *b, struct slice s) = {
    base64_get, base64url_get, hex_get, percent_get};

// The upvalue says which.
static int put(lua_State *L)
{
  struct buf b = {0};
  encoders[lua_tointeger(L, lua_upvalueindex(1))](&b, t_slice(L, 1));
  return t_finish(L, &b);
}

// The bytes, or nil; a refusal must leave the buffer as it was.
static int get(lua_State *L)
{
  struct slice s = t_slice(L, 1);
  struct buf b = {0};
  buf_puts(&b, "before");
  bool good = decoders[lua_tointeger(L, lua_upvalueindex(1))](&b, s);
  if (good) {
    buf_consume(&b, strlen("before"));
    return t_finish(L, &b);
  }
  bool untouched = slice_is(buf_slice(&b), "before");
  buf_finish(&b);
  return untouched ? 0 : luaL_error(L, "a refusal changed the buffer");
}

static void add(lua_State *L, lua_CFunction f, int which, const char *name)
{
  lua_pushinteger(L, which); // T which
  lua_pushcclosure(L, f, 1); // T f
  lua_setfield(L, -2, name); // T
}

int t_encode(lua_State *L)
{
  static const char *const names[] = {"base64", "base64url", "hex", "percent",
                                      "percent_path"};
  static const char *const inverse[] = {"unbase64", "unbase64url", "unhex",
                                        "unpercent"};
  lua_newtable(L); // T
  for (int i = 0; i < 5; i++)
    add(L, put, i, names[i]);
  for (int i = 0; i < 4; i++)
    add(L, get, i, inverse[i]);
  return 1;
}
