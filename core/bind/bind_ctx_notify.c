// bind_ctx_notify.c -- ctx.progress, ctx.notify and ctx.detach: what a handler
// tells its client while it runs. None waits.

#include <math.h>

#include "bind/arguments.h"
#include "bind/bind_ctx.h"
#include "script/call.h"
#include "script/context.h"
#include "script/convert.h"

#define DATA_MAX     65536 // bytes of JSON
#define RETRY_MS     1000
#define RETRY_MAX_MS 60000

static double check_number(lua_State *L, int arg)
{
  double n = luaL_checknumber(L, arg);
  luaL_argcheck(L, isfinite(n), arg, "a finite number");
  return n;
}

/// ctx.progress(progress: number, total?: number, message?: string)
static int ctx_progress(lua_State *L)
{
  struct call_progress p = {.progress = check_number(L, 1)};
  p.has_total = !lua_isnoneornil(L, 2);
  if (p.has_total) p.total = check_number(L, 2);
  if (!lua_isnoneornil(L, 3)) p.message = check_slice(L, 3);
  luaL_argcheck(L, p.message.len <= DATA_MAX, 3, "at most 64 KiB");
  call_tell_progress(call_of(L, "ctx.progress"), &p);
  return 0;
}

/// ctx.notify(level: tide.NoteLevel, data: any)
static int ctx_notify(lua_State *L)
{
  int level = check_choice(L, 1, "ctx.notify: a level", note_names);
  luaL_checkany(L, 2);
  struct call *call = call_of(L, "ctx.notify");
  struct buf *out = vm_buf(vm_of(L));
  struct error err;
  if (convert_put(L, 2, NULL, out, &err) != OK)
    luaL_argerror(L, 2, lua_pushstring(L, err.message));
  luaL_argcheck(L, buf_ok(out) && out->len <= DATA_MAX, 2,
                "at most 64 KiB of JSON");
  call_tell(call, (enum note_level)level, buf_slice(out));
  return 0;
}

/// ctx.detach(retry_ms?: integer): boolean
static int ctx_detach(lua_State *L)
{
  lua_Integer ms = luaL_optinteger(L, 1, RETRY_MS);
  luaL_argcheck(L, ms >= 0 && ms <= RETRY_MAX_MS, 1, "0 to 60000 ms");
  lua_pushboolean(L, call_detach(call_of(L, "ctx.detach"), (uint32_t)ms));
  return 1;
}

void bind_ctx_notify(lua_State *L)
{
  lua_pushcfunction(L, ctx_progress); // progress
  context_set_field(L, CONTEXT_CALL, "progress");
  lua_pushcfunction(L, ctx_notify); // notify
  context_set_field(L, CONTEXT_CALL, "notify");
  lua_pushcfunction(L, ctx_detach); // detach
  context_set_field(L, CONTEXT_CALL, "detach");
}
