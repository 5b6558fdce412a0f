// exchange.h -- one request to an upstream, with all that guards it.
//
// An exchange turns attempts into one result: each attempt gets what is left
// of the deadline, is classified, recorded in the trail, and the last one is
// reported. So far an exchange is one attempt; retries, breaker, limiter and
// the rest of the chain (another issue) go between exchange_start() and
// the attempt, and change nothing for the caller.
//
// The struct is embedded by the caller and must stay where it is until `done`.
// `done` is called exactly once: from the loop, or inline from
// exchange_cancel(). For the worker's thread.

#ifndef GUARD_EXCHANGE_H
#define GUARD_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/trail.h"
#include "guard/outcome.h"
#include "guard/policy.h"
#include "loop/loop.h"
#include "net/http_client.h"

struct exchange;

struct exchange_result {
  enum error_code code; // OK: status < 400
  enum outcome outcome;
  struct http_answer *answer; // the caller may move it out
  uint32_t attempts;
  enum side_effect side_effect;
  int64_t retry_after_ms; // -1: not said
};

typedef void (*exchange_done_fn)(void *ctx,
                                 const struct exchange_result *result);

struct exchange_options {
  struct loop *loop;
  struct http_client *client;
  struct trail *trail;         // of the call
  const struct policy *policy; // times and sizes
  uint64_t deadline_ns;        // of the call, loop time
  uint32_t timeout_ms;         // of this exchange's attempts; 0: the policy's
  bool idempotent;             // declared by the script or the tool
  struct slice label;          // for the trail: the path, without the query
  // Everything but the times, the body limit and `replayable`, which the
  // exchange fills in. Borrowed until done, as is what it points to.
  struct http_attempt attempt;
};

// Private, but embedded by value.
struct exchange {
  struct exchange_options options;
  struct http_transfer *transfer;
  exchange_done_fn done;
  void *ctx;
  uint32_t attempts;
  bool cut_by_deadline;
};

// Keeps ctx until done. False (and no done) when out of memory.
bool exchange_start(struct exchange *x, const struct exchange_options *options,
                    exchange_done_fn done, void *ctx);
// done comes inline, with E_CANCELLED. Not after done.
void exchange_cancel(struct exchange *x);

#endif
