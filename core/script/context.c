// context.c -- see context.h for the contract.

#include "script/context.h"

#include <lauxlib.h>
#include <stdbool.h>

static const char keys[2]; // their addresses: the values, in the registry

// User values of each.
enum { FIELDS = 1, GETTERS };

static int index_field(lua_State *L)
{
  lua_settop(L, 2);    // ctx name
  lua_pushvalue(L, 2); // ctx name name
  if (lua_rawget(L, lua_upvalueindex(FIELDS)) != LUA_TNIL) return 1;
  lua_pushvalue(L, 2); // ctx name nil name
  if (lua_rawget(L, lua_upvalueindex(GETTERS)) == LUA_TFUNCTION)
    return lua_tocfunction(L, -1)(L);
  return luaL_error(L, "ctx has no field '%s'", luaL_tolstring(L, 2, NULL));
}

static int refuse_field(lua_State *L)
{
  return luaL_error(L,
                    "ctx.%s: a context cannot be changed; keep what belongs "
                    "to a call in locals",
                    luaL_tolstring(L, 2, NULL));
}

static void open_kind(lua_State *L, enum context_kind kind)
{
  lua_newuserdatauv(L, 1, GETTERS);               // ctx
  lua_newtable(L);                                // ctx fields
  lua_newtable(L);                                // ctx fields getters
  lua_pushvalue(L, -2);                           // ctx fields getters fields
  lua_setiuservalue(L, -4, FIELDS);               // ctx fields getters
  lua_pushvalue(L, -1);                           // ctx fields getters getters
  lua_setiuservalue(L, -4, GETTERS);              // ctx fields getters
  lua_createtable(L, 0, 3);                       // ctx fields getters meta
  lua_insert(L, -3);                              // ctx meta fields getters
  lua_pushcclosure(L, index_field, 2);            // ctx meta index
  lua_setfield(L, -2, "__index");                 // ctx meta
  lua_pushcfunction(L, refuse_field);             // ctx meta refuse
  lua_setfield(L, -2, "__newindex");              // ctx meta
  lua_pushboolean(L, false);                      // ctx meta false
  lua_setfield(L, -2, "__metatable");             // ctx meta
  lua_setmetatable(L, -2);                        // ctx
  lua_rawsetp(L, LUA_REGISTRYINDEX, &keys[kind]); //
}

void context_open(lua_State *L)
{
  open_kind(L, CONTEXT_CALL);
  open_kind(L, CONTEXT_AUTH);
}

void context_push(lua_State *L, enum context_kind kind)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &keys[kind]); // ctx
}

void context_set_field(lua_State *L, enum context_kind kind, const char *name)
{
  context_push(L, kind);            // value ctx
  lua_getiuservalue(L, -1, FIELDS); // value ctx fields
  lua_pushvalue(L, -3);             // value ctx fields value
  lua_setfield(L, -2, name);        // value ctx fields
  lua_pop(L, 3);                    //
}

void context_set_getter(lua_State *L, enum context_kind kind, const char *name,
                        lua_CFunction get)
{
  context_push(L, kind);             // ctx
  lua_getiuservalue(L, -1, GETTERS); // ctx getters
  lua_pushcfunction(L, get);         // ctx getters get
  lua_setfield(L, -2, name);         // ctx getters
  lua_pop(L, 2);                     //
}
