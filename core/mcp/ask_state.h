// ask_state.h -- requestState: what a modern client carries from one round of
// questions to the next, sealed.
//
// It names who may use it (the principal), for what (a digest of the method and
// its params), until when, which run of a handler it goes on with, what was
// answered so far and what is asked now. Nothing of it is remembered here, so
// any worker of any replica that has the key can go on. Whoever changes it,
// sends it for another request or as another principal, or too late, is refused;
// who sends it twice gets the same again, but acts once (rounds.c).
//
// At most SEAL_PLAIN_MAX bytes, mostly answers.

#ifndef MCP_ASK_STATE_H
#define MCP_ASK_STATE_H

#include "base/hash.h"
#include "base/json.h"
#include "base/seal.h"
#include "script/replay.h"

struct ask_state {
  uint32_t round;     // rounds of questions so far
  int64_t expires_ms; // wall clock
  unsigned char run[RUN_ID_LEN];
  unsigned char request[SHA256_LEN];
  struct slice principal;
  struct replay_answer *answers; // digest and text count
  struct replay_question *asked; // digest and key count
};

// Appends the sealed text. False: too long, or out of memory or randomness.
bool ask_state_seal(const struct seal_ring *ring, const struct ask_state *state,
                    struct buf *out);

// False when `text` was not sealed by us. Everything lies in `arena`. Says
// nothing of age, principal or request.
bool ask_state_open(const struct seal_ring *ring, struct slice text,
                    struct arena *arena, struct ask_state *state);

// The digest of a request: its method, and its params without _meta, requestState
// and inputResponses, however they are spelt: the order of members and the white
// space do not count. `params` may be JSON_NONE. False: out of memory.
bool ask_request_digest(const struct json_doc *doc, struct slice method,
                        uint32_t params, unsigned char out[SHA256_LEN]);

#endif
