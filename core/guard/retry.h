// retry.h -- may this attempt be followed by another one, and when?
//
// All seven rules of resilience.md, section 3, must agree; they are asked in
// their order and the first that refuses is the answer:
//
//   1 attempts are left
//   2 the outcome's class allows it (guard/outcome.h)
//   3 the request may be repeated, or was surely not executed; an unsafe one is
//     repeated on proof at most twice (RFC 9110 9.2.2 would say once)
//   4 nothing was handed on, and the body can be sent again
//   5 not cancelled, not draining, breaker not open, gate opens in time
//   6 the wait and a useful rest fit what is left of the deadline
//   7 the budget pays; last, so that a refusal by any other costs nothing
//
// A throttled answer does not prove that nothing was executed, so rule 3 lets
// an unsafe request follow it no more than a timeout: the specification's table
// says "refused", its test list says that a POST without a key is repeated after
// a connect failure or a refused stream only; the stricter one holds.
//
// Two answers are final by their outcome and yet call for another try, which the
// other rules then judge: 425 (too early), once; and 409 for a request with an
// idempotency key, which says that the first one is still at work: throttled
// backoff, same key. Of an unsafe request without a key neither is repeated: 425
// does say "not executed", but the specification puts it under rule 3.
//
// The wait is full jitter (guard/backoff.h), never below the hint for transient
// failures nor before the gate opens for throttled ones. A refused stream or a
// stale connection is free of charge and wait, once in a call: nothing was wrong
// with the upstream (gRPC's transparent retry).
//
// Pure but for the withdrawal from the budget. Any thread.

#ifndef GUARD_RETRY_H
#define GUARD_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "guard/backoff.h"
#include "guard/budget.h"
#include "guard/outcome.h"

#define RETRY_ATTEMPTS 3 // in total: AWS's standard mode, Google SRE
#define RETRY_UNSAFE   2 // repeats of an unsafe request, all on proof

// X(constant, name, the rule)
#define RETRY_LIST(X)                                                          \
  X(RETRY_YES, "retry", 0)                                                     \
  X(RETRY_NO_ATTEMPTS, "no_attempts_left", 1)                                  \
  X(RETRY_NO_OUTCOME, "final_outcome", 2)                                      \
  X(RETRY_NO_UNSAFE, "not_repeatable", 3)                                      \
  X(RETRY_NO_HANDED_ON, "answer_handed_on", 4)                                 \
  X(RETRY_NO_BODY, "body_not_replayable", 4)                                   \
  X(RETRY_NO_CANCELLED, "cancelled", 5)                                        \
  X(RETRY_NO_DRAINING, "draining", 5)                                          \
  X(RETRY_NO_BREAKER, "breaker_open", 5)                                       \
  X(RETRY_NO_GATE, "throttled_too_long", 5)                                    \
  X(RETRY_NO_TIME, "no_time_left", 6)                                          \
  X(RETRY_NO_BUDGET, "budget_exhausted", 7)

enum retry_verdict {
#define X(constant, name, rule) constant,
  RETRY_LIST(X)
#undef X
      RETRY_VERDICTS
};

// X(constant, name)
#define PLEA_LIST(X)                                                           \
  X(PLEA_NONE, "none")                                                         \
  X(PLEA_TOO_EARLY, "too_early")                                               \
  X(PLEA_RUNNING, "first_still_running")

enum retry_plea {
#define X(constant, name) constant,
  PLEA_LIST(X)
#undef X
      PLEAS
};

struct retry_facts {
  enum outcome outcome;
  enum retry_plea plea; // of an answer that is final by its outcome
  uint32_t attempts_done, max_attempts;
  int64_t hint_ms;      // Retry-After of the answer; -1: none
  bool repeatable;      // idempotent by method, key or declaration
  bool free_used;       // this call had its free retry
  bool handed_on;       // bytes of the answer left for the caller
  bool body_replayable; // the whole request body is still there
  bool cancelled, draining, breaker_open;
  uint64_t now_ns, deadline_ns;
  uint64_t gate_ns;       // the penalty gate opens then; 0: it is open
  uint64_t min_useful_ns; // less than that is no attempt
  double unit;            // chance in [0, 1)
};

struct retry_answer {
  enum retry_verdict verdict;
  uint64_t wait_ns; // also when refused by rules 5 to 7: the caller's hint
  int64_t cost;     // withdrawn; budget_return() it if the retry is never sent
  bool free;        // this was the call's free one
};

struct retry_answer retry_decide(const struct retry_facts *facts,
                                 const struct backoff_options *backoff,
                                 struct budget *budget,
                                 const struct budget_options *budget_options);

const char *retry_name(enum retry_verdict v);
const char *retry_plea_name(enum retry_plea p);
int retry_rule(enum retry_verdict v); // 1 to 7; 0 for yes

#endif
