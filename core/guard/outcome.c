// outcome.c -- see outcome.h for the contract.

#include "guard/outcome.h"

#include <assert.h>

static const struct outcome_row table[] = {
#define X(constant, ...) [constant] = {__VA_ARGS__},
    OUTCOME_LIST(X)
#undef X
};

const struct outcome_row *outcome_row(enum outcome o)
{
  assert(o < OUTCOMES);
  return &table[o];
}

const char *outcome_name(enum outcome o)
{
  return outcome_row(o)->name;
}

static enum outcome of_status(const struct http_answer *a)
{
  int status = a->status;
  if (status < 400) return OUTCOME_OK;
  if (status == 429) return OUTCOME_THROTTLED;
  // The server gave up waiting for the request: as with a stale connection,
  // nobody knows what it had read by then.
  if (status == 408) return OUTCOME_STALE_REUSE;
  if (status < 500) return OUTCOME_APP_ERROR;
  if (status == 501 || status == 505 || status == 511)
    return OUTCOME_NOT_IMPLEMENTED;
  if (status == 503 && http_answer_header(a, "retry-after").data)
    return OUTCOME_THROTTLED;
  return OUTCOME_SERVER_ERROR;
}

enum outcome outcome_of(const struct http_answer *a, bool cut_by_deadline)
{
  switch (a->end) {
  case HTTP_ANSWERED: return of_status(a);
  case HTTP_CANCELLED: return OUTCOME_CANCELLED;
  case HTTP_NO_NAME:
  case HTTP_REFUSED:
  case HTTP_TLS_FAILED: return OUTCOME_CONN_FAIL;
  case HTTP_CONNECT_TIMEOUT:
    return cut_by_deadline ? OUTCOME_DEADLINE : OUTCOME_CONN_FAIL;
  case HTTP_TLS_UNTRUSTED: return OUTCOME_TLS_TRUST;
  case HTTP_BLOCKED: return OUTCOME_LOCAL_REJECT;
  case HTTP_STALE: return OUTCOME_STALE_REUSE;
  case HTTP_RESET:
  case HTTP_CUT:
  case HTTP_FAILED: return OUTCOME_RESET_MID;
  case HTTP_TIMEOUT:
    return cut_by_deadline ? OUTCOME_DEADLINE : OUTCOME_TIMEOUT;
  case HTTP_GARBAGE:
  case HTTP_TOO_LARGE: return OUTCOME_BAD_PAYLOAD;
  case HTTP_STREAM_REFUSED: return OUTCOME_REFUSED;
  case HTTP_ENDS: break;
  }
  return OUTCOME_RESET_MID;
}

bool outcome_may_be_said(enum outcome o)
{
  return o == OUTCOME_OK || o == OUTCOME_APP_ERROR || o == OUTCOME_THROTTLED ||
         o == OUTCOME_SERVER_ERROR || o == OUTCOME_NOT_IMPLEMENTED ||
         o == OUTCOME_BAD_PAYLOAD;
}

enum error_code outcome_error(enum outcome o, int status)
{
  assert(o < OUTCOMES);
  switch (status) {
  case 401: return E_UNAUTHORIZED;
  case 403: return E_FORBIDDEN;
  case 404:
  case 410: return E_NOT_FOUND;
  case 408: return E_TIMEOUT;
  case 409: return E_CONFLICT;
  case 413: return E_TOO_LARGE;
  default: return table[o].code;
  }
}

bool method_is_safe(struct slice m)
{
  return slice_is(m, "GET") || slice_is(m, "HEAD") || slice_is(m, "OPTIONS") ||
         slice_is(m, "TRACE");
}

bool method_is_idempotent(struct slice m)
{
  return method_is_safe(m) || slice_is(m, "PUT") || slice_is(m, "DELETE");
}

enum side_effect outcome_side_effect(enum outcome o, struct slice method,
                                     const struct http_answer *answer)
{
  if (method_is_safe(method) || !answer->sent) return SIDE_EFFECT_NONE;
  switch (table[o].executed) {
  case EXECUTED_NO: return SIDE_EFFECT_NONE;
  case EXECUTED_UNKNOWN: return SIDE_EFFECT_POSSIBLE;
  case EXECUTED_YES: break;
  }
  // An answer that could not be read says that something was done, not what.
  return o == OUTCOME_OK ? SIDE_EFFECT_DONE : SIDE_EFFECT_POSSIBLE;
}
