// idempotency.h -- the key that lets a service recognise a repetition.
//
// One key for each exchange of a call, made before its first attempt, the same on
// all of them, never used for another payload. Made from chance; or, for a step
// that may be gone through again -- a handler that is run again with an answer, a
// workflow that is resumed after a crash -- from what names the step, so that
// another process says the same key (bind/outgoing_key.c). Both look like UUIDs
// (versions 4 and 8 of RFC 9562), as the IETF draft recommends.
//
// The draft's header is a structured field and wants quotes; most providers
// read the bare key: the integration says which.
//
// A key is worth as much as the service remembers it, 24 h unless it says
// otherwise; after that an unknown outcome must be looked up, not repeated.
// Never log a key beside credentials. Pure; chance is an argument.

#ifndef GUARD_IDEMPOTENCY_H
#define GUARD_IDEMPOTENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define IDEMPOTENCY_KEY_LEN      36
#define IDEMPOTENCY_RETENTION_NS (UINT64_C(24) * 3600 * 1000000000)

struct idempotency_key {
  char text[IDEMPOTENCY_KEY_LEN + 1];
};

void idempotency_random(struct idempotency_key *key,
                        const unsigned char chance[16]);

struct idempotency_step {
  struct slice tenant, run, step;
  uint64_t ordinal; // of the call in the step
};

// False when OpenSSL refuses (out of memory).
bool idempotency_derived(struct idempotency_key *key, struct slice secret,
                         const struct idempotency_step *step);

struct idempotency_header {
  char text[IDEMPOTENCY_KEY_LEN + 3];
};
struct idempotency_header idempotency_spell(const struct idempotency_key *key,
                                            bool quoted);

// What a service says about the key of a keyed request.
enum idempotency_answer {
  IDEMPOTENCY_NOTHING,
  IDEMPOTENCY_RUNNING,  // 409: the first one is still at it; wait, same key
  IDEMPOTENCY_MISMATCH, // 422: the key was used for another payload; our bug
};
enum idempotency_answer idempotency_answer(int status);

// May a request with a key of then be repeated now?
bool idempotency_known(uint64_t created_ns, uint64_t retention_ns,
                       uint64_t now_ns);

#endif
