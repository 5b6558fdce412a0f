// read.c -- walking a table that a script returned.

#include "script/read.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "base/json.h"

static bool is_plain(struct slice s)
{
  for (size_t i = 0; i < s.len; i++) {
    char c = s.data[i];
    bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    bool digit = c >= '0' && c <= '9';
    if (!letter && c != '_' && (!digit || i == 0)) return false;
  }
  return s.len > 0;
}

struct slice read_path(struct reader *r, struct slice up, struct slice name)
{
  struct arena *arena = &r->faults->arena;
  if (!is_plain(name))
    return arena_printf(arena, "%.*s[\"%.*s\"]", SLICE_ARG(up),
                        SLICE_ARG(name));
  return arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(up), up.len ? "." : "",
                      SLICE_ARG(name));
}

const char *read_kind(lua_State *L, int index)
{
  switch (lua_type(L, index)) {
  case LUA_TNIL:
  case LUA_TNONE: return "nothing";
  case LUA_TBOOLEAN: return lua_toboolean(L, index) ? "true" : "false";
  case LUA_TNUMBER: return lua_isinteger(L, index) ? "an integer" : "a number";
  case LUA_TSTRING: return "a string";
  case LUA_TFUNCTION: return "a function";
  case LUA_TTABLE: return "a table";
  case LUA_TLIGHTUSERDATA: return "null";
  default: return "an object of the engine";
  }
}

void read_wrong(struct reader *r, struct slice path, int index,
                const char *what)
{
  faults_add(r->faults, path, "expected %s, got %s", what,
             read_kind(r->L, index));
}

int read_field(struct reader *r, int table, const char *name)
{
  table = lua_absindex(r->L, table);
  luaL_checkstack(r->L, 8, NULL);
  lua_pushstring(r->L, name);     // name
  return lua_rawget(r->L, table); // value
}

static struct slice read_copy(struct reader *r, struct slice text)
{
  struct slice copy = arena_copy(r->arena, text);
  if (!copy.data) luaL_error(r->L, "not enough memory");
  return copy;
}

// The string on the top.
static bool take_text(struct reader *r, struct slice path, struct slice *out)
{
  struct slice text;
  text.data = lua_tolstring(r->L, -1, &text.len);
  if (text.len == 0) {
    faults_add(r->faults, path, "must not be empty");
    return false;
  }
  if (!utf8_valid(text, NULL)) {
    faults_add(r->faults, path, "is not valid UTF-8");
    return false;
  }
  *out = read_copy(r, text);
  return true;
}

bool read_text(struct reader *r, int table, struct slice path, const char *name,
               struct slice *out)
{
  int type = read_field(r, table, name); // value
  struct slice here = read_path(r, path, slice_of(name));
  bool ok = type == LUA_TSTRING && take_text(r, here, out);
  if (type != LUA_TSTRING && type != LUA_TNIL)
    read_wrong(r, here, -1, "a string");
  lua_pop(r->L, 1);
  return ok;
}

bool read_flag(struct reader *r, int table, struct slice path, const char *name,
               bool *out)
{
  int type = read_field(r, table, name); // value
  if (type == LUA_TBOOLEAN)
    *out = lua_toboolean(r->L, -1);
  else if (type != LUA_TNIL)
    read_wrong(r, read_path(r, path, slice_of(name)), -1, "true or false");
  lua_pop(r->L, 1);
  return type == LUA_TBOOLEAN;
}

bool read_hint(struct reader *r, int table, struct slice path, const char *name,
               int8_t *out)
{
  bool flag = false;
  if (!read_flag(r, table, path, name, &flag)) return false;
  *out = flag;
  return true;
}

// --- keys ---

static int by_name(const void *a, const void *b)
{
  const struct slice *x = a, *y = b;
  size_t n = x->len < y->len ? x->len : y->len;
  int order = n ? memcmp(x->data, y->data, n) : 0;
  if (order) return order;
  return x->len < y->len ? -1 : x->len > y->len;
}

static size_t count_keys(lua_State *L, int table)
{
  size_t n = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    n++;
  }
  return n;
}

static void odd_key(struct reader *r, struct slice path)
{
  if (lua_isinteger(r->L, -2))
    faults_add(r->faults, path, "expected names only, got the number %lld",
               (long long)lua_tointeger(r->L, -2));
  else
    faults_add(r->faults, path, "expected names only, got %s as a name",
               read_kind(r->L, -2));
}

struct slice *read_names(struct reader *r, int table, struct slice path,
                         size_t *count)
{
  lua_State *L = r->L;
  table = lua_absindex(L, table);
  luaL_checkstack(L, 8, NULL);
  *count = 0;
  struct slice *names =
      arena_alloc(r->arena, (count_keys(L, table) + 1) * sizeof(*names));
  if (!names) luaL_error(L, "not enough memory");
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) { // key value
    if (lua_type(L, -2) != LUA_TSTRING) {
      odd_key(r, path);
      continue;
    }
    struct slice name;
    name.data = lua_tolstring(L, -2, &name.len);
    names[(*count)++] = read_copy(r, name);
  }
  qsort(names, *count, sizeof(*names), by_name);
  return names;
}

void read_unknown(struct reader *r, struct slice path, const char *reason,
                  struct slice word, struct word_list known)
{
  struct slice near = faults_suggest(word, known.words, known.count);
  if (near.data)
    faults_add(r->faults, path, "%s (did you mean %.*s?)", reason,
               SLICE_ARG(near));
  else
    faults_add(r->faults, path, "%s", reason);
}

static bool is_known(struct slice name, struct word_list known)
{
  for (size_t i = 0; i < known.count; i++) {
    if (slice_is(name, known.words[i])) return true;
  }
  return false;
}

void read_known(struct reader *r, int table, struct slice path,
                struct word_list known)
{
  size_t count;
  struct slice *names = read_names(r, table, path, &count);
  for (size_t i = 0; i < count; i++) {
    if (is_known(names[i], known)) continue;
    read_unknown(r, read_path(r, path, names[i]), "unknown key", names[i],
                 known);
  }
}
