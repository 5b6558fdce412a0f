// context.c -- see context.h for the contract.

#include "script/context.h"

#include <lauxlib.h>
#include <stdbool.h>

#include "script/faults.h"

#define NAMES_MAX 64

static const char keys[2]; // their addresses: the values, in the registry

// User values of each.
enum { FIELDS = 1, GETTERS };

// Adds the names of the table at `index` to the `n` that are there; how many
// then. They stay the table's.
static size_t add_names(lua_State *L, int index, const char **names, size_t n)
{
  lua_pushnil(L);              // nil
  while (lua_next(L, index)) { // key value
    lua_pop(L, 1);             // key
    if (n < NAMES_MAX) names[n++] = lua_tostring(L, -1);
  }
  return n;
}

static int refuse_name(lua_State *L)
{
  const char *names[NAMES_MAX];
  size_t n = add_names(L, lua_upvalueindex(FIELDS), names, 0);
  n = add_names(L, lua_upvalueindex(GETTERS), names, n);
  struct slice name;
  name.data = luaL_tolstring(L, 2, &name.len); // text
  struct slice near = faults_suggest(name, names, n);
  if (!near.data) return luaL_error(L, "ctx has no field '%s'", name.data);
  return luaL_error(L, "ctx has no field '%s' (did you mean %s?)", name.data,
                    near.data);
}

static int index_field(lua_State *L)
{
  lua_settop(L, 2);    // ctx name
  lua_pushvalue(L, 2); // ctx name name
  if (lua_rawget(L, lua_upvalueindex(FIELDS)) != LUA_TNIL) return 1;
  lua_pushvalue(L, 2); // ctx name nil name
  if (lua_rawget(L, lua_upvalueindex(GETTERS)) == LUA_TFUNCTION)
    return lua_tocfunction(L, -1)(L);
  return refuse_name(L);
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

static bool is_context(lua_State *L, int index)
{
  if (lua_type(L, index) != LUA_TUSERDATA) return false;
  context_push(L, CONTEXT_CALL); // call
  context_push(L, CONTEXT_AUTH); // call auth
  bool is = lua_rawequal(L, index, -2) || lua_rawequal(L, index, -1);
  lua_pop(L, 2); //
  return is;
}

// A function of ctx. Upvalues: what it does, its name.
static int call_with_dot(lua_State *L)
{
  if (is_context(L, 1))
    return luaL_error(L, "call it with a dot: ctx.%s(...)",
                      lua_tostring(L, lua_upvalueindex(2)));
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

void context_set_field(lua_State *L, enum context_kind kind, const char *name)
{
  if (lua_iscfunction(L, -1) && !lua_getupvalue(L, -1, 1)) {
    lua_pushstring(L, name);               // value name
    lua_pushcclosure(L, call_with_dot, 2); // value
  }
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
