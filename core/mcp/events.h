// events.h -- what was sent on the streams of legacy sessions, kept for clients
// that lost their connection and come back with Last-Event-ID.
//
// One store per process. A stream has one writer (the request that is answered,
// or the session's own stream) and at most one reader (the connection that
// came back), on any two workers. The writer adds, the reader is woken through
// its worker's mailbox and fetches. A second reader takes the place of the
// first, since a client that comes back knows better than our kernel that its
// old connection is dead.
//
// An event is named by its stream, 128 random bits, and its number in it: who
// has not been sent the name cannot guess it, and it counts in its own session
// only. Number 0 is the priming event, which has no data and is not kept.
//
//   open -> add, add, ... -> end        kept for keep_ms behind the end
//
// A session's own stream does not end; it is kept for keep_ms without a reader,
// or until there are too many streams.
//
// All is bounded: per stream, per session, in all, in bytes, in number and in
// time. Where something must go the oldest event of the stream that has been
// silent longest does, and a reader that wants it is told so. Safe for threads:
// one mutex, on paths that only legacy clients take. Times: wall clock, ms.

#ifndef MCP_EVENTS_H
#define MCP_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "loop/mailbox.h"

#define EVENTS_ID_LEN   16 // bytes of a stream's id, and of a session's
#define EVENTS_NAME_MAX 64 // bytes of an event's name, with its NUL

struct event_store;
struct event_reader;

// Zero: the default.
struct event_limits {
  size_t stream_bytes;      // 4 MiB
  size_t session_bytes;     // 8 MiB
  size_t total_bytes;       // 64 MiB
  uint32_t session_streams; // 64
  uint32_t total_streams;   // 16,384
  uint32_t keep_ms;         // behind the end of a stream; 2 minutes
};

// Where in a stream.
struct event_place {
  unsigned char stream[EVENTS_ID_LEN];
  uint64_t number;
};

// NULL when out of memory.
struct event_store *event_store_new(struct event_limits limits);
// After every reader was freed. NULL is fine.
void event_store_free(struct event_store *s);

// --- writing; any thread ---

enum event_kind {
  EVENTS_ANSWER, // of one request
  EVENTS_OWN     // of the session itself: there is one at most
};

// A new stream; its id and number 0 in `place`. False when out of memory or
// randomness, when there are too many, or an EVENTS_OWN is there already.
bool event_stream_open(struct event_store *s,
                       const unsigned char session[EVENTS_ID_LEN],
                       enum event_kind kind, struct event_place *place,
                       int64_t now_ms);

struct event_added {
  uint64_t number; // 0: the stream is not kept (any more)
  bool taken;      // a reader has come: send nothing yourself
};
// Copies `data`. Without memory the event has a number and is not kept.
struct event_added event_stream_add(struct event_store *s,
                                    const unsigned char id[EVENTS_ID_LEN],
                                    struct slice data, int64_t now_ms);
// The same for the session's own stream. False if it has none.
bool event_session_add(struct event_store *s,
                       const unsigned char session[EVENTS_ID_LEN],
                       struct slice data, int64_t now_ms);
bool event_session_has_own(struct event_store *s,
                           const unsigned char session[EVENTS_ID_LEN]);
// Nothing more will come.
void event_stream_end(struct event_store *s,
                      const unsigned char id[EVENTS_ID_LEN], int64_t now_ms);
// For how long nobody has read it, since it was opened or its last reader left;
// 0 with a reader, -1 if there is no such stream.
int64_t event_stream_unread_ms(struct event_store *s,
                               const unsigned char id[EVENTS_ID_LEN],
                               int64_t now_ms);
// The session is over, and so are its streams: their readers are woken.
void event_session_end(struct event_store *s,
                       const unsigned char session[EVENTS_ID_LEN]);
// Forgets what has expired. True if streams are left.
bool event_store_sweep(struct event_store *s, int64_t now_ms);

// --- reading ---

enum event_verdict {
  EVENTS_FOUND,
  EVENTS_UNKNOWN,   // no such event, or not this session's, or never sent
  EVENTS_FORGOTTEN, // what followed it is not kept any more
  EVENTS_BUSY,      // the session's own stream has a reader
  EVENTS_FULL,      // not by a reader: there is no place for a new stream
  EVENTS_NO_MEMORY
};

// Whom to wake: `fn` runs on the mailbox's thread; without a mailbox at once,
// inside what the writer calls.
struct event_wake {
  struct mailbox *mailbox; // keeps
  void (*fn)(void *ctx);
  void *ctx;
};

// A reader of what followed the event named `name`. The thread of `wake` owns
// it.
enum event_verdict event_reader_new(struct event_store *s,
                                    const unsigned char session[EVENTS_ID_LEN],
                                    struct slice name, struct event_wake wake,
                                    struct event_reader **reader);
// The same for the session's own stream, from where its last reader was; not if
// it has one.
enum event_verdict event_reader_own(struct event_store *s,
                                    const unsigned char session[EVENTS_ID_LEN],
                                    struct event_wake wake,
                                    struct event_reader **reader);
void event_reader_free(struct event_reader *r, int64_t now_ms); // NULL is fine

// Is it the session's own stream that it reads?
bool event_reader_is_own(const struct event_reader *r);
// The event behind which it reads on.
void event_reader_place(const struct event_reader *r,
                        struct event_place *place);

enum event_next { EVENT_GIVEN, EVENT_LATER, EVENT_OVER };
// Appends the next event's data to `data`; its place in `place`. EVENT_LATER:
// `fn` will be called when there is one. EVENT_OVER: nothing comes any more, or
// another reader took over.
enum event_next event_reader_next(struct event_reader *r, struct buf *data,
                                  struct event_place *place);

// --- names ---

// NUL-terminated; its length.
size_t event_name(const struct event_place *place, char out[EVENTS_NAME_MAX]);
bool event_name_parse(struct slice name, struct event_place *place);

// --- for specs ---

struct event_counts {
  size_t streams, sessions, events, bytes;
};
struct event_counts event_store_counts(struct event_store *s);

#endif
