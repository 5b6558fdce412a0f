// reject.h -- why the guard itself refused: nothing was sent.
//
// One closed list; the name is in trails, the code and the sentence are the
// agent's.

#ifndef GUARD_REJECT_H
#define GUARD_REJECT_H

#include "base/error.h"

// X(constant, name, code, sentence)
#define REJECT_LIST(X)                                                         \
  X(REJECT_NONE, "none", OK, "")                                               \
  X(REJECT_BREAKER, "breaker_open", E_UNAVAILABLE,                             \
    "it failed too often just now and is not asked for a while")               \
  X(REJECT_GATE, "gate_closed", E_RATE_LIMITED,                                \
    "it said that it wants no requests for a while")                           \
  X(REJECT_LIMITER, "limiter", E_RATE_LIMITED,                                 \
    "the limit that is set for it is used up")                                 \
  X(REJECT_QUOTA, "quota", E_RATE_LIMITED,                                     \
    "what it grants us is nearly used up")                                     \
  X(REJECT_BULKHEAD, "bulkhead_full", E_UNAVAILABLE,                           \
    "too many requests to it are under way")                                   \
  X(REJECT_DEADLINE, "no_time_left", E_TIMEOUT,                                \
    "too little time was left to ask it")                                      \
  X(REJECT_CROWD, "flight_full", E_UNAVAILABLE,                                \
    "too many callers wait for the same answer")                               \
  X(REJECT_STOPPING, "stopping", E_UNAVAILABLE,                                \
    "the gateway is stopping, and did not ask it to the end")

enum reject {
#define X(constant, name, code, sentence) constant,
  REJECT_LIST(X)
#undef X
      REJECTS
};

const char *reject_name(enum reject r);
enum error_code reject_code(enum reject r);
const char *reject_sentence(enum reject r);

#endif
