// t_http_input.c -- shows the parsing of requests, without sockets.

#include <lauxlib.h>

#include "net/http_input.h"

int t_http_input(lua_State *L);


static void set_slice(lua_State *L, const char *name, struct slice s)
{
  if (!s.data) return;
  lua_pushlstring(L, s.data, s.len); // t s
  lua_setfield(L, -2, name);         // t
}

static void push_headers(lua_State *L, const struct http_message *m)
{
  lua_newtable(L); // list
  for (size_t i = 0; i < m->header_count; i++) {
    const struct header *h = &m->headers[i];
    lua_pushlstring(L, h->name.data, h->name.len);   // list name
    lua_pushliteral(L, "=");                         // list name =
    lua_pushlstring(L, h->value.data, h->value.len); // list name = value
    lua_concat(L, 3);                                // list text
    lua_rawseti(L, -2, (lua_Integer)i + 1);          // list
  }
}

static void push_message(lua_State *L, const struct http_input *in)
{
  const struct http_message *m = &in->message;
  lua_newtable(L); // m
  set_slice(L, "method", m->method);
  set_slice(L, "target", m->target);
  set_slice(L, "path", m->path);
  set_slice(L, "query", m->query);
  set_slice(L, "body", m->body);
  lua_pushinteger(L, m->minor);       // m minor
  lua_setfield(L, -2, "minor");       // m
  lua_pushboolean(L, in->keep_alive); // m keep_alive
  lua_setfield(L, -2, "keep_alive");  // m
  push_headers(L, m);                 // m headers
  lua_setfield(L, -2, "headers");     // m
}

// Puts the bytes in as far as room is given.
static size_t put(struct http_input *in, struct slice bytes)
{
  size_t size;
  char *room = http_input_room(in, &size);
  if (!room) return 0;
  if (size > bytes.len) size = bytes.len;
  memcpy(room, bytes.data, size);
  http_input_filled(in, size);
  return size;
}

// Takes all requests that are whole; appends them to the table on the top.
static void take_all(lua_State *L, struct http_input *in)
{
  while (http_input_parse(in) == INPUT_READY) {
    push_message(L, in);                                    // list m
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1); // list
    http_input_next(in);
  }
}

static void feed(lua_State *L, struct http_input *in, struct slice bytes)
{
  while (bytes.len > 0 && in->state != INPUT_BAD) {
    size_t n = put(in, bytes);
    bytes.data += n;
    bytes.len -= n;
    take_all(L, in);
  }
}

static uint32_t limit(lua_State *L, const char *name, uint32_t otherwise)
{
  if (lua_istable(L, 2)) {
    lua_getfield(L, 2, name); // value
    otherwise = (uint32_t)luaL_optinteger(L, -1, otherwise);
    lua_pop(L, 1);
  }
  return otherwise;
}

// parse({ piece, ... }, [limits]): the requests in these bytes, and then what
// it waits for ("head", "body"), or the status of the refusal.
static int parse(lua_State *L)
{
  static const char *const states[] = {"head", "body", "ready"};
  luaL_checktype(L, 1, LUA_TTABLE);
  struct input_limits limits = {limit(L, "max_header_bytes", 16 * 1024),
                                limit(L, "max_headers", 100),
                                limit(L, "max_body_bytes", 1024 * 1024)};
  struct http_input in;
  http_input_init(&in, &limits);
  lua_newtable(L); // list
  for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, 1); i++) {
    lua_rawgeti(L, 1, i); // list piece
    struct slice piece;
    piece.data = lua_tolstring(L, -1, &piece.len);
    lua_insert(L, -2); // piece list
    feed(L, &in, piece);
    lua_remove(L, -2); // list
  }
  if (in.state == INPUT_BAD)
    lua_pushinteger(L, in.status); // list status
  else
    lua_pushstring(L, states[in.state]);              // list state
  lua_pushboolean(L, http_input_wants_continue(&in)); // list state wants
  http_input_finish(&in);
  return 3;
}

int t_http_input(lua_State *L)
{
  static const luaL_Reg functions[] = {{"parse", parse}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
