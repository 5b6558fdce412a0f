// copy.c -- values of one lua_State in another.

#include "testing/copy.h"

#include <lauxlib.h>

static void copy_table(lua_State *from, int index, lua_State *to)
{
  lua_newtable(to);               // to: copy
  lua_pushnil(from);              // from: key
  while (lua_next(from, index)) { // from: key value
    int top = lua_gettop(from);
    copy_value(from, top - 1, to); // to: copy key
    copy_value(from, top, to);     // to: copy key value
    lua_rawset(to, -3);            // to: copy
    lua_pop(from, 1);              // from: key
  }
}

void copy_value(lua_State *from, int index, lua_State *to)
{
  index = lua_absindex(from, index);
  lua_checkstack(from, 8);
  luaL_checkstack(to, 8, NULL);
  size_t len;
  const char *text;
  switch (lua_type(from, index)) {
  case LUA_TNONE:
  case LUA_TNIL: lua_pushnil(to); break;
  case LUA_TBOOLEAN: lua_pushboolean(to, lua_toboolean(from, index)); break;
  case LUA_TNUMBER:
    if (lua_isinteger(from, index)) {
      lua_pushinteger(to, lua_tointeger(from, index));
    } else {
      lua_pushnumber(to, lua_tonumber(from, index));
    }
    break;
  case LUA_TSTRING:
    text = lua_tolstring(from, index, &len);
    lua_pushlstring(to, text, len);
    break;
  case LUA_TTABLE: copy_table(from, index, to); break;
  default: lua_pushfstring(to, "<%s>", luaL_typename(from, index)); break;
  }
}
