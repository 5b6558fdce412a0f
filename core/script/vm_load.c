// vm_load.c -- Lua outside of tasks: chunks that are loaded, and engine code
// that walks what they returned.

#include <lauxlib.h>
#include <stdio.h>

#include "script/fault.h"
#include "script/sandbox.h"
#include "script/vm.h"
#include "script/vm_inside.h"

// What was raised, as text for whoever wrote the script. Borrows from the stack.
static const char *raised_text(lua_State *L, char *room, size_t size)
{
  struct error err;
  if (fault_read(L, -1, &err)) {
    snprintf(room, size, "%s: %.*s", error_name(err.code),
             ERROR_MESSAGE_MAX - 40, err.message);
    return room;
  }
  const char *text = lua_tostring(L, -1);
  if (text) return text;
  snprintf(room, size, "raised a %s", luaL_typename(L, -1));
  return room;
}

static enum error_code raised_code(const struct lane *lane, const char *text)
{
  return lane->killed || fault_is_limit(text) ? E_SCRIPT_LIMIT : E_SCRIPT;
}

// Pops what was raised. -1 +0
static enum error_code fail(struct vm *vm, int status, struct error *err)
{
  char room[ERROR_MESSAGE_MAX];
  const char *text = raised_text(vm->L, room, sizeof(room));
  enum error_code code = raised_code(&vm->lane, text);
  error_set(err, code, "%s", text);
  lua_pop(vm->L, 1);
  if (status == LUA_ERRMEM) lua_gc(vm->L, LUA_GCCOLLECT);
  return code;
}

// Calls the function below `nargs` arguments with the limits of a run, or less.
static enum error_code guarded(struct vm *vm, const struct vm_bounds *bounds,
                               int nargs, int nresults, struct error *err)
{
  struct run run;
  bool lenient = vm->lenient;
  vm->lane.killed = false;
  run_begin(&run, &vm->lane, vm->L, vm);
  if (bounds) allowance_narrow(&run, vm, *bounds);
  allowance_arm(&vm->lane, vm->L);
  vm->lenient = false;
  int status = lua_pcall(vm->L, nargs, nresults, 0);
  vm->lenient = true;
  lua_sethook(vm->L, NULL, 0, 0);
  run_end(&run, &vm->lane);
  if (status == LUA_OK && vm->lane.killed) { // caught, and nothing ran after it
    lua_settop(vm->L, -nresults - 1);
    lua_pushstring(vm->L, run.allowance->over); // reason
    status = LUA_ERRRUN;
  }
  enum error_code code = status == LUA_OK ? OK : fail(vm, status, err);
  vm->lenient = lenient;
  return code;
}

struct chunk {
  struct slice name, text;
};

static int run_chunk(lua_State *L)
{
  const struct chunk *chunk = lua_touserdata(L, 1);
  sandbox_push_require(L, chunk->name);      // chunk require?
  sandbox_load(L, chunk->name, chunk->text); // chunk fn
  lua_call(L, 0, 1);                         // chunk result
  return 1;
}

enum error_code vm_load(struct vm *vm, struct slice name, struct slice text,
                        struct error *err)
{
  struct chunk chunk = {name, text};
  lua_State *L = vm->L;
  if (!lua_checkstack(L, 4))
    return error_set(err, E_NO_MEMORY, "%s", error_sentence(E_NO_MEMORY));
  lua_pushcfunction(L, run_chunk);     // run
  lua_pushlightuserdata(L, &chunk);    // run chunk
  return guarded(vm, NULL, 1, 1, err); // result
}

static enum error_code protect(struct vm *vm, const struct vm_bounds *bounds,
                               int (*fn)(lua_State *L), void *ctx,
                               struct error *err)
{
  lua_State *L = vm->L;
  if (!lua_checkstack(L, 4))
    return error_set(err, E_NO_MEMORY, "%s", error_sentence(E_NO_MEMORY));
  lua_pushcfunction(L, fn);              // fn
  lua_pushlightuserdata(L, ctx);         // fn ctx
  return guarded(vm, bounds, 1, 0, err); //
}

enum error_code vm_protect(struct vm *vm, int (*fn)(lua_State *L), void *ctx,
                           struct error *err)
{
  return protect(vm, NULL, fn, ctx, err);
}

enum error_code vm_protect_within(struct vm *vm, struct vm_bounds bounds,
                                  int (*fn)(lua_State *L), void *ctx,
                                  struct error *err)
{
  return protect(vm, &bounds, fn, ctx, err);
}
