// bind_ctx_log.c -- ctx.log: lines that say which call they belong to.

#include <lauxlib.h>
#include <stdio.h>

#include "bind/bind_ctx.h"
#include "bind/log_line.h"
#include "script/call.h"
#include "script/context.h"

static int write_line(lua_State *L, enum log_level level, const char *what)
{
  if (!lua_istable(L, 1))
    luaL_error(L, "call it with a colon: %s(message, fields)", what);
  struct call *call = call_of(L, what);
  char tail[160];
  int len = snprintf(tail, sizeof(tail), "tool=%.*s req=%.*s",
                     SLICE_ARG(call_tool(call)->name),
                     SLICE_ARG(call_request_id(call)));
  size_t room = sizeof(tail) - 1;
  struct slice pairs = {tail, (size_t)len < room ? (size_t)len : room};
  log_line(L, 2, vm_log(call_live(call)->vm), level, pairs);
  return 0;
}

/// ctx.log:debug(message: string, fields?: table)
static int log_at_debug(lua_State *L)
{
  return write_line(L, LOG_DEBUG, "ctx.log:debug");
}

/// ctx.log:info(message: string, fields?: table)
static int log_at_info(lua_State *L)
{
  return write_line(L, LOG_INFO, "ctx.log:info");
}

/// ctx.log:warn(message: string, fields?: table)
static int log_at_warn(lua_State *L)
{
  return write_line(L, LOG_WARN, "ctx.log:warn");
}

/// ctx.log:error(message: string, fields?: table)
static int log_at_error(lua_State *L)
{
  return write_line(L, LOG_ERROR, "ctx.log:error");
}

void bind_ctx_log(lua_State *L)
{
  static const luaL_Reg methods[] = {{"debug", log_at_debug},
                                     {"info", log_at_info},
                                     {"warn", log_at_warn},
                                     {"error", log_at_error},
                                     {NULL, NULL}};
  bind_ctx_object(L, methods, false, "ctx.log");
  lua_pushvalue(L, -1); // log log
  context_set_field(L, CONTEXT_CALL, "log");
  context_set_field(L, CONTEXT_AUTH, "log");
}
