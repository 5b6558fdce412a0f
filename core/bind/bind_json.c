// bind_json.c -- tide.json.

#include <lauxlib.h>

#include "bind/arguments.h"
#include "bind/bind.h"
#include "script/allowance.h"
#include "script/convert.h"
#include "script/vm.h"

/// tide.json.encode(value: any): string
/// Raises for what JSON cannot say. Does not wait.
static int encode(lua_State *L)
{
  struct error err;
  luaL_checkany(L, 1);
  struct buf *out = vm_buf(vm_of(L));
  if (convert_put(L, 1, NULL, out, &err))
    return luaL_error(L, "tide.json.encode: %s", err.message);
  allowance_charge(L, out->len);
  push_buf(L, out); // value text
  return 1;
}

/// tide.json.decode(text: string): any, tide.Error?
/// Integers stay integers. Does not wait.
static int decode(lua_State *L)
{
  struct json_doc doc;
  struct error err;
  struct slice text = check_slice(L, 1);
  struct arena *arena = vm_arena(vm_of(L));
  allowance_charge(L, text.len);
  if (json_parse(&doc, text, (struct json_limits){0}, arena, &err))
    return push_failure(L, E_BAD_RESPONSE, "not JSON: %s", err.message);
  convert_push(L, &doc, 0, arena); // text value
  arena_reset(arena);
  return 1;
}

/// tide.json.array(list: table): table
/// Marks a table as an array, also when it is empty; returns it.
static int array(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  if (lua_getmetatable(L, 1)) { // list meta
    lua_settop(L, 1);
    return 1; // its metatable is the script's, or the mark already
  }
  convert_mark_array(L);
  return 1;
}

void bind_json_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
      {"encode", encode}, {"decode", decode}, {"array", array}, {NULL, NULL}};
  luaL_newlib(L, functions);      // tide json
  lua_pushlightuserdata(L, NULL); // tide json null
  lua_setfield(L, -2, "null");    // tide json
  lua_setfield(L, -2, "json");    // tide
}
