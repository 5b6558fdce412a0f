// t_faults.c -- shows script/faults to the specs.

#include <lauxlib.h>

#include "script/faults.h"

int t_faults(lua_State *L);

static struct slice check_slice(lua_State *L, int index)
{
  struct slice s;
  s.data = luaL_checklstring(L, index, &s.len);
  return s;
}

// suggest(word, { candidates })
static int suggest(lua_State *L)
{
  const char *names[100];
  size_t n = 0;
  luaL_checktype(L, 2, LUA_TTABLE);
  for (; n < 100 && lua_rawgeti(L, 2, (lua_Integer)n + 1) != LUA_TNIL; n++) {
    names[n] = luaL_checkstring(L, -1);
  }
  struct slice near = faults_suggest(check_slice(L, 1), names, n);
  if (near.data)
    lua_pushlstring(L, near.data, near.len);
  else
    lua_pushnil(L);
  return 1;
}

// print{ { file, path, reason, warning }, ... }: text, errors, warnings
static int print(lua_State *L)
{
  struct faults f = {0};
  for (lua_Integer i = 1; lua_rawgeti(L, 1, i) == LUA_TTABLE; i++) {
    int row = lua_gettop(L);
    for (int k = 1; k <= 3; k++) {
      lua_rawgeti(L, row, k); // row file path reason
    }
    faults_set_file(&f, check_slice(L, row + 1));
    bool warning = lua_rawgeti(L, row, 4) != LUA_TNIL;
    const char *reason = luaL_checkstring(L, row + 3);
    struct slice path = check_slice(L, row + 2);
    if (warning)
      faults_warn(&f, path, "%s", reason);
    else
      faults_add(&f, path, "%s", reason);
    lua_settop(L, row - 1);
  }
  struct buf out = {0};
  faults_print(&f, &out);
  lua_pushlstring(L, buf_slice(&out).data, out.len); // text
  lua_pushinteger(L, (lua_Integer)f.errors);         // text errors
  lua_pushinteger(L, (lua_Integer)f.warnings);       // text errors warnings
  buf_finish(&out);
  faults_finish(&f);
  return 3;
}

int t_faults(lua_State *L)
{
  static const luaL_Reg functions[] = {
      {"suggest", suggest}, {"print", print}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
