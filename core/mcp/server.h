// server.h -- MCP over streamable HTTP: what arrives at /mcp, both eras.
//
// One server per worker; it is given complete HTTP requests and answers them.
// The inner model is the modern one (2026-07-28: stateless, resultType); legacy
// clients (2025-11-25 and earlier) are an adapter at the edge. Nothing is kept
// between requests: a legacy session id is a sealed value that any worker of
// any replica can open. Methods are rows of one table, so a feature is a row
// and a file.
//
//   Host, Origin -> era (section 1.4 of the digest) -> ladder -> method row
//
// For the worker's thread.

#ifndef MCP_SERVER_H
#define MCP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/seal.h"
#include "base/secret.h"
#include "guard/shed.h"
#include "loop/mailbox.h"
#include "mcp/hub.h"
#include "mcp/shared.h"
#include "net/http_server.h"
#include "script/call.h"

struct mcp_server;

struct mcp_server_options {
  struct loop *loop;         // keeps
  struct mailbox *mailbox;   // keeps; of this worker: how others cancel a call
                             // here. NULL when there is one worker
  struct mcp_shared *shared; // keeps; one per process (mcp/shared.h)
  struct hub *hub;           // keeps; one per process (mcp/hub.h)
  struct log *log;           // keeps; NULL is fine
  const struct live *live;   // keeps; swapped by the owner
  const struct seal_ring *seals; // keeps
  const struct secret_set
      *secrets;                // keeps; scrubbed from answers; NULL is fine
  struct slice path;           // "/mcp"
  struct slice sse_path;       // "/sse": HTTP+SSE of 2024-11-05; it needs a
  struct slice message_path;   // mailbox. "/messages". Absent: not served
  const struct slice *hosts;   // Host values allowed besides loopback names
  size_t host_count;           // ("gw.example.com", "gw.example.com:8443")
  const struct slice *origins; // Origin values allowed besides loopback ones
  size_t origin_count;
  struct slice name, version, instructions; // serverInfo; instructions optional
  uint32_t page_size;                       // of tools/list; default 100
  uint32_t session_ttl_s;                   // legacy sessions; default 24 h
  uint32_t list_ttl_ms;  // ttlMs of tools/list; default 5,000
  uint32_t max_streams;  // subscriptions open at once; default 10,000
  uint32_t keepalive_ms; // of event streams; default 15,000
  uint32_t resume_ms;    // how long a legacy client that left may take to come
                         // back before its call is cancelled; default 60,000
  bool trail_in_meta;    // results carry their trail in _meta
  struct shed *shed;     // keeps; of this worker. NULL: serves all that comes
  // A message came by the mailbox, not by a request here. NULL is fine.
  void (*on_message)(void *ctx);
  void *ctx; // keeps
};

// NULL when out of memory.
struct mcp_server *mcp_server_new(const struct mcp_server_options *options);
// Cancels what runs; its answers go nowhere if the HTTP server is gone. NULL is
// fine.
void mcp_server_free(struct mcp_server *s);

// The server is about to stop: tasks that run are cancelled, subscriptions end
// with their result, and no other begins. What else runs goes on.
void mcp_server_drain(struct mcp_server *s);

// Is this request ours (path)? Else the caller answers it.
bool mcp_server_owns(const struct mcp_server *s, const struct http_message *m);
// Answers it, now or later.
void mcp_server_handle(struct mcp_server *s, struct http_request *req,
                       const struct http_message *m);

#endif
