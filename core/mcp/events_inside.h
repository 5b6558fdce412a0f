// events_inside.h -- what the two files of the event store share; nobody else
// includes it. Everything here is under the store's lock.

#ifndef MCP_EVENTS_INSIDE_H
#define MCP_EVENTS_INSIDE_H

#include <pthread.h>

#include "base/list.h"
#include "mcp/events.h"

#define EVENTS_BUCKETS 1024

struct event {
  struct list link;
  uint64_t number;
  size_t len;
  char data[];
};

struct event_session {
  struct list link; // bucket
  unsigned char id[EVENTS_ID_LEN];
  struct list streams; // the one that was silent longest is first
  uint32_t count;
  size_t bytes;
};

struct event_stream {
  struct list link;       // bucket
  struct list of_session; // session->streams
  struct list age;        // store->live or store->ended
  struct list unread;     // store->unread: an own stream without a reader
  struct event_session *session;
  unsigned char id[EVENTS_ID_LEN];
  enum event_kind kind;
  struct list events;   // numbers first..last, none missing
  uint64_t first, last; // first == last + 1: none is kept
  uint64_t given;       // the last that a reader was given
  size_t bytes;
  struct event_reader *reader;
  bool taken, ended;
  int64_t unread_since, expires;
};

struct event_store {
  pthread_mutex_t lock;
  struct event_limits limits;
  struct list streams[EVENTS_BUCKETS], sessions[EVENTS_BUCKETS];
  struct list live, ended; // in the order of the last event, or of the end
  struct list unread;      // in the order of unread_since
  struct event_counts counts;
};

struct event_reader {
  struct message message;
  struct event_store *store;
  struct event_stream *stream; // NULL: over
  struct event_wake wake;
  const struct event *at; // the last that was given, if it is still kept
  uint64_t next;
  bool woken; // the message is on its way
  bool dead;  // owner's thread only: free it when the message arrives
};

struct event_stream *events_find_stream(struct event_store *s,
                                        const unsigned char id[EVENTS_ID_LEN]);
struct event_session *events_find_session(
    struct event_store *s, const unsigned char id[EVENTS_ID_LEN]);
struct event_stream *events_own_stream(const struct event_session *session);

// Its last reader has left, or there was none yet.
void events_leave(struct event_store *s, struct event_stream *stream,
                  int64_t now_ms);
// The stream's reader, if any, has something to see.
void events_wake(struct event_stream *stream);
// It reads no more of this stream; it is woken to see that.
void events_part(struct event_stream *stream);

#endif
