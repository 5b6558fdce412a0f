// t_schema.c -- shows script/schema to the specs.

#include <lauxlib.h>
#include <time.h>

#include "script/faults.h"
#include "script/schema.h"
#include "script/schema_words.h"

int t_schema(lua_State *L);

#define TYPE "T.schema"

static struct slice check_slice(lua_State *L, int index)
{
  struct slice s;
  s.data = luaL_checklstring(L, index, &s.len);
  return s;
}

static struct schema *self(lua_State *L)
{
  return *(struct schema **)luaL_checkudata(L, 1, TYPE);
}

static int push_error(lua_State *L, const struct error *err)
{
  lua_pushnil(L);                           // nil
  lua_pushstring(L, err->message);          // nil message
  lua_pushstring(L, error_name(err->code)); // nil message code
  return 3;
}

// compile(text): the schema; or nil, message, code
static int compile(lua_State *L)
{
  struct slice text = check_slice(L, 1);
  struct schema **s = lua_newuserdatauv(L, sizeof(struct schema *), 0);
  *s = NULL;
  luaL_setmetatable(L, TYPE);
  struct error err = {0};
  return schema_compile(text, s, &err) == OK ? 1 : push_error(L, &err);
}

static int collect(lua_State *L)
{
  struct schema **s = luaL_checkudata(L, 1, TYPE);
  schema_free(*s);
  *s = NULL;
  return 0;
}

// Parses argument 2; raises a spec's mistake.
static void parse(lua_State *L, struct arena *arena, struct json_doc *doc)
{
  struct error err;
  struct json_limits limits = {0};
  if (json_parse(doc, check_slice(L, 2), limits, arena, &err) == OK) return;
  arena_finish(arena);
  luaL_error(L, "not JSON: %s", err.message);
}

// schema:check(json): true; or nil, message, code
static int check(lua_State *L)
{
  struct arena arena = {0};
  struct json_doc doc;
  parse(L, &arena, &doc);
  struct error err = {0};
  enum error_code code = schema_check(self(L), &doc, 0, &err);
  enum error_code quiet = schema_check(self(L), &doc, 0, NULL);
  arena_finish(&arena);
  if (code != quiet) return luaL_error(L, "loud and quiet checks differ");
  lua_pushboolean(L, true); // ... true
  return code == OK ? 1 : push_error(L, &err);
}

// schema:complete(json): the completed text, or nil if there was nothing to add
static int complete(lua_State *L)
{
  struct arena arena = {0};
  struct json_doc doc;
  struct buf out = {0};
  parse(L, &arena, &doc);
  bool added = schema_complete(self(L), &doc, 0, &out);
  if (added)
    lua_pushlstring(L, out.data, out.len); // ... text
  else
    lua_pushnil(L); // ... nil
  buf_finish(&out);
  arena_finish(&arena);
  return 1;
}

static int text(lua_State *L)
{
  struct slice s = schema_text(self(L));
  lua_pushlstring(L, s.data, s.len);
  return 1;
}

// schema:kind(name...): "array", "object" or "" of the schema found by names of
// properties ("*" for the items); nil if there is none.
static int kind(lua_State *L)
{
  const struct schema *s = self(L);
  for (int i = 2; s && i <= lua_gettop(L); i++) {
    struct slice name = check_slice(L, i);
    s = slice_is(name, "*") ? schema_item(s) : schema_property(s, name);
  }
  if (!s) return 0;
  lua_pushstring(L, schema_is_array(s)    ? "array"
                    : schema_is_object(s) ? "object"
                                          : "");
  return 1;
}

// schema:time(json, rounds): nanoseconds of CPU a check.
static int time_check(lua_State *L)
{
  struct arena arena = {0};
  struct json_doc doc;
  struct error err;
  parse(L, &arena, &doc);
  lua_Integer rounds = luaL_checkinteger(L, 3);
  struct timespec from, to;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
  for (lua_Integer i = 0; i < rounds; i++) {
    schema_check(self(L), &doc, 0, &err);
  }
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
  arena_finish(&arena);
  double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 +
              (double)(to.tv_nsec - from.tv_nsec);
  lua_pushnumber(L, ns / (double)rounds);
  return 1;
}

// --- words ---

// word(kind, { ... }): as tide.schema makes it
static int word(lua_State *L)
{
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lua_pushvalue(L, 1);
  lua_setfield(L, 2, "kind"); // kind word
  luaL_newmetatable(L, WORD_TYPE);
  lua_setmetatable(L, 2);
  return 1;
}

// words(value): the text, or nil; the faults below "args"
static int words(lua_State *L)
{
  struct buf out = {0}, text = {0};
  struct faults faults = {0};
  bool ok = schema_from_lua(L, 1, SLICE("args"), &out, &faults);
  if (ok)
    lua_pushlstring(L, out.data, out.len); // ... text
  else
    lua_pushnil(L); // ... nil
  faults_print(&faults, &text);
  lua_pushlstring(L, buf_slice(&text).data, text.len); // ... text faults
  faults_finish(&faults);
  buf_finish(&out);
  buf_finish(&text);
  return 2;
}

// pattern(lua pattern): the regular expression; or nil and why not
static int pattern(lua_State *L)
{
  struct buf out = {0};
  const char *why = words_translate_pattern(check_slice(L, 1), &out);
  lua_pushlstring(L, buf_slice(&out).data, out.len); // ... text
  buf_finish(&out);
  if (!why) return 1;
  lua_pushnil(L);         // ... text nil
  lua_pushstring(L, why); // ... text nil why
  return 2;
}

int t_schema(lua_State *L)
{
  static const luaL_Reg functions[] = {{"compile", compile},
                                       {"word", word},
                                       {"words", words},
                                       {"pattern", pattern},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"check", check}, {"complete", complete}, {"text", text},
      {"kind", kind},   {"time", time_check},   {NULL, NULL}};
  luaL_newmetatable(L, TYPE); // meta
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1); // -
  luaL_newlib(L, functions);
  return 1;
}
