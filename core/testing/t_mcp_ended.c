// t_mcp_ended.c -- shows the memory of ended sessions of mcp/shared.

#include <lauxlib.h>

#include "mcp/shared.h"
#include "testing/t_base.h"

#define ENDED "T.mcp_ended"

int t_mcp_ended(lua_State *L);

static struct mcp_shared *check_ended(lua_State *L)
{
  return *(struct mcp_shared **)luaL_checkudata(L, 1, ENDED);
}

static const unsigned char *check_id(lua_State *L)
{
  struct slice id = t_slice(L, 2);
  luaL_argcheck(L, id.len == SESSION_ID_LEN, 2, "16 bytes");
  return (const unsigned char *)id.data;
}

// new(): an empty memory.
static int new (lua_State *L)
{
  struct mcp_shared **box = lua_newuserdatauv(L, sizeof(void *), 0);
  *box = mcp_shared_new();
  luaL_setmetatable(L, ENDED);
  return 1;
}

// ended:add(id, expires_ms, now_ms)
static int ended_add(lua_State *L)
{
  mcp_shared_end_session(check_ended(L), check_id(L), luaL_checkinteger(L, 3),
                         luaL_checkinteger(L, 4));
  return 0;
}

// ended:has(id, now_ms)
static int ended_has(lua_State *L)
{
  lua_pushboolean(L, mcp_shared_session_ended(check_ended(L), check_id(L),
                                              luaL_checkinteger(L, 3)));
  return 1;
}

static int ended_free(lua_State *L)
{
  mcp_shared_free(check_ended(L));
  return 0;
}

int t_mcp_ended(lua_State *L)
{
  static const luaL_Reg methods[] = {{"add", ended_add},
                                     {"has", ended_has},
                                     {"__gc", ended_free},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"new", new}, {NULL, NULL}};
  luaL_newmetatable(L, ENDED);    // meta
  luaL_setfuncs(L, methods, 0);   // meta
  lua_pushvalue(L, -1);           // meta meta
  lua_setfield(L, -2, "__index"); // meta
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
