// bind_log.c -- tide.log: lines outside of a call.

#include <lauxlib.h>

#include "bind/bind.h"
#include "bind/log_line.h"
#include "script/vm.h"

// Until the VM has a worker, its lines go to the log of the loader's thread.
static int write_line(lua_State *L, enum log_level level)
{
  const struct bind_env *env = lua_touserdata(L, lua_upvalueindex(1));
  const struct vm *vm = vm_of(L);
  struct log *log = vm_loop(vm) ? vm_log(vm) : env->log;
  log_line(L, 1, log, level, (struct slice){NULL, 0});
  return 0;
}

/// tide.log.debug(message: string, fields?: table)
static int log_at_debug(lua_State *L)
{
  return write_line(L, LOG_DEBUG);
}

/// tide.log.info(message: string, fields?: table)
static int log_at_info(lua_State *L)
{
  return write_line(L, LOG_INFO);
}

/// tide.log.warn(message: string, fields?: table)
static int log_at_warn(lua_State *L)
{
  return write_line(L, LOG_WARN);
}

/// tide.log.error(message: string, fields?: table)
static int log_at_error(lua_State *L)
{
  return write_line(L, LOG_ERROR);
}

void bind_log_open(lua_State *L, const struct bind_env *env)
{
  static const luaL_Reg functions[] = {{"debug", log_at_debug},
                                       {"info", log_at_info},
                                       {"warn", log_at_warn},
                                       {"error", log_at_error},
                                       {NULL, NULL}};
  luaL_newlibtable(L, functions);                   // tide log
  lua_pushlightuserdata(L, (void *)(uintptr_t)env); // tide log env
  luaL_setfuncs(L, functions, 1);                   // tide log
  lua_setfield(L, -2, "log");                       // tide
}
