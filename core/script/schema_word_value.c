// schema_word_value.c -- what stands inside of a word: bounds, lists of values,
// patterns, defaults, and JSON Schema as it is.

#include <lauxlib.h>
#include <math.h>

#include "base/json.h"
#include "script/convert.h"
#include "script/schema_inside.h"
#include "script/schema_words.h"

static void put_lua_number(struct words *w)
{
  lua_State *L = w->reader.L;
  if (lua_isinteger(L, -1))
    json_put_int(w->out, lua_tointeger(L, -1));
  else
    json_put_double(w->out, lua_tonumber(L, -1));
}

// --- bounds ---

static bool is_whole(lua_State *L, int index)
{
  double value = lua_tonumber(L, index);
  return lua_isinteger(L, index) || (isfinite(value) && floor(value) == value);
}

static const char *bound_wanted(lua_State *L, const struct word_bounds *bounds)
{
  if (lua_type(L, -1) != LUA_TNUMBER || !isfinite(lua_tonumber(L, -1)))
    return bounds->count || bounds->whole ? "an integer" : "a number";
  if ((bounds->count || bounds->whole) && !is_whole(L, -1)) return "an integer";
  if (bounds->count && lua_tonumber(L, -1) < 0) return "an integer from 0 on";
  return NULL;
}

// Writes the bound that stands under one of two names; its value, or NAN.
static double put_bound(struct words *w, const struct word *word,
                        const struct word_bounds *bounds,
                        const char *const names[2], const char *key)
{
  lua_State *L = w->reader.L;
  double value = (double)NAN;
  for (int i = 0; i < 2 && names[i]; i++) {
    if (read_field(&w->reader, word->index, names[i]) != LUA_TNIL) { // bound
      struct slice path = read_path(&w->reader, word->path, slice_of(names[i]));
      const char *wanted = bound_wanted(L, bounds);
      if (wanted) {
        read_wrong(&w->reader, path, -1, wanted);
      } else if (!isnan(value)) {
        faults_add(w->reader.faults, path, "is the same as %s", names[0]);
      } else {
        value = lua_tonumber(L, -1);
        json_put_name(w->out, key);
        put_lua_number(w);
      }
    }
    lua_pop(L, 1);
  }
  return value;
}

void words_put_bounds(struct words *w, const struct word *word,
                      const struct word_bounds *bounds)
{
  double low = put_bound(w, word, bounds, bounds->low, bounds->low_key);
  if (!bounds->high_key) {
    if (low <= 0)
      faults_add(w->reader.faults, word->path, "%s must be above 0",
                 bounds->low[0]);
    return;
  }
  double high = put_bound(w, word, bounds, bounds->high, bounds->high_key);
  bool open = !strcmp(bounds->low[0], "above");
  if (high < low || (open && high == low))
    faults_add(w->reader.faults, word->path, "%s is %s %s", bounds->high[0],
               open ? "not above" : "below", bounds->low[0]);
}

// --- lists of values ---

// Is the value on the top what the word can be?
static bool is_listable(lua_State *L, int type)
{
  if (lua_type(L, -1) != type) return false;
  return type != LUA_TNUMBER || isfinite(lua_tonumber(L, -1));
}

static bool stood_before(lua_State *L, int table, lua_Integer i)
{
  bool same = false;
  for (lua_Integer k = 1; k < i && !same; k++) {
    lua_rawgeti(L, table, k); // value earlier
    same = lua_rawequal(L, -1, -2);
    lua_pop(L, 1);
  }
  return same;
}

static void put_value(struct words *w, struct slice path, int table,
                      lua_Integer i, int type)
{
  lua_State *L = w->reader.L;
  if (!is_listable(L, type)) {
    read_wrong(&w->reader,
               arena_printf(&w->reader.faults->arena, "%.*s[%lld]",
                            SLICE_ARG(path), (long long)i),
               -1, type == LUA_TSTRING ? "a string" : "a number");
    return;
  }
  json_sep(w->out);
  if (type == LUA_TSTRING) {
    struct slice text;
    text.data = lua_tolstring(L, -1, &text.len);
    json_put_string(w->out, text);
  } else {
    put_lua_number(w);
  }
  if (!stood_before(L, table, i)) return;
  faults_add(w->reader.faults, path, "%s is listed twice",
             luaL_tolstring(L, -1, NULL));
  lua_pop(L, 1);
}

// The list is the positional part of the word, or the table in `enum`. +1
static bool push_list(struct words *w, const struct word *word,
                      struct slice *path)
{
  lua_State *L = w->reader.L;
  *path = word->path;
  bool positional = lua_rawgeti(L, word->index, 1) != LUA_TNIL; // first
  lua_pop(L, 1);
  int type = read_field(&w->reader, word->index, "enum"); // enum
  if (type == LUA_TNIL) {
    lua_pop(L, 1);
    lua_pushvalue(L, word->index); // word
    return positional;
  }
  *path = read_path(&w->reader, word->path, SLICE("enum"));
  if (positional)
    faults_add(w->reader.faults, *path, "the values are listed already");
  else if (type != LUA_TTABLE || lua_rawlen(L, -1) == 0)
    read_wrong(&w->reader, *path, -1, "a list with at least one value");
  return !positional && type == LUA_TTABLE && lua_rawlen(L, -1) > 0;
}

void words_put_enum(struct words *w, const struct word *word, int type)
{
  lua_State *L = w->reader.L;
  struct slice path;
  if (push_list(w, word, &path)) { // list
    int table = lua_gettop(L);
    lua_Integer n = (lua_Integer)lua_rawlen(L, table);
    json_put_name(w->out, "enum");
    buf_putc(w->out, '[');
    for (lua_Integer i = 1; i <= n; i++) {
      lua_rawgeti(L, table, i); // list value
      put_value(w, path, table, i, type);
      lua_pop(L, 1); // list
    }
    buf_putc(w->out, ']');
  }
  lua_pop(L, 1);
}

// The title of the choice at `at`, which is itself if it has none.
static void put_title(struct words *w, int titles, int at, struct slice path)
{
  lua_State *L = w->reader.L;
  lua_pushvalue(L, at);  // choice
  lua_rawget(L, titles); // title?
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushvalue(L, at); // choice
  }
  struct slice text = {0};
  if (lua_type(L, -1) == LUA_TSTRING)
    text.data = lua_tolstring(L, -1, &text.len);
  json_sep(w->out);
  if (text.data)
    json_put_string(w->out, text);
  else
    read_wrong(&w->reader, path, -1, "a table of titles by choice");
  lua_pop(L, 1);
}

static void put_all_titles(struct words *w, int titles, struct slice path)
{
  lua_State *L = w->reader.L; // titles list
  lua_Integer n = (lua_Integer)lua_rawlen(L, titles + 1);
  json_put_name(w->out, "x-titles");
  buf_putc(w->out, '[');
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, titles + 1, i); // titles list choice
    put_title(w, titles, lua_gettop(L), path);
    lua_pop(L, 1); // titles list
  }
  buf_putc(w->out, ']');
}

// JSON Schema has no titles for the values of an enum; forms have (form.c).
void words_put_titles(struct words *w, const struct word *word)
{
  lua_State *L = w->reader.L;
  int type = read_field(&w->reader, word->index, "titles"); // titles
  if (type == LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  struct slice ignored;
  struct slice path = read_path(&w->reader, word->path, SLICE("titles"));
  bool listed = push_list(w, word, &ignored); // titles list
  if (type == LUA_TTABLE && listed)
    put_all_titles(w, lua_gettop(L) - 1, path);
  else
    read_wrong(&w->reader, path, -2, "a table of titles by choice");
  lua_pop(L, 2);
}

// --- patterns and formats ---

static void put_regex(struct words *w, const struct word *word,
                      struct slice source, const char *name)
{
  struct schema_home home = {0};
  struct error err;
  if (schema_regex_new(&home, source, &err)) {
    json_put_name(w->out, "pattern");
    json_put_string(w->out, source);
  } else {
    faults_add(w->reader.faults,
               read_path(&w->reader, word->path, slice_of(name)), "%s",
               err.message);
  }
  schema_regex_free(home.regexes);
  arena_finish(&home.arena);
}

static void put_translated(struct words *w, const struct word *word,
                           struct slice pattern)
{
  struct buf *out = w->out;
  size_t start = out->len;
  const char *why = words_translate_pattern(pattern, out);
  struct slice source = {out->data + start, out->len - start};
  struct slice copy = arena_copy(w->reader.arena, source);
  out->len = start;
  if (why)
    faults_add(w->reader.faults,
               read_path(&w->reader, word->path, SLICE("pattern")),
               "not a Lua pattern that an agent can be told: %s", why);
  else if (copy.data)
    put_regex(w, word, copy, "pattern");
}

void words_put_pattern(struct words *w, const struct word *word)
{
  struct slice pattern = {0}, regex = {0};
  struct reader *r = &w->reader;
  bool lua = read_text(r, word->index, word->path, "pattern", &pattern);
  bool ecma = read_text(r, word->index, word->path, "regex", &regex);
  if (lua && ecma)
    faults_add(r->faults, read_path(r, word->path, SLICE("regex")),
               "there is a pattern already");
  else if (lua)
    put_translated(w, word, pattern);
  else if (ecma)
    put_regex(w, word, regex, "regex");
}

void words_put_format(struct words *w, const struct word *word)
{
  struct slice name;
  struct reader *r = &w->reader;
  if (!read_text(r, word->index, word->path, "format", &name)) return;
  if (!schema_format_find(name)) {
    read_unknown(r, read_path(r, word->path, SLICE("format")),
                 "there is no such format", name,
                 (struct word_list){schema_format_names, schema_format_count});
    return;
  }
  json_put_name(w->out, "format");
  json_put_string(w->out, name);
}

// --- defaults ---

static enum error_code check_text(const struct schema *schema,
                                  struct slice value, struct error *err)
{
  struct arena arena = {0};
  struct json_doc doc;
  struct json_limits limits = {0};
  enum error_code code = json_parse(&doc, value, limits, &arena, err);
  if (code == OK) code = schema_check(schema, &doc, 0, err);
  arena_finish(&arena);
  return code;
}

// Appends the default on the top, if it fits what is written of the word.
static enum error_code put_fitting(struct words *w, const struct word *word,
                                   struct error *err)
{
  struct buf *out = w->out;
  struct schema *schema = NULL;
  buf_putc(out, '}');
  struct slice text = {out->data + word->start, out->len - word->start};
  enum error_code code = schema_compile(text, &schema, err);
  out->len--; // the word goes on
  json_put_name(out, "default");
  size_t start = out->len;
  if (code == OK) code = convert_put(w->reader.L, -1, schema, out, err);
  if (code == OK)
    code = check_text(schema,
                      (struct slice){out->data + start, out->len - start}, err);
  schema_free(schema);
  return code;
}

void words_put_default(struct words *w, const struct word *word)
{
  struct error err;
  if (read_field(&w->reader, word->index, "default") != LUA_TNIL && // default
      buf_ok(w->out) && put_fitting(w, word, &err) != OK) {
    bool plain = !strncmp(err.message, "the value ", 10);
    faults_add(w->reader.faults, word->path, "default%s %s", plain ? "" : ":",
               err.message + (plain ? 10 : 0));
  }
  lua_pop(w->reader.L, 1);
}

// --- JSON Schema as it is ---

static void put_checked(struct words *w, const struct word *word, size_t start)
{
  struct error err = {0};
  struct schema *schema = NULL;
  struct buf *out = w->out;
  struct slice text = {out->data + start, out->len - start};
  enum error_code code = schema_compile(text, &schema, &err);
  out->len = start;
  if (code == OK)
    buf_add(out, schema_text(schema));
  else
    faults_add(w->reader.faults, word->path, "%s", err.message);
  schema_free(schema);
}

void words_put_raw(struct words *w, const struct word *word)
{
  lua_State *L = w->reader.L;
  struct error err = {0};
  size_t start = w->out->len;
  if (read_field(&w->reader, word->index, "schema") == LUA_TNIL) {
    lua_pop(L, 1);
    lua_rawgeti(L, word->index, 1);
  } // schema
  if (lua_type(L, -1) == LUA_TSTRING) {
    struct slice text;
    text.data = lua_tolstring(L, -1, &text.len);
    buf_add(w->out, text);
  } else if (!lua_istable(L, -1)) {
    read_wrong(&w->reader, word->path, -1, "JSON Schema: a table or JSON text");
  } else if (convert_put(L, -1, NULL, w->out, &err) != OK) {
    faults_add(w->reader.faults, word->path, "%s", err.message);
    w->out->len = start;
  }
  lua_pop(L, 1);
  if (w->out->len > start)
    put_checked(w, word, start);
  else
    buf_puts(w->out, "{}");
}
