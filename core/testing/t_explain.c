// t_explain.c -- shows base/explain to the specs.

#include "base/explain.h"
#include "testing/t_base.h"

int t_explain(lua_State *L);

// kinds(): the names of all steps, in their order
static int kinds(lua_State *L)
{
  lua_newtable(L); // list
  lua_Integer n = 0;
#define X(constant, name, a, b)                                                \
  lua_pushliteral(L, name);                                                    \
  lua_rawseti(L, -2, ++n);
  TRAIL_LIST(X)
#undef X
  return 1;
}

// words(number of the kind, a, b, label, code): text, has words of its own
static int words(lua_State *L)
{
  struct trail t;
  enum error_code code = OK;
  lua_Integer kind = luaL_checkinteger(L, 1) - 1;
  luaL_argcheck(L, kind >= 0 && kind < TRAIL_KINDS, 1, "no such kind");
  error_parse(slice_of(luaL_optstring(L, 5, "ok")), &code);
  trail_begin(&t, 0);
  trail_add(&t, 0, (enum trail_kind)kind, code, luaL_optinteger(L, 2, 0),
            luaL_optinteger(L, 3, 0), slice_of(luaL_optstring(L, 4, "")));
  struct buf text = {0};
  bool own = explain_step(&t.steps[0], &text);
  t_finish(L, &text); // text
  lua_pushboolean(L, own);
  return 2;
}

int t_explain(lua_State *L)
{
  static const luaL_Reg functions[] = {
      {"kinds", kinds}, {"words", words}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
