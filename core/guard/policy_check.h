// policy_check.h -- settings that contradict each other.
//
// Each number may be in its range and the policy still promise what can never
// happen: a retry after a deadline, a breaker that no volume can open. Such a
// setting misleads whoever reads it at night, so a load refuses it, with the
// arithmetic. Only what the policy says itself (or what it extends) is judged;
// a default that another setting makes pointless is no promise. Pure.

#ifndef GUARD_POLICY_CHECK_H
#define GUARD_POLICY_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "guard/policy.h"

// `refuse`: a contradiction; else a hint that something is pointless often but
// not always. The message names both settings and what to change.
typedef void (*policy_say_fn)(void *ctx, bool refuse, const char *message);

// Bit i of `said`: policy_fields[i] is said.
void policy_check(const struct policy *p, uint64_t said, policy_say_fn say,
                  void *ctx);

#endif
