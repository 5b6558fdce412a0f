// kit_run.c -- letting time go by, and what is left when nothing moves.

#include "base/fault.h"
#include "guard/bulkhead.h"
#include "testing/kit.h"

// A script that loops without waiting for anything is stopped by its budget;
// one that waits zero seconds each time, by this.
#define TURNS_AT_ONCE 10000
// Of a second each: far above all levels.
#define LATE_SAMPLES 100

void kit_enter(lua_State *L, struct kit *kit, int self)
{
  kit->L = L;
  kit->self = self;
}

void kit_leave(lua_State *L, struct kit *kit)
{
  int self = kit->self;
  kit->L = NULL;
  if (!kit->raised) return;
  kit->raised = false;
  lua_getiuservalue(L, self, KIT_RAISED); // raised
  lua_pushnil(L);
  lua_setiuservalue(L, self, KIT_RAISED); // raised
  lua_error(L);
}

const char *kit_run(struct kit *kit, const bool *done, uint64_t until_ns)
{
  uint64_t at = loop_now(kit->loop);
  unsigned turns = 0;
  while (!kit->raised && !(done && *done)) {
    uint64_t next = loop_next(kit->loop);
    if (next > until_ns) break;
    if (next == UINT64_MAX) return "the call waits for nothing that will come";
    // What is due now may leave nothing before a time beyond `until_ns`.
    loop_turn(kit->loop, next > loop_now(kit->loop));
    if (loop_now(kit->loop) != at) {
      at = loop_now(kit->loop);
      turns = 0;
    } else if (++turns == TURNS_AT_ONCE) {
      return "time stands still: something goes round without waiting";
    }
  }
  return NULL;
}

/// kit:advance(ms: integer)
/// Lets simulated time go by; all that is due in it happens.
int kit_advance(lua_State *L)
{
  struct kit *kit = kit_check_idle(L);
  lua_Integer ms = luaL_checkinteger(L, 2);
  luaL_argcheck(L, ms >= 0 && ms <= INT64_C(1000000000000), 2,
                "time goes forward, and not for ever");
  uint64_t until = loop_now(kit->loop) + (uint64_t)ms * NS_PER_MS;
  kit_enter(L, kit, 1);
  const char *why = kit_run(kit, NULL, until);
  if (!why && !kit->raised) loop_run_until(kit->loop, until);
  kit_leave(L, kit);
  return why ? luaL_error(L, "kit:advance: %s", why) : 0;
}

/// kit:now_ms(): integer
/// Simulated milliseconds since the kit was made.
int kit_now_ms(lua_State *L)
{
  struct kit *kit = kit_check(L);
  uint64_t ns = loop_now(kit->loop) - KIT_START_NS;
  lua_pushinteger(L, (lua_Integer)(ns / NS_PER_MS)); // ms
  return 1;
}

static unsigned count_calls(const struct kit *kit)
{
  unsigned n = 0;
  for (const struct list *l = kit->calls.next; l != &kit->calls; l = l->next)
    n++;
  return n;
}

// Attempts that hold or wait for a place at any upstream.
static unsigned count_places(const struct kit *kit)
{
  const struct catalog *catalog = kit->live.generation->catalog;
  unsigned n = 0;
  for (size_t i = 0; i < catalog->integration_count; i++) {
    struct bulkhead *b = &catalog->integrations[i].upstream->bulkhead;
    n += bulkhead_in_flight(b) + bulkhead_queued(b);
  }
  return n;
}

/// kit:quiet(): true | false, string
/// Does nothing run or wait any more? If not, what does.
int kit_quiet(lua_State *L)
{
  struct kit *kit = kit_check(L);
  struct vm *vm = kit->live.vm;
  struct flights_stats flights;
  flights_stats(fetch_flights(kit->fetches), &flights);
  const struct {
    const char *what;
    size_t n;
  } all[] = {
      {"calls", count_calls(kit)},
      {"tasks", task_running(vm_tasks(vm))},
      {"transfers", http_client_stats(kit->live.http).running},
      {"places", count_places(kit)},
      {"flights", flights.flights},
      {"callers that wait for a flight", flights.waiters},
      {"exchanges of flights", fetcher_running(kit->live.fetcher)},
      {"holds of the VM", vm_held(vm)},
      {"timers", loop_timers(kit->loop)},
      {"turns to come", loop_next(kit->loop) <= loop_now(kit->loop)},
  };
  bool quiet = true;
  lua_pushliteral(L, "still there:"); // text
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    if (all[i].n == 0) continue;
    quiet = false;
    lua_pushfstring(L, " %I %s;", (LUAI_UACINT)all[i].n, all[i].what);
    lua_concat(L, 2); // text
  }
  lua_pushboolean(L, quiet); // text quiet
  lua_insert(L, -2);         // quiet text
  if (!quiet) return 2;
  lua_pop(L, 1); // quiet
  return 1;
}

/// kit:late(late: boolean)
/// As if the worker had too much to do, or no more: then nothing is hedged, and
/// what is stale is not refreshed.
int kit_late(lua_State *L)
{
  struct kit *kit = kit_check_idle(L);
  struct shed_options options;
  luaL_checktype(L, 2, LUA_TBOOLEAN);
  shed_options_default(&options);
  shed_init(&kit->shed, loop_now(kit->loop));
  uint64_t now = loop_now(kit->loop);
  for (int i = 0; lua_toboolean(L, 2) && i < LATE_SAMPLES; i++)
    shed_lag(&kit->shed, &options, NS_PER_S, now += NS_PER_S);
  kit->live.shed = lua_toboolean(L, 2) ? &kit->shed : NULL;
  return 0;
}

/// kit:memory(): integer
/// Bytes that the scripts' VM needs, after a full collection.
int kit_memory(lua_State *L)
{
  struct kit *kit = kit_check_idle(L);
  lua_gc(vm_state(kit->live.vm), LUA_GCCOLLECT);
  lua_pushinteger(L, (lua_Integer)vm_memory(kit->live.vm)); // bytes
  return 1;
}

/// kit:starve(n?: integer): boolean
/// The engine's n-th allocation from now on fails, once; in builds with faults.
/// Has the last one that was asked for happened?
int kit_starve(lua_State *L)
{
  kit_check_idle(L);
  lua_Integer n = luaL_optinteger(L, 2, 0);
  bool fired = fault_fired(); // turns it off
  if (n > 0) fault_fail_after((long)n - 1);
  lua_pushboolean(L, fired); // fired
  return 1;
}
