// bind_ctx.c -- ctx: what a handler knows of its call. None of it waits.


#include "bind/bind_ctx.h"
#include "loop/clock.h"
#include "script/call.h"
#include "script/context.h"
#include "script/response.h"

static void push_slice(lua_State *L, struct slice s)
{
  lua_pushlstring(L, s.data ? s.data : "", s.len);
}

/// ctx.deadline: integer
/// Milliseconds left, 0 when none are.
static int get_deadline(lua_State *L)
{
  struct call *call = call_of(L, "ctx.deadline");
  uint64_t now = loop_now(vm_loop(call_live(call)->vm));
  uint64_t at = call_deadline(call);
  lua_pushinteger(L, at > now ? (lua_Integer)((at - now) / NS_PER_MS) : 0);
  return 1;
}

/// ctx.principal: string
static int get_principal(lua_State *L)
{
  push_slice(L, call_principal(call_of(L, "ctx.principal")));
  return 1;
}

/// ctx.request_id: string
static int get_request_id(lua_State *L)
{
  push_slice(L, call_request_id(call_of(L, "ctx.request_id")));
  return 1;
}

/// ctx.tool: string
static int get_tool(lua_State *L)
{
  push_slice(L, call_tool(call_of(L, "ctx.tool"))->name);
  return 1;
}

static const luaL_Reg getters[] = {
    {"deadline", get_deadline},
    {"principal", get_principal},
    {"request_id", get_request_id},
    {"tool", get_tool},
    {NULL, NULL},
};

// --- objects ---

// Upvalues: the methods, the object's name.
static int refuse_field(lua_State *L)
{
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, lua_tostring(L, lua_upvalueindex(2)));
  luaL_addstring(&b, " has no field '");
  luaL_tolstring(L, 2, NULL);
  luaL_addvalue(&b);
  luaL_addstring(&b, "'; it has");
  const luaL_Reg *methods = lua_touserdata(L, lua_upvalueindex(1));
  for (const luaL_Reg *m = methods; m->name; m++) {
    luaL_addchar(&b, ' ');
    luaL_addstring(&b, m->name);
  }
  luaL_pushresult(&b);
  luaL_where(L, 1);  // message where
  lua_insert(L, -2); // where message
  lua_concat(L, 2);  // text
  return lua_error(L);
}

static void push_refusal(lua_State *L, const luaL_Reg *methods,
                         const char *name)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)methods);
  lua_pushstring(L, name);
  lua_pushcclosure(L, refuse_field, 2); // refusal
}

void bind_ctx_object(lua_State *L, const luaL_Reg *methods, bool flag,
                     const char *name)
{
  lua_newtable(L);                   // object
  lua_createtable(L, 0, 3);          // object meta
  lua_newtable(L);                   // object meta index
  lua_pushboolean(L, flag);          // object meta index flag
  luaL_setfuncs(L, methods, 1);      // object meta index
  lua_createtable(L, 0, 1);          // object meta index none
  push_refusal(L, methods, name);    // object meta index none refusal
  lua_setfield(L, -2, "__index");    // object meta index none
  lua_setmetatable(L, -2);           // object meta index
  lua_setfield(L, -2, "__index");    // object meta
  push_refusal(L, methods, name);    // object meta refusal
  lua_setfield(L, -2, "__newindex"); // object meta
  lua_pushboolean(L, false);
  lua_setfield(L, -2, "__metatable"); // object meta
  lua_setmetatable(L, -2);            // object
}

void bind_ctx(lua_State *L)
{
  context_open(L);
  response_open(L);
  for (const luaL_Reg *g = getters; g->name; g++) {
    context_set_getter(L, CONTEXT_CALL, g->name, g->func);
    context_set_getter(L, CONTEXT_AUTH, g->name, g->func);
  }
  bind_ctx_http(L);
  bind_ctx_cache(L);
  bind_ctx_log(L);
  bind_ctx_notify(L);
  bind_ctx_call(L);
  bind_ctx_ask(L);
  bind_ctx_change(L);
}
