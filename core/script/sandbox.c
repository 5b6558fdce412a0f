// sandbox.c -- the environment of chunks.

#include "script/sandbox.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "base/buf.h"
#include "base/random.h"
#include "script/vm.h"
#include "script/vm_inside.h"

static const char shared_key;  // its address: what all chunks see
static const char missing_key; // its address: what finds no global

// What people look for in vain.
static const struct {
  const char *name, *hint;
} hints[] = {
    {"print", "use tide.log.info"},
    {"coroutine", "use tide.all to do things at once"},
    {"io", "scripts cannot touch files"},
    {"debug", "scripts cannot look inside"},
    {"load", "scripts cannot load code"},
    {"loadstring", "scripts cannot load code"},
    {"dofile", "use require for a file beside this one"},
    {"loadfile", "use require for a file beside this one"},
    {"require", "nothing can be required here"},
    {"rawset", "use plain assignment"},
    {"unpack", "use table.unpack"},
    {"_G", "there is no table of globals"},
};

static const char *hint_for(const char *name)
{
  for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++)
    if (!strcmp(hints[i].name, name)) return hints[i].hint;
  return NULL;
}

static int on_undefined(lua_State *L)
{
  const char *name = luaL_tolstring(L, 2, NULL); // table key name
  const char *hint = hint_for(name);
  if (hint) return luaL_error(L, "undefined global '%s': %s", name, hint);
  return luaL_error(L, "undefined global '%s'", name);
}

static int on_global(lua_State *L)
{
  return luaL_error(L, "assignment to global '%s': declare it local",
                    luaL_tolstring(L, 2, NULL));
}

// --- what all chunks see ---

static void add_base(lua_State *L)
{
  static const char *const names[] = {
      "assert",   "error",        "getmetatable", "ipairs",   "next",   "pairs",
      "pcall",    "rawequal",     "rawget",       "rawlen",   "select", "type",
      "tonumber", "setmetatable", "tostring",     "_VERSION", NULL};
  luaL_requiref(L, LUA_GNAME, luaopen_base, 0); // shared G
  for (int i = 0; names[i]; i++) {
    lua_getfield(L, -1, names[i]); // shared G value
    lua_setfield(L, -3, names[i]); // shared G
  }
  lua_pop(L, 1); // shared
  sandbox_bound_base(L);
}

// Freezes the library on the top into shared[name]. -1
static void add_library(lua_State *L, const char *name)
{
  sandbox_freeze(L, name, false); // shared view
  lua_setfield(L, -2, name);      // shared
}

static void add_string(lua_State *L)
{
  luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0); // shared string
  sandbox_bound_string(L);
  lua_pushliteral(L, "");             // shared string ""
  lua_getmetatable(L, -1);            // shared string "" meta
  lua_pushboolean(L, 0);              // shared string "" meta false
  lua_setfield(L, -2, "__metatable"); // shared string "" meta
  lua_pop(L, 2);                      // shared string
  add_library(L, LUA_STRLIBNAME);     // shared
}

// math.random goes on from the VM's seed, so that a simulated run repeats.
static void add_math(lua_State *L)
{
  uint64_t seed = vm_of(L)->options.seed;
  if (!seed) random_bytes(&seed, sizeof(seed));
  luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 0); // shared math
  lua_getfield(L, -1, "randomseed");                  // shared math fn
  lua_pushinteger(L, (lua_Integer)seed);              // shared math fn seed
  lua_call(L, 1, 0);                                  // shared math
  lua_pushnil(L);                                     // shared math nil
  lua_setfield(L, -2, "randomseed");                  // shared math
  add_library(L, LUA_MATHLIBNAME);                    // shared
}

void sandbox_open(lua_State *L)
{
  const struct vm_options *options = &vm_of(L)->options;
  lua_newtable(L); // shared
  add_base(L);
  add_string(L);
  add_math(L);
  luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 0); // shared table
  sandbox_bound_table(L);
  add_library(L, LUA_TABLIBNAME);                     // shared
  luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 0); // shared utf8
  sandbox_bound_utf8(L);
  add_library(L, LUA_UTF8LIBNAME); // shared
  sandbox_push_os(L);              // shared os
  add_library(L, LUA_OSLIBNAME);   // shared
  if (options->open_api) options->open_api(L, options->api_ctx);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &shared_key);  //
  lua_createtable(L, 0, 1);                        // meta
  lua_pushcfunction(L, on_undefined);              // meta fn
  lua_setfield(L, -2, "__index");                  // meta
  lua_rawsetp(L, LUA_REGISTRYINDEX, &missing_key); //
}

// --- the environment of one chunk ---

// A table with all that the chunk may see; the top becomes its `require`. -1 +1
static void push_visible(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &shared_key); // require shared
  lua_createtable(L, 0, 32);                      // require shared copy
  lua_pushnil(L);                                 // require shared copy nil
  while (lua_next(L, -3)) {                       // require shared copy k v
    lua_pushvalue(L, -2);                         // require shared copy k v k
    lua_insert(L, -2);                            // require shared copy k k v
    lua_rawset(L, -4);                            // require shared copy k
  }
  lua_rotate(L, -3, -1);                           // shared copy require
  lua_setfield(L, -2, "require");                  // shared copy
  lua_remove(L, -2);                               // copy
  lua_rawgetp(L, LUA_REGISTRYINDEX, &missing_key); // copy meta
  lua_setmetatable(L, -2);                         // copy
}

// -1 (require) +1 (environment)
static void push_environment(lua_State *L)
{
  luaL_checkstack(L, 8, NULL);
  push_visible(L);                    // visible
  lua_newtable(L);                    // visible env
  lua_createtable(L, 0, 3);           // visible env meta
  lua_rotate(L, -3, -1);              // env meta visible
  lua_setfield(L, -2, "__index");     // env meta
  lua_pushcfunction(L, on_global);    // env meta fn
  lua_setfield(L, -2, "__newindex");  // env meta
  lua_pushboolean(L, 0);              // env meta false
  lua_setfield(L, -2, "__metatable"); // env meta
  lua_setmetatable(L, -2);            // env
}

void sandbox_load(lua_State *L, struct slice name, struct slice text)
{
  if (text.len >= 3 && !memcmp(text.data, "\xEF\xBB\xBF", 3)) {
    text.data += 3;
    text.len -= 3;
  }
  push_environment(L);     // env
  lua_pushliteral(L, "="); // env "="
  lua_pushlstring(L, name.data ? name.data : "?", name.data ? name.len : 1);
  lua_concat(L, 2); // env chunkname
  const char *chunk = lua_tostring(L, -1);
  if (luaL_loadbufferx(L, text.data, text.len, chunk, "t")) // env name fn
    lua_error(L);
  lua_remove(L, -2);        // env fn
  lua_insert(L, -2);        // fn env
  lua_setupvalue(L, -2, 1); // fn
}
