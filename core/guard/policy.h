// policy.h -- a named set of resilience settings; from policies/*.lua.
//
// policy_fields is the one list of what a policy may say: the loader, the
// defaults, `tidegate check` and the docs are made from it. Immutable once its
// generation is live. A path has at most two steps ("attempt.timeout_ms"). A new
// setting also needs a scenario in app/prove_*.c that makes it fire; a spec says
// which one is missing.

#ifndef GUARD_POLICY_H
#define GUARD_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

// X(path in the Lua table, member, default, min, max, meaning)
#define POLICY_LIST(X)                                                         \
  X("deadline_ms", deadline_ms, 30000, 1, 3600000,                             \
    "the whole call, whatever happens inside")                                 \
  X("task.deadline_ms", task_deadline_ms, 600000, 1, 86400000,                 \
    "the same of a call that runs on as a task")                               \
  X("task.keep_ms", task_keep_ms, 300000, 1000, 86400000,                      \
    "how long its result is kept after that")                                  \
  X("task.poll_ms", task_poll_ms, 1000, 10, 600000,                            \
    "how often clients should ask how it is")                                  \
  X("attempt.timeout_ms", attempt_ms, 10000, 1, 3600000,                       \
    "one try on the wire")                                                     \
  X("attempt.connect_ms", connect_ms, 3000, 1, 60000,                          \
    "name lookup, TCP and TLS of a new connection")                            \
  X("attempt.first_byte_ms", first_byte_ms, 0, 0, 3600000,                     \
    "until the answer begins; 0 means no limit of its own")                    \
  X("attempt.learned", attempt_learned, 0, 0, 1,                               \
    "1: where 1.5 times the slowest thousandth is less, that is its time")     \
  X("response.max_bytes", max_response_bytes, 16777216, 1024, 268435456,       \
    "the decoded body of an answer")                                           \
  X("retry.attempts", retry_attempts, 3, 1, 10,                                \
    "tries in all; 1 means no retry")                                          \
  X("retry.base_ms", retry_base_ms, 50, 1, 60000,                              \
    "bound of the first random wait; it doubles with each retry")              \
  X("retry.throttled_base_ms", retry_throttled_ms, 1000, 1, 600000,            \
    "the same after an answer that says too many")                             \
  X("retry.max_ms", retry_max_ms, 20000, 1, 3600000, "the longest such wait")  \
  X("retry.budget", retry_budget, 50, 0, 1000000,                              \
    "retries of all calls that successes need not have paid for")              \
  X("retry.budget_percent", retry_budget_percent, 10, 0, 100,                  \
    "what successes pay for: retries per hundred of them")                     \
  X("hedge.extra", hedge_extra, 0, 0, 2,                                       \
    "tries beside the first, in place of retries, for what changes nothing")   \
  X("hedge.delay_ms", hedge_delay_ms, 0, 0, 600000,                            \
    "how long the first is given; 0 means its 95th percentile")                \
  X("breaker.window_ms", breaker_window_ms, 10000, 1000, 600000,               \
    "how far back failures count")                                             \
  X("breaker.min_calls", breaker_min_calls, 20, 1, 10000,                      \
    "fewer in the window than this never open it by a share")                  \
  X("breaker.fail_percent", breaker_fail_percent, 50, 1, 100,                  \
    "share of failures that opens it")                                         \
  X("breaker.slow_percent", breaker_slow_percent, 80, 1, 100,                  \
    "share of slow answers that opens it")                                     \
  X("breaker.slow_ms", breaker_slow_ms, 0, 0, 3600000,                         \
    "from there on an answer is slow; 0 means 80 % of the attempt's time")     \
  X("breaker.consecutive", breaker_consecutive, 8, 0, 10000,                   \
    "failures in a row that open it; 0 means that they do not matter")         \
  X("breaker.open_ms", breaker_open_ms, 5000, 100, 600000,                     \
    "how long it stays open, +-20 %; doubles when it opens again")             \
  X("breaker.max_open_ms", breaker_max_open_ms, 60000, 100, 3600000,           \
    "the longest of that")                                                     \
  X("breaker.probes", breaker_probes, 3, 1, 8,                                 \
    "attempts let through at a time to see whether it is well again")          \
  X("breaker.successes", breaker_successes, 3, 1, 100,                         \
    "good ones among them that close it")                                      \
  X("limiter.limit", limiter_limit, 0, 0, 1000000,                             \
    "attempts per period; 0 means no limit")                                   \
  X("limiter.period_ms", limiter_period_ms, 1000, 1, 86400000, "the period")   \
  X("limiter.burst", limiter_burst, 0, 0, 1000000,                             \
    "at once after a pause; 0 means as many as the limit")                     \
  X("limiter.max_wait_ms", limiter_max_wait_ms, 1000, 0, 600000,               \
    "how long an attempt may wait for its turn")                               \
  X("bulkhead.concurrent", bulkhead_concurrent, 64, 1, 100000,                 \
    "attempts on the wire at a time")                                          \
  X("bulkhead.queue", bulkhead_queue, 64, 0, 100000,                           \
    "attempts that may wait for one of those places")                          \
  X("bulkhead.max_wait_ms", bulkhead_max_wait_ms, 100, 0, 600000,              \
    "and for how long")                                                        \
  X("adaptive.initial", adaptive_initial, 0, 0, 100000,                        \
    "places at first where their number is learned; 0 means it is not")        \
  X("adaptive.least", adaptive_least, 4, 1, 100000,                            \
    "never fewer than these, and never more than bulkhead.concurrent")         \
  X("chaos.percent", chaos_percent, 0, 0, 100,                                 \
    "of the attempts fail on purpose, if the engine runs with --chaos-s")      \
  X("chaos.status", chaos_status, 503, 0, 599,                                 \
    "what those are answered; 0 means a refused connection")                   \
  X("chaos.delay_percent", chaos_delay_percent, 0, 0, 100,                     \
    "of the attempts wait first, if the engine runs with --chaos-s")           \
  X("chaos.delay_ms", chaos_delay_ms, 1000, 1, 600000,                         \
    "for how long at most, by chance")                                         \
  X("cache.on", cache_on, 0, 0, 1,                                             \
    "1: answers to reads are kept as long as they say themselves")             \
  X("cache.ttl_ms", cache_ttl_ms, 0, 0, 604800000,                             \
    "how long an answer that does not say it is fresh; above 0 means on")      \
  X("cache.max_ttl_ms", cache_max_ttl_ms, 3600000, 1, 604800000,               \
    "the longest that any answer is fresh")                                    \
  X("cache.stale_ms", cache_stale_ms, 60000, 0, 604800000,                     \
    "then still served so long while a refresh runs; at most its ttl")         \
  X("cache.stale_if_error_ms", cache_stale_if_error_ms, 0, 0, 604800000,       \
    "and so long when the service fails")                                      \
  X("cache.negative_ms", cache_negative_ms, 30000, 0, 3600000,                 \
    "the longest that a 404 or 410 is kept")                                   \
  X("cache.shared", cache_shared, 0, 0, 1,                                     \
    "1: one principal may be served what another one fetched")                 \
  X("cache.coalesce", cache_coalesce, 1, 0, 1,                                 \
    "1: who asks for the same at the same time shares one request")

struct policy {
  struct slice name;
#define X(path, member, value, min, max, meaning) int64_t member;
  POLICY_LIST(X)
#undef X
  uint64_t said; // bit i: policy_fields[i] is stated, not a default
};

struct policy_field {
  const char *path;
  size_t offset; // of the int64_t in struct policy
  int64_t value, min, max;
  const char *meaning;
};

extern const struct policy_field policy_fields[];
extern const size_t policy_field_count;

// Sets every field to its default. `name` is kept.
void policy_init(struct policy *p, struct slice name);
int64_t *policy_member(struct policy *p, const struct policy_field *field);

#endif
