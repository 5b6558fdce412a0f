// fault.c -- error objects.

#include "script/fault.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "script/secret_value.h"
#include "script/vm_inside.h"

static int fault_tostring(lua_State *L)
{
  struct error err;
  if (!fault_read(L, 1, &err)) return luaL_error(L, "no error object");
  lua_pushfstring(L, "%s: %s", error_name(err.code), err.message);
  return 1;
}

// "could not list: " .. err
static int fault_concat(lua_State *L)
{
  luaL_tolstring(L, 1, NULL); // a b a'
  luaL_tolstring(L, 2, NULL); // a b a' b'
  lua_concat(L, 2);           // a b text
  return 1;
}

void fault_open(lua_State *L)
{
  static const luaL_Reg methods[] = {
      {"__tostring", fault_tostring}, {"__concat", fault_concat}, {NULL, NULL}};
  luaL_newmetatable(L, FAULT_TYPE);   // meta
  luaL_setfuncs(L, methods, 0);       // meta
  lua_pushboolean(L, 0);              // meta false
  lua_setfield(L, -2, "__metatable"); // meta
  lua_pop(L, 1);                      //
}

void fault_push(lua_State *L, const struct error *err)
{
  lua_checkstack(L, 4);
  lua_createtable(L, 0, 4);                 // object
  lua_pushstring(L, error_name(err->code)); // object code
  lua_setfield(L, -2, "code");              // object
  lua_pushstring(L, err->message);          // object message
  lua_setfield(L, -2, "message");           // object
  if (err->status) {
    lua_pushinteger(L, err->status); // object status
    lua_setfield(L, -2, "status");   // object
  }
  if (err->retry_after_ms >= 0) {
    lua_pushinteger(L, err->retry_after_ms); // object ms
    lua_setfield(L, -2, "retry_after_ms");   // object
  }
  luaL_setmetatable(L, FAULT_TYPE); // object
}

bool fault_is(lua_State *L, int index)
{
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
  luaL_getmetatable(L, FAULT_TYPE);    // meta Error
  bool same = lua_rawequal(L, -1, -2); // meta Error
  lua_pop(L, 2);                       //
  return same;
}

// Pushes a field, without metamethods. +1
static int raw_field(lua_State *L, int table, const char *name)
{
  lua_pushstring(L, name);     // name
  return lua_rawget(L, table); // value
}

static enum error_code read_code(lua_State *L, int table)
{
  enum error_code code;
  struct slice name = {NULL, 0};
  if (raw_field(L, table, "code") == LUA_TSTRING) // code
    name.data = lua_tolstring(L, -1, &name.len);
  if (!name.data || !error_parse(name, &code) || code == OK) code = E_SCRIPT;
  lua_pop(L, 1); //
  return code;
}

static int64_t read_integer(lua_State *L, int table, const char *name,
                            int64_t otherwise)
{
  int is_integer = 0;
  lua_Integer value = 0;
  if (raw_field(L, table, name) == LUA_TNUMBER) // value
    value = lua_tointegerx(L, -1, &is_integer);
  lua_pop(L, 1); //
  return is_integer && value >= 0 ? value : otherwise;
}

void fault_say(lua_State *L, struct error *err, enum error_code code,
               const char *message)
{
  struct arena arena = {0};
  struct slice text = slice_of(message);
  if (text.len >= ERROR_MESSAGE_MAX) text = secret_value_hide(L, text, &arena);
  error_set(err, code, "%.*s", SLICE_ARG(text));
  arena_finish(&arena);
}

// Reads the fields of any table as those of an error.
static void read_table(lua_State *L, int index, struct error *err)
{
  int table = lua_absindex(L, index);
  lua_checkstack(L, 4);
  enum error_code code = read_code(L, table);
  bool text = raw_field(L, table, "message") == LUA_TSTRING; // message
  const char *message = text ? lua_tostring(L, -1) : error_sentence(code);
  fault_say(L, err, code, message);
  lua_pop(L, 1); //
  int64_t status = read_integer(L, table, "status", 0);
  err->status = status <= 999 ? (int)status : 0;
  err->retry_after_ms = read_integer(L, table, "retry_after_ms", -1);
}

bool fault_read(lua_State *L, int index, struct error *err)
{
  if (!fault_is(L, index)) return false;
  read_table(L, index, err);
  return true;
}

// --- whatever was raised ---

static bool has_code(lua_State *L, int index)
{
  if (!lua_istable(L, index)) return false;
  enum error_code code;
  struct slice name = {NULL, 0};
  int table = lua_absindex(L, index);
  if (raw_field(L, table, "code") == LUA_TSTRING) // code
    name.data = lua_tolstring(L, -1, &name.len);
  bool known = name.data && error_parse(name, &code) && code != OK;
  lua_pop(L, 1); //
  return known;
}

static void copy_field(lua_State *L, int from, const char *name)
{
  if (raw_field(L, from, name) == LUA_TNIL) { // object value?
    lua_pop(L, 1);                            // object
    return;
  }
  lua_setfield(L, -2, name); // object
}

// The error object of a plain table with a code, in its place. -1 +1
static void adopt_table(lua_State *L)
{
  struct error err;
  int from = lua_gettop(L);
  read_table(L, from, &err);
  fault_push(L, &err); // table object
  copy_field(L, from, "details");
  copy_field(L, from, "attempts");
  copy_field(L, from, "side_effect");
  lua_remove(L, from); // object
}

bool fault_is_limit(const char *text)
{
  return strstr(text, "stack overflow") || strstr(text, "not enough memory") ||
         !strcmp(text, "error in error handling");
}

void fault_trace(lua_State *L, lua_State *traced, const char *reason,
                 struct buf *log_text)
{
  if (!log_text || !lua_checkstack(L, 16)) return;
  luaL_traceback(L, traced, reason, 0); // text
  struct slice text;
  text.data = lua_tolstring(L, -1, &text.len);
  buf_add(log_text, text);
  lua_pop(L, 1); //
}

void fault_wrap_from(lua_State *L, lua_State *traced, struct buf *log_text)
{
  lua_checkstack(L, 16);
  if (fault_is(L, -1)) return;
  if (has_code(L, -1)) {
    adopt_table(L);
    return;
  }
  struct error err;
  char room[32];
  const char *text = lua_tostring(L, -1);
  snprintf(room, sizeof(room), "raised a %s", luaL_typename(L, -1));
  fault_trace(L, traced, text ? text : room, log_text);
  enum error_code code =
      text && fault_is_limit(text) ? E_SCRIPT_LIMIT : E_SCRIPT;
  error_set(&err, code, "%s", error_sentence(code));
  lua_pop(L, 1);       //
  fault_push(L, &err); // object
}

void fault_wrap(lua_State *L, struct buf *log_text)
{
  fault_wrap_from(L, L, log_text);
}
