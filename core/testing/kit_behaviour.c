// kit_behaviour.c -- see kit.h: behaviours and headers, from and to Lua.

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#include "loop/clock.h"
#include "script/convert.h"
#include "testing/kit.h"

static const char *const known[] = {"status", "headers",  "json", "body",
                                    "fail",   "delay_ms", "hang", "sent"};

static void refuse_unknown(lua_State *L, int index)
{
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *key =
        lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    size_t i = 0;
    while (i < sizeof(known) / sizeof(*known) && strcmp(known[i], key))
      i++;
    if (i == sizeof(known) / sizeof(*known))
      luaL_error(L, "behaviour: unknown key '%s'", key);
  }
}

static enum http_end read_end(lua_State *L, int index)
{
  if (lua_getfield(L, index, "fail") == LUA_TNIL) {
    lua_pop(L, 1);
    return HTTP_ANSWERED;
  }
  const char *name = luaL_checkstring(L, -1);
  for (int end = 0; end < HTTP_ENDS; end++) {
    if (strcmp(http_end_name((enum http_end)end), name)) continue;
    lua_pop(L, 1);
    return (enum http_end)end;
  }
  luaL_error(L, "behaviour: no such failure: '%s'", name);
  return HTTP_FAILED;
}

static struct slice read_json(lua_State *L, struct arena *arena)
{
  struct buf text = {0};
  struct error err;
  if (convert_put(L, lua_gettop(L), NULL, &text, &err) != OK) {
    buf_finish(&text);
    luaL_error(L, "behaviour: %s", err.message);
  }
  struct slice copy = arena_copy(arena, buf_slice(&text));
  buf_finish(&text);
  return copy;
}

static struct slice read_body(lua_State *L, int index, struct arena *arena,
                              bool *json)
{
  struct slice body = {0};
  *json = lua_getfield(L, index, "json") != LUA_TNIL; // json
  if (*json) body = read_json(L, arena);
  lua_getfield(L, index, "body"); // json body
  if (!lua_isnil(L, -1)) {
    body.data = luaL_checklstring(L, -1, &body.len);
    body = arena_copy(arena, body);
  }
  lua_pop(L, 2); //
  return body;
}

static struct slice read_head(lua_State *L, int index, struct arena *arena,
                              bool json)
{
  struct slice head =
      json ? SLICE("Content-Type: application/json\n") : (struct slice){"", 0};
  if (lua_getfield(L, index, "headers") == LUA_TTABLE) { // headers
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
      head = arena_printf(arena, "%.*s%s: %s\n", SLICE_ARG(head),
                          luaL_checkstring(L, -2), luaL_checkstring(L, -1));
  }
  lua_pop(L, 1); //
  return arena_copy(arena, head);
}

static bool read_flag(lua_State *L, int index, const char *name, bool otherwise)
{
  lua_getfield(L, index, name); // value
  bool value = lua_isnil(L, -1) ? otherwise : lua_toboolean(L, -1);
  lua_pop(L, 1); //
  return value;
}

static lua_Integer read_number(lua_State *L, int index, const char *name,
                               lua_Integer otherwise)
{
  lua_getfield(L, index, name); // value
  lua_Integer value = luaL_optinteger(L, -1, otherwise);
  luaL_argcheck(L, value >= 0, index, name);
  lua_pop(L, 1); //
  return value;
}

void kit_read_behaviour(lua_State *L, int index, struct arena *arena,
                        struct behaviour *out)
{
  bool json;
  luaL_checktype(L, index, LUA_TTABLE);
  refuse_unknown(L, index);
  enum http_end end = read_end(L, index);
  *out = (struct behaviour){
      .end = end,
      .status = (int)read_number(L, index, "status", 200),
      .delay_ns = (uint64_t)read_number(L, index, "delay_ms", 0) * NS_PER_MS,
      .hang = read_flag(L, index, "hang", false),
      .sent = read_flag(L, index, "sent", !http_end_not_executed(end)),
  };
  out->body = read_body(L, index, arena, &json);
  out->head = read_head(L, index, arena, json);
}

void kit_push_headers(lua_State *L, struct slice lines)
{
  lua_newtable(L); // headers
  const char *at = lines.data, *stop = lines.data + lines.len;
  while (at < stop) {
    const char *end = memchr(at, '\n', (size_t)(stop - at));
    const char *colon = memchr(at, ':', (size_t)(stop - at));
    if (!end || !colon || colon > end) break;
    luaL_Buffer name;
    luaL_buffinit(L, &name);
    for (const char *c = at; c < colon; c++)
      luaL_addchar(&name, (char)tolower((unsigned char)*c));
    luaL_pushresult(&name);                                   // headers name
    lua_pushlstring(L, colon + 2, (size_t)(end - colon - 2)); // + value
    lua_rawset(L, -3);                                        // headers
    at = end + 1;
  }
}
