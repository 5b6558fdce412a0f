// t_uri_template.c -- shows script/uri_template to the specs.

#include "script/uri_template.h"
#include "testing/t_base.h"

int t_uri_template(lua_State *L);

// match(template, uri): the variables as JSON; nil, or nil and what is wrong with
// the template.
static int match(lua_State *L)
{
  struct arena arena = {0};
  struct uri_template t;
  struct error err;
  struct buf out = {0};
  enum error_code code = uri_template_read(t_slice(L, 1), &arena, &t, &err);
  bool good = code == OK && uri_template_match(&t, t_slice(L, 2), &out);
  if (good)
    lua_pushlstring(L, out.data, out.len);
  else
    lua_pushnil(L);
  if (code != OK) lua_pushstring(L, err.message);
  buf_finish(&out);
  arena_finish(&arena);
  return code == OK ? 1 : 2;
}

int t_uri_template(lua_State *L)
{
  static const luaL_Reg functions[] = {{"match", match}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
