// budget.h -- how many retries and hedges an upstream may cost us.
//
// A bucket of tokens that successes fill: each good first attempt adds
// `deposit`, each retry or hedge takes its cost, and a slow trickle (the
// floor) lets a rarely used upstream retry at all. In any interval T
//
//   retries + hedges <= cap + ratio * successes + floor * T
//
// so in a total outage attempts <= calls + 50 + 0.5 per second: without this
// bound retries keep an upstream down that would have recovered (simulated in
// resilience.md, section 5); jitter alone does not prevent it. A success of a
// retry pays nothing back, or "fail once, then work" would double the load for
// good. What a retry took may be given back only if it was never sent.
//
// Counted in thousandths of a token. Shared by all workers, one per upstream;
// any thread, no locks: the balance is one word, changed by compare-and-swap.
// Defaults: ratio 10 % (Google, gRPC's example), cap 50, floor 0.5/s.

#ifndef GUARD_BUDGET_H
#define GUARD_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BUDGET_TOKEN       INT64_C(1000)
#define BUDGET_COST        BUDGET_TOKEN
#define BUDGET_COST_PART   INT64_C(350) // throttled, and told when to come back
#define BUDGET_CAP         (50 * BUDGET_TOKEN)
#define BUDGET_DEPOSIT     INT64_C(100)
#define BUDGET_FLOOR_PER_S INT64_C(500)
#define BUDGET_CAP_MAX     (1000000 * BUDGET_TOKEN)

struct budget_options { // all in thousandths
  int64_t cap;          // 0 to BUDGET_CAP_MAX
  int64_t deposit;
  int64_t floor_per_s; // 0: none
};

struct budget {
  // Every worker's failures write these; successes only read while it is full.
  _Alignas(64) _Atomic int64_t balance;    // 0 <= balance <= cap
  _Atomic uint64_t floor_at_ns;            // the floor has been paid up to then
  atomic_uint_fast64_t withdrawn, refused; // how often
};

// Full at the start.
void budget_init(struct budget *b, const struct budget_options *o,
                 uint64_t now_ns);

// After a good first attempt.
void budget_deposit(struct budget *b, const struct budget_options *o);

// For a retry or hedge. False: there is too little, and nothing was taken.
bool budget_withdraw(struct budget *b, const struct budget_options *o,
                     int64_t cost, uint64_t now_ns);

// What was withdrawn for an attempt that was never sent.
void budget_return(struct budget *b, const struct budget_options *o,
                   int64_t cost);

int64_t budget_balance(struct budget *b, const struct budget_options *o,
                       uint64_t now_ns);

#endif
