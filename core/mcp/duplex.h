// duplex.h -- inside mcp/: HTTP+SSE, the transport of 2024-11-05.
//
// GET /sse opens an event stream, whose first event says where the client posts
// its messages: /messages?sessionId=... Those are answered 202, by any worker,
// and everything that the server says comes as events on the stream. So stream
// and posts together are a connection as stdio is one: it is the session, it is
// judged like one, whatever revision is agreed on in it, and there is no coming
// back. When the client leaves it has cancelled all it asked for.
//
//   OPEN     posts are served, 64 at a time; other requests wait, and all posts
//            do while the client does not read
//   CLOSING  no more posts; the stream ends with the last answer
//   gone     the client left; what still runs is cancelled
//
// The id in the URL is sealed and names its principal, but is no credential. For
// the worker's thread.

#ifndef MCP_DUPLEX_H
#define MCP_DUPLEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"

struct exchange;
struct mcp_server;

// The connections of one worker.
struct duplexes {
  struct list open;
  uint32_t count;
};

void duplexes_init(struct duplexes *all);
// The server is stopping: idle ones end now, the others with their last answer.
void duplexes_end(struct duplexes *all);
// All requests have ended.
void duplexes_finish(struct duplexes *all);

// GET /sse.
void duplex_open(struct exchange *ex);
// POST /messages; `query` behind the '?'.
void duplex_post(struct exchange *ex, struct slice query, struct slice body);

#endif
