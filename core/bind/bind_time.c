// bind_time.c -- tide.time: the loop's clock, and sleeping.

#include <lauxlib.h>
#include <math.h>

#include "base/iso_time.h"
#include "bind/arguments.h"
#include "bind/bind.h"
#include "script/call.h"
#include "script/vm.h"

#define SLEEP_MAX_S 3600.0
#define TIME_MAX_S  1e12 // far beyond the year 9999

// Lives as a userdata on the stack of the task that sleeps, so that no path
// has to free it.
struct nap {
  struct timer timer;
  struct task_ticket ticket;
};

static void on_nap_over(struct timer *timer, void *ctx)
{
  struct nap *nap = ctx;
  (void)timer;
  task_wake(nap->ticket, 0); // nap may be gone from here on
}

static void nap_cancel(void *wait)
{
  timer_stop(&((struct nap *)wait)->timer);
}

// Tasks belong to calls; in specs to nobody.
static void note_sleep(lua_State *L, double seconds)
{
  struct call *call = task_owner(L);
  if (!call) return;
  trail_add(call_trail(call), loop_now(vm_loop(vm_of(L))), TRAIL_SLEEP, OK,
            (int64_t)(seconds * 1000), 0, (struct slice){NULL, 0});
}

/// tide.time.sleep(seconds: number)
/// Waits; other calls go on meanwhile.
static int time_sleep(lua_State *L)
{
  double seconds = luaL_checknumber(L, 1);
  luaL_argcheck(L, seconds >= 0 && seconds <= SLEEP_MAX_S, 1,
                "0 to 3600 seconds");
  task_check(L, "tide.time.sleep");
  note_sleep(L, seconds);
  struct nap *nap = lua_newuserdatauv(L, sizeof(*nap), 0); // seconds nap
  timer_init(&nap->timer, vm_loop(vm_of(L)), on_nap_over, nap);
  nap->ticket = task_wait(L, nap_cancel, nap);
  if (!timer_start(&nap->timer, (uint64_t)(seconds * 1e9)))
    return luaL_error(L, "not enough memory");
  return task_yield(L);
}

/// tide.time.now(): number -- seconds since 1970, with fractions
static int time_now(lua_State *L)
{
  lua_pushnumber(L, (double)vm_wall_ms(vm_of(L)) / 1000);
  return 1;
}

/// tide.time.iso(seconds?: number): string -- "2026-07-28T12:00:00Z"
static int time_iso(lua_State *L)
{
  char text[ISO_TIME_MAX];
  int64_t ms = vm_wall_ms(vm_of(L)) / 1000 * 1000;
  if (!lua_isnoneornil(L, 1)) {
    double seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, fabs(seconds) < TIME_MAX_S, 1, "out of range");
    ms = llround(seconds * 1000);
  }
  luaL_argcheck(L, iso_time_print(text, ms), 1, "the years are 0 to 9999");
  lua_pushstring(L, text);
  return 1;
}

/// tide.time.parse(text: string): number?, tide.Error?
/// Seconds since 1970; without a zone the text is in UTC.
static int time_parse(lua_State *L)
{
  int64_t seconds;
  int32_t ns;
  if (!iso_time_parse(check_slice(L, 1), &seconds, &ns))
    return push_failure(L, E_INVALID, "not an ISO 8601 time");
  if (ns) {
    lua_pushnumber(L, (double)seconds + ns / 1e9);
  } else {
    lua_pushinteger(L, seconds);
  }
  return 1;
}

void bind_time_open(lua_State *L)
{
  static const luaL_Reg functions[] = {{"sleep", time_sleep},
                                       {"now", time_now},
                                       {"iso", time_iso},
                                       {"parse", time_parse},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);   // tide time
  lua_setfield(L, -2, "time"); // tide
}
