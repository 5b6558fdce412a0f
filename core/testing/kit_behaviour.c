// kit_behaviour.c -- see kit.h: one behaviour, from a Lua table.

#include <string.h>

#include "script/convert.h"
#include "testing/kit.h"

#define DELAY_MAX_MS INT64_C(1000000000000)

static const char *const known[] = {"status", "headers",  "json",    "body",
                                    "fail",   "delay_ms", "body_ms", "hang",
                                    "sent",   NULL};

// Pushes the field `name` if it is there: +1 or +0. Raises for another type.
static bool push_field(lua_State *L, int index, const char *name, int type)
{
  int found = lua_getfield(L, index, name); // value
  if (found == LUA_TNIL) {
    lua_pop(L, 1); //
    return false;
  }
  if (found != type)
    luaL_error(L, "behaviour: %s must be a %s, not a %s", name,
               lua_typename(L, type), lua_typename(L, found));
  return true;
}

// --- simple fields ---

static bool read_flag(lua_State *L, int index, const char *name, bool otherwise)
{
  if (!push_field(L, index, name, LUA_TBOOLEAN)) return otherwise; // flag
  bool value = lua_toboolean(L, -1);
  lua_pop(L, 1); //
  return value;
}

static lua_Integer read_number(lua_State *L, int index, const char *name,
                               lua_Integer max)
{
  if (!push_field(L, index, name, LUA_TNUMBER)) return 0; // number
  int whole;
  lua_Integer value = lua_tointegerx(L, -1, &whole);
  if (!whole || value < 0 || value > max)
    luaL_error(L, "behaviour: %s must be a whole number from 0 to %d", name,
               (int)(max < INT32_MAX ? max : INT32_MAX));
  lua_pop(L, 1); //
  return value;
}

static uint64_t read_ms(lua_State *L, int index, const char *name)
{
  return (uint64_t)read_number(L, index, name, DELAY_MAX_MS) * NS_PER_MS;
}

static int read_status(lua_State *L, int index)
{
  int status = (int)read_number(L, index, "status", 599);
  if (status && status < 200)
    luaL_error(L, "behaviour: status must be from 200 to 599");
  return status ? status : 200;
}

static void refuse_end(lua_State *L, const char *name)
{
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, "behaviour: an upstream cannot fail by '");
  luaL_addstring(&b, name);
  luaL_addstring(&b, "'; it can by");
  for (int end = HTTP_CANCELLED + 1; end < HTTP_ENDS; end++) {
    luaL_addchar(&b, ' ');
    luaL_addstring(&b, http_end_name((enum http_end)end));
  }
  luaL_pushresult(&b); // text
  lua_error(L);
}

// An answer, and what the engine does itself, are no failures to ask for.
static enum http_end read_end(lua_State *L, int index)
{
  if (!push_field(L, index, "fail", LUA_TSTRING)) return HTTP_ANSWERED; // name
  const char *name = lua_tostring(L, -1);
  for (int end = HTTP_CANCELLED + 1; end < HTTP_ENDS; end++) {
    if (strcmp(http_end_name((enum http_end)end), name)) continue;
    lua_pop(L, 1); //
    return (enum http_end)end;
  }
  refuse_end(L, name);
  return HTTP_FAILED;
}

// --- the answer ---

static struct slice kept(lua_State *L, struct arena *arena, struct slice s)
{
  s = arena_copy(arena, s);
  if (!s.data) luaL_error(L, "not enough memory");
  return s;
}

static struct slice write_json(lua_State *L, struct arena *arena)
{
  struct buf text = {0};
  struct error err;
  enum error_code code = convert_put(L, lua_gettop(L), NULL, &text, &err);
  struct slice copy = arena_copy(arena, buf_slice(&text));
  buf_finish(&text);
  if (code != OK) luaL_error(L, "behaviour: json: %s", err.message);
  if (!copy.data) luaL_error(L, "not enough memory");
  return copy;
}

static struct slice read_body(lua_State *L, int index, struct arena *arena,
                              bool *json)
{
  struct slice body = SLICE("");
  *json = lua_getfield(L, index, "json") != LUA_TNIL; // json
  if (*json) body = write_json(L, arena);
  if (push_field(L, index, "body", LUA_TSTRING)) { // json body
    if (*json) luaL_error(L, "behaviour: give json or body, not both");
    body.data = lua_tolstring(L, -1, &body.len);
    body = kept(L, arena, body);
    lua_pop(L, 1); // json
  }
  lua_pop(L, 1); //
  return body;
}

static const char *check_text(lua_State *L, int index)
{
  int type = lua_type(L, index);
  if (type != LUA_TSTRING && type != LUA_TNUMBER)
    luaL_error(L, "behaviour: headers: names and values are strings");
  const char *text = lua_tostring(L, index);
  if (strpbrk(text, "\r\n")) luaL_error(L, "behaviour: headers: a line break");
  return text;
}

static struct slice add_line(lua_State *L, struct arena *arena,
                             struct slice head, const char *name)
{
  head = arena_printf(arena, "%.*s%s: %s\n", SLICE_ARG(head), name,
                      check_text(L, lua_gettop(L)));
  if (!head.data) luaL_error(L, "not enough memory");
  return head;
}

// The field on the top; a list of values makes a line of each.
static struct slice add_lines(lua_State *L, struct arena *arena,
                              struct slice head, const char *name)
{
  if (!lua_istable(L, -1)) return add_line(L, arena, head, name);
  lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i); // list value
    head = add_line(L, arena, head, name);
    lua_pop(L, 1); // list
  }
  return head;
}

static struct slice read_head(lua_State *L, int index, struct arena *arena,
                              bool json)
{
  struct slice head = SLICE("");
  bool typed = false;
  if (push_field(L, index, "headers", LUA_TTABLE)) { // headers
    int table = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) { // name value
      if (lua_type(L, -2) != LUA_TSTRING)
        luaL_error(L, "behaviour: headers: names are strings");
      const char *name = check_text(L, lua_gettop(L) - 1);
      typed = typed || slice_eq_nocase(slice_of(name), SLICE("content-type"));
      head = add_lines(L, arena, head, name);
    }
    lua_pop(L, 1); //
  }
  if (!json || typed) return head;
  lua_pushliteral(L, "application/json"); // type
  head = add_line(L, arena, head, "Content-Type");
  lua_pop(L, 1); //
  return head;
}

// --- all of it ---

static void refuse_contradictions(lua_State *L, const struct behaviour *b)
{
  bool answers = b->end == HTTP_ANSWERED || b->end == HTTP_CUT;
  if (!answers && (b->body.len || b->head.len))
    luaL_error(L, "behaviour: what fails by '%s' has no answer",
               http_end_name(b->end));
  if (answers && !b->sent && !b->hang)
    luaL_error(L, "behaviour: sent = false, but an answer");
}

void kit_read_behaviour(lua_State *L, int index, struct arena *arena,
                        struct behaviour *out)
{
  bool json;
  luaL_checktype(L, index, LUA_TTABLE);
  kit_check_keys(L, index, "behaviour", known);
  enum http_end end = read_end(L, index);
  bool late = end == HTTP_TIMEOUT || end == HTTP_CONNECT_TIMEOUT;
  *out = (struct behaviour){
      .end = end,
      .status = read_status(L, index),
      .delay_ns = read_ms(L, index, "delay_ms"),
      .body_ns = read_ms(L, index, "body_ms"),
      .hang = read_flag(L, index, "hang", late),
      .sent = read_flag(L, index, "sent", !http_end_not_executed(end)),
  };
  out->body = read_body(L, index, arena, &json);
  out->head = read_head(L, index, arena, json);
  refuse_contradictions(L, out);
}
