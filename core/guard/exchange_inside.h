// exchange_inside.h -- what the files of the exchange share; nobody else
// includes it.

#ifndef GUARD_EXCHANGE_INSIDE_H
#define GUARD_EXCHANGE_INSIDE_H

#include "guard/exchange.h"

// The shortest rest in which an attempt makes sense (resilience.md, section 2).
#define MIN_USEFUL_NS UINT64_C(20000000)

// --- exchange_admit.c: from "may I" to the wire ---

// Begins an attempt: ends in a wait, on the wire, or in exchange_refuse().
void admit_begin(struct exchange *x);
// The timer of a wait.
void admit_go_on(struct exchange *x);
// Gives up whatever the exchange waits for or holds.
void admit_leave(struct exchange *x);
// The attempt has ended: its place is free.
void admit_give_place(struct exchange *x);

// --- exchange.c ---

// All admitted. The transfer begins; false: out of memory.
bool exchange_send(struct exchange *x);
// Nothing is sent; come again after `wait_ns` (0: not known).
void exchange_refuse(struct exchange *x, enum reject why, uint64_t wait_ns);
// Waits with the timer; a past time fires in the next turn.
void exchange_wait(struct exchange *x, enum exchange_state state,
                   uint64_t wait_ns, enum trail_kind kind);

// --- exchange_answer.c ---

// What an answer means for breaker, budget and gate, and whether to try again.
void exchange_on_answer(void *ctx, struct http_answer *answer);
void exchange_finish(struct exchange *x, enum error_code code,
                     enum reject reject, int64_t retry_after_ms);

#endif
