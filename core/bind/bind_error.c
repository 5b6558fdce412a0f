// bind_error.c -- tide.error: making an error object.

#include <lauxlib.h>

#include "bind/arguments.h"
#include "bind/bind.h"
#include "script/fault.h"
#include "script/faults.h"

static void refuse_code(lua_State *L, struct slice code)
{
  const char *names[ERROR_CODES];
  for (unsigned i = 0; i < ERROR_CODES; i++)
    names[i] = error_name((enum error_code)i);
  struct slice near = faults_suggest(code, names + 1, ERROR_CODES - 1);
  lua_pushlstring(L, near.data ? near.data : "", near.len); // ... near
  const char *word = lua_tostring(L, -1);
  luaL_error(L, "tide.error: there is no code '%s'%s%s%s", code.data,
             *word ? " (did you mean " : "", word, *word ? "?)" : "");
}

// error[name] = fields[name], which must be of that type.
static void take_field(lua_State *L, const char *name, int type)
{
  int found = lua_getfield(L, 3, name); // ... error value
  if (found != LUA_TNIL && found != type && type != LUA_TNONE)
    luaL_error(L, "tide.error: %s must be a %s", name, lua_typename(L, type));
  lua_setfield(L, -2, name); // ... error
}

static void take_fields(lua_State *L)
{
  static const char *const effects[] = {"none", "possible", "done", NULL};
  take_field(L, "details", LUA_TNONE);
  take_field(L, "status", LUA_TNUMBER);
  take_field(L, "retry_after_ms", LUA_TNUMBER);
  take_field(L, "attempts", LUA_TNUMBER);
  lua_getfield(L, 3, "side_effect"); // ... error effect
  if (!lua_isnil(L, -1)) {
    check_choice(L, lua_gettop(L), "tide.error: side_effect", effects);
    lua_setfield(L, -2, "side_effect"); // ... error
    return;
  }
  lua_pop(L, 1); // ... error
}

/// tide.error(code: string, message?: string, fields?: { details?,
///   retry_after_ms?, status?, attempts?, side_effect? }): tide.Error
static int make_error(lua_State *L)
{
  static const char *const names[] = {"details",  "retry_after_ms", "status",
                                      "attempts", "side_effect",    NULL};
  struct error err;
  enum error_code code;
  struct slice name = check_slice(L, 1);
  if (!error_parse(name, &code) || code == OK) refuse_code(L, name);
  fault_say(L, &err, code, luaL_optstring(L, 2, error_sentence(code)));
  bool more = check_options(L, 3, names);
  fault_push(L, &err); // ... error
  if (more) take_fields(L);
  return 1;
}

void bind_error_open(lua_State *L)
{
  lua_pushcfunction(L, make_error); // tide fn
  lua_setfield(L, -2, "error");     // tide
}
