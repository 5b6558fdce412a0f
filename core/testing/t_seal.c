// t_seal.c -- shows base/seal to the specs.

#include "base/seal.h"
#include "testing/t_base.h"

#define TYPE "T.seal"

int t_seal(lua_State *L);

struct box {
  struct seal_ring *ring;
};

// ring(key, ...): a ring, or nil, message, code.
static int ring(lua_State *L)
{
  struct slice keys[SEAL_KEYS_MAX + 1];
  int n = lua_gettop(L);
  luaL_argcheck(L, n <= SEAL_KEYS_MAX + 1, n, "too many");
  for (int i = 0; i < n; i++)
    keys[i] = t_slice(L, i + 1);
  struct box *box = lua_newuserdatauv(L, sizeof(*box), 0); // ... box
  box->ring = NULL;
  luaL_setmetatable(L, TYPE);

  struct error err;
  enum error_code code = seal_ring_new(keys, (size_t)n, &box->ring, &err);
  if (code == OK) return 1;
  lua_pushnil(L);
  lua_pushstring(L, err.message);
  lua_pushstring(L, error_name(code));
  return 3;
}

// close(purpose, plain): the sealed text, or nil.
static int close_seal(lua_State *L)
{
  struct box *box = luaL_checkudata(L, 1, TYPE);
  struct buf out = {0};
  bool good = seal(box->ring, luaL_checkstring(L, 2), t_slice(L, 3), &out);
  if (good) return t_finish(L, &out);
  buf_finish(&out);
  return 0;
}

// open(purpose, sealed): the plain text, or nil.
static int open_seal(lua_State *L)
{
  struct box *box = luaL_checkudata(L, 1, TYPE);
  struct buf out = {0};
  bool good = unseal(box->ring, luaL_checkstring(L, 2), t_slice(L, 3), &out);
  if (good) return t_finish(L, &out);
  bool untouched = out.len == 0;
  buf_finish(&out);
  return untouched ? 0 : luaL_error(L, "a refusal changed the buffer");
}

static int finish(lua_State *L)
{
  struct box *box = luaL_checkudata(L, 1, TYPE);
  seal_ring_free(box->ring);
  box->ring = NULL;
  return 0;
}

int t_seal(lua_State *L)
{
  static const luaL_Reg methods[] = {{"close", close_seal},
                                     {"open", open_seal},
                                     {"__gc", finish},
                                     {NULL, NULL}};
  luaL_newmetatable(L, TYPE);     // meta
  luaL_setfuncs(L, methods, 0);   // meta
  lua_pushvalue(L, -1);           // meta meta
  lua_setfield(L, -2, "__index"); // meta
  lua_pop(L, 1);                  //
  lua_newtable(L);                // T
  lua_pushcfunction(L, ring);     // T ring
  lua_setfield(L, -2, "ring");    // T
  return 1;
}
