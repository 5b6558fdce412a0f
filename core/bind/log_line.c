// log_line.c -- a script's message and fields as one log line.

#include "bind/log_line.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "base/buf.h"
#include "bind/arguments.h"
#include "script/allowance.h"
#include "script/convert.h"
#include "script/secret_value.h"
#include "script/vm.h"

#define FIELDS_MAX  32
#define VALUE_MAX   1024
#define NS_PER_BYTE 10 // to scrub, escape and write

static int by_name(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// The names of the fields, in order; they stay the table's. How many.
static size_t sorted_names(lua_State *L, int fields, const char **names)
{
  size_t n = 0;
  lua_pushnil(L);               // nil
  while (lua_next(L, fields)) { // name value
    lua_pop(L, 1);              // name
    if (lua_type(L, -1) != LUA_TSTRING)
      luaL_argerror(L, fields, "the names must be strings");
    if (n == FIELDS_MAX) luaL_argerror(L, fields, "too many fields");
    names[n++] = lua_tostring(L, -1);
  }
  qsort(names, n, sizeof(*names), by_name);
  return n;
}

static bool is_plain_table(lua_State *L)
{
  return lua_istable(L, -1) &&
         luaL_getmetafield(L, -1, "__tostring") == LUA_TNIL;
}

// Replaces the value on the top by its text. A secret's is "***".
static void to_text(lua_State *L)
{
  int value = lua_gettop(L);
  struct error err;
  struct buf *json = vm_buf(vm_of(L));
  if (is_plain_table(L) && !convert_put(L, value, NULL, json, &err)) {
    push_buf(L, json); // value text
  } else {
    lua_settop(L, value);
    luaL_tolstring(L, value, NULL); // value text
  }
  lua_replace(L, value); // text
}

// The texts go to the stack first: making them may run the script's
// __tostring, and the line is put together in the VM's buffer. +n
static void push_texts(lua_State *L, int fields, const char **names, size_t n)
{
  luaL_checkstack(L, (int)n + 8, NULL);
  for (size_t i = 0; i < n; i++) {
    lua_getfield(L, fields, names[i]); // texts... value
    to_text(L);                        // texts... text
  }
}

static void add_field(lua_State *L, struct buf *out, const char *name,
                      struct slice text)
{
  char room[VALUE_MAX];
  // it may be cut, and half a secret is not found in the line
  if (text.len >= VALUE_MAX / 8)
    text = secret_value_hide(L, text, vm_arena(vm_of(L)));
  buf_putc(out, ' ');
  buf_puts(out, name);
  buf_putc(out, '=');
  buf_puts(out, log_value(room, sizeof(room), text));
}

static void put_module(lua_State *L, char *out, size_t size)
{
  lua_Debug at = {0};
  bool known = lua_getstack(L, 1, &at) && lua_getinfo(L, "S", &at);
  struct slice name = slice_of(known ? at.short_src : "?");
  if (name.len > 4 &&
      slice_is((struct slice){name.data + name.len - 4, 4}, ".lua"))
    name.len -= 4;
  snprintf(out, size, "scripts/%.*s", SLICE_ARG(name));
}

void log_line(lua_State *L, int arg, struct log *log, enum log_level level,
              struct slice tail)
{
  const char *names[FIELDS_MAX];
  char script[LUA_IDSIZE + 16];
  struct slice message = check_slice(L, arg);
  bool more = !lua_isnoneornil(L, arg + 1);
  if (more) luaL_checktype(L, arg + 1, LUA_TTABLE);
  if (!log_on(log, level)) return;
  size_t n = more ? sorted_names(L, arg + 1, names) : 0;
  int first = lua_gettop(L) + 1;
  push_texts(L, arg + 1, names, n); // ... texts
  struct buf *line = vm_buf(vm_of(L));
  buf_add(line, message);
  for (size_t i = 0; i < n; i++)
    add_field(L, line, names[i], check_slice(L, first + (int)i));
  if (tail.len) buf_putc(line, ' ');
  buf_add(line, tail);
  put_module(L, script, sizeof(script));
  allowance_charge(L, line->len * NS_PER_BYTE);
  log_write(log, level, script, "%.*s", SLICE_ARG(buf_slice(line)));
  lua_settop(L, first - 1); // ...
}
