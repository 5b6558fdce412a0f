// subscriptions.c -- see subscriptions.h for the contract.

#include "mcp/subscriptions.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/list.h"

enum { BUCKETS = 1024 };

struct entry {
  struct list link;
  struct list turn; // all->turns
  unsigned char session[EVENTS_ID_LEN];
  uint64_t serial;
  int64_t expires_ms;
  size_t len;
  char uri[];
};

struct subscriptions {
  pthread_mutex_t lock;
  struct list buckets[BUCKETS]; // by session
  struct list turns;            // who is looked at next is first
  uint32_t count, most;
  uint64_t serial;
};

struct subscriptions *subscriptions_new(void)
{
  struct subscriptions *all = fault_calloc(1, sizeof(*all));
  if (!all) return NULL;
  pthread_mutex_init(&all->lock, NULL);
  for (size_t i = 0; i < BUCKETS; i++)
    list_init(&all->buckets[i]);
  list_init(&all->turns);
  all->most = SUBSCRIPTIONS_MAX;
  return all;
}

void subscriptions_limit(struct subscriptions *all, uint32_t most)
{
  pthread_mutex_lock(&all->lock);
  all->most = most;
  pthread_mutex_unlock(&all->lock);
}

static struct list *bucket_of(struct subscriptions *all,
                              const unsigned char id[EVENTS_ID_LEN])
{
  uint32_t hash;
  memcpy(&hash, id, sizeof(hash));
  return &all->buckets[hash % BUCKETS];
}

static bool is_of(const struct entry *e, const unsigned char session[])
{
  return !memcmp(e->session, session, EVENTS_ID_LEN);
}

static void drop(struct subscriptions *all, struct entry *e)
{
  list_remove(&e->link);
  list_remove(&e->turn);
  all->count--;
  free(e);
}

static struct entry *find(struct subscriptions *all,
                          const unsigned char session[EVENTS_ID_LEN],
                          struct slice uri)
{
  LIST_EACH (it, bucket_of(all, session)) {
    struct entry *e = LIST_ITEM(it, struct entry, link);
    if (is_of(e, session) && slice_eq((struct slice){e->uri, e->len}, uri))
      return e;
  }
  return NULL;
}

static bool has_room(struct subscriptions *all, const unsigned char session[],
                     size_t len)
{
  uint32_t count = 1;
  LIST_EACH (it, bucket_of(all, session)) {
    const struct entry *e = LIST_ITEM(it, struct entry, link);
    if (!is_of(e, session)) continue;
    count++;
    len += e->len;
  }
  return count <= SUBSCRIPTION_URIS && len <= SUBSCRIPTION_URI_SUM;
}

static bool sweep(struct subscriptions *all, int64_t now_ms)
{
  for (size_t i = 0; i < BUCKETS && all->count; i++)
    LIST_EACH (it, &all->buckets[i]) {
      struct entry *e = LIST_ITEM(it, struct entry, link);
      if (e->expires_ms <= now_ms) drop(all, e);
    }
  return all->count > 0;
}

static enum subscribed add(struct subscriptions *all,
                           struct session_key session, struct slice uri,
                           uint64_t *serial, int64_t now_ms)
{
  if (find(all, session.id, uri)) return SUB_THERE;
  if (!has_room(all, session.id, uri.len)) return SUB_TOO_MANY;
  if (all->count >= all->most) sweep(all, now_ms);
  if (all->count >= all->most) return SUB_FULL;
  struct entry *e = fault_calloc(1, sizeof(*e) + uri.len);
  if (!e) return SUB_NO_MEMORY;
  memcpy(e->session, session.id, EVENTS_ID_LEN);
  memcpy(e->uri, uri.data, uri.len);
  e->len = uri.len;
  e->expires_ms = session.expires_ms;
  *serial = e->serial = ++all->serial;
  list_append(bucket_of(all, session.id), &e->link);
  list_append(&all->turns, &e->turn);
  all->count++;
  return SUB_NEW;
}

enum subscribed subscriptions_add(struct subscriptions *all,
                                  struct session_key session, struct slice uri,
                                  uint64_t *serial, int64_t now_ms)
{
  pthread_mutex_lock(&all->lock);
  enum subscribed how = add(all, session, uri, serial, now_ms);
  pthread_mutex_unlock(&all->lock);
  return how;
}

uint64_t subscriptions_remove(struct subscriptions *all,
                              const unsigned char session[EVENTS_ID_LEN],
                              struct slice uri)
{
  pthread_mutex_lock(&all->lock);
  struct entry *e = find(all, session, uri);
  uint64_t serial = e ? e->serial : 0;
  if (e) drop(all, e);
  pthread_mutex_unlock(&all->lock);
  return serial;
}

bool subscriptions_look(struct subscriptions *all, struct subscription *seen)
{
  pthread_mutex_lock(&all->lock);
  bool any = !list_empty(&all->turns);
  if (any) {
    struct entry *e = LIST_ITEM(all->turns.next, struct entry, turn);
    list_remove(&e->turn);
    list_append(&all->turns, &e->turn);
    memcpy(seen->session, e->session, EVENTS_ID_LEN);
    seen->serial = e->serial;
  }
  pthread_mutex_unlock(&all->lock);
  return any;
}

bool subscriptions_drop(struct subscriptions *all,
                        const struct subscription *seen)
{
  bool dropped = false;
  pthread_mutex_lock(&all->lock);
  LIST_EACH (it, bucket_of(all, seen->session)) {
    struct entry *e = LIST_ITEM(it, struct entry, link);
    if (e->serial != seen->serial) continue;
    drop(all, e);
    dropped = true;
  }
  pthread_mutex_unlock(&all->lock);
  return dropped;
}

uint64_t subscriptions_serial(struct subscriptions *all)
{
  pthread_mutex_lock(&all->lock);
  uint64_t serial = ++all->serial;
  pthread_mutex_unlock(&all->lock);
  return serial;
}

void subscriptions_end(struct subscriptions *all,
                       const unsigned char session[EVENTS_ID_LEN])
{
  pthread_mutex_lock(&all->lock);
  LIST_EACH (it, bucket_of(all, session)) {
    struct entry *e = LIST_ITEM(it, struct entry, link);
    if (is_of(e, session)) drop(all, e);
  }
  pthread_mutex_unlock(&all->lock);
}

bool subscriptions_sweep(struct subscriptions *all, int64_t now_ms)
{
  pthread_mutex_lock(&all->lock);
  bool any = sweep(all, now_ms);
  pthread_mutex_unlock(&all->lock);
  return any;
}

void subscriptions_free(struct subscriptions *all)
{
  if (!all) return;
  sweep(all, INT64_MAX);
  pthread_mutex_destroy(&all->lock);
  free(all);
}
