// outgoing_options.c -- see outgoing_options.h for the contract.

#include "bind/outgoing_options.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "base/encode.h"
#include "bind/outgoing_cache.h"
#include "net/url.h"
#include "script/convert.h"
#include "script/secret_value.h"

#define MS_MAX       3600000
#define ATTEMPTS_MAX 10 // what a policy may say at most
#define KEY_MAX      255

// A string, number, boolean or secret, as bytes that live as long as `o`.
static struct slice value_text(lua_State *L, struct outgoing *o, int index,
                               const char *what)
{
  struct secret *secret = secret_value(L, index);
  if (secret) return arena_copy(&o->arena, secret_reveal(secret));

  int type = lua_type(L, index);
  if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN)
    luaL_error(L, "%s: a string, number or boolean is expected, not a %s", what,
               luaL_typename(L, index));
  size_t len;
  const char *text = luaL_tolstring(L, index, &len); // text
  struct slice copy = arena_copy(&o->arena, (struct slice){text, len});
  lua_pop(L, 1); //
  return copy;
}

// --- headers ---

static bool set_by_engine(struct slice name)
{
  return slice_eq_nocase(name, SLICE("host")) ||
         slice_eq_nocase(name, SLICE("content-length")) ||
         slice_eq_nocase(name, SLICE("transfer-encoding")) ||
         slice_eq_nocase(name, SLICE("connection"));
}

static bool carries_key(const struct outgoing *o, struct slice name)
{
  const struct integration *in = call_tool(o->part.call)->integration;
  return in->idempotency.header.data &&
         slice_eq_nocase(name, in->idempotency.header);
}

static void read_header(lua_State *L, struct outgoing *o, struct slice name,
                        int value)
{
  if (!header_name_ok(name))
    luaL_error(L, "headers: '%s' is not a field name", name.data);
  if (set_by_engine(name))
    luaL_error(L, "headers: '%s' is set by the engine", name.data);
  if (carries_key(o, name)) {
    if (o->key.data) return; // what an auth function was shown
    luaL_error(L,
               "headers: '%s' carries the key of upstream.idempotency; give "
               "one with the option idempotency_key",
               name.data);
  }
  struct slice text = value_text(L, o, value, "headers");
  if (!header_value_ok(text))
    luaL_error(L,
               "headers: the value of '%s' holds a character that no field "
               "may have, or is over 8 KiB",
               name.data);
  if (!outgoing_default_header(o, arena_copy(&o->arena, name), text))
    luaL_error(L, "not enough memory");
}

static void check_table(lua_State *L, int index, const char *name)
{
  if (!lua_istable(L, index))
    luaL_error(L, "%s: a table is expected, as { name = value }, not a %s",
               name, luaL_typename(L, index));
}

static void read_headers(lua_State *L, struct outgoing *o, int table)
{
  check_table(L, table, "headers");
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) { // name value
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_error(L, "headers: names are strings");
    size_t len;
    const char *name = lua_tolstring(L, -2, &len);
    read_header(L, o, (struct slice){name, len}, lua_gettop(L));
  }
}

// --- query and form ---

static void put_pair(lua_State *L, struct outgoing *o, struct slice name,
                     int value, bool form)
{
  struct slice text = value_text(L, o, value, form ? "form" : "query");
  if (!form) {
    url_add_query(&o->url, name, text);
    return;
  }
  if (o->body.len > 0) buf_putc(&o->body, '&');
  percent_put(&o->body, name);
  buf_putc(&o->body, '=');
  percent_put(&o->body, text);
}

static void put_values(lua_State *L, struct outgoing *o, struct slice name,
                       bool form)
{
  int value = lua_gettop(L);
  if (!lua_istable(L, value)) {
    put_pair(L, o, name, value, form);
    return;
  }
  lua_Integer n = (lua_Integer)lua_rawlen(L, value); // a list repeats the name
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, value, i); // item
    put_pair(L, o, name, lua_gettop(L), form);
    lua_pop(L, 1); //
  }
}

static int by_bytes(const void *a, const void *b)
{
  const struct slice *x = a, *y = b;
  size_t shorter = x->len < y->len ? x->len : y->len;
  int order = memcmp(x->data, y->data, shorter);
  return order ? order : (x->len > y->len) - (x->len < y->len);
}

static struct slice *sorted_names(lua_State *L, struct outgoing *o, int table,
                                  size_t *n)
{
  *n = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) { // name value
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_error(L, "query and form: names are strings");
    (*n)++;
  }
  struct slice *names = arena_alloc(&o->arena, (*n + 1) * sizeof(*names));
  if (!names) luaL_error(L, "not enough memory");
  size_t i = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1), i++) // name value
    names[i].data = lua_tolstring(L, -2, &names[i].len);
  qsort(names, *n, sizeof(*names), by_bytes);
  return names;
}

// Sorted by name: the same request has the same bytes each time, so that a
// recorded answer and a cache key can find it.
static void read_pairs(lua_State *L, struct outgoing *o, int table, bool form)
{
  check_table(L, table, form ? "form" : "query");
  size_t n;
  struct slice *names = sorted_names(L, o, table, &n);
  for (size_t i = 0; i < n; i++) {
    lua_pushlstring(L, names[i].data, names[i].len); // name
    lua_rawget(L, table);                            // value
    put_values(L, o, names[i], form);
    lua_pop(L, 1); //
  }
}

static void read_query(lua_State *L, struct outgoing *o, int index)
{
  read_pairs(L, o, index, false);
}

// --- body ---

static void read_json(lua_State *L, struct outgoing *o, int index)
{
  struct error err;
  if (convert_put(L, index, NULL, &o->body, &err) != OK)
    luaL_error(L, "json: %s", err.message);
  o->has_body = true;
  outgoing_default_header(o, SLICE("Content-Type"), SLICE("application/json"));
}

static void read_form(lua_State *L, struct outgoing *o, int index)
{
  read_pairs(L, o, index, true);
  o->has_body = true;
  outgoing_default_header(o, SLICE("Content-Type"),
                          SLICE("application/x-www-form-urlencoded"));
}

static void read_body(lua_State *L, struct outgoing *o, int index)
{
  size_t len;
  const char *text = luaL_checklstring(L, index, &len);
  buf_append(&o->body, text, len);
  o->has_body = true;
}

// --- bounds ---

// A whole number; the engine takes the policy's where that is less, so that an
// operator may tighten it without breaking scripts.
static uint32_t read_bound(lua_State *L, int index, const char *name,
                           lua_Integer max)
{
  int whole;
  lua_Integer n = lua_tointegerx(L, index, &whole);
  if (lua_type(L, index) != LUA_TNUMBER || !whole || n < 1 || n > max)
    luaL_error(L, "%s: a whole number from 1 to %d is expected, not %s", name,
               (int)max, luaL_tolstring(L, index, NULL));
  return (uint32_t)n;
}

static void read_timeout(lua_State *L, struct outgoing *o, int index)
{
  o->timeout_ms = read_bound(L, index, "timeout_ms", MS_MAX);
}

static void read_deadline(lua_State *L, struct outgoing *o, int index)
{
  o->deadline_ms = read_bound(L, index, "deadline_ms", MS_MAX);
}

static void read_attempts(lua_State *L, struct outgoing *o, int index)
{
  o->attempts = read_bound(L, index, "attempts", ATTEMPTS_MAX);
}

// --- whether it may be repeated ---

static void read_idempotent(lua_State *L, struct outgoing *o, int index)
{
  if (!lua_isboolean(L, index))
    luaL_error(L, "idempotent: true or false is expected, not a %s",
               luaL_typename(L, index));
  o->idempotent = lua_toboolean(L, index);
}

static void check_key(lua_State *L, struct slice key)
{
  bool good = key.len > 0 && key.len <= KEY_MAX;
  for (size_t i = 0; good && i < key.len; i++)
    good = key.data[i] > ' ' && key.data[i] < 127 && key.data[i] != '"' &&
           key.data[i] != '\\';
  if (!good)
    luaL_error(L,
               "idempotency_key: 1 to %d visible ASCII characters, without "
               "quotes, backslashes and spaces",
               KEY_MAX);
}

// false: none at all.
static void read_key(lua_State *L, struct outgoing *o, int index)
{
  const struct integration *in = call_tool(o->part.call)->integration;
  if (lua_isboolean(L, index) && !lua_toboolean(L, index)) {
    o->no_key = true;
    return;
  }
  if (lua_type(L, index) != LUA_TSTRING)
    luaL_error(L, "idempotency_key: a string is expected, or false for none");
  if (!in->idempotency.header.data)
    luaL_error(L, "idempotency_key: the integration does not say that the "
                  "service knows keys (upstream.idempotency)");
  struct slice key;
  key.data = lua_tolstring(L, index, &key.len);
  check_key(L, key);
  o->key = arena_copy(&o->arena, key);
}

// Headers first, so that the defaults of a body give way to them.
static const struct {
  const char *name;
  void (*read)(lua_State *L, struct outgoing *o, int index);
  bool body; // at most one of these
} known[] = {
    {"headers", read_headers, false},
    {"query", read_query, false},
    {"json", read_json, true},
    {"form", read_form, true},
    {"body", read_body, true},
    {"timeout_ms", read_timeout, false},
    {"deadline_ms", read_deadline, false},
    {"attempts", read_attempts, false},
    {"idempotent", read_idempotent, false},
    {"idempotency_key", read_key, false},
    {"cache", outgoing_read_cache, false},
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

static void refuse_unknown(lua_State *L, int options)
{
  for (lua_pushnil(L); lua_next(L, options); lua_pop(L, 1)) { // name value
    const char *name = luaL_tolstring(L, -2, NULL);           // name value text
    size_t i = 0;
    while (i < KNOWN && strcmp(name, known[i].name))
      i++;
    if (i == KNOWN)
      luaL_error(L,
                 "unknown option '%s' (there are query, headers, json, form, "
                 "body, timeout_ms, deadline_ms, attempts, idempotent, "
                 "idempotency_key, cache)",
                 name);
    lua_pop(L, 1); // name value
  }
}

void outgoing_options(lua_State *L, struct outgoing *o, int options)
{
  luaL_checktype(L, options, LUA_TTABLE);
  refuse_unknown(L, options);
  int bodies = 0;
  for (size_t i = 0; i < KNOWN; i++) {
    lua_pushstring(L, known[i].name);
    if (lua_rawget(L, options) != LUA_TNIL) { // value
      bodies += known[i].body;
      if (bodies > 1) luaL_error(L, "give one of json, form and body");
      known[i].read(L, o, lua_gettop(L));
    }
    lua_pop(L, 1); //
  }
  if (!buf_ok(&o->url) || !buf_ok(&o->body)) luaL_error(L, "not enough memory");
}
