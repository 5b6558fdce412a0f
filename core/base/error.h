// error.h -- the one list of things that go wrong.
//
// The same names are the C codes, the `code` of an error in Lua, the word in a
// log line, the label of a metric and what the agent reads. Nothing translates
// between them. The list is closed: a new word is a change of the API.

#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

// X(constant, name, HTTP status, may a later try help, sentence for a reader
//   who knows nothing of the inside)
#define ERROR_LIST(X)                                                          \
  X(OK, "ok", 200, false, "done")                                              \
  X(E_CANCELLED, "cancelled", 499, false, "the caller gave up")                \
  X(E_INVALID, "invalid_argument", 400, false,                                 \
    "an argument is not acceptable")                                           \
  X(E_UNAUTHORIZED, "unauthorized", 401, false,                                \
    "the service did not accept the credentials")                              \
  X(E_FORBIDDEN, "forbidden", 403, false, "the service does not allow this")   \
  X(E_NOT_FOUND, "not_found", 404, false, "no such thing at the service")      \
  X(E_CONFLICT, "conflict", 409, false,                                        \
    "the service says that this conflicts with its present state")             \
  X(E_TOO_LARGE, "too_large", 413, false, "too large")                         \
  X(E_RATE_LIMITED, "rate_limited", 429, true, "too many requests")            \
  X(E_UPSTREAM, "upstream_error", 502, true, "the service failed")             \
  X(E_BAD_RESPONSE, "bad_response", 502, false,                                \
    "the service gave an answer that cannot be used")                          \
  X(E_TLS, "tls_failed", 502, false,                                           \
    "the service's certificate cannot be trusted")                             \
  X(E_BLOCKED, "blocked", 403, false,                                          \
    "this destination is not allowed for the integration")                     \
  X(E_UNAVAILABLE, "unavailable", 503, true, "the service cannot be reached")  \
  X(E_TIMEOUT, "timeout", 504, true, "no answer in time")                      \
  X(E_UNSUPPORTED, "unsupported", 501, false,                                  \
    "the client cannot do what is needed")                                     \
  X(E_SCRIPT, "script_failed", 500, false, "the integration's script failed")  \
  X(E_SCRIPT_LIMIT, "script_limit", 500, false,                                \
    "the integration's script used more than it may")                          \
  X(E_CONFIG, "bad_config", 500, false, "the configuration is not acceptable") \
  X(E_NO_MEMORY, "no_memory", 500, false, "out of memory")                     \
  X(E_INTERNAL, "internal", 500, false, "the engine failed")

enum error_code {
#define X(constant, name, http, retry, sentence) constant,
  ERROR_LIST(X)
#undef X
      ERROR_CODES // how many there are
};

// May the side effect of a failed call have happened?
enum side_effect { SIDE_EFFECT_NONE, SIDE_EFFECT_POSSIBLE, SIDE_EFFECT_DONE };

#define ERROR_MESSAGE_MAX 512

// What went wrong, in the caller's memory. `message` is one sentence without a
// final period that may be shown to an agent: no host, no header, no secret.
struct error {
  enum error_code code;
  int status;             // HTTP status of the upstream, 0 if there was none
  int64_t retry_after_ms; // -1 when unknown
  char message[ERROR_MESSAGE_MAX];
};

const char *error_name(enum error_code code);
const char *error_sentence(enum error_code code);
int error_http_status(enum error_code code);
bool error_may_retry(enum error_code code);
const char *side_effect_name(enum side_effect effect);

// False when no code has that name. Borrows `name`.
bool error_parse(struct slice name, enum error_code *code);

// Fills `err` (may be NULL) and returns `code`, so that a function can say
// `return error_set(err, E_INVALID, "...")`. Cuts a long message at a whole
// UTF-8 character.
enum error_code error_set(struct error *err, enum error_code code,
                          const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
