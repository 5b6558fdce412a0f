// record.h -- what a reply does so that its client may come back: each event
// that is sent is kept as well (mcp/events.h), and has a name.
//
// For legacy sessions of 2025-03-26 and later. Those of 2025-11-25 are given a
// name before there is an event ("priming"), so that they can come back in any
// case; older clients would choke on that. For the worker's thread.

#ifndef MCP_RECORD_H
#define MCP_RECORD_H

#include "base/buf.h"
#include "loop/loop.h"
#include "mcp/events.h"

#define RECORD_RETRY_MS 1000 // a client should wait for, unless told otherwise

struct record {
  struct event_store *store; // NULL: nothing is kept
  struct loop *loop;
  const unsigned char *session; // EVENTS_ID_LEN bytes
  bool primes;
  bool open;                // private: the stream is in the store
  struct event_place place; // private: of the last event
};

// The stream begins: appends what goes before its first event to `out`. Without
// a place in the store nothing is kept, and the stream has no names.
void record_open(struct record *r, struct buf *out);

// Appends an event without data that gives the client a name to come back with.
void record_put_priming(struct buf *out, const struct event_place *place);

// Keeps the event; gives its name in `name`, empty if it has none. False: the
// client has come back already, and is served from the store.
bool record_event(struct record *r, struct slice json,
                  char name[EVENTS_NAME_MAX]);

// Is there something to come back to?
bool record_is_open(const struct record *r);
// For how long nobody has come back, ms; -1: nothing is kept.
int64_t record_unread_ms(const struct record *r);
// The stream is over, all was said.
void record_end(struct record *r);

#endif
