// t_map.c -- shows base/map to the specs.

#include "base/map.h"
#include "testing/t_base.h"

#define TYPE "T.map"

int t_map(lua_State *L);

// The map keeps neither keys nor values: the user value is a table that does,
// { [key] = the value's box }.

static int new (lua_State *L)
{
  lua_Integer seed = luaL_optinteger(L, 1, 0);
  struct map *m = lua_newuserdatauv(L, sizeof(*m), 1); // map
  *m = (struct map){.seed = {(uint64_t)seed, 0}};
  luaL_setmetatable(L, TYPE);
  lua_newtable(L);             // map kept
  lua_setiuservalue(L, -2, 1); // map
  return 1;
}

// put(key, n): false without memory. Values are integers, not 0.
static int put(lua_State *L)
{
  struct map *m = luaL_checkudata(L, 1, TYPE);
  struct slice key = t_slice(L, 2);
  void *value = (void *)(uintptr_t)luaL_checkinteger(L, 3);
  lua_getiuservalue(L, 1, 1); // map key n kept
  lua_pushvalue(L, 2);        // map key n kept key
  lua_pushboolean(L, true);   // map key n kept key true
  lua_rawset(L, -3);          // map key n kept
  lua_pushboolean(L, map_put(m, key, value));
  return 1;
}

static int push_value(lua_State *L, void *value)
{
  if (value)
    lua_pushinteger(L, (lua_Integer)(uintptr_t)value);
  else
    lua_pushnil(L);
  return 1;
}

static int get(lua_State *L)
{
  struct map *m = luaL_checkudata(L, 1, TYPE);
  return push_value(L, map_get(m, t_slice(L, 2)));
}

static int take(lua_State *L)
{
  struct map *m = luaL_checkudata(L, 1, TYPE);
  return push_value(L, map_remove(m, t_slice(L, 2)));
}

static int count(lua_State *L)
{
  struct map *m = luaL_checkudata(L, 1, TYPE);
  lua_pushinteger(L, (lua_Integer)m->count);
  lua_pushinteger(L, (lua_Integer)m->size);
  return 2;
}

static int finish(lua_State *L)
{
  map_finish(luaL_checkudata(L, 1, TYPE));
  return 0;
}

int t_map(lua_State *L)
{
  static const luaL_Reg methods[] = {{"put", put},     {"get", get},
                                     {"remove", take}, {"count", count},
                                     {"__gc", finish}, {NULL, NULL}};
  luaL_newmetatable(L, TYPE);     // meta
  luaL_setfuncs(L, methods, 0);   // meta
  lua_pushvalue(L, -1);           // meta meta
  lua_setfield(L, -2, "__index"); // meta
  lua_pop(L, 1);                  //
  lua_newtable(L);                // T
  lua_pushcfunction(L, new);      // T new
  lua_setfield(L, -2, "new");     // T
  return 1;
}
