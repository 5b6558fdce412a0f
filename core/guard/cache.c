// cache.c -- see cache.h for the contract.

#include "guard/cache.h"

#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "guard/cache_shard.h"
#include "guard/memory.h"

#define SHARDS  16
#define TICKETS 256
#define RARELY  37 // -ln of the smallest chance that a double can be

struct cache {
  struct cache_shard shards[SHARDS];
  _Atomic uint32_t tickets[TICKETS];
  uint64_t seed[2];
  size_t value_bytes;
};

static struct cache_shard *shard_of(struct cache *c, uint64_t hash)
{
  return &c->shards[hash >> 60]; // the table takes the low bits
}

static struct cache_shard *lock(struct cache *c, uint64_t hash)
{
  struct cache_shard *s = shard_of(c, hash);
  pthread_mutex_lock(&s->lock);
  return s;
}

static void unlock(struct cache_shard *s)
{
  pthread_mutex_unlock(&s->lock);
}

struct cache *cache_new(const struct cache_options *o)
{
  struct cache *c = guard_memory(sizeof(*c));
  if (!c) return NULL;
  memset(c->tickets, 0, sizeof(c->tickets));
  c->seed[0] = o->seed[0];
  c->seed[1] = o->seed[1];
  c->value_bytes = o->value_bytes;
  for (int i = 0; i < SHARDS; i++) {
    if (shard_init(&c->shards[i], o->bytes / SHARDS)) continue;
    while (i-- > 0)
      shard_finish(&c->shards[i]);
    free(c);
    return NULL;
  }
  return c;
}

void cache_free(struct cache *c)
{
  if (!c) return;
  for (int i = 0; i < SHARDS; i++)
    shard_finish(&c->shards[i]);
  free(c);
}

size_t cache_value_max(const struct cache *c)
{
  return c->value_bytes;
}

void cache_unref(struct cache_value *v)
{
  if (v) item_unref((struct cache_item *)(void *)v);
}

// --- get ---

static uint64_t end_of(const struct cache_value *v)
{
  return v->swr_ns > v->sie_ns ? v->swr_ns : v->sie_ns;
}

static enum cache_state state_of(const struct cache_value *v, uint64_t now_ns)
{
  if (now_ns < v->fresh_ns) return CACHE_FRESH;
  if (now_ns < v->swr_ns) return CACHE_STALE;
  return now_ns < v->sie_ns ? CACHE_LAST_RESORT : CACHE_MISS;
}

// XFetch: as if the fetch would take a random multiple of what it took, mostly
// less, now and then much more.
static bool is_early(const struct cache_value *v, uint64_t now_ns, double unit)
{
  uint64_t left = v->fresh_ns - now_ns, ttl = v->fresh_ns - v->stored_ns;
  if (v->negative || v->took_ns > ttl / 4) return false;
  if (left / RARELY > v->took_ns) return false; // spares the logarithm
  return (double)v->took_ns * -log(1 - unit) >= (double)left;
}

static bool wants_refresh(const struct cache_item *item, enum cache_state state,
                          uint64_t now_ns, double unit)
{
  if (item->claimed_ns > now_ns) return false;
  if (state == CACHE_STALE) return true;
  return state == CACHE_FRESH && is_early(&item->value, now_ns, unit);
}

static void count_hit(struct cache_stats *stats, const struct cache_hit *hit)
{
  switch (hit->state) {
  case CACHE_MISS: stats->misses++; return;
  case CACHE_FRESH: stats->fresh++; break;
  case CACHE_STALE: stats->stale++; break;
  case CACHE_LAST_RESORT: stats->last_resort++; break;
  }
  if (hit->value->negative) stats->negative++;
}

// The entry, if it is still alive; else it goes.
static struct cache_item *find_alive(struct cache_shard *s,
                                     const struct cache_key *key, uint64_t hash,
                                     uint64_t now_ns)
{
  struct cache_item *item = shard_find(s, key, hash);
  if (!item || now_ns < end_of(&item->value)) return item;
  shard_drop(s, item);
  s->stats.expired++;
  return NULL;
}

struct cache_hit cache_get(struct cache *c, const struct cache_key *key,
                           uint64_t now_ns, double unit)
{
  uint64_t hash = cache_key_hash(c->seed, key);
  struct cache_hit hit = {.state = CACHE_MISS};
  struct cache_shard *s = lock(c, hash);
  struct cache_item *item = find_alive(s, key, hash, now_ns);
  if (item) {
    hit.state = state_of(&item->value, now_ns);
    hit.refresh = wants_refresh(item, hit.state, now_ns, unit);
    hit.value = &item->value;
    item->marked = true;
    item_ref(item);
  }
  count_hit(&s->stats, &hit);
  unlock(s);
  return hit;
}

bool cache_claim(struct cache *c, const struct cache_key *key, uint64_t now_ns,
                 uint64_t lease_ns)
{
  uint64_t hash = cache_key_hash(c->seed, key);
  struct cache_shard *s = lock(c, hash);
  struct cache_item *item = shard_find(s, key, hash);
  bool free_now = item && item->claimed_ns <= now_ns;
  if (free_now) {
    item->claimed_ns = now_ns + lease_ns;
    s->stats.claims++;
  }
  unlock(s);
  return free_now;
}

void cache_unclaim(struct cache *c, const struct cache_key *key)
{
  uint64_t hash = cache_key_hash(c->seed, key);
  struct cache_shard *s = lock(c, hash);
  struct cache_item *item = shard_find(s, key, hash);
  if (item) item->claimed_ns = 0;
  unlock(s);
}

// --- put ---

static _Atomic uint32_t *space_ticket(struct cache *c, struct slice space)
{
  return &c->tickets[hash_table(c->seed, space) % TICKETS];
}

static _Atomic uint32_t *key_ticket(struct cache *c, uint64_t hash)
{
  return &c->tickets[hash % TICKETS];
}

// Counters only grow, so their sum changes when one of them does.
static uint64_t ticket_of(struct cache *c, const struct cache_key *key,
                          uint64_t hash)
{
  return (uint64_t)atomic_load(space_ticket(c, key->space)) +
         atomic_load(key_ticket(c, hash));
}

uint64_t cache_ticket(struct cache *c, const struct cache_key *key)
{
  return ticket_of(c, key, cache_key_hash(c->seed, key));
}

static uint64_t later(uint64_t t, uint64_t by)
{
  return t < UINT64_MAX - by ? t + by : UINT64_MAX;
}

static void set_times(struct cache_value *v, const struct cache_entry *e,
                      uint64_t now_ns)
{
  double unit = e->unit > 0 && e->unit < 1 ? e->unit : 0;
  uint64_t cut = (uint64_t)((double)(e->fresh_for_ns / 10) * unit);
  v->stored_ns = now_ns;
  v->fresh_ns = later(now_ns, e->fresh_for_ns - cut);
  v->swr_ns = later(v->fresh_ns, e->swr_for_ns);
  v->sie_ns = later(v->fresh_ns, e->sie_for_ns);
}

static enum cache_stored refuse(struct cache *c, uint64_t hash,
                                enum cache_stored why)
{
  struct cache_shard *s = lock(c, hash);
  s->stats.refused++;
  unlock(s);
  return why;
}

static bool is_too_large(struct cache *c, const struct cache_key *key,
                         const struct cache_entry *e)
{
  return cache_key_len(key) > CACHE_KEY_MAX || e->body.len > c->value_bytes ||
         e->meta.len > c->value_bytes ||
         item_size(key, e) > c->shards[0].bytes_max;
}

static enum cache_stored store(struct cache *c, struct cache_item *item,
                               uint64_t ticket)
{
  struct cache_shard *s = lock(c, item->hash);
  if (ticket_of(c, &item->key, item->hash) != ticket) {
    s->stats.outdated++;
    unlock(s);
    item_unref(item);
    return CACHE_OUTDATED;
  }
  struct cache_item *old = shard_find(s, &item->key, item->hash);
  if (old) {
    item->marked = old->marked;
    shard_drop(s, old);
  }
  shard_add(s, item);
  s->stats.stored++;
  unlock(s);
  return CACHE_STORED;
}

enum cache_stored cache_put(struct cache *c, const struct cache_key *key,
                            const struct cache_entry *entry, uint64_t now_ns)
{
  uint64_t hash = cache_key_hash(c->seed, key);
  bool lives = entry->fresh_for_ns || entry->swr_for_ns || entry->sie_for_ns;
  if (!lives) return CACHE_POINTLESS;
  if (is_too_large(c, key, entry)) return refuse(c, hash, CACHE_TOO_LARGE);
  struct cache_item *item = item_new(key, hash, entry);
  if (!item) return refuse(c, hash, CACHE_NO_MEMORY);
  set_times(&item->value, entry, now_ns);
  return store(c, item, entry->ticket);
}

// --- invalidate ---

bool cache_remove(struct cache *c, const struct cache_key *key)
{
  uint64_t hash = cache_key_hash(c->seed, key);
  atomic_fetch_add(key_ticket(c, hash), 1); // before: see cache.h
  struct cache_shard *s = lock(c, hash);
  struct cache_item *item = shard_find(s, key, hash);
  if (item) {
    shard_drop(s, item);
    s->stats.invalidated++;
  }
  unlock(s);
  return item != NULL;
}

static bool concerns(const struct cache_key *key, struct slice space,
                     struct slice principal, struct slice pattern)
{
  if (!slice_eq(key->space, space)) return false;
  if (principal.data &&
      !(key->principal.data && slice_eq(key->principal, principal)))
    return false;
  return cache_pattern_matches(pattern, key->name);
}

size_t cache_invalidate(struct cache *c, struct slice space,
                        struct slice principal, struct slice pattern)
{
  size_t count = 0;
  atomic_fetch_add(space_ticket(c, space), 1);
  for (int i = 0; i < SHARDS; i++) {
    struct cache_shard *s = &c->shards[i];
    pthread_mutex_lock(&s->lock);
    size_t before = s->count;
    LIST_EACH (it, &s->queue) {
      struct cache_item *item = LIST_ITEM(it, struct cache_item, link);
      if (concerns(&item->key, space, principal, pattern)) shard_drop(s, item);
    }
    s->stats.invalidated += before - s->count;
    count += before - s->count;
    unlock(s);
  }
  return count;
}

// --- stats ---

static void add_stats(struct cache_stats *sum, const struct cache_shard *s)
{
  const struct cache_stats *n = &s->stats;
  sum->fresh += n->fresh;
  sum->stale += n->stale;
  sum->last_resort += n->last_resort;
  sum->negative += n->negative;
  sum->misses += n->misses;
  sum->stored += n->stored;
  sum->refused += n->refused;
  sum->outdated += n->outdated;
  sum->claims += n->claims;
  sum->evicted += n->evicted;
  sum->expired += n->expired;
  sum->invalidated += n->invalidated;
  sum->entries += s->count;
  sum->bytes += s->bytes;
}

void cache_stats(struct cache *c, struct cache_stats *out)
{
  *out = (struct cache_stats){0};
  for (int i = 0; i < SHARDS; i++) {
    struct cache_shard *s = &c->shards[i];
    pthread_mutex_lock(&s->lock);
    add_stats(out, s);
    unlock(s);
  }
}
