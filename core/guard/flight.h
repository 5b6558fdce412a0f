// flight.h -- many callers, one upstream call: coalescing.
//
//   join: nobody is on it  -> LEADS: start the work, on behalf of the flight
//   join: somebody is      -> JOINED: wait for its result
//   finish                 -> everyone who waits is woken with the result
//   leave                  -> this one waits no more; the others do
//   the last one left      -> `on_empty`: the work may be abandoned
//
// The flight belongs to nobody: not to the caller that led, which may leave
// first. So the work must not run on its caller's deadline or cancel with it,
// but on the flight's: flight_deadline_ns() is the latest of all who ever
// joined. It ends by flight_finish(), or by flight_abandon() if nobody waits.
//
// Order at the end: put the result into the cache, then flight_finish(), which
// takes the key from the table before it wakes anybody. So who comes later hits
// the cache or begins a new flight, and never waits for one that is over. Errors
// are shared as they are. Never coalesce what is unsafe.
//
// A waiter is a struct in the caller's memory, of one thread. wake(w, result) is
// called once unless flight_leave() said LEFT; by the thread that finishes, with
// no lock held, so it posts to the waiter's worker. If leave() says WOKEN, wake()
// was called or still comes, and the waiter must stay where it is until then.
// The waiter arms its own timer; its timeout is its leaving, and ends nothing.
//
// on_empty(ctx) is called with the table's lock held: it may post, and not call
// back. It is called when the last waiter leaves, then not again until
// flight_abandon() has said no, and never after flight_finish().
//
// Shared by all workers; any thread. Keys with different principals never meet
// (guard/cache_key.h).

#ifndef GUARD_FLIGHT_H
#define GUARD_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "guard/cache_key.h"

#define FLIGHT_WAITERS_MAX 10000 // of one flight, by default

struct flights; // the table
struct flight;
struct flight_waiter;

typedef void (*flight_wake_fn)(struct flight_waiter *w, void *result);
typedef void (*flight_empty_fn)(void *ctx);
typedef void (*flight_share_fn)(void *result); // one more reference

struct flight_waiter {
  // Set by the owner before it joins:
  flight_wake_fn wake;
  uint64_t deadline_ns;
  // Private:
  struct list link;
  struct flight *flight; // NULL: in none
  uint32_t shard;
  bool waited;
};

struct flight_work { // what LEADS needs; borrowed by join
  flight_empty_fn on_empty;
  void *ctx; // keeps, until the flight has ended
};

enum flight_role { FLIGHT_LEADS, FLIGHT_JOINED, FLIGHT_FULL, FLIGHT_NO_MEMORY };
enum flight_left { FLIGHT_NOTHING, FLIGHT_LEFT, FLIGHT_WOKEN };

struct flights_stats {
  uint64_t flights, waiters; // now
  uint64_t led, joined, refused, abandoned;
};

// NULL when out of memory. Free: when no flight is left.
struct flights *flights_new(const uint64_t seed[2], uint32_t waiters_max);
void flights_free(struct flights *t);
void flights_stats(struct flights *t, struct flights_stats *out);

// `*flight` is set for LEADS: to end it with. For JOINED it is not: who joins
// has its waiter.
enum flight_role flight_join(struct flights *t, const struct cache_key *key,
                             struct flight_waiter *w,
                             const struct flight_work *work,
                             struct flight **flight);
enum flight_left flight_leave(struct flights *t, struct flight_waiter *w);

// Both end it, for whoever does the work. `share` is called once for each waiter
// before it is woken; NULL if there is nothing to count.
void flight_finish(struct flights *t, struct flight *f, void *result,
                   flight_share_fn share);
// False: somebody waits (again), carry on.
bool flight_abandon(struct flights *t, struct flight *f);

uint64_t flight_deadline_ns(struct flight *f);

#endif
