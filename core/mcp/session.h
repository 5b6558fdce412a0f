// session.h -- legacy sessions that nobody remembers.
//
// The Mcp-Session-Id is the session: what was agreed in initialize, sealed, so
// that any worker of any replica with the same keys can serve the next request.
// It names its principal and is refused for another. It is no credential.

#ifndef MCP_SESSION_H
#define MCP_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/seal.h"
#include "base/slice.h"
#include "mcp/revision.h"
#include "mcp/shared.h"

#define SESSION_CLIENT_MAX 48 // bytes of the client's name that are kept

struct news;

struct session {
  enum revision revision; // what was negotiated
  uint32_t capabilities;  // of the client (capability.h)
  int64_t issued_ms;      // wall clock
  unsigned char id[SESSION_ID_LEN];
  struct slice client; // its name, for logs; cut
  struct slice principal;
  // Of a connection that is a session; else NULL and false:
  struct news *news;
  bool legacy_only; // its transport is older than the modern era
};

// Appends the sealed id to `out`. False when out of memory or randomness.
bool session_seal(const struct seal_ring *ring, const struct session *session,
                  struct buf *out);

// False when `text` was not sealed by us. Slices lie in `arena`. Says nothing
// of age, principal or whether it was ended: see session_valid().
bool session_open(const struct seal_ring *ring, struct slice text,
                  struct arena *arena, struct session *session);

// Is it this principal's, not expired and not ended? `shared` may be NULL.
bool session_valid(const struct session *session, struct slice principal,
                   uint32_t ttl_s, int64_t now_ms, struct mcp_shared *shared);

// When it expires by itself (wall clock).
static inline int64_t session_expires(const struct session *session,
                                      uint32_t ttl_s)
{
  return session->issued_ms + (int64_t)ttl_s * 1000;
}

#endif
