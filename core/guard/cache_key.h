// cache_key.h -- what makes two requests the same: the key of the cache and of
// flights.
//
// `space` is who it belongs to (the integration), `principal` who may see it,
// `name` what it is: method, normalised URL, hash of the body, the headers that
// Vary names. Absent principal: anyone may (the response or the configuration
// says so); it differs from every principal, the empty one too.

#ifndef GUARD_CACHE_KEY_H
#define GUARD_CACHE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define CACHE_KEY_MAX 4096 // bytes of the three together

struct cache_key {
  struct slice space, principal, name;
};

uint64_t cache_key_hash(const uint64_t seed[2], const struct cache_key *key);
bool cache_key_eq(const struct cache_key *a, const struct cache_key *b);
size_t cache_key_len(const struct cache_key *key);
// Copies the bytes to `to`, which has cache_key_len(); the copy's slices point
// there.
struct cache_key cache_key_copy(const struct cache_key *key, char *to);

// `*` stands for any bytes, `?` for one.
bool cache_pattern_matches(struct slice pattern, struct slice name);

#endif
