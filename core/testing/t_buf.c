// t_buf.c -- shows base/buf, base/arena and base/fault to the specs.

#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fault.h"

int t_buf(lua_State *L);

// append(a, b, ...): the bytes of all in one buffer, or nil if it failed.
static int append(lua_State *L)
{
  struct buf b = {0};
  for (int i = 1; i <= lua_gettop(L); i++) {
    struct slice s;
    s.data = luaL_checklstring(L, i, &s.len);
    buf_add(&b, s);
  }
  if (buf_ok(&b))
    lua_pushlstring(L, buf_slice(&b).data, b.len); // ... bytes
  else
    lua_pushnil(L);                       // ... nil
  lua_pushinteger(L, (lua_Integer)b.len); // ... bytes len
  buf_finish(&b);
  return 2;
}

// print(s): what buf_printf makes of "<%s>", behind a first byte.
static int print(lua_State *L)
{
  struct buf b = {0};
  buf_putc(&b, '!');
  buf_printf(&b, "<%s>", luaL_checkstring(L, 1));
  if (buf_ok(&b))
    lua_pushlstring(L, b.data, b.len);
  else
    lua_pushnil(L);
  buf_finish(&b);
  return 1;
}

// consume(s, n), reset(s, keep): what is left of a buffer that held s.
static int consume(lua_State *L)
{
  struct slice s;
  s.data = luaL_checklstring(L, 1, &s.len);
  struct buf b = {0};
  buf_add(&b, s);
  buf_consume(&b, (size_t)luaL_checkinteger(L, 2));
  size_t len;
  char *rest = buf_take(&b, &len);
  lua_pushlstring(L, rest ? rest : "", len);
  free(rest);
  return 1;
}

static int reset(lua_State *L)
{
  struct slice s;
  s.data = luaL_checklstring(L, 1, &s.len);
  struct buf b = {0};
  buf_add(&b, s);
  buf_reset(&b, (size_t)luaL_checkinteger(L, 2));
  lua_pushinteger(L, (lua_Integer)b.len); // len
  lua_pushinteger(L, (lua_Integer)b.cap); // len cap
  buf_finish(&b);
  return 2;
}

static bool is_zero(const unsigned char *piece, size_t size)
{
  for (size_t i = 0; i < size; i++)
    if (piece[i]) return false;
  return (uintptr_t)piece % _Alignof(max_align_t) == 0;
}

// arena(sizes, rounds): takes pieces of these sizes, fills each, resets, again.
// The number of pieces that were NULL, and whether all others were zeroed,
// aligned and still as they were filled when the round ended.
static int arena(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_Integer rounds = luaL_checkinteger(L, 2);
  int n = (int)luaL_len(L, 1), missing = 0;
  bool good = true;
  struct arena a = {0};
  unsigned char **pieces = lua_newuserdatauv(L, sizeof(*pieces) * 1024, 0);
  luaL_argcheck(L, n <= 1024, 1, "at most 1024");
  for (; rounds > 0; rounds--) {
    for (int i = 0; i < n; i++) {
      lua_rawgeti(L, 1, i + 1);
      size_t size = (size_t)lua_tointeger(L, -1);
      lua_pop(L, 1);
      pieces[i] = arena_alloc(&a, size);
      missing += !pieces[i];
      if (!pieces[i]) continue;
      good = good && is_zero(pieces[i], size);
      memset(pieces[i], i % 255 + 1, size);
    }
    for (int i = 0; i < n; i++) {
      lua_rawgeti(L, 1, i + 1);
      size_t size = (size_t)lua_tointeger(L, -1);
      lua_pop(L, 1);
      for (size_t k = 0; pieces[i] && k < size; k++)
        good = good && pieces[i][k] == i % 255 + 1;
    }
    arena_reset(&a);
  }
  arena_finish(&a);
  lua_pushinteger(L, missing); // ... missing
  lua_pushboolean(L, good);    // ... missing good
  return 2;
}

// copy(s): arena_copy and arena_printf("%s!") of the same text.
static int copy(lua_State *L)
{
  struct slice s;
  s.data = luaL_checklstring(L, 1, &s.len);
  struct arena a = {0};
  struct slice copied = arena_copy(&a, s);
  struct slice printed = arena_printf(&a, "%s!", s.data);
  bool ended = copied.data && copied.data[copied.len] == '\0';
  lua_pushlstring(L, copied.data, copied.len);   // copied
  lua_pushlstring(L, printed.data, printed.len); // copied printed
  lua_pushboolean(L, ended);                     // copied printed ended
  arena_finish(&a);
  return 3;
}

static int fail_after(lua_State *L)
{
  fault_fail_after((long)luaL_checkinteger(L, 1));
  return 0;
}

static int fired(lua_State *L)
{
  lua_pushboolean(L, fault_fired());
  return 1;
}

int t_buf(lua_State *L)
{
  static const luaL_Reg functions[] = {
      {"append", append},         {"print", print}, {"consume", consume},
      {"reset", reset},           {"arena", arena}, {"copy", copy},
      {"fail_after", fail_after}, {"fired", fired}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
