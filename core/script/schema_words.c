// schema_words.c -- the words of tide.schema as JSON Schema text.
//
// Lua tables have no order, so members are written sorted by name; the same
// script gives the same text in every VM.

#include "script/schema_words.h"

#include <lauxlib.h>

#include "base/json.h"

#define DEPTH_MAX                                                              \
  24 // a word takes up to two levels of the 64 that JSON may have

struct kind {
  const char *name;
  void (*put)(struct words *w, const struct word *word);
  const char *keys[20]; // that the word may have, besides the common ones
  bool lists;           // positional values
};

static const char *const common_keys[] = {"kind", "optional", "about", "title",
                                          "default"};
#define COMMON_RAW 2
#define COMMON     (sizeof(common_keys) / sizeof(common_keys[0]))

bool words_is(lua_State *L, int index)
{
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
  luaL_getmetatable(L, WORD_TYPE); // meta word
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same;
}

static void put_type(struct words *w, const char *type)
{
  json_put_name(w->out, "type");
  json_put_string(w->out, slice_of(type));
}

// --- one kind each ---

static void put_string(struct words *w, const struct word *word)
{
  static const struct word_bounds length = {.low = {"min", "min_length"},
                                            .high = {"max", "max_length"},
                                            .low_key = "minLength",
                                            .high_key = "maxLength",
                                            .count = true};
  put_type(w, "string");
  words_put_enum(w, word, LUA_TSTRING);
  words_put_titles(w, word);
  words_put_bounds(w, word, &length);
  words_put_pattern(w, word);
  words_put_format(w, word);
}

static void put_multiple(struct words *w, const struct word *word)
{
  static const struct word_bounds multiple = {.low = {"multiple_of", NULL},
                                              .low_key = "multipleOf"};
  words_put_bounds(w, word, &multiple);
}

static void put_numeric(struct words *w, const struct word *word, bool whole)
{
  struct word_bounds range = {.low = {"min", NULL},
                              .high = {"max", NULL},
                              .low_key = "minimum",
                              .high_key = "maximum",
                              .whole = whole};
  struct word_bounds open = {.low = {"above", NULL},
                             .high = {"below", NULL},
                             .low_key = "exclusiveMinimum",
                             .high_key = "exclusiveMaximum",
                             .whole = whole};
  put_type(w, whole ? "integer" : "number");
  words_put_enum(w, word, LUA_TNUMBER);
  words_put_bounds(w, word, &range);
  words_put_bounds(w, word, &open);
  put_multiple(w, word);
}

static void put_integer(struct words *w, const struct word *word)
{
  put_numeric(w, word, true);
}

static void put_number(struct words *w, const struct word *word)
{
  put_numeric(w, word, false);
}

static void put_boolean(struct words *w, const struct word *word)
{
  (void)word;
  put_type(w, "boolean");
}

// The word that stands at `name` or at [1]. -0 +1
static void push_inner(struct words *w, const struct word *word,
                       const char *name)
{
  lua_State *L = w->reader.L;
  if (read_field(&w->reader, word->index, name) != LUA_TNIL) return;
  lua_pop(L, 1);
  lua_rawgeti(L, word->index, 1);
}

static void put_inner(struct words *w, const struct word *word, const char *key,
                      const char *name)
{
  push_inner(w, word, name); // inner
  if (!lua_isnil(w->reader.L, -1)) {
    json_put_name(w->out, key);
    words_put(w, lua_gettop(w->reader.L),
              read_path(&w->reader, word->path, slice_of(name)));
  }
  lua_pop(w->reader.L, 1);
}

static void put_list(struct words *w, const struct word *word)
{
  static const struct word_bounds length = {.low = {"min", "min_items"},
                                            .high = {"max", "max_items"},
                                            .low_key = "minItems",
                                            .high_key = "maxItems",
                                            .count = true};
  bool unique = false;
  put_type(w, "array");
  put_inner(w, word, "items", "of");
  words_put_bounds(w, word, &length);
  read_flag(&w->reader, word->index, word->path, "unique", &unique);
  if (!unique) return;
  json_put_name(w->out, "uniqueItems");
  buf_puts(w->out, "true");
}

static void put_map(struct words *w, const struct word *word)
{
  static const struct word_bounds count = {.low = {"min", NULL},
                                           .high = {"max", NULL},
                                           .low_key = "minProperties",
                                           .high_key = "maxProperties",
                                           .count = true};
  put_type(w, "object");
  put_inner(w, word, "additionalProperties", "of");
  words_put_bounds(w, word, &count);
}

static void put_object(struct words *w, const struct word *word)
{
  lua_State *L = w->reader.L;
  bool open = false;
  read_flag(&w->reader, word->index, word->path, "open", &open);
  push_inner(w, word, "fields"); // fields
  if (lua_istable(L, -1) && !words_is(L, -1))
    words_put_fields(w, lua_gettop(L), word->path, open);
  else
    read_wrong(&w->reader, word->path, -1, "a table of fields");
  lua_pop(L, 1);
}

static const struct kind kinds[] = {
    {"string",
     put_string,
     {"min", "max", "min_length", "max_length", "pattern", "regex", "format",
      "enum", "titles"},
     true},
    {"integer",
     put_integer,
     {"min", "max", "above", "below", "multiple_of", "enum"},
     true},
    {"number",
     put_number,
     {"min", "max", "above", "below", "multiple_of", "enum"},
     true},
    {"boolean", put_boolean, {NULL}, false},
    {"list",
     put_list,
     {"of", "min", "max", "min_items", "max_items", "unique"},
     true},
    {"map", put_map, {"of", "min", "max"}, true},
    {"object", put_object, {"fields", "open"}, true},
    {"raw", words_put_raw, {"schema"}, true},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct kind *kind_of(struct words *w, int index)
{
  const struct kind *found = NULL;
  if (read_field(&w->reader, index, "kind") == LUA_TSTRING) { // kind
    struct slice name;
    name.data = lua_tolstring(w->reader.L, -1, &name.len);
    for (size_t i = 0; i < KINDS; i++) {
      if (slice_is(name, kinds[i].name)) found = &kinds[i];
    }
  }
  lua_pop(w->reader.L, 1);
  return found;
}

// --- what all words have ---

static bool is_positional(lua_State *L, int index)
{
  return lua_isinteger(L, index) && lua_tointeger(L, index) >= 1;
}

// Names among the keys must be those of the kind; numbers only if it lists.
static void check_keys(struct words *w, const struct word *word,
                       const struct kind *kind)
{
  lua_State *L = w->reader.L;
  const char *known[COMMON + 20];
  size_t n = 0;
  for (; kind->keys[n]; n++) {
    known[n] = kind->keys[n];
  }
  // JSON Schema has its own names for the rest.
  size_t common = kind->put == words_put_raw ? COMMON_RAW : COMMON;
  memcpy(known + n, common_keys, common * sizeof(common_keys[0]));
  n += common;
  lua_newtable(L);                                  // named
  for (lua_pushnil(L); lua_next(L, word->index);) { // named key value
    bool listed = kind->lists && is_positional(L, -2);
    lua_pushvalue(L, -2); // named key value key
    lua_insert(L, -2);    // named key key value
    if (listed)
      lua_pop(L, 2); // named key
    else
      lua_rawset(L, -4); // named key
  }
  read_known(&w->reader, lua_gettop(L), word->path,
             (struct word_list){known, n});
  lua_pop(L, 1);
}

static void put_text(struct words *w, const struct word *word, const char *key,
                     const char *name)
{
  struct slice text;
  if (!read_text(&w->reader, word->index, word->path, name, &text)) return;
  json_put_name(w->out, key);
  json_put_string(w->out, text);
}

static void put_known(struct words *w, const struct word *word,
                      const struct kind *kind)
{
  size_t before = w->reader.faults->errors;
  bool optional;
  check_keys(w, word, kind);
  read_flag(&w->reader, word->index, word->path, "optional", &optional);
  if (kind->put == words_put_raw) { // an object of its own
    kind->put(w, word);
    return;
  }
  buf_putc(w->out, '{');
  kind->put(w, word);
  put_text(w, word, "title", "title");
  put_text(w, word, "description", "about");
  if (w->reader.faults->errors == before) words_put_default(w, word);
  buf_putc(w->out, '}');
}

static void not_a_word(struct words *w, int index, struct slice path)
{
  lua_State *L = w->reader.L;
  if (lua_isfunction(L, index))
    faults_add(w->reader.faults, path,
               "expected a word, got a function; call it, as in str()");
  else if (lua_istable(L, index))
    faults_add(w->reader.faults, path,
               "expected a word such as str {}, got a table (fields within "
               "fields are tide.schema.object)");
  else
    read_wrong(&w->reader, path, index, "a word such as str {}");
  buf_puts(w->out, "{}");
}

void words_put(struct words *w, int index, struct slice path)
{
  lua_State *L = w->reader.L;
  luaL_checkstack(L, 16, NULL);
  const struct kind *kind = words_is(L, index) ? kind_of(w, index) : NULL;
  struct word word = {index, path, w->out->len};
  if (!kind) {
    not_a_word(w, index, path);
  } else if (++w->depth > DEPTH_MAX) {
    faults_add(w->reader.faults, path, "is nested too deeply");
    w->depth--;
  } else {
    put_known(w, &word, kind);
    w->depth--;
  }
}

// --- fields ---

static bool is_field_name(struct slice name)
{
  for (size_t i = 0; i < name.len; i++) {
    char c = name.data[i];
    bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    if (!letter && !(c >= '0' && c <= '9') && (c == '\0' || !strchr("_.-", c)))
      return false;
  }
  return name.len > 0 && name.len <= WORD_NAME_MAX;
}

// Is the word at the top not required?
static bool is_optional(struct words *w)
{
  lua_State *L = w->reader.L;
  if (!words_is(L, -1)) return false;
  bool has_default = read_field(&w->reader, -1, "default") != LUA_TNIL;
  bool optional = read_field(&w->reader, -2, "optional") == LUA_TBOOLEAN &&
                  lua_toboolean(L, -1);
  lua_pop(L, 2);
  return has_default || optional;
}

static void put_field(struct words *w, int index, struct slice path,
                      struct slice name)
{
  lua_State *L = w->reader.L;
  struct slice here = read_path(&w->reader, path, name);
  if (!is_field_name(name))
    faults_add(w->reader.faults, here, "a name is 1 to %d of A-Z a-z 0-9 _ . -",
               WORD_NAME_MAX);
  json_sep(w->out);
  json_put_string(w->out, name);
  buf_putc(w->out, ':');
  read_field(&w->reader, index, name.data); // value
  words_put(w, lua_gettop(L), here);
  lua_pop(L, 1);
}

static void put_required(struct words *w, int index, const struct slice *names,
                         size_t count)
{
  lua_State *L = w->reader.L;
  bool any = false;
  for (size_t i = 0; i < count; i++) {
    read_field(&w->reader, index, names[i].data); // value
    bool optional = is_optional(w);
    lua_pop(L, 1);
    if (optional) continue;
    if (!any) {
      json_put_name(w->out, "required");
      buf_putc(w->out, '[');
    }
    any = true;
    json_sep(w->out);
    json_put_string(w->out, names[i]);
  }
  if (any) buf_putc(w->out, ']');
}

void words_put_fields(struct words *w, int index, struct slice path, bool open)
{
  size_t count;
  struct slice *names = read_names(&w->reader, index, path, &count);
  if (w->out->data[w->out->len - 1] == '{') put_type(w, "object");
  json_put_name(w->out, "properties");
  buf_putc(w->out, '{');
  for (size_t i = 0; i < count; i++) {
    put_field(w, index, path, names[i]);
  }
  buf_putc(w->out, '}');
  put_required(w, index, names, count);
  if (open) return;
  json_put_name(w->out, "additionalProperties");
  buf_puts(w->out, "false");
}

bool schema_from_lua(lua_State *L, int index, struct slice path,
                     struct buf *out, struct faults *faults)
{
  struct words w = {{L, faults, &faults->arena}, out, 0};
  size_t before = faults->errors;
  index = lua_absindex(L, index);
  luaL_checkstack(L, 16, NULL);
  if (lua_istable(L, index) && !words_is(L, index)) {
    buf_putc(out, '{');
    if (buf_ok(out)) words_put_fields(&w, index, path, false);
    buf_putc(out, '}');
  } else {
    words_put(&w, index, path);
  }
  if (!buf_ok(out)) faults_add(faults, path, "out of memory");
  return faults->errors == before;
}
