// bulkhead.h -- so many at a time, and a short queue for the next ones.
//
// An attempt enters: it GOes if a slot is free and nobody waits, WAITs if the
// queue has room, else it is refused (FULL). Whoever exits hands its slot to a
// waiter directly, so nobody can slip in between. Waiters are served in order;
// when the queue is a standing one the newest first, and new ones may wait only
// briefly (guard/codel.h). A waiter whose time is over is passed by. While
// others wait, a tenant that holds half of the slots already is passed by too.
//
// A waiter is a struct in the attempt's memory. Its life:
//
//   enter -> GO   .................................... exit
//   enter -> WAIT ... grant(w) is called, once ....... exit
//   enter -> WAIT ... cancel or timer: exit
//
// The module arms no timer: on WAIT the owner arms one for w->deadline_ns, and
// exits when it fires. exit() may always be called, once is enough, and says
// what it did; if it says RELEASED before grant() has come, grant() still comes,
// and the waiter must stay where it is until then (the slot is back already).
//
// grant() is called by the thread that handed the slot over, with no lock held:
// it posts to the waiter's own worker. Any thread may enter and exit, but each
// waiter belongs to one. Without waiters both are one compare-and-swap; the
// lock is for the queue.
//
// The limit can change at any time (guard/adaptive.h): running ones are left
// alone when it falls, waiters wake when it rises. Streams get a bulkhead of
// their own, or a few would block all short calls.
//
// Defaults: limit 64, queue as long, wait 100 ms (resilience.md, section 8).

#ifndef GUARD_BULKHEAD_H
#define GUARD_BULKHEAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "guard/codel.h"

#define BULKHEAD_TENANTS 64 // counters; two tenants may share one

struct bulkhead_options {
  uint32_t queue_max;
  struct codel_options wait;
};

struct bulkhead_waiter;
typedef void (*bulkhead_grant_fn)(struct bulkhead_waiter *w);

enum bulkhead_place { PLACE_NONE, PLACE_QUEUED, PLACE_HOLDS };

struct bulkhead_waiter {
  // Set by the owner before it enters:
  bulkhead_grant_fn grant; // NULL: does not wait
  uint64_t deadline_ns;    // the latest useful start; lowered by enter()
  uint32_t tenant;         // 0: none
  // Private:
  struct list link;
  enum bulkhead_place place; // under the lock, if `waited`
  bool waited;
};

struct bulkhead {
  _Alignas(64) _Atomic uint64_t word; // in flight << 32 | queued
  _Atomic uint32_t limit, high_water;
  _Alignas(64) pthread_mutex_t lock;
  struct list queue;
  struct codel codel;
  atomic_uint_fast64_t full, timed_out, handed_over;
  _Atomic uint32_t held[BULKHEAD_TENANTS];
};

enum bulkhead_answer { BULKHEAD_GO, BULKHEAD_WAIT, BULKHEAD_FULL };
enum bulkhead_exit { BULKHEAD_NOTHING, BULKHEAD_LEFT, BULKHEAD_RELEASED };

// False when out of memory.
bool bulkhead_init(struct bulkhead *b, uint32_t limit, uint64_t now_ns);
void bulkhead_finish(struct bulkhead *b); // nobody is in it

// GO, or nothing has happened: a slot is free and nobody waits. No lock, and the
// waiter may be anywhere until it exits: nobody else knows of it.
bool bulkhead_try(struct bulkhead *b, struct bulkhead_waiter *w);
enum bulkhead_answer bulkhead_enter(struct bulkhead *b,
                                    const struct bulkhead_options *o,
                                    struct bulkhead_waiter *w, uint64_t now_ns);
enum bulkhead_exit bulkhead_exit(struct bulkhead *b,
                                 const struct bulkhead_options *o,
                                 struct bulkhead_waiter *w, uint64_t now_ns);
void bulkhead_resize(struct bulkhead *b, const struct bulkhead_options *o,
                     uint32_t limit, uint64_t now_ns);

uint32_t bulkhead_in_flight(struct bulkhead *b);
uint32_t bulkhead_limit(struct bulkhead *b);
uint32_t bulkhead_queued(struct bulkhead *b);

#endif
