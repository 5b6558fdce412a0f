// cache.h -- answers kept in this process, bounded in bytes (L1).
//
//   stored ......... fresh ........ swr ......... sie .......
//          FRESH      |    STALE     |  LAST_RESORT  |  MISS
//
// FRESH is served. STALE (stale-while-revalidate) is served too, and ONE
// refresh is started behind it. LAST_RESORT (stale-if-error) may be served if
// the fetch fails for a reason that is the upstream's. swr and sie are reckoned
// from the end of fresh; the longer of both ends an entry's life.
//
// A refresh is wanted (hit.refresh) when the answer is stale, or early: with a
// chance that grows towards the end of fresh, so that a popular key is fetched
// by one and never missed by all (XFetch, beta 1; not where fetching takes more
// than a quarter of the time it stays fresh). Who starts it takes cache_claim()
// first, which only one gets; a claim ends by put, by unclaim, or by its lease.
//
// What is invalidated while a fetch for it runs must not come back with it: the
// fetch takes cache_ticket() before it starts, and put() with an older ticket
// than the last invalidation of that key or its space stores nothing. Tickets
// are counters shared by hash, so it may refuse what it need not.
//
// Values are immutable and counted: cache_get() gives a reference, which lives
// on when the entry is evicted. Shared by all workers, any thread; sharded by
// hash, a lock each. Memory of values that are out of the table but still
// referenced is not counted in the bound. Eviction is SIEVE: a hit marks, the
// hand passes marked ones once.
//
// Differs from resilience.md, 11: durations are relative to the end of fresh
// (RFC 5861), and the ttl's jitter is applied here. Defaults there: 64 MiB,
// ttl at most 1 h, swr min(60 s, ttl), sie 0, negative 30 s.

#ifndef GUARD_CACHE_H
#define GUARD_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "guard/cache_key.h"

struct cache;

struct cache_options {
  size_t bytes;       // of all entries, with their keys and our own
  size_t value_bytes; // of one; larger ones are not stored
  uint64_t seed[2];   // random: keys come from outside
};

// Part of an entry; nobody writes it.
struct cache_value {
  struct slice body, meta; // meta: the caller's own (type, etag ...)
  int status;
  bool negative; // a kept failure: 404, 410, or the memo of an error
  uint64_t stored_ns, fresh_ns, swr_ns, sie_ns;
  uint64_t took_ns; // to fetch it
};

struct cache_entry {
  struct slice body, meta; // copied
  int status;
  bool negative;
  uint64_t fresh_for_ns, swr_for_ns, sie_for_ns, took_ns;
  uint64_t ticket; // cache_ticket() from before the fetch
  double unit;     // chance: up to a tenth of fresh is cut, so that what was
                   // stored together does not end together
};

enum cache_state { CACHE_MISS, CACHE_FRESH, CACHE_STALE, CACHE_LAST_RESORT };

struct cache_hit {
  enum cache_state state;
  bool refresh;              // wanted, and nobody has the claim
  struct cache_value *value; // gives a reference; NULL for MISS
};

enum cache_stored {
  CACHE_STORED,
  CACHE_POINTLESS, // it would have ended at once
  CACHE_TOO_LARGE,
  CACHE_OUTDATED, // invalidated since the ticket
  CACHE_NO_MEMORY,
};

struct cache_stats {
  uint64_t fresh, stale, last_resort, negative, misses; // what get() found
  uint64_t stored, refused, outdated, claims;
  uint64_t evicted, expired, invalidated;
  uint64_t entries, bytes; // now
};

// NULL when out of memory. Free: when no other thread uses it; values that are
// still referenced live on.
struct cache *cache_new(const struct cache_options *o);
void cache_free(struct cache *c);
size_t cache_value_max(const struct cache *c); // bytes of one value

// `unit`: chance in [0, 1) for the early refresh.
struct cache_hit cache_get(struct cache *c, const struct cache_key *key,
                           uint64_t now_ns, double unit);
void cache_unref(struct cache_value *v); // NULL is fine

bool cache_claim(struct cache *c, const struct cache_key *key, uint64_t now_ns,
                 uint64_t lease_ns);
void cache_unclaim(struct cache *c, const struct cache_key *key);

uint64_t cache_ticket(struct cache *c, const struct cache_key *key);
// Replaces what was there.
enum cache_stored cache_put(struct cache *c, const struct cache_key *key,
                            const struct cache_entry *entry, uint64_t now_ns);

bool cache_remove(struct cache *c, const struct cache_key *key);
// All of the space whose name matches; of that principal only, or of all if it
// is absent. How many.
size_t cache_invalidate(struct cache *c, struct slice space,
                        struct slice principal, struct slice pattern);

void cache_stats(struct cache *c, struct cache_stats *out);

#endif
