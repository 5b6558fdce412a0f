// chaos.h -- faults on purpose, the same ones each time.
//
// Innermost in the chain, so that classifier, breaker, budget, hedge and timeouts
// see a made-up fault as a real one. Rules are asked in their order. A fault
// before the wire (refused, no name, reset before a byte) is the answer at once;
// else the delays of all rules that hit add up, and after them comes the first
// fault of the answer (status, throttled, reset after bytes, cut, corrupt).
//
// Each decision is a hash of seed, call, attempt and rule: a run can be repeated
// and does not depend on threads. Nothing happens unless it is switched on; a
// rule ends at its time; never more than `active_max` faults at once. What was
// injected is marked: not to be cached, kept as an idempotent result, or used as
// a latency sample.
//
// In the engine the rules are a policy's (chaos.*), and they do nothing unless it
// was started with --chaos-s, and no longer than that says; the kit has the
// option `chaos`. So a policy may keep its chaos.* in production: what decides is
// how the process was started.
//
// (base/fault.h is another thing: allocations that fail, in test builds.)
//
// Shared by all workers, any thread; the rules are immutable and borrowed.

#ifndef GUARD_CHAOS_H
#define GUARD_CHAOS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

// X(constant, name, does it come before the wire?)
#define CHAOS_LIST(X)                                                          \
  X(CHAOS_NONE, "none", false)                                                 \
  X(CHAOS_REFUSE, "refuse", true)                                              \
  X(CHAOS_NO_NAME, "no_name", true)                                            \
  X(CHAOS_RESET_BEFORE, "reset_before", true)                                  \
  X(CHAOS_DELAY, "delay", false)                                               \
  X(CHAOS_STATUS, "status", false)                                             \
  X(CHAOS_THROTTLE, "throttle", false)                                         \
  X(CHAOS_RESET_AFTER, "reset_after", false)                                   \
  X(CHAOS_CUT, "cut", false)                                                   \
  X(CHAOS_CORRUPT, "corrupt", false)

enum chaos_kind {
#define X(constant, name, early) constant,
  CHAOS_LIST(X)
#undef X
      CHAOS_KINDS
};

enum chaos_spread { CHAOS_FIXED, CHAOS_UNIFORM, CHAOS_LOGNORMAL };

struct chaos_rule {
  struct slice operation; // a pattern as cache_pattern_matches(); absent: all
  uint32_t per_million;
  enum chaos_kind kind;
  int status;               // STATUS
  uint32_t retry_after_s;   // THROTTLE
  enum chaos_spread spread; // DELAY
  uint64_t delay_ns;        // fixed; the most; or the median
  double sigma;             // LOGNORMAL
  uint64_t expires_ns;      // 0: never fires
};

struct chaos {
  _Alignas(64) atomic_bool on; // the kill switch
  atomic_uint active;
  _Atomic uint64_t until_ns, asked; // of chaos_decide_by()
  uint32_t active_max;
  uint64_t seed;
  const struct chaos_rule *rules;
  size_t count;
};

struct chaos_plan {
  bool injected;
  enum chaos_kind kind; // after the delay; NONE and DELAY: go on to the wire
  uint64_t delay_ns;
  const struct chaos_rule *rule; // of `kind`; NULL if only delayed
};

struct chaos_attempt {
  struct slice operation;
  uint64_t call;
  uint32_t attempt;
};

// Off at first. Keeps `rules`.
void chaos_init(struct chaos *c, uint64_t seed, const struct chaos_rule *rules,
                size_t count, uint32_t active_max);
void chaos_switch(struct chaos *c, bool on);

// If injected, chaos_end() when the attempt has ended.
struct chaos_plan chaos_decide(struct chaos *c, const struct chaos_attempt *a,
                               uint64_t now_ns);

// --- by the rules of a policy ---

// Lets policies inject faults until then.
void chaos_allow(struct chaos *c, uint64_t until_ns);

struct chaos_rules {
  const struct chaos_rule *list; // expires_ns does not matter
  size_t count;
};

// The same for rules that come with the question. The call's number is how often
// was asked: of one worker the same ones each time.
struct chaos_plan chaos_decide_by(struct chaos *c, struct chaos_rules rules,
                                  struct slice operation, uint64_t now_ns);

// --- the end of both ---

void chaos_end(struct chaos *c, struct chaos_plan *plan);

const char *chaos_name(enum chaos_kind k);

#endif
