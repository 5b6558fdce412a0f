// fetch.h -- one request of a script, through cache and flight.
//
//   look    fresh        -> that is the answer
//           stale        -> that is the answer; one refresh goes behind it
//           last resort  -> kept at hand, for when the service fails
//           nothing      -> go
//   go      flight: K callers, one exchange -> cache -> all who wait
//           it failed, and that is the service's doing -> the last resort
//
// Looking does not wait and needs no credentials: a hit asks nobody. A fetch
// that was not told to look (or has nothing to be found by) goes straight to
// its exchange and costs nothing more.
//
// A flight's exchange belongs to no caller. It runs on the worker of the one
// who led, with copies of the request and the policy, for as long as a call
// that begins with it may take (or the one who led, if that is a task and has
// longer), and is given up when the last one leaves. Who joined and still has
// time when it ends for lack of time, or because its worker ends, begins again,
// once. All get the same bytes, counted, not copied. Only requests under the
// same policy and bounds share a flight.
//
// Where what an answer means is the script's to say (exchange_options.classify),
// a flight keeps the VM of the one who led until it has landed; if that cannot be
// kept, each asks for itself and nothing is refreshed behind.
//
// What may be kept is said by guard/cache_rule.h. A key holds the principal,
// unless the rules say that one may be served what another fetched. An answer
// that is `public` is everyone's only if `trusts_public`. An entry is replaced,
// or dropped when a new answer may not be kept; a fetch that fails leaves it.
//
// Differs from resilience.md, 11.2: the flight's deadline is that of a call
// that begins with it or leads, not the latest of its callers': each has its own
// timer, and when all have left it ends too.
//
// struct fetch is embedded by the caller and stays where it is from fetch_start
// until `done`, which is called exactly once: from the loop, inline from
// fetch_cancel() and fetch_expire(), and from fetch_start() only if the guard
// refuses at once. For the worker's thread; struct fetch_shared for any.

#ifndef GUARD_FETCH_H
#define GUARD_FETCH_H

#include "guard/cache.h"
#include "guard/cache_rule.h"
#include "guard/exchange.h"
#include "guard/flight.h"

// What the process shares.
struct fetch_shared;

// `bytes`: of the cache. NULL: no memory. Free: when every fetcher is gone.
struct fetch_shared *fetch_shared_new(size_t bytes, uint64_t seed);
void fetch_shared_free(struct fetch_shared *s); // NULL is fine
struct cache *fetch_cache(struct fetch_shared *s);
struct flights *fetch_flights(struct fetch_shared *s);

// A number that is part of what a resource's answers are found by: it changes
// with fetch_changed(), and nobody finds the old ones any more. Both take what
// the path of a request is, without its query; any thread.
uint32_t fetch_version(struct fetch_shared *s, struct slice space,
                       struct slice path);
void fetch_changed(struct fetch_shared *s, struct slice space,
                   struct slice path);

// One per worker: the flights that run on it.
struct fetcher;

// Keeps all three; NULL: no memory.
struct fetcher *fetcher_new(struct fetch_shared *s, struct loop *loop,
                            struct mailbox *mailbox, struct prng *chance);
// Ends what runs; no fetch of this worker is under way any more. Before the
// HTTP client ends. NULL is fine.
void fetcher_free(struct fetcher *f);
struct fetch_shared *fetcher_shared(struct fetcher *f);
unsigned fetcher_running(const struct fetcher *f); // exchanges of flights

struct fetch_rules {
  struct cache_rule_options rule;
  bool on;       // keeps answers
  bool coalesce; // by flight
  bool safe;     // a POST that changes nothing
  bool trusts_public;
};
// Of a policy; `trusts_public` is the caller's to say.
struct fetch_rules policy_cache(const struct policy *p);

// X(constant, name)
#define FETCH_SOURCE_LIST(X)                                                   \
  X(FETCH_WIRE, "wire")                                                        \
  X(FETCH_JOINED, "joined")                                                    \
  X(FETCH_FRESH, "fresh")                                                      \
  X(FETCH_STALE, "stale")                                                      \
  X(FETCH_LAST_RESORT, "last_resort")

enum fetch_source {
#define X(constant, name) constant,
  FETCH_SOURCE_LIST(X)
#undef X
      FETCH_SOURCES
};
const char *fetch_source_name(enum fetch_source s);

struct fetch_result {
  struct exchange_result of; // its answer may be shared; it may be moved out
  enum fetch_source source;
  uint64_t age_ns; // of what comes from the cache
};
typedef void (*fetch_done_fn)(void *ctx, const struct fetch_result *result);

struct fetch_options { // all borrowed until fetch_finish()
  struct fetcher *fetcher;
  struct trail *trail; // of the call
  struct cache_key key;
  struct fetch_rules rules;
  uint64_t deadline_ns; // of the call
};

// What to do after looking.
enum fetch_found {
  FETCH_GO,     // fetch_start()
  FETCH_SERVED, // fetch_take()
  FETCH_BEHIND, // fetch_refresh(), fetch_take()
};

struct fetch_seat;

// What an answer is stored by; inside of fetch*.c.
struct fetch_job {
  struct cache_key key;
  struct fetch_rules rules;
  uint64_t ticket, shared_ticket;
  uint64_t start_ns;
  struct slice method;
  bool replaces; // there is an entry
};

// Private, but embedded by value; zeroed, it is one that looks for nothing.
struct fetch {
  struct fetch_options options;
  struct cache_value *kept; // gives a reference; what was found
  enum cache_state state;   // of `kept`
  bool everyones;           // `kept` is in the cache for all principals
  bool again;
  struct fetch_job job;
  struct fetch_seat *seat; // waits in a flight
  uint64_t joined_ns;
  struct timer timer; // ends the wait
  bool alone;         // `exchange` runs
  bool late;          // the timer has ended it
  fetch_done_fn done;
  void *ctx;
  struct exchange exchange; // last: it needs no clearing
};

enum fetch_found fetch_look(struct fetch *f, const struct fetch_options *o);
// What was found, moved into `*answer`.
void fetch_take(struct fetch *f, struct fetch_result *result,
                struct http_answer *answer);
// The answer will not come for that reason: is there a last resort for it? Then
// as fetch_take().
bool fetch_rescue(struct fetch *f, enum error_code why,
                  struct fetch_result *result, struct http_answer *answer);

// As exchange_start(): false, and no done, when out of memory.
bool fetch_start(struct fetch *f, const struct exchange_options *request,
                 fetch_done_fn done, void *ctx);
// In the background; whatever becomes of it.
void fetch_refresh(struct fetch *f, const struct exchange_options *request);
// Instead of it: there will be no refresh now.
void fetch_forgo(struct fetch *f);
// done comes inline, with E_CANCELLED. Not after done.
void fetch_cancel(struct fetch *f);
void fetch_expire(struct fetch *f); // as exchange_expire()
// Gives back what was found. Not while it runs; twice is fine.
void fetch_finish(struct fetch *f);

#endif
