// cache_stress.c -- four threads miss the same few keys, fetch, store, forget.
//
// One fetch of a key at a time while anybody waits for it, whoever leaves;
// everyone who waited gets the result once; a value is what was stored for that
// key; what was fetched before an invalidation is never stored after it; at the
// end no flight, waiter or byte is left.

#include <sched.h>
#include <string.h>

#include "crowd.h"
#include "guard/cache.h"
#include "guard/flight.h"

#define ROUNDS 30000
#define KEYS   8
#define EACH   4 // callers of a thread

struct work {
  struct flight *flight;
  atomic_bool empty;
  unsigned key;
  uint64_t ticket, version;
};

struct caller {
  struct flight_waiter waiter;
  atomic_uint woken; // by any thread
  bool waits;
};

struct shared {
  struct cache *cache;
  struct flights *flights;
  atomic_int fetching[KEYS];
  atomic_uint_fast64_t truth[KEYS]; // versions at the upstream
  atomic_uint_fast64_t acked[KEYS]; // all older ones are invalidated
  atomic_uint fetched, abandoned, hits, left, woken;
};

static struct cache_key key_of(unsigned n, char name[2])
{
  name[0] = (char)('a' + n);
  return (struct cache_key){SLICE("space"), SLICE("me"), {name, 1}};
}

static void on_wake(struct flight_waiter *w, void *result)
{
  (void)result;
  atomic_fetch_add(&((struct caller *)(void *)w)->woken, 1);
}

static void on_empty(void *ctx)
{
  atomic_store(&((struct work *)ctx)->empty, true);
}

static void check_value(struct crowd *c, const struct cache_value *v,
                        unsigned n, uint64_t known)
{
  uint64_t stored[2];
  memcpy(stored, v->body.data, sizeof(stored));
  crowd_check(c, v->body.len == sizeof(stored) && stored[0] == n, "its own");
  crowd_check(c, stored[1] >= known, "nothing from before an invalidation");
}

static void look(struct member *m, unsigned n, uint64_t now)
{
  struct shared *s = m->crowd->shared;
  char name[2];
  struct cache_key key = key_of(n, name);
  uint64_t known = atomic_load(&s->acked[n]);
  struct cache_hit hit = cache_get(s->cache, &key, now, prng_unit(&m->chance));
  if (!hit.value) return;
  atomic_fetch_add(&s->hits, 1);
  check_value(m->crowd, hit.value, n, known);
  cache_unref(hit.value);
}

// A write: the upstream changes, copies of the old go out, then it is
// acknowledged.
static void change(struct member *m, unsigned n)
{
  struct shared *s = m->crowd->shared;
  char name[2];
  struct cache_key key = key_of(n, name);
  if (m->index != 0) return; // one writer, so that versions are in order
  uint64_t next = atomic_fetch_add(&s->truth[n], 1) + 1;
  if (one_in(m, 2))
    cache_remove(s->cache, &key);
  else
    cache_invalidate(s->cache, key.space, (struct slice){NULL, 0}, key.name);
  atomic_store(&s->acked[n], next);
}

static void begin(struct member *m, struct caller *who, struct work *work,
                  uint64_t now)
{
  struct shared *s = m->crowd->shared;
  char name[2];
  work->key = (unsigned)prng_below(&m->chance, KEYS);
  struct cache_key key = key_of(work->key, name);
  who->waiter.wake = on_wake;
  who->waiter.deadline_ns = now;
  atomic_store(&who->woken, 0);
  atomic_store(&work->empty, false);
  struct flight_work order = {on_empty, work};
  struct flight *flight = NULL;
  enum flight_role role =
      flight_join(s->flights, &key, &who->waiter, &order, &flight);
  who->waits = true;
  if (role != FLIGHT_LEADS) return;
  work->flight = flight;
  int others = atomic_fetch_add(&s->fetching[work->key], 1);
  crowd_check(m->crowd, others == 0, "one fetch of a key at a time");
  work->ticket = cache_ticket(s->cache, &key);
  work->version = atomic_load(&s->truth[work->key]);
}

static void store(struct member *m, struct work *work, uint64_t now)
{
  struct shared *s = m->crowd->shared;
  char name[2];
  struct cache_key key = key_of(work->key, name);
  uint64_t body[2] = {work->key, work->version};
  struct cache_entry entry = {.body = {(const char *)body, sizeof(body)},
                              .meta = SLICE(""),
                              .fresh_for_ns = 1000000,
                              .swr_for_ns = 1000000,
                              .took_ns = 100000,
                              .ticket = work->ticket};
  cache_put(s->cache, &key, &entry, now);
}

// Ends the work of this thread, if it has any: done, or nobody waits.
static void proceed(struct member *m, struct work *work, uint64_t now)
{
  struct shared *s = m->crowd->shared;
  if (!work->flight) return;
  bool may_stop = atomic_load(&work->empty);
  if (may_stop) {
    atomic_store(&work->empty, false);
    atomic_fetch_sub(&s->fetching[work->key], 1);
    if (flight_abandon(s->flights, work->flight)) {
      atomic_fetch_add(&s->abandoned, 1);
      work->flight = NULL;
      return;
    }
    atomic_fetch_add(&s->fetching[work->key], 1);
  }
  if (!one_in(m, 3)) return;
  store(m, work, now);
  atomic_fetch_sub(&s->fetching[work->key], 1);
  atomic_fetch_add(&s->fetched, 1);
  flight_finish(s->flights, work->flight, NULL, NULL);
  work->flight = NULL;
}

static void end(struct member *m, struct caller *who)
{
  struct shared *s = m->crowd->shared;
  switch (flight_leave(s->flights, &who->waiter)) {
  case FLIGHT_NOTHING: crowd_check(m->crowd, false, "it waited"); break;
  case FLIGHT_LEFT:
    crowd_check(m->crowd, atomic_load(&who->woken) == 0, "left in peace");
    atomic_fetch_add(&s->left, 1);
    break;
  case FLIGHT_WOKEN:
    while (atomic_load(&who->woken) == 0)
      sched_yield(); // it still comes
    crowd_check(m->crowd, atomic_load(&who->woken) == 1, "woken once");
    atomic_fetch_add(&s->woken, 1);
    break;
  }
  who->waits = false;
}

static void run(struct member *m)
{
  struct caller callers[EACH];
  struct work works[EACH];
  memset(callers, 0, sizeof(callers));
  memset(works, 0, sizeof(works));
  for (unsigned i = 0; i < ROUNDS + 100; i++) {
    uint64_t now = crowd_tick(m, 10000);
    unsigned at = i % EACH;
    look(m, (unsigned)prng_below(&m->chance, KEYS), now);
    if (one_in(m, 20)) change(m, (unsigned)prng_below(&m->chance, KEYS));
    proceed(m, &works[at], now);
    if (callers[at].waits && (i >= ROUNDS || one_in(m, 4)))
      end(m, &callers[at]);
    bool idle = !callers[at].waits && !works[at].flight;
    if (idle && i < ROUNDS) begin(m, &callers[at], &works[at], now);
  }
  for (unsigned i = 0; i < EACH; i++)
    while (works[i].flight)
      proceed(m, &works[i], crowd_tick(m, 10));
}

static void check_end(struct crowd *c, struct shared *s)
{
  struct flights_stats f;
  struct cache_stats n;
  flights_stats(s->flights, &f);
  cache_invalidate(s->cache, SLICE("space"), (struct slice){NULL, 0},
                   SLICE("*"));
  cache_stats(s->cache, &n);
  printf("cache: %u fetched, %u abandoned, %u left, %u woken, %u hits, "
         "%u outdated\n",
         s->fetched, s->abandoned, s->left, s->woken, s->hits,
         (unsigned)n.outdated);
  crowd_check(c, f.flights == 0 && f.waiters == 0, "no flight is left");
  crowd_check(c, n.entries == 0 && n.bytes == 0, "no entry is left");
  crowd_check(c, n.outdated > 0 && s->hits > 0 && s->abandoned > 0, "all seen");
}

int main(void)
{
  static struct shared shared;
  struct cache_options options = {1 << 20, 1 << 10, {1, 2}};
  struct crowd c = {.shared = &shared};
  shared.cache = cache_new(&options);
  shared.flights = flights_new(options.seed, FLIGHT_WAITERS_MAX);
  if (!shared.cache || !shared.flights) return 1;
  crowd_run(&c, run);
  check_end(&c, &shared);
  cache_free(shared.cache);
  flights_free(shared.flights);
  return crowd_end(&c, "cache");
}
