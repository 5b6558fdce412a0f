// hash.h -- SHA-256 and HMAC by OpenSSL, and a fast keyed hash for tables.

#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define SHA256_LEN 32

// False when OpenSSL refuses (out of memory).
bool hash_sha256(struct slice s, unsigned char out[SHA256_LEN]);
bool hash_hmac_sha256(struct slice key, struct slice s,
                      unsigned char out[SHA256_LEN]);

// Equal in a time that depends on the lengths alone.
bool hash_equal(struct slice a, struct slice b);

// SipHash-1-3; `key` must be random per process where input is hostile.
uint64_t hash_table(const uint64_t key[2], struct slice s);

#endif
