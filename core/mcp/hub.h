// hub.h -- what changed, told to every open stream that asked, on all workers.
//
// One hub per process. Whoever knows of something publishes it, from any
// thread; each worker has a port, and on it a subscriber per open stream. An
// event goes to the workers that have a subscriber for its topic, a batch per
// mailbox message, and there to the subscribers, never inline.
//
//   script, reload, task --publish--> hub --+--> port (worker 0) --> subscribers
//                                           +--> port (worker 1) --> subscribers
//
// What waits for a worker is bounded and coalesced: a list that changed ten
// times has changed once; of a resource or a task the newest word counts. Only
// HUB_SESSION keeps each event, in the order of its publisher. Beyond
// HUB_WAITING_MAX events or HUB_WAITING_BYTES the newest is not taken.
//
// Guarantee: what is published after hub_watch() has returned is delivered,
// until hub_unwatch(). Nothing is kept for those who come later.
//
// Ownership: the hub outlives its ports, a port its subscribers; a subscriber
// is embedded in what owns it. Thread rule: hub_publish() from any thread;
// a port and its subscribers belong to the thread that joined.

#ifndef MCP_HUB_H
#define MCP_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"
#include "loop/mailbox.h"

#define HUB_WAITING_MAX   4096       // events with a key, per worker
#define HUB_WAITING_BYTES (4u << 20) // of them
#define HUB_KEY_MAX       2048       // bytes of a key

enum hub_topic {
  HUB_TOOLS, // the list changed; no key
  HUB_PROMPTS,
  HUB_RESOURCES, // with the templates
  HUB_LISTS,     // how many of those there are; no topic

  // One was updated; key: its URI.
  HUB_RESOURCE = HUB_LISTS,
  // Its state; key: the task's id; payload: its JSON, an object.
  HUB_TASK,
  HUB_SESSION, // whatever a legacy session's stream must know; key: the
               // session's id (SESSION_ID_LEN bytes); payload: the layer's own
  HUB_TOPICS
};

struct hub;
struct hub_port;

struct hub_event {
  enum hub_topic topic;
  struct slice key, payload; // good inside the callback
};

// For longer, if its topic has a key: whoever keeps it shares the same bytes with
// all others that do. On the port's thread, which gives it back.
const struct hub_event *hub_event_keep(const struct hub_event *event);
void hub_event_drop(const struct hub_event *event); // NULL is fine

struct hub_sub;
typedef void (*hub_event_fn)(struct hub_sub *sub,
                             const struct hub_event *event);

// An open stream as the hub sees it. Embedded; its members are private.
struct hub_sub {
  struct hub_port *port; // NULL: zeroed or finished
  hub_event_fn fn;
  struct list lists[HUB_LISTS]; // links in the port
  struct list keys;             // struct hub_key, of this subscriber
};

// NULL when out of memory.
struct hub *hub_new(void);
// After every port has left. NULL is fine.
void hub_free(struct hub *hub);

// Any thread. Borrows. Topics without a key ignore it. False when the event is
// not taken: the key is too long, too much waits already for some worker, or
// there is no memory. The others were told.
bool hub_publish(struct hub *hub, enum hub_topic topic, struct slice key,
                 struct slice payload);

// Does anybody watch this topic? For what is costly to say. Any thread.
bool hub_is_watched(struct hub *hub, enum hub_topic topic);

// This thread's port; events come by `mailbox` (keeps). NULL when out of memory.
struct hub_port *hub_join(struct hub *hub, struct mailbox *mailbox);
// Its subscribers are finished already. What still waits is dropped; the
// mailbox may be freed afterwards, not before. NULL is fine.
void hub_leave(struct hub_port *port);

// `fn` is called on the port's thread and may do anything, also finish this or
// another subscriber, except hub_leave().
void hub_sub_init(struct hub_sub *sub, struct hub_port *port, hub_event_fn fn);
// From now on `sub` is told of this; twice is once. Copies the key. False when
// out of memory or the key is too long.
bool hub_watch(struct hub_sub *sub, enum hub_topic topic, struct slice key);
void hub_unwatch(struct hub_sub *sub, enum hub_topic topic, struct slice key);
// Watches nothing any more. Zeroed or twice is fine.
void hub_sub_finish(struct hub_sub *sub);

struct hub_stats {
  uint64_t published; // events, each once
  uint64_t coalesced; // for a worker, into one that waited
  uint64_t dropped;   // for a worker: too much waited
};
struct hub_stats hub_stats(struct hub *hub); // any thread

#endif
