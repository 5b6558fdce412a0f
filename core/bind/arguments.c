// arguments.c -- what the bindings do alike; see arguments.h.

#include "bind/arguments.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>

#include "script/fault.h"
#include "script/faults.h"
#include "script/secret_value.h"

struct slice check_slice(lua_State *L, int arg)
{
  struct slice s;
  s.data = luaL_checklstring(L, arg, &s.len);
  return s;
}

struct slice check_bytes(lua_State *L, int arg, bool *is_secret)
{
  const struct secret *secret = secret_value(L, arg);
  if (is_secret) *is_secret = secret != NULL;
  return secret ? secret_reveal(secret) : check_slice(L, arg);
}

static size_t count(const char *const *names)
{
  size_t n = 0;
  while (names[n]) {
    n++;
  }
  return n;
}

static void refuse_option(lua_State *L, int arg, struct slice key,
                          const char *const *names)
{
  struct slice near = faults_suggest(key, names, count(names));
  char text[160];
  snprintf(text, sizeof(text), "unknown option '%.*s'%s%.*s%s",
           key.len < 64 ? (int)key.len : 64, key.data,
           near.data ? " (did you mean " : "", SLICE_ARG(near),
           near.data ? "?)" : "");
  luaL_argerror(L, arg, text);
}

bool check_options(lua_State *L, int arg, const char *const *names)
{
  if (lua_isnoneornil(L, arg)) return false;
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_pushnil(L);            // nil
  while (lua_next(L, arg)) { // key value
    lua_pop(L, 1);           // key
    lua_pushvalue(L, -1);    // key text
    struct slice key = {"?", 1};
    key.data = lua_tolstring(L, -1, &key.len);
    bool known = false;
    for (size_t i = 0; names[i] && key.data; i++)
      known = known || slice_is(key, names[i]);
    if (!known) refuse_option(L, arg, key.data ? key : SLICE("?"), names);
    lua_pop(L, 1); // key
  }
  return true;
}

static int refuse_choice(lua_State *L, const char *what, struct slice text,
                         const char *const *names)
{
  struct slice near = faults_suggest(text, names, count(names));
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (size_t i = 0; names[i]; i++) {
    luaL_addchar(&b, ' ');
    luaL_addstring(&b, names[i]);
  }
  luaL_pushresult(&b); // words
  if (near.data)
    return luaL_error(L, "%s is one of%s, not '%s' (did you mean %s?)", what,
                      lua_tostring(L, -1), text.data, near.data);
  return luaL_error(L, "%s is one of%s, not '%s'", what, lua_tostring(L, -1),
                    text.data);
}

int check_choice(lua_State *L, int index, const char *what,
                 const char *const *names)
{
  if (lua_type(L, index) != LUA_TSTRING)
    return refuse_choice(L, what, slice_of(luaL_typename(L, index)), names);
  struct slice text = check_slice(L, index);
  for (int i = 0; names[i]; i++)
    if (slice_is(text, names[i])) return i;
  return refuse_choice(L, what, text, names);
}

void push_buf(lua_State *L, const struct buf *b)
{
  if (!buf_ok(b)) luaL_error(L, "not enough memory");
  lua_pushlstring(L, buf_slice(b).data, b->len);
}

int push_failure(lua_State *L, enum error_code code, const char *format, ...)
{
  struct error err;
  char text[ERROR_MESSAGE_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  error_set(&err, code, "%s", text);
  lua_pushnil(L);      // nil
  fault_push(L, &err); // nil error
  return 2;
}
