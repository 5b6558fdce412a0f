// attempt_inside.h -- what the files of the attempt share; nobody else includes
// it.

#ifndef GUARD_ATTEMPT_INSIDE_H
#define GUARD_ATTEMPT_INSIDE_H

#include "guard/attempt.h"
#include "guard/deadline.h"
#include "guard/exchange.h"
#include "loop/clock.h"

static inline uint64_t attempt_now(const struct attempt *a)
{
  return loop_now(a->options->loop);
}

static inline uint64_t attempt_left(const struct attempt *a)
{
  return deadline_left_ns(a->options->deadline_ns, attempt_now(a));
}

void attempt_step(const struct attempt *a, enum trail_kind kind, int64_t n,
                  const char *label);

// --- attempt_admit.c: from "may I" to the wire ---

// The shortest rest of the call that another one after it would need.
uint64_t attempt_useful_again(const struct attempt *a);
// Gives up whatever it waits for or holds.
void admit_leave(struct attempt *a);
// It has ended: its place is free.
void admit_give_place(struct attempt *a);

// --- attempt.c ---

// All admitted: goes to the wire, or where it is made up.
void attempt_send(struct attempt *a);
// To the wire, in wire_ms.
void attempt_go(struct attempt *a);
// Nothing is sent; come again after `wait_ns` (0: not known).
void attempt_refuse(struct attempt *a, enum reject why, uint64_t wait_ns);
void attempt_no_memory(struct attempt *a);
// Waits with the timer; a past time fires in the next turn.
void attempt_wait(struct attempt *a, enum attempt_state state, uint64_t wait_ns,
                  enum trail_kind kind);

// --- attempt_fault.c ---

// Is it hit? Then its timer is set, and nothing is to be sent now.
bool attempt_fault(struct attempt *a);
void attempt_fault_due(struct attempt *a);
void attempt_fault_cancel(struct attempt *a);

// --- attempt_end.c ---

// What an answer means for breaker, bulkhead, budget and gate.
void attempt_on_answer(void *ctx, struct http_answer *answer);

#endif
