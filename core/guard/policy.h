// policy.h -- a named set of resilience settings; from policies/*.lua.
//
// policy_fields is the one list of what a policy may say: the loader, the
// defaults, `tidegate check` and the docs are made from it. Immutable once its
// generation is live. A path has at most two steps ("attempt.timeout_ms").

#ifndef GUARD_POLICY_H
#define GUARD_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

// X(path in the Lua table, member, default, min, max, meaning)
#define POLICY_LIST(X)                                                         \
  X("deadline_ms", deadline_ms, 30000, 1, 3600000,                             \
    "the whole call, whatever happens inside")                                 \
  X("attempt.timeout_ms", attempt_ms, 10000, 1, 3600000,                       \
    "one try on the wire")                                                     \
  X("attempt.connect_ms", connect_ms, 3000, 1, 60000,                          \
    "name lookup, TCP and TLS of a new connection")                            \
  X("attempt.first_byte_ms", first_byte_ms, 0, 0, 3600000,                     \
    "until the answer begins; 0 means no limit of its own")                    \
  X("response.max_bytes", max_response_bytes, 16777216, 1024, 268435456,       \
    "the decoded body of an answer")

struct policy {
  struct slice name;
#define X(path, member, value, min, max, meaning) int64_t member;
  POLICY_LIST(X)
#undef X
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
