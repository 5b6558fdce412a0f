// cache_shard.c -- see cache_shard.h.

#include "guard/cache_shard.h"

#include <assert.h>
#include <stdlib.h>

#include "guard/memory.h"

#define FIRST_SIZE 64

// --- items ---

size_t item_size(const struct cache_key *key, const struct cache_entry *entry)
{
  return sizeof(struct cache_item) + cache_key_len(key) + entry->meta.len +
         entry->body.len;
}

static struct slice copy(struct slice from, char *to)
{
  if (from.len > 0) memcpy(to, from.data, from.len);
  return (struct slice){to, from.len};
}

struct cache_item *item_new(const struct cache_key *key, uint64_t hash,
                            const struct cache_entry *entry)
{
  size_t size = item_size(key, entry);
  struct cache_item *item = guard_memory(size);
  if (!item) return NULL;
  *item = (struct cache_item){.refs = 1, .hash = hash, .size = size};
  char *bytes = (char *)(item + 1);
  item->key = cache_key_copy(key, bytes);
  bytes += cache_key_len(key);
  item->value = (struct cache_value){.meta = copy(entry->meta, bytes),
                                     .status = entry->status,
                                     .negative = entry->negative,
                                     .took_ns = entry->took_ns};
  item->value.body = copy(entry->body, bytes + entry->meta.len);
  list_init(&item->link);
  return item;
}

void item_ref(struct cache_item *item)
{
  atomic_fetch_add_explicit(&item->refs, 1, memory_order_relaxed);
}

void item_unref(struct cache_item *item)
{
  uint32_t before =
      atomic_fetch_sub_explicit(&item->refs, 1, memory_order_acq_rel);
  assert(before > 0);
  if (before == 1) free(item);
}

// --- the table ---

static struct cache_item **new_buckets(size_t size)
{
  struct cache_item **buckets = guard_memory(size * sizeof(*buckets));
  for (size_t i = 0; buckets && i < size; i++)
    buckets[i] = NULL;
  return buckets;
}

bool shard_init(struct cache_shard *s, size_t bytes_max)
{
  *s = (struct cache_shard){.size = FIRST_SIZE, .bytes_max = bytes_max};
  list_init(&s->queue);
  s->buckets = new_buckets(s->size);
  if (!s->buckets) return false;
  if (pthread_mutex_init(&s->lock, NULL) == 0) return true;
  free(s->buckets);
  return false;
}

void shard_finish(struct cache_shard *s)
{
  LIST_EACH (it, &s->queue) {
    shard_drop(s, LIST_ITEM(it, struct cache_item, link));
  }
  free(s->buckets);
  pthread_mutex_destroy(&s->lock);
}

static struct cache_item **bucket_of(struct cache_shard *s, uint64_t hash)
{
  return &s->buckets[hash & (s->size - 1)];
}

struct cache_item *shard_find(struct cache_shard *s,
                              const struct cache_key *key, uint64_t hash)
{
  struct cache_item *it = *bucket_of(s, hash);
  while (it && !(it->hash == hash && cache_key_eq(&it->key, key)))
    it = it->next;
  return it;
}

static void chain(struct cache_shard *s, struct cache_item *item)
{
  struct cache_item **bucket = bucket_of(s, item->hash);
  item->next = *bucket;
  *bucket = item;
}

// Without memory for it the chains get longer, no more.
static void grow(struct cache_shard *s)
{
  struct cache_item **larger = new_buckets(s->size * 2);
  if (!larger) return;
  free(s->buckets);
  s->buckets = larger;
  s->size *= 2;
  LIST_EACH (it, &s->queue) {
    chain(s, LIST_ITEM(it, struct cache_item, link));
  }
}

void shard_drop(struct cache_shard *s, struct cache_item *item)
{
  struct cache_item **at = bucket_of(s, item->hash);
  while (*at != item)
    at = &(*at)->next;
  *at = item->next;
  if (s->hand == &item->link) s->hand = item->link.prev;
  list_remove(&item->link);
  s->count--;
  s->bytes -= item->size;
  item_unref(item);
}

// --- SIEVE ---

// From the oldest towards the newest, round and round; a marked one is spared
// once.
static struct cache_item *victim(struct cache_shard *s)
{
  for (;;) {
    if (!s->hand || s->hand == &s->queue) s->hand = s->queue.prev;
    struct cache_item *item = LIST_ITEM(s->hand, struct cache_item, link);
    if (!item->marked) return item;
    item->marked = false;
    s->hand = s->hand->prev;
  }
}

void shard_add(struct cache_shard *s, struct cache_item *item)
{
  while (s->count > 0 && s->bytes + item->size > s->bytes_max) {
    shard_drop(s, victim(s));
    s->stats.evicted++;
  }
  if (s->count >= s->size) grow(s);
  chain(s, item);
  list_append(s->queue.next, &item->link); // before the newest
  s->count++;
  s->bytes += item->size;
}
