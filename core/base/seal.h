// seal.h -- what leaves and comes back: session ids, cursors, states.
//
// AES-256-GCM with a key ring. A sealed value is URL- and header-safe text
// (base64url without padding): version, key id, nonce, ciphertext, tag. The
// `purpose` ("session", "cursor") is bound as associated data, so a cursor
// cannot pass for a session. The ring opens with any key and seals with the
// first; keys are derived with HKDF from configured secrets, or random at start
// (then values do not survive a restart or reach a second replica).
// Immutable after creation, so safe for threads.

#ifndef BASE_SEAL_H
#define BASE_SEAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

#define SEAL_KEYS_MAX 8

struct seal_ring;

// `keys` are 1..SEAL_KEYS_MAX secrets of at least 16 bytes, newest first; with
// n == 0 one random key is made. Borrows. E_CONFIG for a short key.
enum error_code seal_ring_new(const struct slice *keys, size_t n,
                              struct seal_ring **ring, struct error *err);
void seal_ring_free(struct seal_ring *ring); // NULL is fine

// The most that can be sealed.
#define SEAL_PLAIN_MAX 65536

// Appends the sealed text to `out`: 44 bytes and a third more than `plain`.
// False when out of memory or randomness, or for more than SEAL_PLAIN_MAX.
bool seal(const struct seal_ring *ring, const char *purpose, struct slice plain,
          struct buf *out);

// Appends the plain bytes to `out`. False if the text was not sealed by this
// ring for this purpose: forged, cut, of another purpose, by a retired key.
// Says no more than that, and takes the same time for each. False leaves `out`
// as it was.
bool unseal(const struct seal_ring *ring, const char *purpose,
            struct slice sealed, struct buf *out);

#endif
