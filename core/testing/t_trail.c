// t_trail.c -- shows base/trail to the specs.

#include "base/trail.h"
#include "testing/t_base.h"

int t_trail(lua_State *L);

static lua_Integer field(lua_State *L, const char *name)
{
  lua_getfield(L, -1, name); // ... step value
  lua_Integer value = luaL_optinteger(L, -1, 0);
  lua_pop(L, 1); // ... step
  return value;
}

static const char *text_field(lua_State *L, const char *name)
{
  lua_getfield(L, -1, name); // ... step text
  const char *text = lua_tostring(L, -1);
  lua_pop(L, 1); // ... step (which keeps the string)
  return text;
}

static enum trail_kind kind_of(lua_State *L, const char *name)
{
  static const char *const names[] = {
#define X(constant, word, a, b) word,
      TRAIL_LIST(X)
#undef X
  };
  for (unsigned i = 0; name && i < TRAIL_KINDS; i++) {
    if (slice_is(slice_of(name), names[i])) return (enum trail_kind)i;
  }
  return (enum trail_kind)luaL_error(L, "no such kind of step");
}

static void add(lua_State *L, struct trail *t)
{
  enum error_code code = OK;
  const char *name = text_field(L, "code");
  if (name) error_parse(slice_of(name), &code);
  trail_add(t, (uint64_t)field(L, "at"), kind_of(L, text_field(L, "step")),
            code, field(L, "a"), field(L, "b"),
            slice_of(text_field(L, "label")));
}

static void fill(lua_State *L, int list, uint64_t start_ns, struct trail *t)
{
  trail_begin(t, start_ns);
  for (lua_Integer i = 1; i <= luaL_len(L, list); i++) {
    lua_rawgeti(L, list, i); // ... step
    add(L, t);
    lua_pop(L, 1); // ...
  }
}

// show({ { at = ns, step =, code =, a =, b =, label = }, ... }, start_ns?,
// inner?, inner_start_ns?, since_ns?): the table and the JSON; inner: steps of
// call 2, or with since_ns those of a flight.
static int show(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  struct trail t, inner;
  fill(L, 1, (uint64_t)luaL_optinteger(L, 2, 0), &t);
  if (lua_istable(L, 3)) {
    fill(L, 3, (uint64_t)luaL_optinteger(L, 4, 0), &inner);
    if (lua_isnoneornil(L, 5))
      trail_join(&t, &inner, 2);
    else
      trail_share(&t, &inner, (uint64_t)luaL_checkinteger(L, 5));
  }
  struct buf printed = {0}, json = {0};
  trail_print(&t, &printed);
  trail_json(&t, &json);
  t_finish(L, &printed); // printed
  t_finish(L, &json);    // printed json
  return 2;
}

int t_trail(lua_State *L)
{
  static const luaL_Reg functions[] = {{"show", show}, {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_pushinteger(L, TRAIL_STEPS);
  lua_setfield(L, -2, "steps");
  return 1;
}
