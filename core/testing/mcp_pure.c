// mcp_pure.c -- what of mcp/ needs no world, for T.mcp.

#include "base/fault.h"
#include "mcp/cursor.h"
#include "mcp/header_value.h"
#include "testing/mcp_fakes.h"

// reply(notifications, answer): status, headers and body of what leaves when so
// many notifications come before the answer; `answer` nil: none.
int t_reply(lua_State *L)
{
  struct answer a = {0};
  struct reply r = {.outlet = {&t_outlet_ops, &a}, .request_id = SLICE("r")};
  struct buf answer = {0};
  if (!lua_isnil(L, 2)) buf_add(&answer, t_slice(L, 2));
  lua_Integer n = luaL_len(L, 1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, 1, i); // ... notification
    reply_notify(&r, t_slice(L, -1));
    lua_pop(L, 1);
  }
  if (lua_isnil(L, 2))
    reply_end_silent(&r);
  else
    reply_end(&r, 400, &answer);
  buf_finish(&answer);
  lua_pushinteger(L, a.ended ? a.status : 0); // ... status
  t_finish(L, &a.headers);                    // ... status headers
  t_finish(L, &a.body);                       // ... status headers body
  return 3;
}

// cursor(list, principal, expires_ms, last): one by the key of the worlds.
int t_cursor(lua_State *L)
{
  struct slice key = SLICE(WORLD_KEY);
  struct seal_ring *ring;
  struct buf out = {0};
  struct cursor c = {(enum cursor_list)luaL_checkstring(L, 1)[0], t_slice(L, 2),
                     luaL_checkinteger(L, 3), t_slice(L, 4)};
  if (seal_ring_new(&key, 1, &ring, NULL) != OK)
    return luaL_error(L, "no ring");
  cursor_seal(ring, &c, &out);
  seal_ring_free(ring);
  return t_finish(L, &out);
}

// header_value(text): what it means, or nil.
int t_header_value(lua_State *L)
{
  struct arena arena = {0};
  struct slice out;
  bool good = header_value_decode(t_slice(L, 1), &arena, &out);
  if (good)
    lua_pushlstring(L, out.data, out.len);
  else
    lua_pushnil(L);
  arena_finish(&arena);
  return 1;
}

// fail_after(n): so many allocations succeed, then one fails.
int t_fail_after(lua_State *L)
{
  fault_fail_after((long)luaL_checkinteger(L, 1));
  return 0;
}

// fired(): has it? Turns it off.
int t_fired(lua_State *L)
{
  lua_pushboolean(L, fault_fired());
  return 1;
}
