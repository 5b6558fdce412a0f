// exchange_inside.h -- what the files of the exchange share; nobody else
// includes it.

#ifndef GUARD_EXCHANGE_INSIDE_H
#define GUARD_EXCHANGE_INSIDE_H

#include "guard/attempt_inside.h"
#include "guard/exchange.h"

// --- exchange.c ---

// Begins the next attempt; it may have ended when this returns, and the
// exchange with it.
void exchange_try(struct exchange *x);
void exchange_finish(struct exchange *x, enum error_code code,
                     enum reject reject, int64_t retry_after_ms);

// --- exchange_again.c ---

// An attempt that was sent has ended and is kept in `last`: a retry, or the
// end.
void exchange_again(struct exchange *x, const struct attempt_end *end);

#endif
