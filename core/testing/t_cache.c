// t_cache.c -- shows guard/cache and guard/flight to the specs.

#include <stdbool.h>
#include <stdint.h>

#include "guard/cache.h"
#include "guard/flight.h"
#include "testing/t_base.h"
#include "testing/t_fields.h"

#define CACHE   "T.cache"
#define VALUE   "T.cache.value"
#define FLIGHTS "T.flights"
#define WAITER  "T.flights.waiter"
#define FLIGHT  "T.flights.flight"

int t_cache(lua_State *L);

static struct slice slice_or_absent(lua_State *L, int index)
{
  return lua_isnoneornil(L, index) ? (struct slice){NULL, 0}
                                   : t_slice(L, index);
}

// A key from { space, principal or false, name }; borrowed from the table.
static struct cache_key key_arg(lua_State *L, int index)
{
  struct cache_key key;
  struct slice *parts[] = {&key.space, &key.principal, &key.name};
  luaL_checktype(L, index, LUA_TTABLE);
  for (int i = 0; i < 3; i++) {
    lua_rawgeti(L, index, i + 1); // part
    *parts[i] = lua_toboolean(L, -1) ? t_slice(L, -1) : (struct slice){NULL, 0};
    lua_pop(L, 1); //
  }
  return key;
}

// --- cache ---

static struct cache *cache_arg(lua_State *L)
{
  struct cache **box = luaL_checkudata(L, 1, CACHE);
  luaL_argcheck(L, *box, 1, "finished");
  return *box;
}

// cache(bytes, value_bytes)
static int new_cache(lua_State *L)
{
  struct cache_options o = {
      (size_t)luaL_checkinteger(L, 1), (size_t)luaL_checkinteger(L, 2), {1, 2}};
  struct cache **box = lua_newuserdatauv(L, sizeof(*box), 0); // box
  *box = NULL;
  luaL_setmetatable(L, CACHE);
  *box = cache_new(&o);
  if (!*box) return 0;
  return 1;
}

static int finish_cache(lua_State *L)
{
  struct cache **box = luaL_checkudata(L, 1, CACHE);
  cache_free(*box);
  *box = NULL;
  return 0;
}

// get(key, now_ns[, unit]): state, body, refresh, negative, value
static int get(lua_State *L)
{
  static const char *const states[] = {"miss", "fresh", "stale", "last_resort"};
  struct cache *c = cache_arg(L);
  struct cache_key key = key_arg(L, 2);
  uint64_t now = (uint64_t)luaL_checkinteger(L, 3);
  double unit = luaL_optnumber(L, 4, 0);
  struct cache_value **box = lua_newuserdatauv(L, sizeof(*box), 0); // value
  *box = NULL;
  luaL_setmetatable(L, VALUE);
  struct cache_hit hit = cache_get(c, &key, now, unit);
  lua_pushstring(L, states[hit.state]); // value state
  if (!hit.value) return 1;
  *box = hit.value;
  lua_pushlstring(L, hit.value->body.data, hit.value->body.len);
  lua_pushboolean(L, hit.refresh);         // value state body refresh
  lua_pushboolean(L, hit.value->negative); // ... negative
  lua_pushvalue(L, -5);                    // ... negative value
  return 5;
}

static int unref(lua_State *L)
{
  struct cache_value **box = luaL_checkudata(L, 1, VALUE);
  cache_unref(*box);
  *box = NULL;
  return 0;
}

static int value_body(lua_State *L)
{
  struct cache_value **box = luaL_checkudata(L, 1, VALUE);
  luaL_argcheck(L, *box, 1, "ended");
  lua_pushlstring(L, (*box)->body.data, (*box)->body.len);
  lua_pushlstring(L, (*box)->meta.data, (*box)->meta.len);
  lua_pushinteger(L, (*box)->status);
  return 3;
}

// put(key, body, { fresh=, swr=, sie=, took=, negative=, ticket=, unit=, meta= },
// now_ns)
static int put(lua_State *L)
{
  static const char *const answers[] = {"stored", "pointless", "too_large",
                                        "outdated", "no_memory"};
  struct cache *c = cache_arg(L);
  struct cache_key key = key_arg(L, 2);
  struct cache_entry e = {
      .body = t_slice(L, 3),
      .meta = SLICE("text/plain"),
      .status = 200,
      .negative = t_flag(L, 4, "negative", false),
      .fresh_for_ns = (uint64_t)t_integer(L, 4, "fresh", 0),
      .swr_for_ns = (uint64_t)t_integer(L, 4, "swr", 0),
      .sie_for_ns = (uint64_t)t_integer(L, 4, "sie", 0),
      .took_ns = (uint64_t)t_integer(L, 4, "took", 0),
      .ticket = (uint64_t)t_integer(L, 4, "ticket",
                                    (lua_Integer)cache_ticket(c, &key)),
      .unit = t_number(L, 4, "unit", 0),
  };
  lua_pushstring(
      L, answers[cache_put(c, &key, &e, (uint64_t)luaL_checkinteger(L, 5))]);
  return 1;
}

static int ticket(lua_State *L)
{
  struct cache *c = cache_arg(L);
  struct cache_key key = key_arg(L, 2);
  lua_pushinteger(L, (lua_Integer)cache_ticket(c, &key));
  return 1;
}

// claim(key, now_ns, lease_ns)
static int claim(lua_State *L)
{
  struct cache *c = cache_arg(L);
  struct cache_key key = key_arg(L, 2);
  lua_pushboolean(L, cache_claim(c, &key, (uint64_t)luaL_checkinteger(L, 3),
                                 (uint64_t)luaL_checkinteger(L, 4)));
  return 1;
}

static int unclaim(lua_State *L)
{
  struct cache *c = cache_arg(L);
  struct cache_key key = key_arg(L, 2);
  cache_unclaim(c, &key);
  return 0;
}

static int take_away(lua_State *L)
{
  struct cache *c = cache_arg(L);
  struct cache_key key = key_arg(L, 2);
  lua_pushboolean(L, cache_remove(c, &key));
  return 1;
}

// invalidate(space, principal or nil, pattern)
static int invalidate(lua_State *L)
{
  struct cache *c = cache_arg(L);
  lua_pushinteger(L, (lua_Integer)cache_invalidate(c, t_slice(L, 2),
                                                   slice_or_absent(L, 3),
                                                   t_slice(L, 4)));
  return 1;
}

static int stats(lua_State *L)
{
  struct cache_stats s;
  cache_stats(cache_arg(L), &s);
  const struct {
    const char *name;
    uint64_t value;
  } fields[] = {{"fresh", s.fresh},
                {"stale", s.stale},
                {"last_resort", s.last_resort},
                {"negative", s.negative},
                {"misses", s.misses},
                {"stored", s.stored},
                {"refused", s.refused},
                {"outdated", s.outdated},
                {"claims", s.claims},
                {"evicted", s.evicted},
                {"expired", s.expired},
                {"invalidated", s.invalidated},
                {"entries", s.entries},
                {"bytes", s.bytes}};
  lua_newtable(L); // stats
  for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
    lua_pushinteger(L, (lua_Integer)fields[i].value); // stats value
    lua_setfield(L, -2, fields[i].name);              // stats
  }
  return 1;
}

static int matches(lua_State *L)
{
  lua_pushboolean(L, cache_pattern_matches(t_slice(L, 1), t_slice(L, 2)));
  return 1;
}

// --- flights ---

struct caller {
  struct flight_waiter waiter;
  unsigned woken;
  int result;
};

struct work {
  struct flight *flight;
  unsigned emptied;
};

static struct flights *flights_arg(lua_State *L)
{
  struct flights **box = luaL_checkudata(L, 1, FLIGHTS);
  luaL_argcheck(L, *box, 1, "finished");
  return *box;
}

static int new_flights(lua_State *L)
{
  static const uint64_t seed[2] = {3, 4};
  uint32_t most = (uint32_t)luaL_optinteger(L, 1, FLIGHT_WAITERS_MAX);
  struct flights **box = lua_newuserdatauv(L, sizeof(*box), 0); // box
  *box = NULL;
  luaL_setmetatable(L, FLIGHTS);
  *box = flights_new(seed, most);
  if (!*box) return 0;
  return 1;
}

static int finish_flights(lua_State *L)
{
  struct flights **box = luaL_checkudata(L, 1, FLIGHTS);
  flights_free(*box);
  *box = NULL;
  return 0;
}

static void on_wake(struct flight_waiter *w, void *result)
{
  struct caller *c = (struct caller *)(void *)w;
  c->woken++;
  c->result = *(int *)result;
}

static int caller(lua_State *L)
{
  struct caller *c = lua_newuserdatauv(L, sizeof(*c), 0); // caller
  *c = (struct caller){.waiter.wake = on_wake};
  luaL_setmetatable(L, WAITER);
  return 1;
}

static void on_empty(void *ctx)
{
  ((struct work *)ctx)->emptied++;
}

// join(key, caller, deadline_ns): role, flight if it leads
static int join(lua_State *L)
{
  static const char *const roles[] = {"leads", "joined", "full", "no_memory"};
  struct flights *t = flights_arg(L);
  struct cache_key key = key_arg(L, 2);
  struct caller *c = luaL_checkudata(L, 3, WAITER);
  c->waiter.deadline_ns = (uint64_t)luaL_checkinteger(L, 4);
  c->woken = 0;
  struct work *work = lua_newuserdatauv(L, sizeof(*work), 0); // work
  *work = (struct work){0};
  luaL_setmetatable(L, FLIGHT);
  enum flight_role role =
      flight_join(t, &key, &c->waiter, &(struct flight_work){on_empty, work},
                  &work->flight);
  lua_pushstring(L, roles[role]);                 // work role
  if (role == FLIGHT_LEADS) lua_pushvalue(L, -2); // work role work
  return role == FLIGHT_LEADS ? 2 : 1;
}

static int leave(lua_State *L)
{
  static const char *const answers[] = {"nothing", "left", "woken"};
  struct flights *t = flights_arg(L);
  struct caller *c = luaL_checkudata(L, 2, WAITER);
  lua_pushstring(L, answers[flight_leave(t, &c->waiter)]);
  return 1;
}

static struct work *work_arg(lua_State *L)
{
  struct work *work = luaL_checkudata(L, 2, FLIGHT);
  luaL_argcheck(L, work->flight, 2, "ended");
  return work;
}

// finish(flight, n)
static int finish(lua_State *L)
{
  struct flights *t = flights_arg(L);
  struct work *work = work_arg(L);
  int result = (int)luaL_checkinteger(L, 3);
  struct flight *f = work->flight;
  work->flight = NULL;
  flight_finish(t, f, &result, NULL);
  return 0;
}

static int abandon(lua_State *L)
{
  struct flights *t = flights_arg(L);
  struct work *work = work_arg(L);
  bool ended = flight_abandon(t, work->flight);
  if (ended) work->flight = NULL;
  lua_pushboolean(L, ended);
  return 1;
}

// work(flight): its deadline, how often it was told that nobody waits
static int work_state(lua_State *L)
{
  struct work *work = work_arg(L);
  lua_pushinteger(L, (lua_Integer)flight_deadline_ns(work->flight));
  lua_pushinteger(L, work->emptied);
  return 2;
}

// woken(): how often, with what
static int woken(lua_State *L)
{
  struct caller *c = luaL_checkudata(L, 1, WAITER);
  lua_pushinteger(L, c->woken);
  lua_pushinteger(L, c->result);
  return 2;
}

// counts(): flights, waiters, led, joined, refused, abandoned
static int counts(lua_State *L)
{
  struct flights_stats s;
  flights_stats(flights_arg(L), &s);
  const uint64_t numbers[] = {s.flights, s.waiters, s.led,
                              s.joined,  s.refused, s.abandoned};
  for (size_t i = 0; i < 6; i++)
    lua_pushinteger(L, (lua_Integer)numbers[i]);
  return 6;
}

int t_cache(lua_State *L)
{
  static const luaL_Reg methods[] = {{"get", get},
                                     {"put", put},
                                     {"ticket", ticket},
                                     {"claim", claim},
                                     {"unclaim", unclaim},
                                     {"remove", take_away},
                                     {"stats", stats},
                                     {"finish", finish_cache},
                                     {"__gc", finish_cache},
                                     {"invalidate", invalidate},
                                     {NULL, NULL}};
  static const luaL_Reg values[] = {
      {"body", value_body}, {"__gc", unref}, {NULL, NULL}};
  static const luaL_Reg tables[] = {
      {"join", join},           {"leave", leave},     {"finish", finish},
      {"abandon", abandon},     {"work", work_state}, {"counts", counts},
      {"free", finish_flights}, {NULL, NULL}};
  static const luaL_Reg callers[] = {{"woken", woken}, {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg functions[] = {{"new", new_cache},
                                       {"matches", matches},
                                       {"flights", new_flights},
                                       {"caller", caller},
                                       {NULL, NULL}};
  t_type(L, CACHE, methods);
  t_type(L, VALUE, values);
  t_type(L, FLIGHTS, tables);
  t_type(L, WAITER, callers);
  t_type(L, FLIGHT, none);
  luaL_newlib(L, functions);
  return 1;
}
