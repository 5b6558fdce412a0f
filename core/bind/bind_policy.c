// bind_policy.c -- tide.policy.extend: one policy made from another.

#include <lauxlib.h>

#include "bind/bind.h"

#define DEPTH_MAX 8

static void merge(lua_State *L, int from, int depth);

// Puts a copy of the value on the top over what `into` has at the key below it.
// Pops the value. The stack is: into ... key value
static void put_over(lua_State *L, int into, int depth)
{
  if (!lua_istable(L, -1)) {
    lua_pushvalue(L, -2); // key value key
    lua_insert(L, -2);    // key key value
    lua_rawset(L, into);  // key
    return;
  }
  int value = lua_gettop(L);
  lua_newtable(L);      // key value copy
  lua_pushvalue(L, -3); // key value copy key
  lua_rawget(L, into);  // key value copy old
  bool nested = lua_istable(L, -1);
  if (nested) {
    lua_insert(L, -2);   // key value old copy
    merge(L, -2, depth); // key value old copy
    lua_remove(L, -2);   // key value copy
  } else {
    lua_pop(L, 1); // key value copy
  }
  merge(L, value, depth); // key value copy
  lua_remove(L, value);   // key copy
  lua_pushvalue(L, -2);   // key copy key
  lua_insert(L, -2);      // key key copy
  lua_rawset(L, into);    // key
}

// Puts all of the table at `from` over the table on the top, by copying.
static void merge(lua_State *L, int from, int depth)
{
  from = lua_absindex(L, from);
  int into = lua_gettop(L);
  if (depth > DEPTH_MAX) luaL_error(L, "tide.policy.extend: nested too deeply");
  luaL_checkstack(L, 8, NULL);
  lua_pushnil(L);                 // into nil
  while (lua_next(L, from))       // into key value
    put_over(L, into, depth + 1); // into key
}

/// tide.policy.extend(base: table, more: table, ...): table
/// A new policy: the settings of `base`, over them those of `more`.
static int extend(lua_State *L)
{
  int n = lua_gettop(L);
  for (int i = 1; i <= (n < 2 ? 2 : n); i++)
    luaL_checktype(L, i, LUA_TTABLE);
  lua_newtable(L); // base more... out
  for (int i = 1; i <= n; i++)
    merge(L, i, 0);
  return 1;
}

void bind_policy_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"extend", extend}, {NULL, NULL}};
  luaL_newlib(L, functions);     // tide policy
  lua_setfield(L, -2, "policy"); // tide
}
