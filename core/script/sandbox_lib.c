// sandbox_lib.c -- functions of Lua's library that scripts get bounded.
//
// The library's own function is in the upvalue and is called as plain C on the
// same frame: it sees the same arguments, and costs nothing more.

#include <lauxlib.h>
#include <lualib.h>

#include "script/allowance.h"
#include "script/pattern.h"
#include "script/sandbox.h"
#include "script/vm.h"

#define MOVE_MAX        10000000
#define COMPARE_NS      20   // of two numbers or short strings
#define LONG            1024 // bytes
#define COMPARED_PER_NS 16

static int original(lua_State *L)
{
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

// ("").rep(n) would count to n.
static int string_rep(lua_State *L)
{
  size_t len, sep = 0;
  luaL_checklstring(L, 1, &len);
  luaL_checkinteger(L, 2);
  luaL_optlstring(L, 3, "", &sep);
  if (len + sep) return original(L);
  lua_pushliteral(L, "");
  return 1;
}

// These walk all of a string and allocate nothing.
static int utf8_walk(lua_State *L)
{
  size_t len;
  luaL_checklstring(L, 1, &len);
  allowance_charge(L, len);
  return original(L);
}

// A __len may say anything, and these count up to it.
static int table_sized(lua_State *L)
{
  if (luaL_getmetafield(L, 1, "__len") != LUA_TNIL)
    return luaL_argerror(L, 1, "a table with __len cannot be used here");
  return original(L);
}

static void out_of_time(lua_State *L)
{
  luaL_error(L, "sorting took too long");
}

// Long strings take long to compare, and no instruction comes in between.
static int compare_long(lua_State *L)
{
  size_t a = lua_rawlen(L, 1), b = lua_rawlen(L, 2);
  if (!allowance_left(L, (a < b ? a : b) / COMPARED_PER_NS)) out_of_time(L);
  lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
  return 1;
}

static bool holds_long(lua_State *L, lua_Integer n)
{
  bool found = false;
  for (lua_Integer i = 1; i <= n && !found; i++) {
    found = lua_rawgeti(L, 1, i) == LUA_TSTRING && lua_rawlen(L, -1) > LONG;
    lua_pop(L, 1);
  }
  return found;
}

// Without a function of the script's own the hook has nothing to count.
static int table_sort(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
  size_t levels = 1;
  while (n >> levels)
    levels++;
  if (!allowance_left(L, (size_t)n * levels * COMPARE_NS)) out_of_time(L);
  if (lua_isnoneornil(L, 2) && holds_long(L, n)) {
    lua_settop(L, 1);
    lua_pushcfunction(L, compare_long); // table fn
  }
  return table_sized(L);
}

static int table_move(lua_State *L)
{
  lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);
  luaL_argcheck(L,
                to < from || (lua_Unsigned)to - (lua_Unsigned)from < MOVE_MAX,
                3, "too many elements to move");
  return original(L);
}

// t[name] = fn with what was there as upvalue.
static void wrap(lua_State *L, const char *name, lua_CFunction fn)
{
  lua_getfield(L, -1, name);  // t old
  lua_pushcclosure(L, fn, 1); // t fn
  lua_setfield(L, -2, name);  // t
}

void sandbox_bound_string(lua_State *L)
{
  lua_pushnil(L);              // string nil
  lua_setfield(L, -2, "dump"); // string
  wrap(L, "rep", string_rep);
  pattern_open(L);
}

void sandbox_bound_utf8(lua_State *L)
{
  wrap(L, "len", utf8_walk);
  wrap(L, "offset", utf8_walk);
}

void sandbox_bound_table(lua_State *L)
{
  wrap(L, "insert", table_sized);
  wrap(L, "remove", table_sized);
  wrap(L, "sort", table_sort);
  wrap(L, "move", table_move);
}

// --- base ---

static int base_setmetatable(lua_State *L)
{
  if (lua_istable(L, 2)) {
    lua_pushliteral(L, "__gc"); // t meta ... "__gc"
    if (lua_rawget(L, 2) != LUA_TNIL)
      return luaL_error(L, "__gc is not for scripts: nothing may run when "
                           "memory is collected");
    lua_pop(L, 1);
  }
  return original(L);
}

static int after_handler(lua_State *L, int status, lua_KContext ctx)
{
  (void)status, (void)ctx;
  return lua_gettop(L);
}

// The stack is: handler, false, then what the call left.
static int after_call(lua_State *L, int status, lua_KContext ctx)
{
  (void)ctx;
  if (status == LUA_OK || status == LUA_YIELD) {
    lua_pushboolean(L, 1); // handler false results... true
    lua_replace(L, 2);     // handler true results...
    return lua_gettop(L) - 1;
  }
  lua_pushvalue(L, 1);                            // handler false error handler
  lua_insert(L, -2);                              // handler false handler error
  lua_remove(L, 1);                               // false handler error
  lua_callk(L, 1, LUA_MULTRET, 0, after_handler); // false results...
  return after_handler(L, LUA_OK, 0);
}

// xpcall(f, handler, ...)
static int base_xpcall(lua_State *L)
{
  int n = lua_gettop(L);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_pushvalue(L, 2);   // f handler args... handler
  lua_insert(L, 1);      // handler f handler args...
  lua_pushboolean(L, 0); // handler f handler args... false
  lua_replace(L, 3);     // handler f false args...
  lua_rotate(L, 2, -1);  // handler false args... f
  lua_insert(L, 3);      // handler false f args...
  int status = lua_pcallk(L, n - 2, LUA_MULTRET, 0, 0, after_call);
  return after_call(L, status, 0);
}

void sandbox_bound_base(lua_State *L)
{
  lua_pushcfunction(L, base_xpcall); // base fn
  lua_setfield(L, -2, "xpcall");     // base
  wrap(L, "setmetatable", base_setmetatable);
}

// --- os ---

// os.time([table]): seconds since 1970.
static int os_time(lua_State *L)
{
  if (!lua_isnoneornil(L, 1)) return original(L);
  lua_pushinteger(L, vm_wall_ms(vm_of(L)) / 1000);
  return 1;
}

// os.date([format [, time]])
static int os_date(lua_State *L)
{
  if (lua_isnoneornil(L, 1)) {
    lua_settop(L, 0);
    lua_pushliteral(L, "%c"); // format
  }
  if (lua_isnoneornil(L, 2)) {
    lua_settop(L, 1);
    lua_pushinteger(L, vm_wall_ms(vm_of(L)) / 1000); // format time
  }
  return original(L);
}

void sandbox_push_os(lua_State *L)
{
  luaL_requiref(L, LUA_OSLIBNAME, luaopen_os, 0); // os
  lua_createtable(L, 0, 2);                       // os ours
  lua_getfield(L, -2, "time");                    // os ours time
  lua_pushcclosure(L, os_time, 1);                // os ours fn
  lua_setfield(L, -2, "time");                    // os ours
  lua_getfield(L, -2, "date");                    // os ours date
  lua_pushcclosure(L, os_date, 1);                // os ours fn
  lua_setfield(L, -2, "date");                    // os ours
  lua_remove(L, -2);                              // ours
}
