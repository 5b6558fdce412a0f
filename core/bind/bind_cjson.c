// bind_cjson.c -- tide.cjson: lua-cjson as Lua users know it.
//
// For scripts that come from elsewhere, and for texts that are encoded by the
// thousand: it does not sort names. What it does not do is why tide.json and
// res.json have a reader of their own: its numbers are all floats (an id 1
// prints as 1.0, one above 2^53 changes), and [] comes back as {}.

#include <lauxlib.h>
#include <lua-cjson.h>

#include "bind/bind.h"
#include "script/task.h"

#define MAX_DEPTH 64

static int nothing(lua_State *L, int status, lua_KContext ctx)
{
  (void)L, (void)status, (void)ctx;
  return 0;
}

// cjson.<name>(value); the instance is on the top.
static void set(lua_State *L, const char *name, int nargs)
{
  lua_getfield(L, -1 - nargs, name); // cjson args fn
  lua_insert(L, -1 - nargs);         // cjson fn args
  int top = lua_gettop(L) - nargs - 1;
  task_call(L, nargs, nothing, 0); // cjson results
  lua_settop(L, top);              // cjson
}

static void limit(lua_State *L)
{
  lua_pushboolean(L, 0);
  set(L, "encode_invalid_numbers", 1);
  lua_pushboolean(L, 0);
  set(L, "decode_invalid_numbers", 1);
  lua_pushinteger(L, MAX_DEPTH);
  set(L, "encode_max_depth", 1);
  lua_pushinteger(L, MAX_DEPTH);
  set(L, "decode_max_depth", 1);
}

/// tide.cjson.encode(value: any): string
/// tide.cjson.decode(text: string): any
/// Both raise, as lua-cjson does. They do not wait.
void bind_cjson_open(lua_State *L)
{
  static const char *const fields[] = {"encode", "decode", "null"};
  luaopen_cjson(L); // tide cjson
  limit(L);
  lua_createtable(L, 0, 3); // tide cjson view
  for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
    lua_getfield(L, -2, fields[i]); // tide cjson view field
    lua_setfield(L, -2, fields[i]); // tide cjson view
  }
  lua_setfield(L, -3, "cjson"); // tide cjson
  lua_pop(L, 1);                // tide
}
