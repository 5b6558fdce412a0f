// trail.h -- what was decided for one call, in order.
//
// A bounded record of fixed-size steps. Each step has the time since the call
// began, a kind, an error code and two numbers whose meaning the kind defines.
// `tidegate call` prints it, specs assert on it, the log line is made from it:
// one source. A full trail counts what it dropped; the result takes the place of
// the last step. Not thread-safe.

#ifndef BASE_TRAIL_H
#define BASE_TRAIL_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

// X(constant, name, what `a` is, what `b` is); "" when unused. `label` is free
// text of at most TRAIL_LABEL bytes, never a secret. A new kind needs words for
// people too: base/explain_words.c.
#define TRAIL_LIST(X)                                                          \
  X(TRAIL_ROUTE, "route", "generation", "")    /* label: tool */               \
  X(TRAIL_ARGS, "args", "bytes", "")           /* code: ok or invalid */       \
  X(TRAIL_RUN, "run", "", "")                  /* the handler began */         \
  X(TRAIL_CACHE, "cache", "age_ms", "")        /* label: what was found */     \
  X(TRAIL_REFRESH, "refresh", "", "")          /* behind it; label: why */     \
  X(TRAIL_FLIGHT, "flight", "", "")            /* label: leads, joined */      \
  X(TRAIL_STORE, "store", "fresh_ms", "bytes") /* label: kept, or why not */   \
  X(TRAIL_ATTEMPT, "attempt", "attempt", "")   /* label: METHOD path */        \
  X(TRAIL_ANSWER, "answer", "status", "bytes") /* code; label: outcome */      \
  X(TRAIL_BACKOFF, "backoff", "ms", "budget")  /* label: why; budget left */   \
  X(TRAIL_HEDGE, "hedge", "attempt", "budget") /* label: what, or why not */   \
  X(TRAIL_NO_RETRY, "no_retry", "rule", "")    /* label: why */                \
  X(TRAIL_GATE, "gate", "ms", "")              /* the service said later */    \
  X(TRAIL_LIMITER, "limiter", "ms", "")        /* waits for its turn */        \
  X(TRAIL_BULKHEAD, "bulkhead", "ms", "")  /* waits for a place, at most */    \
  X(TRAIL_REJECT, "reject", "ms", "")      /* label: by what; come again */    \
  X(TRAIL_BREAKER, "breaker", "", "")      /* label: state, not closed */      \
  X(TRAIL_LIMIT, "limit", "to", "from")    /* places, learned by drops */      \
  X(TRAIL_FAULT, "fault", "ms", "status")  /* injected; label: which */        \
  X(TRAIL_REPLAY, "replay", "allowed", "") /* libcurl asked to resend */       \
  X(TRAIL_CLASSIFY, "classify", "failures",                                    \
    "")                                       /* label: what it made of it */  \
  X(TRAIL_CALL, "call", "call", "")           /* label: another tool */        \
  X(TRAIL_FALLBACK, "fallback", "", "")       /* code that led to it */        \
  X(TRAIL_NO_FALLBACK, "no_fallback", "", "") /* code; label: why */           \
  X(TRAIL_SLEEP, "sleep", "ms", "")                                            \
  X(TRAIL_ASK, "ask", "", "")             /* label: what, and its key */       \
  X(TRAIL_ANSWERED, "answered", "ms", "") /* code; label: key */               \
  X(TRAIL_CANCEL, "cancel", "", "")       /* label: by whom */                 \
  X(TRAIL_RESULT, "result", "bytes", "")  /* code of the call */

enum trail_kind {
#define X(constant, name, a, b) constant,
  TRAIL_LIST(X)
#undef X
      TRAIL_KINDS
};

#define TRAIL_STEPS 32
#define TRAIL_LABEL 39

struct trail_step {
  uint64_t at_ns; // since the call began
  int64_t a, b;
  uint16_t kind; // enum trail_kind
  uint16_t code; // enum error_code
  char label[TRAIL_LABEL + 1];
  uint16_t call; // which call that this one made; 0: the call itself
};

struct trail {
  uint64_t start_ns; // monotonic
  uint32_t count;    // steps in use
  uint32_t dropped;
  struct trail_step steps[TRAIL_STEPS];
};

void trail_begin(struct trail *t, uint64_t now_ns);

// `label` is cut at TRAIL_LABEL bytes; absent is fine.
void trail_add(struct trail *t, uint64_t now_ns, enum trail_kind kind,
               enum error_code code, int64_t a, int64_t b, struct slice label);

// Takes the steps of a call that this one made, in the order of time, marked as
// those of call `number`. Where there is no room for all of them and what this
// call may still do, the beginning and the result are kept.
void trail_join(struct trail *t, const struct trail *inner, uint16_t number);

// Takes the steps of a flight from `since_ns` on, likewise.
void trail_share(struct trail *t, const struct trail *flight,
                 uint64_t since_ns);

// One line a step, in columns, with a code that is not "ok" at the end; times
// are since the call began:
//     +85 us  route     generation 3  github_list_issues
//   +12.3 ms  attempt   1             GET /items
// Steps of call 2 that this call made are "2> attempt".
// Appends to `out`.
void trail_print(const struct trail *t, struct buf *out);
// [{"at_us":…,"step":"attempt","code":"ok","attempt":1,"label":"GET /items"},…]
// with "in":2 for those of call 2,
// and {"step":"dropped","count":n} at the end if steps did not fit.
void trail_json(const struct trail *t, struct buf *out);

#endif
