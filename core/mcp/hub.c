// hub.c -- see hub.h for the contract.
//
// One lock for the ports and for what waits at them: events are rare, and
// copying one under it is all that is done there. What a port's subscribers
// watch is the port's alone; others see only how many watch each topic, so that
// nobody is woken for nothing.

#include "mcp/hub.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/hash.h"
#include "base/random.h"

enum { KEY_BUCKETS = 1024, WAITING_BUCKETS = 256 };

// An event on its way to one port; delivered, it stays for those that keep it.
struct waiting {
  struct list link;   // port->waiting, in order
  struct list bucket; // to find the one that a newer replaces
  uint64_t hash;
  struct hub_event event; // of the bytes
  uint32_t users;         // the owner's thread only
  char bytes[];           // key, payload
};

// A key that a subscriber watches.
struct hub_key {
  struct list bucket; // in the port
  struct list link;   // of the subscriber
  struct hub_sub *sub;
  uint64_t hash;
  enum hub_topic topic;
  uint32_t len;
  char text[];
};

struct hub_port {
  struct message message;
  struct hub *hub;
  struct mailbox *mailbox;
  _Atomic(uint32_t) watched[HUB_TOPICS]; // subscribers; written by the owner
  // Under the hub's lock:
  struct list link;
  bool posted;            // the message is on its way
  bool left;              // and frees the port
  unsigned lists_waiting; // bits
  struct list waiting;
  struct list waiting_at[WAITING_BUCKETS];
  uint32_t waiting_count;
  size_t waiting_bytes;
  // The owner's alone:
  struct list lists[HUB_LISTS];  // hub_sub.lists
  struct list keys[KEY_BUCKETS]; // hub_key.bucket
  struct list *next; // of the walk that goes on; moved when it is unlinked
};

struct hub {
  pthread_mutex_t lock;
  struct list ports;
  struct hub_stats stats;
  uint64_t seed[2];
};

struct hub *hub_new(void)
{
  struct hub *hub = fault_calloc(1, sizeof(*hub));
  if (!hub) return NULL;
  if (!random_bytes(hub->seed, sizeof(hub->seed))) {
    free(hub);
    return NULL;
  }
  pthread_mutex_init(&hub->lock, NULL);
  list_init(&hub->ports);
  return hub;
}

void hub_free(struct hub *hub)
{
  if (!hub) return;
  assert(list_empty(&hub->ports));
  pthread_mutex_destroy(&hub->lock);
  free(hub);
}

struct hub_stats hub_stats(struct hub *hub)
{
  pthread_mutex_lock(&hub->lock);
  struct hub_stats stats = hub->stats;
  pthread_mutex_unlock(&hub->lock);
  return stats;
}

// Differs with the topic, so that a task is no resource of the same name.
static uint64_t hash_of(const struct hub *hub, enum hub_topic topic,
                        struct slice key)
{
  uint64_t seed[2] = {hub->seed[0], hub->seed[1] + topic};
  return hash_table(seed, key);
}

// --- publishing ---

static void drop_waiting(struct hub_port *port, struct waiting *w)
{
  list_remove(&w->link);
  list_remove(&w->bucket);
  port->waiting_count--;
  port->waiting_bytes -= w->event.key.len + w->event.payload.len;
  free(w);
}

static struct waiting *find_waiting(const struct hub_port *port,
                                    const struct hub_event *e, uint64_t hash)
{
  LIST_EACH (it, &port->waiting_at[hash % WAITING_BUCKETS]) {
    struct waiting *w = LIST_ITEM(it, struct waiting, bucket);
    if (w->hash == hash && w->event.topic == e->topic &&
        slice_eq(w->event.key, e->key))
      return w;
  }
  return NULL;
}

static struct waiting *new_waiting(const struct hub_event *e, uint64_t hash)
{
  size_t len = e->key.len + e->payload.len;
  struct waiting *w = fault_now() ? NULL : malloc(sizeof(*w) + len);
  if (!w) return NULL;
  w->hash = hash;
  w->users = 1;
  w->event = (struct hub_event){e->topic,
                                {w->bytes, e->key.len},
                                {w->bytes + e->key.len, e->payload.len}};
  if (e->key.len) memcpy(w->bytes, e->key.data, e->key.len);
  if (e->payload.len)
    memcpy(w->bytes + e->key.len, e->payload.data, e->payload.len);
  return w;
}

static bool has_room(const struct hub_port *port, const struct hub_event *e)
{
  size_t bytes = e->key.len + e->payload.len;
  return port->waiting_count < HUB_WAITING_MAX &&
         bytes <= HUB_WAITING_BYTES - port->waiting_bytes;
}

static bool add_event(struct hub_port *port, const struct hub_event *e,
                      uint64_t hash)
{
  bool replaces = e->topic != HUB_SESSION;
  struct waiting *old = replaces ? find_waiting(port, e, hash) : NULL;
  if (old) {
    drop_waiting(port, old);
    port->hub->stats.coalesced++;
  }
  struct waiting *w = has_room(port, e) ? new_waiting(e, hash) : NULL;
  if (!w) {
    port->hub->stats.dropped++;
    return false;
  }
  list_append(&port->waiting, &w->link);
  list_append(&port->waiting_at[hash % WAITING_BUCKETS], &w->bucket);
  port->waiting_count++;
  port->waiting_bytes += e->key.len + e->payload.len;
  return true;
}

static bool add_list(struct hub_port *port, enum hub_topic topic)
{
  unsigned bit = 1u << topic;
  if (port->lists_waiting & bit) port->hub->stats.coalesced++;
  port->lists_waiting |= bit;
  return true;
}

static bool tell_port(struct hub_port *port, const struct hub_event *e,
                      uint64_t hash)
{
  if (!atomic_load(&port->watched[e->topic])) return true;
  if (!(e->topic < HUB_LISTS ? add_list(port, e->topic)
                             : add_event(port, e, hash)))
    return false;
  if (!port->posted) mailbox_post(port->mailbox, &port->message);
  port->posted = true;
  return true;
}

bool hub_publish(struct hub *hub, enum hub_topic topic, struct slice key,
                 struct slice payload)
{
  struct hub_event e = {topic, key, payload};
  bool good = true, keyed = topic >= HUB_LISTS;
  if (keyed && (key.len > HUB_KEY_MAX || payload.len > HUB_WAITING_BYTES))
    return false;
  uint64_t hash = keyed ? hash_of(hub, topic, key) : 0;
  pthread_mutex_lock(&hub->lock);
  hub->stats.published++;
  LIST_EACH (it, &hub->ports)
    good &= tell_port(LIST_ITEM(it, struct hub_port, link), &e, hash);
  pthread_mutex_unlock(&hub->lock);
  return good;
}

bool hub_is_watched(struct hub *hub, enum hub_topic topic)
{
  bool watched = false;
  pthread_mutex_lock(&hub->lock);
  LIST_EACH (it, &hub->ports)
    watched |=
        atomic_load(&LIST_ITEM(it, struct hub_port, link)->watched[topic]) > 0;
  pthread_mutex_unlock(&hub->lock);
  return watched;
}

// --- delivery ---

static struct waiting *waiting_of(const struct hub_event *e)
{
  return LIST_ITEM(e, struct waiting, event);
}

const struct hub_event *hub_event_keep(const struct hub_event *event)
{
  assert(event->topic >= HUB_LISTS);
  waiting_of(event)->users++;
  return event;
}

void hub_event_drop(const struct hub_event *event)
{
  if (event && --waiting_of(event)->users == 0) free(waiting_of(event));
}

// Walks links while whoever is behind them is called: they may unlink any
// (unlink_safely). NULL at the end.
static struct list *walk_on(struct hub_port *port, const struct list *head,
                            struct list *it)
{
  if (it == head) return NULL;
  port->next = it->next;
  return it;
}

static void unlink_safely(struct hub_port *port, struct list *link)
{
  if (port->next == link) port->next = link->next;
  list_remove(link);
}

static void tell_list(struct hub_port *port, enum hub_topic topic)
{
  struct hub_event e = {.topic = topic};
  struct list *head = &port->lists[topic];
  struct list *it = walk_on(port, head, head->next);
  for (; it; it = walk_on(port, head, port->next)) {
    struct hub_sub *sub = LIST_ITEM(it, struct hub_sub, lists[topic]);
    sub->fn(sub, &e);
  }
}

static bool is_key(const struct hub_key *k, const struct hub_event *e,
                   uint64_t hash)
{
  return k->hash == hash && k->topic == e->topic && k->len == e->key.len &&
         !memcmp(k->text, e->key.data, e->key.len);
}

static void tell_watchers(struct hub_port *port, const struct waiting *w)
{
  struct list *head = &port->keys[w->hash % KEY_BUCKETS];
  struct list *it = walk_on(port, head, head->next);
  for (; it; it = walk_on(port, head, port->next)) {
    struct hub_key *k = LIST_ITEM(it, struct hub_key, bucket);
    if (is_key(k, &w->event, w->hash)) k->sub->fn(k->sub, &w->event);
  }
}

// Moves what waits into `events`. The lists, as bits.
static unsigned take_waiting(struct hub_port *port, struct list *events)
{
  pthread_mutex_lock(&port->hub->lock);
  unsigned lists = port->lists_waiting;
  LIST_EACH (it, &port->waiting) {
    struct waiting *w = LIST_ITEM(it, struct waiting, link);
    list_remove(&w->link);
    list_remove(&w->bucket);
    list_append(events, &w->link);
  }
  port->lists_waiting = 0;
  port->waiting_count = 0;
  port->waiting_bytes = 0;
  port->posted = false;
  pthread_mutex_unlock(&port->hub->lock);
  return lists;
}

static void deliver(struct message *message)
{
  struct hub_port *port = LIST_ITEM(message, struct hub_port, message);
  if (port->left) { // this was all that kept it
    free(port);
    return;
  }
  struct list events;
  list_init(&events);
  unsigned lists = take_waiting(port, &events);
  for (int topic = 0; topic < HUB_LISTS; topic++)
    if (lists & (1u << topic)) tell_list(port, (enum hub_topic)topic);
  LIST_EACH (it, &events) {
    struct waiting *w = LIST_ITEM(it, struct waiting, link);
    tell_watchers(port, w);
    hub_event_drop(&w->event);
  }
  port->next = NULL;
}

// --- ports ---

struct hub_port *hub_join(struct hub *hub, struct mailbox *mailbox)
{
  struct hub_port *port = fault_calloc(1, sizeof(*port));
  if (!port) return NULL;
  port->message.fn = deliver;
  port->hub = hub;
  port->mailbox = mailbox;
  list_init(&port->link);
  list_init(&port->waiting);
  for (int i = 0; i < WAITING_BUCKETS; i++)
    list_init(&port->waiting_at[i]);
  for (int i = 0; i < HUB_LISTS; i++)
    list_init(&port->lists[i]);
  for (int i = 0; i < KEY_BUCKETS; i++)
    list_init(&port->keys[i]);
  pthread_mutex_lock(&hub->lock);
  list_append(&hub->ports, &port->link);
  pthread_mutex_unlock(&hub->lock);
  return port;
}

void hub_leave(struct hub_port *port)
{
  if (!port) return;
  pthread_mutex_lock(&port->hub->lock);
  list_remove(&port->link);
  LIST_EACH (it, &port->waiting)
    drop_waiting(port, LIST_ITEM(it, struct waiting, link));
  bool on_its_way = port->posted;
  port->left = true;
  pthread_mutex_unlock(&port->hub->lock);
  if (!on_its_way) free(port);
}

// --- subscribers ---

void hub_sub_init(struct hub_sub *sub, struct hub_port *port, hub_event_fn fn)
{
  *sub = (struct hub_sub){.port = port, .fn = fn};
  for (int i = 0; i < HUB_LISTS; i++)
    list_init(&sub->lists[i]);
  list_init(&sub->keys);
}

// Among its own: of a popular key the port has very many.
static struct hub_key *find_key(const struct hub_sub *sub, enum hub_topic topic,
                                struct slice key)
{
  LIST_EACH (it, &sub->keys) {
    struct hub_key *k = LIST_ITEM(it, struct hub_key, link);
    if (k->topic == topic && slice_eq((struct slice){k->text, k->len}, key))
      return k;
  }
  return NULL;
}

static bool watch_key(struct hub_sub *sub, enum hub_topic topic,
                      struct slice key)
{
  if (key.len > HUB_KEY_MAX) return false;
  if (find_key(sub, topic, key)) return true;
  struct hub_key *k = fault_now() ? NULL : malloc(sizeof(*k) + key.len);
  if (!k) return false;
  k->sub = sub;
  k->hash = hash_of(sub->port->hub, topic, key);
  k->topic = topic;
  k->len = (uint32_t)key.len;
  if (key.len) memcpy(k->text, key.data, key.len);
  list_append(&sub->port->keys[k->hash % KEY_BUCKETS], &k->bucket);
  list_append(&sub->keys, &k->link);
  atomic_fetch_add(&sub->port->watched[topic], 1);
  return true;
}

bool hub_watch(struct hub_sub *sub, enum hub_topic topic, struct slice key)
{
  assert(sub->port);
  if (topic >= HUB_LISTS) return watch_key(sub, topic, key);
  if (!list_empty(&sub->lists[topic])) return true;
  list_append(&sub->port->lists[topic], &sub->lists[topic]);
  atomic_fetch_add(&sub->port->watched[topic], 1);
  return true;
}

static void forget_key(struct hub_port *port, struct hub_key *k)
{
  atomic_fetch_sub(&port->watched[k->topic], 1);
  unlink_safely(port, &k->bucket);
  list_remove(&k->link);
  free(k);
}

static void forget_list(struct hub_sub *sub, enum hub_topic topic)
{
  if (list_empty(&sub->lists[topic])) return;
  atomic_fetch_sub(&sub->port->watched[topic], 1);
  unlink_safely(sub->port, &sub->lists[topic]);
}

void hub_unwatch(struct hub_sub *sub, enum hub_topic topic, struct slice key)
{
  assert(sub->port);
  if (topic < HUB_LISTS) {
    forget_list(sub, topic);
    return;
  }
  struct hub_key *k = find_key(sub, topic, key);
  if (k) forget_key(sub->port, k);
}

void hub_sub_finish(struct hub_sub *sub)
{
  if (!sub->port) return;
  for (int i = 0; i < HUB_LISTS; i++)
    forget_list(sub, (enum hub_topic)i);
  LIST_EACH (it, &sub->keys)
    forget_key(sub->port, LIST_ITEM(it, struct hub_key, link));
  sub->port = NULL;
}
