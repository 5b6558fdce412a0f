// shared.h -- what the workers of one process must tell each other about MCP.
//
// Few things only. Sessions that a client ended: ids are sealed and nothing is
// remembered of a session, so its end is what must be. And legacy calls that
// run: "notifications/cancelled" comes as a request of its own and may reach
// any worker, so the call is found here and its owner told through its mailbox. And
// the level that a legacy session set for its messages. And what was sent on
// streams that a client may come back to (events.h), and what they watch
// (subscriptions.h). And questions that wait for their answer (pending.h), and
// modern ones whose answer was acted upon.
//
// All are bounded. The ended sessions are a fixed set of MCP_ENDED_MAX with
// expiry; when a bucket is full the one that expires first is forgotten, so a
// client that ends thousands of its own sessions can only revive those: a
// session is no credential, and the principal is checked on each request.
// Safe for threads; a mutex, on paths that only legacy clients take.

#ifndef MCP_SHARED_H
#define MCP_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"
#include "loop/mailbox.h"
#include "mcp/events.h"
#include "mcp/pending.h"

#define MCP_ENDED_MAX  8192
#define SESSION_ID_LEN EVENTS_ID_LEN

struct mcp_shared;
struct errand_store;

// NULL when out of memory.
struct mcp_shared *mcp_shared_new(void);
// After every worker has ended. NULL is fine.
void mcp_shared_free(struct mcp_shared *s);

struct event_store *mcp_shared_events(struct mcp_shared *s);
// The calls that run on after their answer (mcp/errand.h).
struct errand_store *mcp_shared_errands(struct mcp_shared *s);
struct subscriptions *mcp_shared_subscriptions(struct mcp_shared *s);
struct pending_set *mcp_shared_pending(struct mcp_shared *s);

// A run of a handler acts on what was answered: true the first time. As bounded
// as the ended sessions, and forgotten the same way.
bool mcp_shared_spend(struct mcp_shared *s,
                      const unsigned char run[SESSION_ID_LEN],
                      int64_t expires_ms, int64_t now_ms);
struct posts *mcp_shared_posts(struct mcp_shared *s); // of HTTP+SSE

// The session is over; remembered until `expires_ms` (wall clock). Its streams
// end, and its calls are cancelled, whichever worker has them.
void mcp_shared_end_session(struct mcp_shared *s,
                            const unsigned char id[SESSION_ID_LEN],
                            int64_t expires_ms, int64_t now_ms);
bool mcp_shared_session_ended(struct mcp_shared *s,
                              const unsigned char id[SESSION_ID_LEN],
                              int64_t now_ms);

// What the client of a legacy session wants to hear (logging/setLevel), -1 when
// it has not said. As bounded as the ended sessions, and forgotten the same way.
void mcp_shared_set_level(struct mcp_shared *s,
                          const unsigned char id[SESSION_ID_LEN], int level,
                          int64_t expires_ms, int64_t now_ms);
int mcp_shared_level(struct mcp_shared *s,
                     const unsigned char id[SESSION_ID_LEN], int64_t now_ms);

// A legacy call that runs, embedded in whatever runs it.
struct inflight {
  struct list link;        // under the lock, even to read: neighbours write it
  bool added;              // the owner's thread only
  struct mailbox *mailbox; // of its worker; NULL: cancelled inline
  unsigned char session[SESSION_ID_LEN];
  struct slice id; // the request's id as sent, quotes included
  // On the owner's thread; must call mcp_shared_remove().
  void (*cancel)(struct inflight *call);
};

// Keeps `call` until mcp_shared_remove().
void mcp_shared_add(struct mcp_shared *s, struct inflight *call);
// Owner's thread; also when it was never added but zeroed.
void mcp_shared_remove(struct mcp_shared *s, struct inflight *call);
// Any worker: has `cancel` of that call run on its own thread, now or soon.
// Nothing happens if there is no such call (it may have just ended).
void mcp_shared_cancel(struct mcp_shared *s,
                       const unsigned char session[SESSION_ID_LEN],
                       struct slice id);

#endif
