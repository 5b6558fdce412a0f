// t_header.c -- shows net/header to the specs.

#include <lauxlib.h>

#include "net/header.h"

int t_header(lua_State *L);

#define FIELDS_MAX 16

static struct slice check_slice(lua_State *L, int arg)
{
  struct slice s;
  s.data = luaL_checklstring(L, arg, &s.len);
  return s;
}

// name_ok(s), value_ok(s)
static int name_ok(lua_State *L)
{
  lua_pushboolean(L, header_name_ok(check_slice(L, 1)));
  return 1;
}

static int value_ok(lua_State *L)
{
  lua_pushboolean(L, header_value_ok(check_slice(L, 1)));
  return 1;
}

// find(wanted, name, value, name, value, ...): the value, the count
static int find(lua_State *L)
{
  const char *wanted = luaL_checkstring(L, 1);
  struct header fields[FIELDS_MAX];
  size_t n = 0;
  for (int i = 2; i < lua_gettop(L) && n < FIELDS_MAX; i += 2)
    fields[n++] = (struct header){check_slice(L, i), check_slice(L, i + 1)};
  struct slice value = header_get(fields, n, wanted);
  if (value.data)
    lua_pushlstring(L, value.data, value.len); // ... value
  else
    lua_pushnil(L); // ... nil
  lua_pushinteger(L, (lua_Integer)header_count(fields, n, wanted));
  return 2;
}

int t_header(lua_State *L)
{
  static const luaL_Reg functions[] = {{"name_ok", name_ok},
                                       {"value_ok", value_ok},
                                       {"find", find},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
