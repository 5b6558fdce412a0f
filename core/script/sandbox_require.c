// sandbox_require.c -- `require` for the files of one integration.
//
// Works while a chunk is loaded. Each file runs once per script, in an
// environment of its own; what it returns is what require gives.

#include <lauxlib.h>

#include "base/buf.h"
#include "script/sandbox.h"
#include "script/vm_inside.h"

#define MODULE_TYPE "tide.module" // the files' text, so that a raise frees it

static int module_gc(lua_State *L)
{
  struct vm_module *m = lua_touserdata(L, 1);
  buf_finish(&m->text);
  buf_finish(&m->file);
  return 0;
}

static struct vm_module *push_module(lua_State *L)
{
  struct vm_module *m = lua_newuserdatauv(L, sizeof(*m), 0); // module
  *m = (struct vm_module){0};
  if (luaL_newmetatable(L, MODULE_TYPE)) { // module meta
    lua_pushcfunction(L, module_gc);       // module meta fn
    lua_setfield(L, -2, "__gc");           // module meta
  }
  lua_setmetatable(L, -2); // module
  return m;
}

static bool is_module_name(struct slice name)
{
  bool word = false;
  for (size_t i = 0; i < name.len; i++) {
    char c = name.data[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '_' || (c >= '0' && c <= '9');
    if (!letter && (c != '.' || !word)) return false;
    word = letter;
  }
  return word && name.len <= 64;
}

static int require(lua_State *L);

// Upvalues of this closure: the script's name, what is loaded. +1
static void push_require(lua_State *L, int script, int loaded)
{
  lua_pushvalue(L, script);        // script
  lua_pushvalue(L, loaded);        // script loaded
  lua_pushcclosure(L, require, 2); // require
}

static struct slice slice_at(lua_State *L, int index)
{
  struct slice s;
  s.data = lua_tolstring(L, index, &s.len);
  return s;
}

// Runs the file and pushes its result. +1
static void run_module(lua_State *L, struct slice name)
{
  const struct vm_options *o = &vm_of(L)->options;
  struct vm_module *m = push_module(L); // module
  struct error err;
  struct slice script = slice_at(L, lua_upvalueindex(1));
  if (o->read_module(o->module_ctx, script, name, m, &err))
    luaL_error(L, "require '%s': %s", name.data, err.message);
  push_require(L, lua_upvalueindex(1), lua_upvalueindex(2)); // module require
  sandbox_load(L, buf_slice(&m->file), buf_slice(&m->text)); // module fn
  lua_call(L, 0, 1);                                         // module result
  lua_remove(L, -2);                                         // result
}

static int require(lua_State *L)
{
  struct slice name;
  name.data = luaL_checklstring(L, 1, &name.len);
  lua_settop(L, 1);                                // name
  lua_getfield(L, lua_upvalueindex(2), name.data); // name value
  if (lua_islightuserdata(L, 2))
    return luaL_error(L, "require '%s': it requires itself", name.data);
  if (!lua_isnil(L, 2)) return 1;
  if (lane_of(L)->task)
    return luaL_error(L, "require works only while the script is loaded");
  luaL_argcheck(L, is_module_name(name), 1,
                "the name of a file beside this script, without .lua");
  lua_pushlightuserdata(L, L);                     // name nil mark
  lua_setfield(L, lua_upvalueindex(2), name.data); // name nil
  run_module(L, name);                             // name nil result
  if (lua_isnil(L, -1)) {
    lua_pushboolean(L, 1); // name nil nil true
  }
  lua_pushvalue(L, -1);                            // ... result result
  lua_setfield(L, lua_upvalueindex(2), name.data); // ... result
  return 1;
}

void sandbox_push_require(lua_State *L, struct slice script)
{
  if (!vm_of(L)->options.read_module) {
    lua_pushnil(L); // nil
    return;
  }
  lua_pushlstring(L, script.data, script.len);       // script
  lua_newtable(L);                                   // script loaded
  push_require(L, lua_gettop(L) - 1, lua_gettop(L)); // script loaded require
  lua_replace(L, -3);                                // require loaded
  lua_pop(L, 1);                                     // require
}
