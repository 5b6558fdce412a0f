// sandbox_view.c -- read-only views of tables.
//
// A view is an empty table: its metatable finds everything in the real one and
// refuses to be seen or replaced. There is no rawset, so nothing gets past it.

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "script/faults.h"
#include "script/sandbox.h"

#define NAMES_MAX 64
#define SHOWN_MAX 14 // names in a message

// Fills `names` with the string keys of the table at `index`; how many. They
// stay the table's.
static size_t key_names(lua_State *L, int index, const char **names)
{
  size_t n = 0;
  lua_pushnil(L);              // nil
  while (lua_next(L, index)) { // key value
    lua_pop(L, 1);             // key
    if (n < NAMES_MAX && lua_type(L, -1) == LUA_TSTRING)
      names[n++] = lua_tostring(L, -1);
  }
  return n;
}

static int by_name(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// Nothing is near: what there is, if that is a line.
static int refuse_far(lua_State *L, const char *of, const char *key,
                      const char **names, size_t n)
{
  luaL_Buffer b;
  if (n > SHOWN_MAX) return luaL_error(L, "%s has no '%s'", of, key);
  qsort(names, n, sizeof(*names), by_name);
  luaL_buffinit(L, &b);
  for (size_t i = 0; i < n; i++) {
    luaL_addchar(&b, ' ');
    luaL_addstring(&b, names[i]);
  }
  luaL_pushresult(&b); // shown
  return luaL_error(L, "%s has no '%s'; it has%s", of, key,
                    lua_tostring(L, -1));
}

// __index of the real table: nothing of that name. Upvalue: the view's name.
static int on_missing(lua_State *L)
{
  const char *names[NAMES_MAX], *of = lua_tostring(L, lua_upvalueindex(1));
  struct slice key;
  key.data = luaL_tolstring(L, 2, &key.len); // real key text
  size_t n = key_names(L, 1, names);
  struct slice near = faults_suggest(key, names, n);
  if (!near.data) return refuse_far(L, of, key.data, names, n);
  lua_pushlstring(L, near.data, near.len); // real key text near
  return luaL_error(L, "%s has no '%s' (did you mean %s?)", of, key.data,
                    lua_tostring(L, -1));
}

// Upvalue: the view's name.
static int on_assign(lua_State *L)
{
  return luaL_error(L, "%s is read-only", lua_tostring(L, lua_upvalueindex(1)));
}

// next() over the real table (the upvalue), which the script never gets.
static int view_next(lua_State *L)
{
  lua_settop(L, 2);                               // view key
  if (lua_next(L, lua_upvalueindex(1))) return 2; // view key value
  lua_pushnil(L);
  return 1;
}

static int view_pairs(lua_State *L)
{
  lua_pushvalue(L, lua_upvalueindex(1)); // view real
  lua_pushcclosure(L, view_next, 1);     // view next
  lua_pushvalue(L, 1);                   // view next view
  lua_pushnil(L);                        // view next view nil
  return 3;
}

static bool is_plain_table(lua_State *L, int index)
{
  if (!lua_istable(L, index)) return false;
  if (!lua_getmetatable(L, index)) return true;
  lua_pop(L, 1);
  return false;
}

// Tables inside become views as well. The real table is on the top.
static void freeze_fields(lua_State *L, const char *name, bool strict)
{
  lua_pushnil(L);           // real key
  while (lua_next(L, -2)) { // real key value
    if (!is_plain_table(L, -1)) {
      lua_pop(L, 1); // real key
      continue;
    }
    const char *inner = lua_pushfstring(L, "%s.%s", name,
                                        lua_tostring(L, -2)); // real key v name
    lua_insert(L, -2);                // real key name value
    sandbox_freeze(L, inner, strict); // real key name view
    lua_remove(L, -2);                // real key view
    lua_pushvalue(L, -2);             // real key view key
    lua_insert(L, -2);                // real key key view
    lua_rawset(L, -4);                // real key
  }
}

static void set_closure(lua_State *L, const char *field, lua_CFunction fn,
                        int upvalue)
{
  lua_pushvalue(L, upvalue);  // meta value
  lua_pushcclosure(L, fn, 1); // meta fn
  lua_setfield(L, -2, field); // meta
}

void sandbox_freeze(lua_State *L, const char *name, bool strict)
{
  luaL_checkstack(L, 12, NULL);
  freeze_fields(L, name, strict); // real
  int real = lua_gettop(L);
  lua_pushstring(L, name);        // real name
  lua_newtable(L);                // real name view
  lua_createtable(L, 0, 5);       // real name view meta
  lua_pushvalue(L, real);         // real name view meta real
  lua_setfield(L, -2, "__index"); // real name view meta
  set_closure(L, "__newindex", on_assign, real + 1);
  set_closure(L, "__pairs", view_pairs, real);
  lua_pushboolean(L, 0);              // real name view meta false
  lua_setfield(L, -2, "__metatable"); // real name view meta
  lua_setmetatable(L, -2);            // real name view
  if (strict) {
    lua_createtable(L, 0, 1); // real name view meta
    set_closure(L, "__index", on_missing, real + 1);
    lua_setmetatable(L, real); // real name view
  }
  lua_replace(L, real); // view name
  lua_settop(L, real);  // view
}
