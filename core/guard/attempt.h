// attempt.h -- one try: asked in, sent, judged, told to those who must know.
//
//   breaker peek -> gate -> limiter -> bulkhead -> breaker -> wire
//    (fails fast)  (wait holding nothing)  (place) (permit)
//   answer: outcome -> breaker, bulkhead, budgets, gate, latency -> done
//
// The order and its reasons: resilience.md, section 1. Whoever waits for the
// gate or the limiter holds nothing; the place comes before the permit, so that
// a probe of a half-open breaker is never spent in a queue. The time on the wire
// is the policy's, or what is left of the deadline if that is less.
//
//   IDLE -> AT_GATE -> AT_LIMITER -> AT_BULKHEAD -> AT_FAULT -> SENT -> ENDED
//              any of them may be skipped, and may end it
//
// AT_FAULT is an attempt that chaos.* of its policy has hit (guard/chaos.h): for
// all others it is on the wire.
//
// Whatever it holds is its own and is given back before `done`, which is called
// exactly once: from the loop, inline from attempt_cancel(), or inline from
// attempt_begin() when the guard refuses at once. Whether there is another try
// is its exchange's business (guard/exchange.h), which embeds it; it must stay
// where it is until `done`, and may be begun again after it.
// For the worker's thread.

#ifndef GUARD_ATTEMPT_H
#define GUARD_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "guard/breaker.h"
#include "guard/bulkhead.h"
#include "guard/chaos.h"
#include "guard/gate.h"
#include "guard/limiter.h"
#include "guard/outcome.h"
#include "guard/reject.h"
#include "loop/loop.h"
#include "net/http_client.h"

struct attempt;
struct exchange_options;
struct place;

struct attempt_end {
  enum outcome outcome;  // LOCAL_REJECT or CANCELLED if nothing was sent
  enum outcome by_table; // the same without the integration's word
  enum error_code code;
  enum reject reject;
  uint64_t wait_ns;           // of a refusal: come again then; 0: not known
  int64_t hint_ms;            // Retry-After; -1: none
  bool injected;              // a fault was made up, or a delay
  struct http_answer *answer; // NULL: nothing was sent; may be moved out
};

typedef void (*attempt_done_fn)(struct attempt *a,
                                const struct attempt_end *end);

enum attempt_state {
  ATTEMPT_IDLE,
  ATTEMPT_AT_GATE,
  ATTEMPT_AT_LIMITER,
  ATTEMPT_AT_BULKHEAD,
  ATTEMPT_AT_FAULT,
  ATTEMPT_SENT,
  ATTEMPT_ENDED
};

// Why it is given up.
enum attempt_stop {
  STOP_NOT,
  STOP_CANCELLED, // by the caller: nobody's fault
  STOP_EXPIRED,   // the call's time is over: the breaker hears of it
  STOP_LOST,      // another arm of its hedge has won
};

// Set by the exchange before attempt_begin(); the rest is private.
struct attempt {
  const struct exchange_options *options;
  attempt_done_fn done;
  void *ctx;
  uint32_t number;    // from 1, in its exchange
  bool stale_before;  // an attempt before it met a dead connection
  bool beside;        // an arm of a hedge that is not the first
  bool after_failure; // one that was launched because another had failed

  enum attempt_state state;
  enum attempt_stop stop;
  bool cut_by_deadline;
  uint64_t useful_ns;           // the shortest rest in which it makes sense
  uint32_t timeout_ms, wire_ms; // its own; what it gets
  uint64_t sent_ns;             // when, if SENT or AT_FAULT
  struct timer timer;
  struct gate_place gate;      // while AT_GATE
  struct limiter_slot slot;    // from AT_LIMITER until it is sent
  struct limiter *limiter;     // that gave it
  struct bulkhead_waiter seat; // in the bulkhead, if there was one at once
  bool seated;
  struct place *place;        // else: waited for it, or still does
  struct breaker_token token; // while SENT or AT_FAULT
  struct chaos_plan fault;
  struct http_transfer *transfer;
};

void attempt_begin(struct attempt *a);
// `done` comes inline. Not from inside done, nor after it.
void attempt_cancel(struct attempt *a, enum attempt_stop why);

#endif
