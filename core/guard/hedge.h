// hedge.h -- one more try before the first has ended: whether, when, who wins.
//
// Off by default, and only for what may be repeated because it changes nothing
// (a key alone is not enough: of two at once, one gets 409). hedge_plan() says
// whether a call may hedge at all, and after which delay: the p95 of the last
// five minutes, at least 10 ms; 2 s where there are fewer than 100 samples; or
// what the policy says. It does not where that could make trouble worse: breaker
// not closed, throttled in the last ten seconds, more than 80 % of the slots in
// use, shedding, or less than twice the delay left.
//
// When the delay is over, hedge_pay(): 5 % of the successful calls, in a bucket
// of its own without a floor, and the budget that retries share. If it refuses,
// the hedge is not launched, and what runs is left alone. An arm that follows a
// failure is a retry without the wait, and is paid as one.
//
// A group is the arms of one call. The first final answer wins; a failure that
// another try may repair launches the next arm at once, so a fast error never
// wins; when all have failed the first arm's outcome is the call's. Hedges and
// retries share max_attempts, and hedging replaces retrying for that call.
//
// Example: arms 2. Arm 0 runs, the delay is over, paid: arm 1 runs. Arm 1 ends
// with 500: WAIT. Arm 0 ends with 200: WIN. Had it ended with 503: LOSE, 503.
//
// Pure but for the payment. A group belongs to one call, one thread.

#ifndef GUARD_HEDGE_H
#define GUARD_HEDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "guard/budget.h"
#include "guard/latency.h"
#include "guard/outcome.h"

#define HEDGE_MIN_DELAY_NS UINT64_C(10000000)
#define HEDGE_DELAY_NS     UINT64_C(2000000000) // while nothing is known
#define HEDGE_SAMPLES      100
#define HEDGE_COOL_NS      UINT64_C(10000000000)
#define HEDGE_DEPOSIT      INT64_C(50) // 5 %
#define HEDGE_CAP          (10 * BUDGET_TOKEN)

// X(constant, name)
#define HEDGE_LIST(X)                                                          \
  X(HEDGE_YES, "hedge")                                                        \
  X(HEDGE_NO_OFF, "off")                                                       \
  X(HEDGE_NO_UNSAFE, "not_safe_to_repeat")                                     \
  X(HEDGE_NO_BREAKER, "breaker_not_closed")                                    \
  X(HEDGE_NO_THROTTLED, "throttled")                                           \
  X(HEDGE_NO_BUSY, "busy")                                                     \
  X(HEDGE_NO_SHEDDING, "shedding")                                             \
  X(HEDGE_NO_TIME, "no_time_left")

enum hedge_verdict {
#define X(constant, name) constant,
  HEDGE_LIST(X)
#undef X
      HEDGE_VERDICTS
};

struct hedge_options {
  uint32_t extra;         // arms beside the first; 0: off
  uint64_t said_delay_ns; // by the policy; 0: by what is known
  uint64_t min_delay_ns, unknown_delay_ns;
};

struct hedge_facts {
  bool safe; // read-only or idempotent, not by key alone
  bool breaker_closed, shedding;
  uint64_t throttled_ns; // when it last was; 0: never
  uint32_t in_flight, limit;
  uint64_t now_ns, deadline_ns;
  struct latency_view latency;
};

struct hedge_plan {
  enum hedge_verdict verdict;
  uint64_t delay_ns;
};

struct hedge_plan hedge_plan(const struct hedge_options *o,
                             const struct hedge_facts *f);
const char *hedge_name(enum hedge_verdict v);

struct hedge_budget { // a budget and its options
  struct budget *budget;
  const struct budget_options *options;
};

// Of a bucket of hedges: 5 % of the successes, no floor.
struct budget_options hedge_budget_options(void);

// From both, or from neither.
bool hedge_pay(struct hedge_budget own, struct hedge_budget shared,
               uint64_t now_ns);

enum hedge_step {
  HEDGE_WAIT,   // for the others
  HEDGE_LAUNCH, // the next arm, at once, if it can be paid
  HEDGE_WIN,    // this arm's answer is the call's; cancel the others
  HEDGE_LOSE,   // nothing is left: the first arm's outcome is the call's
  HEDGE_LATE,   // it was decided already
};

struct hedge_group {
  uint32_t most, launched, running;
  bool decided;
};

void hedge_begin(struct hedge_group *g, uint32_t most); // the first arm runs
bool hedge_may_launch(const struct hedge_group *g);     // at the delay's end
void hedge_launched(struct hedge_group *g);
// The next arm could not be paid or started: there will be no more.
enum hedge_step hedge_refused(struct hedge_group *g);
enum hedge_step hedge_ended(struct hedge_group *g, enum outcome outcome);

#endif
