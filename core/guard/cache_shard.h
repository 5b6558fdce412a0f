// cache_shard.h -- one part of the cache: a table, a queue, a lock; inside of
// cache*.c. All functions but item_* want the lock held.

#ifndef GUARD_CACHE_SHARD_H
#define GUARD_CACHE_SHARD_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "guard/cache.h"

struct cache_item {
  struct cache_value value; // the first member
  _Atomic uint32_t refs;    // the table's is one of them
  uint64_t hash;
  struct cache_key key;
  size_t size;
  // Under the lock:
  struct cache_item *next; // in its bucket
  struct list link;        // newest first
  uint64_t claimed_ns;     // a refresh runs until then at most
  bool marked;             // hit since the hand passed
};

struct cache_shard {
  _Alignas(64) pthread_mutex_t lock;
  struct cache_item **buckets;
  size_t size, count, bytes, bytes_max; // size: a power of two
  struct list queue;
  struct list *hand; // NULL: begins at the oldest
  struct cache_stats stats;
};

// One allocation with one reference; NULL when out of memory.
struct cache_item *item_new(const struct cache_key *key, uint64_t hash,
                            const struct cache_entry *entry);
size_t item_size(const struct cache_key *key, const struct cache_entry *entry);
void item_ref(struct cache_item *item);
void item_unref(struct cache_item *item);

bool shard_init(struct cache_shard *s, size_t bytes_max);
void shard_finish(struct cache_shard *s); // unrefs all

struct cache_item *shard_find(struct cache_shard *s,
                              const struct cache_key *key, uint64_t hash);
// Takes the reference; makes room first. The key is not in it.
void shard_add(struct cache_shard *s, struct cache_item *item);
// Unrefs it.
void shard_drop(struct cache_shard *s, struct cache_item *item);

#endif
