// bind_env.c -- tide.env and tide.secret: what the engine was started with.

#include <lauxlib.h>

#include "bind/arguments.h"
#include "bind/bind.h"
#include "script/secret_value.h"
#include "script/task.h"

static const struct bind_env *env_of(lua_State *L)
{
  return lua_touserdata(L, lua_upvalueindex(1));
}

/// tide.env(name: string, default?: string): string
/// A variable that scripts may read. Does not wait.
static int env(lua_State *L)
{
  const struct bind_env *e = env_of(L);
  struct slice name = check_slice(L, 1);
  if (!lua_isnoneornil(L, 2)) luaL_checkstring(L, 2);
  const char *value = e->find_env ? e->find_env(e->find_ctx, name) : NULL;
  if (value) {
    lua_pushstring(L, value); // value
    return 1;
  }
  if (!lua_isnoneornil(L, 2)) {
    lua_settop(L, 2); // name default
    return 1;
  }
  return luaL_error(L,
                    "tide.env: %s is not set, or scripts may not read it "
                    "(TIDEGATE_*, or allow it with --allow-env)",
                    name.data);
}

/// tide.secret(name: string, options?: { optional?: boolean }): tide.Secret?
/// Only while the script is loaded: a missing secret is found at load, not when
/// somebody calls.
static int secret(lua_State *L)
{
  static const char *const names[] = {"optional", NULL};
  const struct bind_env *e = env_of(L);
  struct slice name = check_slice(L, 1);
  bool optional = false;
  char hint[256] = "";
  if (check_options(L, 2, names)) {
    lua_getfield(L, 2, "optional"); // ... flag
    optional = lua_toboolean(L, -1);
  }
  if (task_inside(L))
    return luaL_error(L, "tide.secret works only while the script is loaded: "
                         "keep it in a local");
  struct secret *found = NULL;
  if (e->find_secret)
    found = e->find_secret(e->find_ctx, name, hint, sizeof(hint));
  if (!found && !optional)
    return luaL_error(L, "there is no secret '%s': set %s", name.data, hint);
  if (found) {
    secret_value_push(L, found); // ... secret
  } else {
    lua_pushnil(L); // ... nil
  }
  return 1;
}

void bind_env_open(lua_State *L, const struct bind_env *e)
{
  static const luaL_Reg functions[] = {
      {"env", env}, {"secret", secret}, {NULL, NULL}};
  lua_pushlightuserdata(L, (void *)(uintptr_t)e); // tide env
  luaL_setfuncs(L, functions, 1);                 // tide
}
