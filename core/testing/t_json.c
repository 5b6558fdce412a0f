// t_json.c -- shows base/json to the specs.

#include "base/json.h"
#include "base/run.h"
#include "testing/t_base.h"

int t_json(lua_State *L);

static struct json_limits limits(lua_State *L, int index)
{
  return (struct json_limits){
      .max_depth = (uint32_t)luaL_optinteger(L, index, 0),
      .max_nodes = (uint32_t)luaL_optinteger(L, index + 1, 0),
  };
}

// A copy of the text in memory of exactly its size, so that ASan sees a read
// behind its end. -0 +1 m
static struct slice exact(lua_State *L, struct slice s)
{
  char *copy = lua_newuserdatauv(L, s.len ? s.len : 1, 0);
  memcpy(copy, s.data, s.len);
  return (struct slice){copy, s.len};
}

static int push_fault(lua_State *L, enum error_code code, struct error *err)
{
  lua_pushnil(L);                      // nil
  lua_pushstring(L, err->message);     // nil message
  lua_pushstring(L, error_name(code)); // nil message code
  return 3;
}

// valid(text, max_depth?, max_nodes?): true, or nil, message, code.
static int valid(lua_State *L)
{
  lua_settop(L, 3);
  struct slice text = exact(L, t_slice(L, 1));
  struct error err;
  enum error_code code = json_valid(text, limits(L, 2), &err);
  if (code != OK) return push_fault(L, code, &err);
  lua_pushboolean(L, true);
  return 1;
}

// --- a document as Lua values; null is the light userdata NULL, as cjson.null ---

// false for a string that found no memory
static void push_string(lua_State *L, struct slice s)
{
  if (s.data)
    lua_pushlstring(L, s.data, s.len);
  else
    lua_pushboolean(L, false);
}

static void push_number(lua_State *L, const struct json_doc *d, uint32_t node)
{
  double value;
  if (!json_double(d, node, &value)) luaL_error(L, "no number");
  lua_pushnumber(L, value);
}

static void push_value(lua_State *L, const struct json_doc *d, uint32_t node,
                       struct arena *arena);

static void push_array(lua_State *L, const struct json_doc *d, uint32_t node,
                       struct arena *arena)
{
  lua_newtable(L); // t
  lua_Integer i = 0;
  for (uint32_t child = json_first(d, node); child;
       child = json_next(d, node, child)) {
    push_value(L, d, child, arena); // t value
    lua_rawseti(L, -2, ++i);        // t
  }
}

static void push_object(lua_State *L, const struct json_doc *d, uint32_t node,
                        struct arena *arena)
{
  lua_newtable(L); // t
  for (uint32_t name = json_first(d, node); name;) {
    uint32_t child = json_next(d, node, name);
    push_string(L, json_string(d, name, arena)); // t name
    push_value(L, d, child, arena);              // t name value
    lua_rawset(L, -3);                           // t
    name = json_next(d, node, child);
  }
}

static void push_value(lua_State *L, const struct json_doc *d, uint32_t node,
                       struct arena *arena)
{
  luaL_checkstack(L, 8, "too deep");
  switch (json_type(d, node)) {
  case JSON_NULL: lua_pushlightuserdata(L, NULL); return;
  case JSON_FALSE: lua_pushboolean(L, false); return;
  case JSON_TRUE: lua_pushboolean(L, true); return;
  case JSON_NUMBER: push_number(L, d, node); return;
  case JSON_STRING: push_string(L, json_string(d, node, arena)); return;
  case JSON_ARRAY: push_array(L, d, node, arena); return;
  case JSON_OBJECT: push_object(L, d, node, arena); return;
  }
}

// decode(text, max_depth?, max_nodes?): the value, or nil, message, code.
static int decode(lua_State *L)
{
  lua_settop(L, 3);
  struct slice text = exact(L, t_slice(L, 1));
  struct arena arena = {0};
  struct json_doc doc;
  struct error err;
  enum error_code code = json_parse(&doc, text, limits(L, 2), &arena, &err);
  if (code == OK) push_value(L, &doc, 0, &arena);
  arena_finish(&arena);
  return code == OK ? 1 : push_fault(L, code, &err);
}

// nodes(text): { "0 object next=5 count=1", ... } as in the header's picture.
static int nodes(lua_State *L)
{
  static const char *const names[] = {"null",   "false", "true",  "number",
                                      "string", "array", "object"};
  struct arena arena = {0};
  struct json_doc doc;
  if (json_parse(&doc, t_slice(L, 1), limits(L, 2), &arena, NULL) != OK) {
    return 0;
  }
  lua_newtable(L);
  for (uint32_t i = 0; i < doc.count; i++) {
    struct slice raw = json_raw(&doc, i);
    const struct json_node *n = &doc.nodes[i];
    luaL_Buffer line;
    luaL_buffinit(L, &line);
    lua_pushfstring(L, "%d %s next=%d count=%d%s%s ", (int)i, names[n->type],
                    (int)n->next, (int)n->count, n->escaped ? " escaped" : "",
                    n->integer ? " integer" : "");
    luaL_addvalue(&line);
    luaL_addlstring(&line, raw.data, raw.len);
    luaL_pushresult(&line);                 // t line
    lua_rawseti(L, -2, (lua_Integer)i + 1); // t
  }
  arena_finish(&arena);
  return 1;
}

typedef int (*doc_fn)(lua_State *L, const struct json_doc *doc);

// Parses argument 1 and pushes what `ask` says of it.
static int with_doc(lua_State *L, doc_fn ask)
{
  struct arena *arena = lua_newuserdatauv(L, sizeof(*arena), 0);
  *arena = (struct arena){0};
  struct json_doc doc;
  struct error err;
  enum error_code code =
      json_parse(&doc, t_slice(L, 1), limits(L, 9), arena, &err);
  int n = code == OK ? ask(L, &doc) : push_fault(L, code, &err);
  arena_finish(arena);
  return n;
}

// get(text, name): the spelling of that member of the root, or nil.
static int ask_get(lua_State *L, const struct json_doc *doc)
{
  uint32_t node = json_get_slice(doc, 0, t_slice(L, 2));
  if (node == JSON_NONE) return 0;
  push_string(L, json_raw(doc, node));
  return 1;
}

static int get(lua_State *L)
{
  lua_settop(L, 2);
  return with_doc(L, ask_get);
}

// duplicate(text): the name, or nil.
static int ask_duplicate(lua_State *L, const struct json_doc *doc)
{
  struct slice name = json_duplicate(doc, 0);
  if (!name.data) return 0;
  push_string(L, name);
  return 1;
}

static int duplicate(lua_State *L)
{
  lua_settop(L, 1);
  return with_doc(L, ask_duplicate);
}

// number(text): the int64 or nil, the double or nil.
static int ask_number(lua_State *L, const struct json_doc *doc)
{
  int64_t i;
  double f;
  if (json_int(doc, 0, &i))
    lua_pushinteger(L, i);
  else
    lua_pushnil(L);
  if (json_double(doc, 0, &f))
    lua_pushnumber(L, f);
  else
    lua_pushnil(L);
  return 2;
}

static int number(lua_State *L)
{
  lua_settop(L, 1);
  return with_doc(L, ask_number);
}

// --- writing ---

static int put_string(lua_State *L)
{
  struct slice s = exact(L, t_slice(L, 1));
  struct buf b = {0};
  json_put_string(&b, s);
  return t_finish(L, &b);
}

static int put_int(lua_State *L)
{
  int64_t value = luaL_checkinteger(L, 1);
  struct buf b = {0};
  json_put_int(&b, value);
  return t_finish(L, &b);
}

static int put_double(lua_State *L)
{
  double value = luaL_checknumber(L, 1);
  struct buf b = {0};
  json_put_double(&b, value);
  return t_finish(L, &b);
}

// object(n): what json_put_name and json_sep make of n members and a list.
static int object(lua_State *L)
{
  int64_t n = luaL_checkinteger(L, 1);
  struct buf b = {0};
  buf_putc(&b, '{');
  for (int64_t i = 0; i < n; i++) {
    json_put_name(&b, "n");
    json_put_int(&b, i);
  }
  json_put_name(&b, "list");
  buf_putc(&b, '[');
  for (int64_t i = 0; i < n; i++) {
    json_sep(&b);
    json_put_int(&b, i);
  }
  buf_puts(&b, "]}");
  return t_finish(L, &b);
}

// utf8(s): true, or false and the offset of the first bad byte.
static int valid_utf8(lua_State *L)
{
  struct slice s = exact(L, t_slice(L, 1));
  size_t at = 0;
  bool good = utf8_valid(s, &at);
  lua_pushboolean(L, good);
  lua_pushinteger(L, (lua_Integer)at);
  return 2;
}

// runs(s): lengths by run_plain, run_plain_words and run_ascii.
static int runs(lua_State *L)
{
  struct slice s = exact(L, t_slice(L, 1));
  const char *end = s.data + s.len;
  lua_pushinteger(L, run_plain(s.data, end) - s.data);
  lua_pushinteger(L, run_plain_words(s.data, end) - s.data);
  lua_pushinteger(L, run_ascii(s.data, end) - s.data);
  return 3;
}

int t_json(lua_State *L)
{
  static const luaL_Reg functions[] = {{"valid", valid},
                                       {"decode", decode},
                                       {"nodes", nodes},
                                       {"get", get},
                                       {"duplicate", duplicate},
                                       {"number", number},
                                       {"string", put_string},
                                       {"int", put_int},
                                       {"double", put_double},
                                       {"object", object},
                                       {"utf8", valid_utf8},
                                       {"runs", runs},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
