// reply.h -- how an answer leaves: JSON, or server-sent events.
//
// Nothing is sent until there is something to say. An answer that is ready is
// one JSON document with its own status. The first notification on the way
// there turns the reply into an event stream, and the answer becomes its last
// event; so a fault that is found late can still be a 400. A stream that has
// said nothing for a while says a comment (pulse.h), which is something to say
// also for an answer that is still waited for.
//
// Where it leaves to is an outlet: an HTTP request, or whatever a spec or
// another transport puts there.

#ifndef MCP_REPLY_H
#define MCP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"
#include "mcp/pulse.h"
#include "mcp/record.h"
#include "net/header.h"

struct outlet_ops {
  // Ends the request with a whole answer; may take the bytes of `body`.
  void (*respond)(void *to, int status, const struct header *headers, size_t n,
                  struct buf *body);
  void (*begin)(void *to, int status, const struct header *headers, size_t n);
  bool (*write)(void *to, struct slice bytes); // false: the peer is slow
  void (*end)(void *to);                       // ends the request
  // Whom to tell, once, that the client left before the request ended.
  void (*on_gone)(void *to, void (*fn)(void *ctx), void *ctx);
  bool bare; // what it writes are messages as they are, not events
  // Bytes that the peer has not taken; NULL: not known.
  size_t (*unsent)(void *to);
  // The stream that was begun may last for days, and the request's message is
  // needed no more. NULL is fine.
  void (*last)(void *to);
  // Whom to tell when a peer that was slow is so no more. NULL: never told.
  void (*on_drain)(void *to, void (*fn)(void *ctx), void *ctx);
  // Ends the stream for the peer, not the request; on_gone is not told. NULL: it
  // cannot.
  void (*leave)(void *to);
};

struct outlet {
  const struct outlet_ops *ops;
  void *to;
};

enum reply_state {
  REPLY_WAITING,   // nothing sent
  REPLY_STREAMING, // an event stream has begun
  REPLY_ENDED
};

struct reply {
  struct outlet outlet;
  enum reply_state state;
  struct slice request_id;  // X-Request-Id
  struct slice origin;      // of a browser; absent if none
  struct slice session;     // Mcp-Session-Id to give; absent if none
  struct slice allow;       // Allow, with 405
  struct slice retry_after; // Retry-After, with 503
  struct pulse *pulse;      // of the worker; NULL: silent streams stay silent
  struct beat beat;         // while it streams
  struct record record;     // zeroed: nothing is kept
  bool away;                // the peer is not served from here any more
  bool lost;                // an event was dropped for lack of memory
};

// Begins an event stream that may last for days, before the first event. What
// the reply borrowed, and the message of the request, are needed no more.
void reply_last(struct reply *reply);

// A JSON-RPC notification that belongs to the request. False when the client
// is slow: better to send no more for now.
bool reply_notify(struct reply *reply, struct slice json);

// Begins the event stream now, if nothing was sent yet.
void reply_begin(struct reply *reply);
// An event of another stream, with its name.
bool reply_event(struct reply *reply, struct slice name, struct slice json);

// Sends the client away: it will come back, in `retry_ms`, for what is still to
// be said. False if it would not, and nothing happens.
bool reply_leave(struct reply *reply, uint32_t retry_ms);

// The answer, which ends the reply. The status counts unless a stream has
// begun. An empty `json` has no media type (202, 204).
void reply_end(struct reply *reply, int status, struct buf *json);

// The answer will take its time. A client that hears nothing for as long as a
// silent stream may be silent gets a stream that says so; it must accept events.
void reply_wait(struct reply *reply);

// Nobody reads any more: no comments. For an outlet that says so.
void reply_gone(struct reply *reply);

// For pulse_init(): has the stream say a comment.
void reply_beat(struct beat *beat);
// Ends a stream of which no more is known.
void reply_close(struct reply *reply);

// Ends without an answer: a legacy request that was cancelled gets none. HTTP
// must answer something, and to a request either JSON or a stream; a stream
// that ends without a message is the one that says nothing.
void reply_end_silent(struct reply *reply);

// 204 with what a browser may do from that origin; `headers` are the names that
// it may send.
void reply_preflight(struct reply *reply, struct slice headers);

#endif
