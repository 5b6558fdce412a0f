// secret_value.c -- a secret as a Lua value.

#include "script/secret_value.h"

#include <lauxlib.h>

static int collect(lua_State *L)
{
  struct secret **value = luaL_checkudata(L, 1, SECRET_TYPE);
  secret_unref(*value);
  *value = NULL;
  return 0;
}

static int print(lua_State *L)
{
  lua_pushliteral(L, "***");
  return 1;
}

static int refuse(lua_State *L)
{
  return luaL_error(L, "a secret cannot be read, joined or compared; give it "
                       "to auth, a header or tide.hash.hmac as it is");
}

static void push_meta(lua_State *L)
{
  if (!luaL_newmetatable(L, SECRET_TYPE)) return; // meta
  static const luaL_Reg functions[] = {
      {"__gc", collect},   {"__tostring", print}, {"__concat", refuse},
      {"__len", refuse},   {"__lt", refuse},      {"__le", refuse},
      {"__index", refuse}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
}

static int push_protected(lua_State *L)
{
  struct secret *secret = lua_touserdata(L, 1);
  struct secret **value = lua_newuserdatauv(L, sizeof(struct secret *), 0);
  *value = NULL;
  push_meta(L);
  lua_setmetatable(L, -2);
  *value = secret; // from here on it is collected
  return 1;
}

void secret_value_push(lua_State *L, struct secret *secret)
{
  lua_pushcfunction(L, push_protected); // fn
  lua_pushlightuserdata(L, secret);     // fn secret
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) return;
  secret_unref(secret);
  lua_error(L);
}

struct secret *secret_value(lua_State *L, int index)
{
  struct secret **value = luaL_testudata(L, index, SECRET_TYPE);
  return value ? *value : NULL;
}
