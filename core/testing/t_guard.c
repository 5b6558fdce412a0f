// t_guard.c -- T.guard: what ends of attempts mean, and Retry-After.

#include <lauxlib.h>
#include <string.h>

#include "guard/outcome.h"
#include "guard/policy.h"
#include "guard/retry_after.h"

int t_guard(lua_State *L);

static enum http_end check_end(lua_State *L, int index)
{
  const char *name = luaL_checkstring(L, index);
  for (int end = 0; end < HTTP_ENDS; end++)
    if (!strcmp(http_end_name((enum http_end)end), name))
      return (enum http_end)end;
  luaL_argerror(L, index, "no such end");
  return HTTP_FAILED;
}

// outcome(end, status, method, { sent, retry_after, cut_by_deadline }):
// outcome, code, side effect
static int outcome(lua_State *L)
{
  struct http_answer a = {.end = check_end(L, 1),
                          .status = (int)luaL_checkinteger(L, 2)};
  struct slice method = slice_of(luaL_checkstring(L, 3));
  lua_settop(L, 4);
  lua_getfield(L, 4, "sent");
  a.sent = lua_toboolean(L, -1);
  lua_getfield(L, 4, "retry_after");
  if (lua_isstring(L, -1))
    buf_printf(&a.head, "Retry-After: %s\n", lua_tostring(L, -1));
  lua_getfield(L, 4, "cut_by_deadline");

  enum outcome o = outcome_of(&a, lua_toboolean(L, -1));
  lua_pushstring(L, outcome_name(o));
  lua_pushstring(L, error_name(outcome_error(o, a.status)));
  lua_pushstring(L, side_effect_name(outcome_side_effect(o, method, &a)));
  http_answer_finish(&a);
  return 3;
}

static int ends(lua_State *L)
{
  lua_createtable(L, HTTP_ENDS, 0);
  for (int end = 0; end < HTTP_ENDS; end++) {
    lua_pushstring(L, http_end_name((enum http_end)end));
    lua_rawseti(L, -2, end + 1);
  }
  return 1;
}

// retry_after(value, date, wall_ms): ms
static int retry_after(lua_State *L)
{
  struct slice value, date = {0};
  value.data = luaL_checklstring(L, 1, &value.len);
  if (!lua_isnil(L, 2)) date.data = luaL_checklstring(L, 2, &date.len);
  lua_pushinteger(L, retry_after_ms(value, date, luaL_checkinteger(L, 3)));
  return 1;
}

static const luaL_Reg functions[] = {{"outcome", outcome},
                                     {"ends", ends},
                                     {"retry_after", retry_after},
                                     {NULL, NULL}};

int t_guard(lua_State *L)
{
  luaL_newlib(L, functions);
  return 1;
}
