// limiter.h -- so many a second, with a burst: GCRA.
//
// The same as a token bucket of `burst` tokens that gains one each interval T,
// in one word: the theoretical arrival time (TAT), when the bucket will be full
// again. With tau = (burst - 1) * T, n units are
//
//   admitted at once   if max(TAT, now) + (n-1)*T - now <= tau;  TAT += n*T
//   reserved           if the excess is at most max_wait: go after that time
//   refused            else; TAT stays, and the excess says when to come again
//
// Guarantee: in any interval t at most burst + t/T units, any thread, any order.
//
// Example: 10 a second (T 100 ms), burst 2. At 0 ms two pass, the third is 100
// ms early; with max_wait 150 ms it gets a slot at 100 ms, the fourth is
// refused (200 ms).
//
// A reservation that is given back counts again only if it is the newest one;
// else its slot is lost, and counted. Waiters come in order of reservation.
// Shared by all workers, one per provider's quota; any thread, no locks.
// Defaults (resilience.md, 18): burst = one second's worth, wait at most 1 s.

#ifndef GUARD_LIMITER_H
#define GUARD_LIMITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct limiter_options {
  uint64_t interval_ns; // T; 0: no limit
  uint32_t burst;       // at least 1
};

struct limiter {
  _Alignas(64) _Atomic uint64_t tat_ns;
  atomic_uint_fast64_t refused, lost; // units
};

enum limiter_verdict {
  LIMITER_GO,    // after wait_ns, which may be 0
  LIMITER_LATER, // refused; wait_ns says when it would do
  LIMITER_NEVER, // more units than the burst: refused for good
};

struct limiter_slot {
  enum limiter_verdict verdict;
  uint32_t units;
  uint64_t wait_ns;
  uint64_t from_ns, mark_ns; // the TAT before and after; for limiter_cancel()
};

// Full at the start.
void limiter_init(struct limiter *l);

// `limit` units in `period`; rounded up, so that never more pass.
uint64_t limiter_interval_ns(uint64_t period_ns, uint64_t limit);
bool limiter_valid(const struct limiter_options *o);

struct limiter_slot limiter_reserve(struct limiter *l,
                                    const struct limiter_options *o,
                                    uint32_t units, uint64_t now_ns,
                                    uint64_t max_wait_ns);

// Gives back a slot that was not used. False: it was lost.
bool limiter_cancel(struct limiter *l, const struct limiter_slot *slot);

// The true cost is known only now: so many units more (or less, never more than
// full) than were reserved.
void limiter_adjust(struct limiter *l, const struct limiter_options *o,
                    int32_t units, uint64_t now_ns);

#endif
