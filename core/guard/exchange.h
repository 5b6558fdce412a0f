// exchange.h -- one request to an upstream, with all that guards it.
//
//   attempt (guard/attempt.h) ends -> once more?
//        retry: wait, the next attempt         done: the result
//        hedge: more of them beside the first, after a delay each
//
// A hedge is in place of retries (guard/hedge.h), where the policy says so and
// the request may be sent twice at a time. The arms that lose are cancelled
// before `done`: the struct is the caller's, so none may outlive it, and letting
// an HTTP/1.1 loser run on to save its connection (resilience.md, section 6)
// would cost an allocation each to save one handshake of a rare loser.
//
// The error that is reported is the last one that came from the wire: a refusal
// of our own never hides it.
//
// The struct is embedded by the caller and must stay where it is until `done`.
// `done` is called exactly once: from the loop, or inline from
// exchange_cancel(); from exchange_start() only when the guard refuses at once.
// For the worker's thread.

#ifndef GUARD_EXCHANGE_H
#define GUARD_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "base/trail.h"
#include "guard/attempt.h"
#include "guard/hedge.h"
#include "guard/outcome.h"
#include "guard/policy.h"
#include "guard/reject.h"
#include "guard/shed.h"
#include "guard/upstream.h"
#include "loop/loop.h"
#include "loop/mailbox.h"
#include "net/http_client.h"

struct exchange;

struct exchange_result {
  enum error_code code; // OK: status < 400, unless classify() says otherwise
  enum outcome outcome;
  enum reject reject;         // why nothing was sent; `answer` is then empty
  struct http_answer *answer; // the caller may move it out
  uint32_t attempts;          // on the wire
  enum side_effect side_effect;
  int64_t retry_after_ms; // -1: not known
  bool
      injected; // `answer` is made up, or was delayed on purpose: not to be kept
};

typedef void (*exchange_done_fn)(void *ctx,
                                 const struct exchange_result *result);

// What the integration says that an answer means; asked once for each attempt
// that was answered, with what the table says. It may choose ok, app_error,
// throttled, server_error, not_implemented or bad_payload; anything else is as
// if it had said `by_table`. It must not end the exchange. `trail`: of that
// attempt, for what it has to say.
typedef enum outcome (*exchange_classify_fn)(void *ctx,
                                             const struct http_answer *answer,
                                             enum outcome by_table,
                                             struct trail *trail);

struct exchange_options {
  struct loop *loop;
  struct mailbox *mailbox; // of this worker: how a place is handed over
  struct prng *chance;     // of this worker
  struct http_client *client;
  struct upstream *upstream;
  struct trail *trail;         // of the call
  const struct policy *policy; // outlives the exchange
  uint64_t deadline_ns;        // of the call, loop time
  uint32_t timeout_ms;         // of this exchange's attempts; 0: the policy's
  uint32_t attempts; // at most, if the policy allows more; 0: as it says
  bool idempotent;   // declared by the script or the tool
  // The service knows a repetition by its key: it may be repeated after the
  // first try has ended, not beside it (one of two would get 409). Then 409
  // says that the first is still at work, and is asked again.
  bool keyed;
  struct shed *shed;             // of this worker; NULL: it always has time
  struct slice label;            // for the trail: the path, without the query
  exchange_classify_fn classify; // NULL: the table alone
  void *classify_ctx;            // borrowed until done
  // For an exchange that may outlive who began it: `keep` before, and false when
  // it is done. NULL: it needs no keeping.
  void (*classify_keep)(void *ctx, bool keep);
  // Everything but the times, the body limit and `replayable`, which the
  // exchange fills in. Borrowed until done, as is what it points to.
  struct http_attempt attempt;
};

enum exchange_state { EXCHANGE_TRYING, EXCHANGE_IN_BACKOFF, EXCHANGE_ENDED };

#define HEDGE_EXTRA_MAX 2

// Private, but embedded by value.
struct exchange {
  struct exchange_options options;
  exchange_done_fn done;
  void *ctx;
  enum exchange_state state;
  struct timer timer;     // of the backoff, or of the hedge
  struct attempt attempt; // the first, and each retry
  // If past.hedging; the arms are allocated when they are launched.
  struct attempt *arms[HEDGE_EXTRA_MAX];
  struct hedge_group group;
  uint64_t hedge_delay_ns;
  struct exchange_past {
    uint32_t attempts; // that were on the wire
    bool free_used, early_used, stale, cancelled;
    bool hedging, settled; // settled: who wins is known, arms are only ended
    int64_t cost;          // withdrawn for a retry that was not sent
    enum side_effect side_effect; // the worst so far
    enum outcome outcome;         // of `last`, as are these
    enum error_code code;
    int64_t hint_ms;
    bool has_last, injected;
  } past;
  struct http_answer last; // of the newest attempt, if has_last
};

// Keeps ctx until done. False (and no done) when out of memory.
bool exchange_start(struct exchange *x, const struct exchange_options *options,
                    exchange_done_fn done, void *ctx);
// done comes inline, with E_CANCELLED. Not after done.
void exchange_cancel(struct exchange *x);
// The same because the call's time is over, which is no whim of the caller: an
// attempt on the wire ends as OUTCOME_DEADLINE, and the breaker hears of it.
void exchange_expire(struct exchange *x);

#endif
