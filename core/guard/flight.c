// flight.c -- see flight.h for the contract.

#include "guard/flight.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "guard/memory.h"

#define SHARDS  16
#define BUCKETS 64 // of a shard; flights are few, and gone in a moment

struct flight {
  struct list link; // in its bucket
  uint64_t hash;
  struct cache_key key;
  struct flight_work work;
  struct list waiters;
  uint32_t count;
  bool asked; // on_empty() was called and not answered
  _Atomic uint64_t deadline_ns;
};

struct shard {
  _Alignas(64) pthread_mutex_t lock;
  struct list buckets[BUCKETS];
  struct flights_stats stats;
};

struct flights {
  struct shard shards[SHARDS];
  uint64_t seed[2];
  uint32_t waiters_max;
};

static bool init_shard(struct shard *s)
{
  s->stats = (struct flights_stats){0};
  for (int i = 0; i < BUCKETS; i++)
    list_init(&s->buckets[i]);
  return pthread_mutex_init(&s->lock, NULL) == 0;
}

struct flights *flights_new(const uint64_t seed[2], uint32_t waiters_max)
{
  struct flights *t = guard_memory(sizeof(*t));
  if (!t) return NULL;
  t->seed[0] = seed[0];
  t->seed[1] = seed[1];
  t->waiters_max = waiters_max;
  for (int i = 0; i < SHARDS; i++) {
    if (init_shard(&t->shards[i])) continue;
    while (i-- > 0)
      pthread_mutex_destroy(&t->shards[i].lock);
    free(t);
    return NULL;
  }
  return t;
}

void flights_free(struct flights *t)
{
  if (!t) return;
  for (int i = 0; i < SHARDS; i++) {
    assert(t->shards[i].stats.flights == 0);
    pthread_mutex_destroy(&t->shards[i].lock);
  }
  free(t);
}

static uint32_t shard_of(uint64_t hash)
{
  return (uint32_t)(hash >> 60);
}

static struct list *bucket_of(struct shard *s, uint64_t hash)
{
  return &s->buckets[hash % BUCKETS];
}

// --- joining; locked ---

static struct flight *find(struct shard *s, const struct cache_key *key,
                           uint64_t hash)
{
  LIST_EACH (it, bucket_of(s, hash)) {
    struct flight *f = LIST_ITEM(it, struct flight, link);
    if (f->hash == hash && cache_key_eq(&f->key, key)) return f;
  }
  return NULL;
}

static struct flight *begin(struct shard *s, const struct cache_key *key,
                            uint64_t hash, const struct flight_work *work)
{
  struct flight *f = guard_memory(sizeof(*f) + cache_key_len(key));
  if (!f) return NULL;
  *f = (struct flight){.hash = hash, .work = *work};
  f->key = cache_key_copy(key, (char *)(f + 1));
  list_init(&f->waiters);
  list_append(bucket_of(s, hash), &f->link);
  s->stats.flights++;
  s->stats.led++;
  return f;
}

static void add_waiter(struct shard *s, struct flight *f,
                       struct flight_waiter *w)
{
  w->flight = f;
  w->shard = shard_of(f->hash);
  list_append(&f->waiters, &w->link);
  f->count++;
  s->stats.waiters++;
  if (w->deadline_ns > flight_deadline_ns(f))
    atomic_store_explicit(&f->deadline_ns, w->deadline_ns,
                          memory_order_relaxed);
}

static enum flight_role join(struct flights *t, struct shard *s,
                             struct flight *f, struct flight_waiter *w)
{
  if (f->count >= t->waiters_max) {
    s->stats.refused++;
    return FLIGHT_FULL;
  }
  add_waiter(s, f, w);
  s->stats.joined++;
  return FLIGHT_JOINED;
}

enum flight_role flight_join(struct flights *t, const struct cache_key *key,
                             struct flight_waiter *w,
                             const struct flight_work *work,
                             struct flight **flight)
{
  uint64_t hash = cache_key_hash(t->seed, key);
  struct shard *s = &t->shards[shard_of(hash)];
  enum flight_role role = FLIGHT_NO_MEMORY;
  w->flight = NULL;
  pthread_mutex_lock(&s->lock);
  struct flight *f = find(s, key, hash);
  if (f) {
    role = join(t, s, f, w);
  } else if ((f = begin(s, key, hash, work)) != NULL) {
    add_waiter(s, f, w);
    *flight = f;
    role = FLIGHT_LEADS;
  }
  pthread_mutex_unlock(&s->lock);
  w->waited = role == FLIGHT_LEADS || role == FLIGHT_JOINED;
  return role;
}

// --- leaving ---

static void remove_waiter(struct shard *s, struct flight_waiter *w)
{
  struct flight *f = w->flight;
  list_remove(&w->link);
  w->flight = NULL;
  s->stats.waiters--;
  if (--f->count > 0 || f->asked) return;
  f->asked = true;
  f->work.on_empty(f->work.ctx);
}

enum flight_left flight_leave(struct flights *t, struct flight_waiter *w)
{
  if (!w->waited) return FLIGHT_NOTHING;
  w->waited = false;
  struct shard *s = &t->shards[w->shard];
  pthread_mutex_lock(&s->lock);
  bool waits = w->flight != NULL; // finish() clears it under the lock
  if (waits) remove_waiter(s, w);
  pthread_mutex_unlock(&s->lock);
  return waits ? FLIGHT_LEFT : FLIGHT_WOKEN;
}

// --- ending ---

// Out of the table; its waiters are in `woken` and nobody else's. Locked.
static void take_out(struct shard *s, struct flight *f, struct list *woken)
{
  list_remove(&f->link);
  s->stats.flights--;
  s->stats.waiters -= f->count;
  LIST_EACH (it, &f->waiters) {
    LIST_ITEM(it, struct flight_waiter, link)->flight = NULL;
    list_remove(it);
    list_append(woken, it);
  }
}

void flight_finish(struct flights *t, struct flight *f, void *result,
                   flight_share_fn share)
{
  struct shard *s = &t->shards[shard_of(f->hash)];
  struct list woken;
  list_init(&woken);
  pthread_mutex_lock(&s->lock);
  take_out(s, f, &woken);
  pthread_mutex_unlock(&s->lock);
  free(f);
  LIST_EACH (it, &woken) {
    struct flight_waiter *w = LIST_ITEM(it, struct flight_waiter, link);
    list_remove(it);
    if (share) share(result);
    w->wake(w, result); // w may be gone from here on
  }
}

bool flight_abandon(struct flights *t, struct flight *f)
{
  struct shard *s = &t->shards[shard_of(f->hash)];
  pthread_mutex_lock(&s->lock);
  bool empty = f->count == 0;
  f->asked = false;
  if (empty) {
    list_remove(&f->link);
    s->stats.flights--;
    s->stats.abandoned++;
  }
  pthread_mutex_unlock(&s->lock);
  if (empty) free(f);
  return empty;
}

uint64_t flight_deadline_ns(struct flight *f)
{
  return atomic_load_explicit(&f->deadline_ns, memory_order_relaxed);
}

void flights_stats(struct flights *t, struct flights_stats *out)
{
  *out = (struct flights_stats){0};
  for (int i = 0; i < SHARDS; i++) {
    struct shard *s = &t->shards[i];
    pthread_mutex_lock(&s->lock);
    out->flights += s->stats.flights;
    out->waiters += s->stats.waiters;
    out->led += s->stats.led;
    out->joined += s->stats.joined;
    out->refused += s->stats.refused;
    out->abandoned += s->stats.abandoned;
    pthread_mutex_unlock(&s->lock);
  }
}
