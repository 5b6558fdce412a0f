// t_sse.c -- shows net/sse to the specs.

#include <lauxlib.h>

#include "net/sse.h"

int t_sse(lua_State *L);

static struct slice opt_slice(lua_State *L, int arg)
{
  struct slice s = {0};
  if (!lua_isnoneornil(L, arg)) s.data = luaL_checklstring(L, arg, &s.len);
  return s;
}

static int push_buf(lua_State *L, struct buf *b)
{
  lua_pushlstring(L, buf_slice(b).data, b->len);
  buf_finish(b);
  return 1;
}

// put(event, id, data), comment(text), retry(ms): the bytes
static int put(lua_State *L)
{
  struct buf out = {0};
  sse_put(&out, opt_slice(L, 1), opt_slice(L, 2), opt_slice(L, 3));
  return push_buf(L, &out);
}

static int comment(lua_State *L)
{
  struct buf out = {0};
  sse_put_comment(&out, opt_slice(L, 1));
  return push_buf(L, &out);
}

static int retry(lua_State *L)
{
  struct buf out = {0};
  sse_put_retry(&out, (uint32_t)luaL_checkinteger(L, 1));
  return push_buf(L, &out);
}

// -0 +0
static void set_slice(lua_State *L, const char *name, struct slice s)
{
  if (!s.data) return;
  lua_pushlstring(L, s.data, s.len); // ... event value
  lua_setfield(L, -2, name);         // ... event
}

static void on_event(const struct sse_event *event, void *ctx)
{
  lua_State *L = ctx; // pieces max result events
  lua_newtable(L);    // ... events event
  set_slice(L, "type", event->type);
  set_slice(L, "data", event->data);
  set_slice(L, "id", event->id);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1); // ... events
}

// decode({piece, ...}, max): { code =, retry_ms =, comment =, events = {...} }
static int decode(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  struct sse_decoder d;
  sse_decoder_init(&d, (size_t)luaL_optinteger(L, 2, 1 << 20));
  lua_settop(L, 2);
  lua_newtable(L); // pieces max result
  lua_newtable(L); // pieces max result events
  enum error_code code = OK;
  lua_Integer n = luaL_len(L, 1);
  for (lua_Integer i = 1; i <= n && code == OK; i++) {
    struct slice piece;
    lua_rawgeti(L, 1, i); // ... result events piece
    piece.data = lua_tolstring(L, -1, &piece.len);
    lua_insert(L, 3); // pieces max piece result events
    code = sse_feed(&d, piece, on_event, L);
    lua_remove(L, 3); // pieces max result events
  }
  lua_setfield(L, -2, "events"); // pieces max result
  lua_pushinteger(L, d.retry_ms);
  lua_setfield(L, -2, "retry_ms");
  lua_pushboolean(L, d.seen_comment);
  lua_setfield(L, -2, "comment");
  lua_pushstring(L, error_name(code));
  lua_setfield(L, -2, "code");
  sse_decoder_finish(&d);
  return 1;
}

int t_sse(lua_State *L)
{
  static const luaL_Reg functions[] = {{"put", put},
                                       {"comment", comment},
                                       {"retry", retry},
                                       {"decode", decode},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
