// outcome.h -- what an attempt's end means; the one classifier.
//
// Each attempt ends as one outcome. Whoever needs to know -- the error that
// the agent gets, the side effect it must reckon with, later the retry, the
// breaker and the limiter -- reads its column of one table, so that no two of
// them can disagree.

#ifndef GUARD_OUTCOME_H
#define GUARD_OUTCOME_H

#include <stdbool.h>

#include "base/error.h"
#include "net/http_client.h"

// May the service have acted on the request?
enum executed { EXECUTED_NO, EXECUTED_UNKNOWN, EXECUTED_YES };

// X(constant, name, executed, code of the error when the status says no more)
#define OUTCOME_LIST(X)                                                        \
  X(OUTCOME_OK, "ok", EXECUTED_YES, OK)                                        \
  X(OUTCOME_APP_ERROR, "app_error", EXECUTED_NO, E_INVALID)                    \
  X(OUTCOME_THROTTLED, "throttled", EXECUTED_NO, E_RATE_LIMITED)               \
  X(OUTCOME_SERVER_ERROR, "server_error", EXECUTED_UNKNOWN, E_UPSTREAM)        \
  X(OUTCOME_NOT_IMPLEMENTED, "not_implemented", EXECUTED_NO, E_UPSTREAM)       \
  X(OUTCOME_CONN_FAIL, "conn_fail", EXECUTED_NO, E_UNAVAILABLE)                \
  X(OUTCOME_TLS_TRUST, "tls_trust", EXECUTED_NO, E_TLS)                        \
  X(OUTCOME_REFUSED, "refused", EXECUTED_NO, E_UNAVAILABLE)                    \
  X(OUTCOME_STALE_REUSE, "stale_reuse", EXECUTED_UNKNOWN, E_UNAVAILABLE)       \
  X(OUTCOME_TIMEOUT, "timeout", EXECUTED_UNKNOWN, E_TIMEOUT)                   \
  X(OUTCOME_RESET_MID, "reset_mid", EXECUTED_UNKNOWN, E_UPSTREAM)              \
  X(OUTCOME_BAD_PAYLOAD, "bad_payload", EXECUTED_YES, E_BAD_RESPONSE)          \
  X(OUTCOME_CANCELLED, "cancelled", EXECUTED_UNKNOWN, E_CANCELLED)             \
  X(OUTCOME_DEADLINE, "deadline", EXECUTED_UNKNOWN, E_TIMEOUT)                 \
  X(OUTCOME_LOCAL_REJECT, "local_reject", EXECUTED_NO, E_BLOCKED)

enum outcome {
#define X(constant, name, executed, code) constant,
  OUTCOME_LIST(X)
#undef X
      OUTCOMES
};

const char *outcome_name(enum outcome o);

// `cut_by_deadline`: the attempt's time was shortened by the call's deadline,
// so a timeout is not the upstream's fault.
enum outcome outcome_of(const struct http_answer *answer, bool cut_by_deadline);

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
