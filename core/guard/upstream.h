// upstream.h -- what the whole process knows of one upstream.
//
// Breaker, budgets of retries and hedges, penalty gate, limiter, bulkhead and
// latencies are one per upstream, not one per worker: a limit of 100 a minute
// would else be one of 100 per worker, and a breaker would learn as many times
// more slowly. They are found by a stable key (the integration's name and base),
// so that they outlive reloads; their options come from the policy of each call,
// and change with it.
//
// Finding one takes a mutex: it is done once per generation, not per call. An
// upstream lives as long as its set. What is in it is safe for threads.

#ifndef GUARD_UPSTREAM_H
#define GUARD_UPSTREAM_H

#include "base/slice.h"
#include "guard/adaptive.h"
#include "guard/breaker.h"
#include "guard/budget.h"
#include "guard/bulkhead.h"
#include "guard/chaos.h"
#include "guard/gate.h"
#include "guard/hedge.h"
#include "guard/latency.h"
#include "guard/limiter.h"
#include "guard/pace.h"
#include "guard/policy.h"

struct upstream {
  struct breaker breaker;
  struct budget budget;
  struct gate gate;
  struct limiter limiter;
  struct bulkhead bulkhead;
  struct latency latency;
  struct budget hedges;
  struct pace pace;
  struct adaptive adaptive;
  _Atomic uint32_t adaptive_least, adaptive_most; // most 0: it does not learn
  _Alignas(64) _Atomic uint64_t throttled_ns; // when it last said so; 0: never
  _Atomic uint32_t nameless; // times in a row that its name did not resolve
  atomic_bool multiplexes;   // it was seen to speak HTTP/2
  struct chaos *chaos;       // the set's
  // Of the integration's own word on answers: how often it broke, and when that
  // was last told.
  _Atomic uint64_t classify_failed, classify_told_ns;
  struct upstream *next;
  char *key;
};

struct upstream_set;

// `seed`: for the jitter of breakers. NULL: no memory.
struct upstream_set *upstream_set_new(uint64_t seed);
// Nobody uses them any more. NULL is fine.
void upstream_set_free(struct upstream_set *set);

// Lets policies inject faults (chaos.*) until then, loop time; 0: no more. Any
// thread. Never, unless this is called.
void upstream_set_chaos(struct upstream_set *set, uint64_t until_ns);

// The upstream of that key, made now if it is new. `policy` is the
// integration's: how many may be on the wire at once, and whether that number is
// learned, is a property of the upstream and not of a call. What was learned
// stays when the policy changes, within its bounds. NULL: no memory.
struct upstream *upstream_get(struct upstream_set *set, struct slice key,
                              const struct policy *policy, uint64_t now_ns);

// Does it learn its number of places? If so, how.
bool upstream_adaptive(struct upstream *u, struct adaptive_options *o);

// --- a policy, as the primitives' options ---

struct breaker_options policy_breaker(const struct policy *p);
struct budget_options policy_budget(const struct policy *p);
struct hedge_options policy_hedge(const struct policy *p);
struct limiter_options policy_limiter(const struct policy *p);
struct bulkhead_options policy_bulkhead(const struct policy *p);
// From where on an answer is slow.
uint64_t policy_slow_ns(const struct policy *p);

#endif
