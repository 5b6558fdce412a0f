// stream.h -- inside mcp/: subscriptions/listen, and the streams that it opens.
//
// A stream outlives its request: it takes the reply over and gives back the
// rest. It holds no queue of bytes, only what is due: a bit for each list that
// changed, and the newest event for each resource or task it watches. That is
// written when the client reads, so what a slow one costs is bounded by what it
// asked for, and ten changes that it did not read are one.
//
//   OPEN   acknowledged; events are written, many streams a batch at a time
//   SLOW   the client takes nothing: what is due stays due
//   ended  by its client (closed, or notifications/cancelled on stdio), by us
//          with a result, or without one if there is no memory for an event
//
// One set per server, for the worker's thread.

#ifndef MCP_STREAM_H
#define MCP_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "mcp/hub.h"

#define STREAM_BATCH 256         // streams written to in one turn
#define LISTEN_MAX   256         // resources, and tasks, that one request names
#define LISTEN_BYTES (16u << 10) // of their URIs, and of their ids

struct mcp_server;
struct stream;

struct streams {
  struct hub_port *port;
  struct list open;
  struct list due; // streams with something to say
  struct timer flush;
  uint32_t count, max;
  bool closed; // no more may begin
};

// By the server's options. Keeps both. False when out of memory.
bool streams_init(struct streams *all, struct mcp_server *s,
                  struct mailbox *mailbox);
// Ends them with their result; no other may begin.
void streams_end(struct streams *all);
void streams_finish(struct streams *all); // ended; zeroed is fine

// What a client asked for, and what of it is granted.
struct filter_keys {
  struct slice *items;
  size_t count;
};

struct filter {
  unsigned lists; // bits: 1 << enum hub_topic
  struct filter_keys uris, tasks;
};

struct job;

// Takes the job's reply over, begins the stream and watches. The job is then
// over for its exchange, and what borrowed from its message is good no longer.
// False, with nothing begun, when out of memory.
bool stream_open(struct job *job, const struct filter *granted);

// For a server whose one connection is the session: is there a stream of this
// id? And its end, without a word; false if there is none.
bool stream_exists(const struct streams *all, struct slice id);
bool stream_cancel(struct streams *all, struct slice id);

#endif
