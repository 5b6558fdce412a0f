// outcome.h -- what an attempt's end means; the one classifier.
//
// Each attempt ends as one outcome. Whoever needs to know -- the error that
// the agent gets, the side effect it must reckon with, the retry, the breaker,
// the budget, the limit -- reads its column of one table, so that no two of
// them can disagree. The rows are those of resilience.md, section 0.

#ifndef GUARD_OUTCOME_H
#define GUARD_OUTCOME_H

#include <stdbool.h>

#include "base/error.h"
#include "net/http_client.h"

// May the service have acted on the request?
enum executed { EXECUTED_NO, EXECUTED_UNKNOWN, EXECUTED_YES };

// What each primitive makes of it. An outcome that is the upstream's doing is
// counted; one that is ours or the caller's is not, or a client's bug would
// open a breaker and an impatient caller would shrink a limit.

enum retry_class {
  RETRY_NEVER,
  RETRY_SAFE, // if the request may be repeated
  RETRY_ANY,  // any request: it was surely not executed
};

enum health {       // what the breaker records
  HEALTH_UNSEEN,    // nothing: it never left us
  HEALTH_NEUTRAL,   // the permit goes back, nothing is counted
  HEALTH_GOOD,      // the upstream is alive
  HEALTH_BAD,       // a failure
  HEALTH_BAD_AGAIN, // neutral the first time in a call, then a failure
  HEALTH_BAD_SLOW,  // a failure if it was slow, else neutral
};

enum charge { // what a retry after it costs; what a first attempt earns
  CHARGE_NONE,
  CHARGE_DEPOSIT,
  CHARGE_FULL,
  CHARGE_PART, // the upstream said when to come back
  CHARGE_FREE, // the first one in a call costs nothing
};

enum load { // what the adaptive limit learns
  LOAD_NONE,
  LOAD_FINE,
  LOAD_DROP,
  LOAD_DROP_FULL, // drop if the status is 503 or 504
  LOAD_DROP_SLOW, // drop if it was slow
};

enum sample { // may its duration be a latency sample?
  SAMPLE_NO,
  SAMPLE_YES,
  SAMPLE_CENSORED, // at least that long
};

// X(constant, name, executed, code of the error when the status says no more,
//   retry, breaker, budget, adaptive limit, latency sample)
#define OUTCOME_LIST(X)                                                        \
  X(OUTCOME_OK, "ok", EXECUTED_YES, OK, RETRY_NEVER, HEALTH_GOOD,              \
    CHARGE_DEPOSIT, LOAD_FINE, SAMPLE_YES)                                     \
  X(OUTCOME_APP_ERROR, "app_error", EXECUTED_NO, E_INVALID, RETRY_NEVER,       \
    HEALTH_GOOD, CHARGE_DEPOSIT, LOAD_FINE, SAMPLE_YES)                        \
  X(OUTCOME_THROTTLED, "throttled", EXECUTED_NO, E_RATE_LIMITED, RETRY_SAFE,   \
    HEALTH_NEUTRAL, CHARGE_PART, LOAD_DROP, SAMPLE_NO)                         \
  X(OUTCOME_SERVER_ERROR, "server_error", EXECUTED_UNKNOWN, E_UPSTREAM,        \
    RETRY_SAFE, HEALTH_BAD, CHARGE_FULL, LOAD_DROP_FULL, SAMPLE_NO)            \
  X(OUTCOME_NOT_IMPLEMENTED, "not_implemented", EXECUTED_NO, E_UPSTREAM,       \
    RETRY_NEVER, HEALTH_GOOD, CHARGE_NONE, LOAD_FINE, SAMPLE_YES)              \
  X(OUTCOME_CONN_FAIL, "conn_fail", EXECUTED_NO, E_UNAVAILABLE, RETRY_ANY,     \
    HEALTH_BAD, CHARGE_FULL, LOAD_NONE, SAMPLE_NO)                             \
  X(OUTCOME_TLS_TRUST, "tls_trust", EXECUTED_NO, E_TLS, RETRY_NEVER,           \
    HEALTH_BAD, CHARGE_NONE, LOAD_NONE, SAMPLE_NO)                             \
  X(OUTCOME_REFUSED, "refused", EXECUTED_NO, E_UNAVAILABLE, RETRY_ANY,         \
    HEALTH_NEUTRAL, CHARGE_FREE, LOAD_NONE, SAMPLE_NO)                         \
  X(OUTCOME_STALE_REUSE, "stale_reuse", EXECUTED_UNKNOWN, E_UNAVAILABLE,       \
    RETRY_SAFE, HEALTH_BAD_AGAIN, CHARGE_FREE, LOAD_NONE, SAMPLE_NO)           \
  X(OUTCOME_TIMEOUT, "timeout", EXECUTED_UNKNOWN, E_TIMEOUT, RETRY_SAFE,       \
    HEALTH_BAD, CHARGE_FULL, LOAD_DROP, SAMPLE_CENSORED)                       \
  X(OUTCOME_RESET_MID, "reset_mid", EXECUTED_UNKNOWN, E_UPSTREAM, RETRY_SAFE,  \
    HEALTH_BAD, CHARGE_FULL, LOAD_DROP, SAMPLE_NO)                             \
  X(OUTCOME_BAD_PAYLOAD, "bad_payload", EXECUTED_YES, E_BAD_RESPONSE,          \
    RETRY_NEVER, HEALTH_NEUTRAL, CHARGE_NONE, LOAD_FINE, SAMPLE_YES)           \
  X(OUTCOME_CANCELLED, "cancelled", EXECUTED_UNKNOWN, E_CANCELLED,             \
    RETRY_NEVER, HEALTH_NEUTRAL, CHARGE_NONE, LOAD_NONE, SAMPLE_NO)            \
  X(OUTCOME_DEADLINE, "deadline", EXECUTED_UNKNOWN, E_TIMEOUT, RETRY_NEVER,    \
    HEALTH_BAD_SLOW, CHARGE_NONE, LOAD_DROP_SLOW, SAMPLE_CENSORED)             \
  X(OUTCOME_LOCAL_REJECT, "local_reject", EXECUTED_NO, E_BLOCKED, RETRY_NEVER, \
    HEALTH_UNSEEN, CHARGE_NONE, LOAD_NONE, SAMPLE_NO)

enum outcome {
#define X(constant, ...) constant,
  OUTCOME_LIST(X)
#undef X
      OUTCOMES
};

struct outcome_row {
  const char *name;
  enum executed executed;
  enum error_code code;
  enum retry_class retry;
  enum health health;
  enum charge charge;
  enum load load;
  enum sample sample;
};

const struct outcome_row *outcome_row(enum outcome o);
const char *outcome_name(enum outcome o);

// `cut_by_deadline`: the attempt's time was shortened by the call's deadline,
// so a timeout is not the upstream's fault.
enum outcome outcome_of(const struct http_answer *answer, bool cut_by_deadline);

// May an integration say this of an answer? Not more than an answer can mean:
// that a request was surely not executed is for the wire to say, and who gave it
// up for us. So what is said never makes an unsafe request repeatable.
bool outcome_may_be_said(enum outcome o);

// The error code of an outcome, refined by the status: 401 unauthorized, 403
// forbidden, 404 and 410 not_found, 409 conflict, 413 too_large, other 4xx
// invalid_argument.
enum error_code outcome_error(enum outcome o, int status);

// GET, HEAD, OPTIONS, TRACE change nothing; PUT and DELETE may be repeated.
bool method_is_safe(struct slice method);
bool method_is_idempotent(struct slice method);

// What an attempt of that method may have done at the service.
enum side_effect outcome_side_effect(enum outcome o, struct slice method,
                                     const struct http_answer *answer);

#endif
