// fuzz_json.c -- the JSON scanner, beside lua-cjson.
//
// Whatever bytes come: json_valid() and json_parse() agree; what they accept
// cjson accepts with the same values; and written anew it reads as the same.

#include <lauxlib.h>
#include <lua-cjson.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
  if (!ok) abort();
}

static const struct json_limits limits = {.max_depth = 200};

// --- written anew ---

static void write_node(const struct json_doc *d, uint32_t node,
                       struct arena *arena, struct buf *out);

static void write_children(const struct json_doc *d, uint32_t node,
                           struct arena *arena, struct buf *out)
{
  bool is_name = json_type(d, node) == JSON_OBJECT;
  bool pairs = is_name;
  uint32_t seen = 0;
  for (uint32_t child = json_first(d, node); child != JSON_NONE;
       child = json_next(d, node, child)) {
    if (is_name || !pairs) json_sep(out);
    write_node(d, child, arena, out);
    if (is_name) buf_putc(out, ':');
    seen += is_name || !pairs;
    is_name = pairs && !is_name;
  }
  check(seen == d->nodes[node].count);
}

static void write_node(const struct json_doc *d, uint32_t node,
                       struct arena *arena, struct buf *out)
{
  enum json_type type = json_type(d, node);
  if (type == JSON_STRING) {
    struct slice s = json_string(d, node, arena);
    check(s.data && utf8_valid(s, NULL));
    json_put_string(out, s);
  } else if (type == JSON_ARRAY || type == JSON_OBJECT) {
    buf_putc(out, type == JSON_ARRAY ? '[' : '{');
    write_children(d, node, arena, out);
    buf_putc(out, type == JSON_ARRAY ? ']' : '}');
  } else {
    buf_add(out, json_raw(d, node));
  }
}

static void check_same(const struct json_doc *a, const struct json_doc *b,
                       struct arena *arena)
{
  check(a->count == b->count);
  for (uint32_t i = 0; i < a->count; i++) {
    const struct json_node *x = &a->nodes[i], *y = &b->nodes[i];
    check(x->type == y->type && x->next == y->next && x->count == y->count);
    if (x->type == JSON_STRING)
      check(slice_eq(json_string(a, i, arena), json_string(b, i, arena)));
    if (x->type == JSON_NUMBER) check(slice_eq(json_raw(a, i), json_raw(b, i)));
  }
}

static void check_rewritten(const struct json_doc *d, struct arena *arena)
{
  struct buf out = {0};
  write_node(d, 0, arena, &out);
  struct json_doc again;
  check(json_parse(&again, buf_slice(&out), limits, arena, NULL) == OK);
  check_same(d, &again, arena);
  buf_finish(&out);
}

// --- beside cjson; the value is on the top of the stack ---

static void compare(lua_State *L, const struct json_doc *d, uint32_t node,
                    struct arena *arena);

static void check_written_double(lua_State *L, double value)
{
  struct buf out = {0};
  json_put_double(&out, value);
  buf_putc(&out, '\0');
  check(lua_stringtonumber(L, out.data) == out.len); // ... number
  check(lua_tonumber(L, -1) == value);
  lua_pop(L, 1); // ...
  buf_finish(&out);
}

static void compare_number(lua_State *L, const struct json_doc *d,
                           uint32_t node)
{
  double value;
  int64_t whole;
  check(json_double(d, node, &value));
  check(lua_tonumber(L, -1) == value);
  if (json_int(d, node, &whole)) check((double)whole == value);

  if (value - value == 0) check_written_double(L, value);
}

static void compare_string(lua_State *L, const struct json_doc *d,
                           uint32_t node, struct arena *arena)
{
  struct slice theirs;
  theirs.data = lua_tolstring(L, -1, &theirs.len);
  check(slice_eq(json_string(d, node, arena), theirs));
}

static void compare_array(lua_State *L, const struct json_doc *d, uint32_t node,
                          struct arena *arena)
{
  lua_Integer i = 0;
  for (uint32_t child = json_first(d, node); child != JSON_NONE;
       child = json_next(d, node, child)) {
    lua_rawgeti(L, -1, ++i); // value item
    compare(L, d, child, arena);
    lua_pop(L, 1); // value
  }
  check((lua_Integer)lua_rawlen(L, -1) == i);
}

// Of a name that comes twice cjson keeps the last, json_get() finds the first.
static void compare_object(lua_State *L, const struct json_doc *d,
                           uint32_t node, struct arena *arena)
{
  if (json_duplicate(d, node).data) return;
  uint32_t members = 0;
  for (uint32_t name = json_first(d, node); name != JSON_NONE; members++) {
    uint32_t value = json_next(d, node, name);
    struct slice key = json_string(d, name, arena);
    check(json_get_slice(d, node, key) == value);
    lua_pushlstring(L, key.data, key.len); // table key
    check(lua_rawget(L, -2) != LUA_TNIL);  // table value
    compare(L, d, value, arena);
    lua_pop(L, 1); // table
    name = json_next(d, node, value);
  }
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
    members--;
  check(members == 0);
}

static void compare(lua_State *L, const struct json_doc *d, uint32_t node,
                    struct arena *arena)
{
  check(lua_checkstack(L, 8));
  int type = lua_type(L, -1);
  switch (json_type(d, node)) {
  case JSON_NULL: check(type == LUA_TLIGHTUSERDATA); return;
  case JSON_FALSE: check(type == LUA_TBOOLEAN && !lua_toboolean(L, -1)); return;
  case JSON_TRUE: check(type == LUA_TBOOLEAN && lua_toboolean(L, -1)); return;
  case JSON_NUMBER: compare_number(L, d, node); return;
  case JSON_STRING: compare_string(L, d, node, arena); return;
  case JSON_ARRAY: compare_array(L, d, node, arena); return;
  case JSON_OBJECT: compare_object(L, d, node, arena); return;
  }
}

static void check_with_cjson(const struct json_doc *d, struct arena *arena)
{
  lua_State *L = luaL_newstate();
  check(L);
  lua_pushcfunction(L, luaopen_cjson);
  check(lua_pcall(L, 0, 1, 0) == LUA_OK);        // cjson
  lua_getfield(L, -1, "decode");                 // cjson decode
  lua_pushlstring(L, d->text.data, d->text.len); // cjson decode text
  check(lua_pcall(L, 1, 1, 0) == LUA_OK);        // cjson value
  compare(L, d, 0, arena);
  lua_close(L);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct slice text = {(const char *)data, size};
  struct arena arena = {0};
  struct json_doc doc;
  struct error parse, valid;
  enum error_code code = json_parse(&doc, text, limits, &arena, &parse);
  check(json_valid(text, limits, &valid) == code);
  if (code == OK) {
    check_rewritten(&doc, &arena);
    check_with_cjson(&doc, &arena);
  } else {
    check(slice_is(slice_of(parse.message), valid.message));
  }
  arena_finish(&arena);
  return 0;
}
