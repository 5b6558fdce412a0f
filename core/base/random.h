// random.h -- chance, in two kinds.
//
// random_bytes() is for keys and ids: from the kernel. `struct prng` is for
// jitter and sampling: fast, seeded, reproducible in a spec.

#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// False if the kernel has none to give (then nothing was written).
bool random_bytes(void *out, size_t len);

#define UUID_LEN 36
// A version 4 UUID, lower case, NUL-terminated. False as random_bytes().
bool random_uuid(char out[UUID_LEN + 1]);

// xoshiro256** by Blackman and Vigna (2018). Not thread-safe; one per worker.
struct prng {
  uint64_t s[4];
};

void prng_seed(struct prng *p, uint64_t seed); // splitmix64 expands the seed
uint64_t prng_next(struct prng *p);
double prng_unit(struct prng *p);                    // [0, 1)
uint64_t prng_below(struct prng *p, uint64_t limit); // [0, limit), no bias

#endif
