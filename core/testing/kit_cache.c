// kit_cache.c -- what the cache and the flights of a kit have to say.

#include "testing/kit.h"

static void set(lua_State *L, const char *name, uint64_t n)
{
  lua_pushinteger(L, (lua_Integer)n); // table n
  lua_setfield(L, -2, name);          // table
}

static void set_cache(lua_State *L, const struct cache_stats *s)
{
  set(L, "entries", s->entries);
  set(L, "bytes", s->bytes);
  set(L, "fresh", s->fresh);
  set(L, "stale", s->stale);
  set(L, "last_resort", s->last_resort);
  set(L, "negative", s->negative);
  set(L, "misses", s->misses);
  set(L, "stored", s->stored);
  set(L, "refused", s->refused);
  set(L, "outdated", s->outdated);
  set(L, "evicted", s->evicted);
  set(L, "invalidated", s->invalidated);
}

/// kit:cache(): table
/// What the cache holds and has done, and the flights: { entries, bytes, fresh,
/// stale, last_resort, negative, misses, stored, refused, outdated, evicted,
/// invalidated, flights, waiters, led, joined, abandoned }.
int kit_cache(lua_State *L)
{
  struct kit *kit = kit_check(L);
  struct cache_stats cache;
  struct flights_stats flights;
  cache_stats(fetch_cache(kit->fetches), &cache);
  flights_stats(fetch_flights(kit->fetches), &flights);
  lua_createtable(L, 0, 17); // table
  set_cache(L, &cache);
  set(L, "flights", flights.flights);
  set(L, "waiters", flights.waiters);
  set(L, "led", flights.led);
  set(L, "joined", flights.joined);
  set(L, "abandoned", flights.abandoned);
  return 1;
}
