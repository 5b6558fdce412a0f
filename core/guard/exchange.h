// exchange.h -- one request to an upstream, with all that guards it.
//
//   attempt:  breaker peek -> gate -> limiter -> bulkhead -> breaker -> wire
//               (fails fast)  (wait holding nothing)  (place) (permit)
//   answer:   outcome -> breaker, bulkhead, budget, gate -> retry?
//                                     yes: wait, next attempt   no: done
//
// The order and its reasons: resilience.md, section 1. Whoever waits for the
// gate or the limiter holds nothing; the place comes before the permit, so that
// a probe of a half-open breaker is never spent in a queue. Each attempt gets
// what is left of the deadline. The error that is reported is the last one that
// came from the wire: a refusal of our own never hides it.
//
// The struct is embedded by the caller and must stay where it is until `done`.
// `done` is called exactly once: from the loop, or inline from
// exchange_cancel(); from exchange_start() only when the guard refuses at once.
// For the worker's thread.

#ifndef GUARD_EXCHANGE_H
#define GUARD_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "base/trail.h"
#include "guard/outcome.h"
#include "guard/policy.h"
#include "guard/upstream.h"
#include "loop/loop.h"
#include "loop/mailbox.h"
#include "net/http_client.h"

struct exchange;
struct place;

// X(constant, name, code, sentence)
#define REJECT_LIST(X)                                                         \
  X(REJECT_NONE, "none", OK, "")                                               \
  X(REJECT_BREAKER, "breaker_open", E_UNAVAILABLE,                             \
    "it failed too often just now and is not asked for a while")               \
  X(REJECT_GATE, "gate_closed", E_RATE_LIMITED,                                \
    "it said that it wants no requests for a while")                           \
  X(REJECT_LIMITER, "limiter", E_RATE_LIMITED,                                 \
    "the limit that is set for it is used up")                                 \
  X(REJECT_BULKHEAD, "bulkhead_full", E_UNAVAILABLE,                           \
    "too many requests to it are under way")                                   \
  X(REJECT_DEADLINE, "no_time_left", E_TIMEOUT,                                \
    "too little time was left to ask it")

enum reject {
#define X(constant, name, code, sentence) constant,
  REJECT_LIST(X)
#undef X
      REJECTS
};

const char *reject_name(enum reject r);
const char *reject_sentence(enum reject r);

struct exchange_result {
  enum error_code code; // OK: status < 400
  enum outcome outcome;
  enum reject reject;         // why nothing was sent; `answer` is then empty
  struct http_answer *answer; // the caller may move it out
  uint32_t attempts;          // on the wire
  enum side_effect side_effect;
  int64_t retry_after_ms; // -1: not known
};

typedef void (*exchange_done_fn)(void *ctx,
                                 const struct exchange_result *result);

struct exchange_options {
  struct loop *loop;
  struct mailbox *mailbox; // of this worker: how a place is handed over
  struct prng *chance;     // of this worker
  struct http_client *client;
  struct upstream *upstream;
  struct trail *trail;         // of the call
  const struct policy *policy; // outlives the exchange
  uint64_t deadline_ns;        // of the call, loop time
  uint32_t timeout_ms;         // of this exchange's attempts; 0: the policy's
  bool idempotent;             // declared by the script or the tool
  struct slice label;          // for the trail: the path, without the query
  // Everything but the times, the body limit and `replayable`, which the
  // exchange fills in. Borrowed until done, as is what it points to.
  struct http_attempt attempt;
};

enum exchange_state {
  EXCHANGE_IDLE,
  EXCHANGE_IN_BACKOFF,
  EXCHANGE_AT_GATE,
  EXCHANGE_AT_LIMITER,
  EXCHANGE_AT_BULKHEAD,
  EXCHANGE_SENT,
  EXCHANGE_ENDED
};

// Private, but embedded by value.
struct exchange {
  struct exchange_options options;
  enum exchange_state state;
  struct timer timer;
  struct gate_place gate;     // while AT_GATE
  struct limiter_slot slot;   // while AT_LIMITER
  struct place *place;        // in the bulkhead
  struct breaker_token token; // while SENT
  struct http_transfer *transfer;
  exchange_done_fn done;
  void *ctx;
  uint32_t attempts;
  bool cut_by_deadline, free_used, stale_before, cancelled, expired;
  int64_t cost;                 // withdrawn for a retry that has not been sent
  enum side_effect side_effect; // the worst so far
  struct http_answer last;      // of the newest attempt
  enum outcome last_outcome;
  int64_t last_hint_ms;
};

// Keeps ctx until done. False (and no done) when out of memory.
bool exchange_start(struct exchange *x, const struct exchange_options *options,
                    exchange_done_fn done, void *ctx);
// done comes inline, with E_CANCELLED. Not after done.
void exchange_cancel(struct exchange *x);
// The same because the call's time is over, which is no whim of the caller: an
// attempt on the wire ends as OUTCOME_DEADLINE, and the breaker hears of it.
void exchange_expire(struct exchange *x);

#endif
