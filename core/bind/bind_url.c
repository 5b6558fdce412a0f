// bind_url.c -- tide.url.

#include <lauxlib.h>
#include <stdlib.h>

#include "base/encode.h"
#include "bind/arguments.h"
#include "bind/bind.h"
#include "net/url.h"
#include "script/vm.h"

#define NAMES_MAX 256

/// tide.url.encode(text: string): string
static int encode(lua_State *L)
{
  struct slice text = check_slice(L, 1);
  struct buf *out = vm_buf(vm_of(L));
  percent_put(out, text);
  push_buf(L, out); // text encoded
  return 1;
}

/// tide.url.decode(text: string): string?, tide.Error?
static int decode(lua_State *L)
{
  struct slice text = check_slice(L, 1);
  struct buf *out = vm_buf(vm_of(L));
  if (!percent_get(out, text) && buf_ok(out))
    return push_failure(L, E_INVALID, "a %% without two hex digits");
  push_buf(L, out); // text decoded
  return 1;
}

// --- query ---

static int by_bytes(const void *a, const void *b)
{
  const struct slice *x = a, *y = b;
  int order = memcmp(x->data, y->data, x->len < y->len ? x->len : y->len);
  if (order) return order;
  return x->len < y->len ? -1 : x->len > y->len;
}

// The names of the table at 1, in order; they stay the table's. How many.
static size_t sorted_names(lua_State *L, struct slice *names)
{
  size_t n = 0;
  lua_pushnil(L);          // nil
  while (lua_next(L, 1)) { // name value
    lua_pop(L, 1);         // name
    if (lua_type(L, -1) != LUA_TSTRING)
      luaL_argerror(L, 1, "the names must be strings");
    if (n == NAMES_MAX) luaL_argerror(L, 1, "too many names");
    names[n].data = lua_tolstring(L, -1, &names[n].len);
    n++;
  }
  qsort(names, n, sizeof(*names), by_bytes);
  return n;
}

// Adds the value on the top, which is simple.
static void add_simple(lua_State *L, struct buf *out, struct slice name)
{
  int type = lua_type(L, -1);
  if (type == LUA_TBOOLEAN) {
    url_add_query(out, name, slice_of(lua_toboolean(L, -1) ? "true" : "false"));
  } else if (type == LUA_TSTRING || type == LUA_TNUMBER) {
    lua_pushvalue(L, -1); // value text
    struct slice text = {NULL, 0};
    text.data = lua_tolstring(L, -1, &text.len);
    url_add_query(out, name, text);
    lua_pop(L, 1); // value
  } else {
    luaL_error(L, "tide.url.query: %s: a %s cannot stand in a query", name.data,
               luaL_typename(L, -1));
  }
}

// Adds the value on the top; a list repeats the name.
static void add_value(lua_State *L, struct buf *out, struct slice name)
{
  if (!lua_istable(L, -1)) {
    add_simple(L, out, name);
    return;
  }
  lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i); // list value
    add_simple(L, out, name);
    lua_pop(L, 1); // list
  }
}

/// tide.url.query(values: table): string
/// "a=1&b=two%20words": names in order, lists repeat the name.
static int query(lua_State *L)
{
  struct slice names[NAMES_MAX];
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t n = sorted_names(L, names);
  struct buf *out = vm_buf(vm_of(L));
  for (size_t i = 0; i < n; i++) {
    lua_pushlstring(L, names[i].data, names[i].len); // ... name
    lua_rawget(L, 1);                                // ... value
    add_value(L, out, names[i]);
    lua_pop(L, 1); // ...
  }
  if (out->len) buf_consume(out, 1); // the '?' in front
  push_buf(L, out);                  // ... text
  return 1;
}

// --- parse ---

static void set_part(lua_State *L, const char *name, struct slice part)
{
  if (!part.data) return;
  lua_pushlstring(L, part.data, part.len); // url part
  lua_setfield(L, -2, name);               // url
}

/// tide.url.parse(text: string): tide.Url?, tide.Error?
/// scheme, host, port?, path, query?, fragment?; http and https only.
static int parse(lua_State *L)
{
  struct url url;
  struct error err;
  if (url_parse(check_slice(L, 1), &url, &err))
    return push_failure(L, E_INVALID, "%s", err.message);
  lua_createtable(L, 0, 6); // text url
  set_part(L, "scheme", url.scheme);
  set_part(L, "host", url.host);
  set_part(L, "path", url.path.len ? url.path : SLICE("/"));
  set_part(L, "query", url.query);
  set_part(L, "fragment", url.fragment);
  if (url.port) {
    lua_pushinteger(L, url.port); // text url port
    lua_setfield(L, -2, "port");  // text url
  }
  return 1;
}

void bind_url_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"encode", encode},
                                       {"decode", decode},
                                       {"query", query},
                                       {"parse", parse},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);  // tide url
  lua_setfield(L, -2, "url"); // tide
}
