// t_error.c -- shows base/error to the specs.

#include <lauxlib.h>

#include "base/error.h"

int t_error(lua_State *L);

// list(): { { name=, http=, retry=, sentence= }, ... } in the order of the list
static int list(lua_State *L)
{
  lua_newtable(L); // list
  for (unsigned i = 0; i < ERROR_CODES; i++) {
    enum error_code code = (enum error_code)i;
    lua_newtable(L);                             // list row
    lua_pushstring(L, error_name(code));         // list row name
    lua_setfield(L, -2, "name");                 // list row
    lua_pushinteger(L, error_http_status(code)); // list row http
    lua_setfield(L, -2, "http");                 // list row
    lua_pushboolean(L, error_may_retry(code));   // list row retry
    lua_setfield(L, -2, "retry");                // list row
    lua_pushstring(L, error_sentence(code));     // list row sentence
    lua_setfield(L, -2, "sentence");             // list row
    lua_rawseti(L, -2, (lua_Integer)i + 1);      // list
  }
  return 1;
}

// parse(name): the place in the list from 1, or nil.
static int parse(lua_State *L)
{
  struct slice name;
  name.data = luaL_checklstring(L, 1, &name.len);
  enum error_code code;
  if (!error_parse(name, &code)) return 0;
  lua_pushinteger(L, (lua_Integer)code + 1);
  return 1;
}

// set(text): the message that error_set() keeps of it.
static int set(lua_State *L)
{
  struct error err;
  error_set(&err, E_INVALID, "%s", luaL_checkstring(L, 1));
  lua_pushstring(L, err.message);
  return 1;
}

int t_error(lua_State *L)
{
  static const luaL_Reg functions[] = {
      {"list", list}, {"parse", parse}, {"set", set}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
