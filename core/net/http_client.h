// http_client.h -- HTTP to the services behind us: one attempt on the wire.
//
// One client per worker. http_start() queues an attempt; it goes out before
// the loop waits (never inline), over a pooled connection of that worker. Its
// `done` is called exactly once: with an answer, with how it failed, or inline
// from http_cancel() and http_client_free() with HTTP_CANCELLED. There is no
// queue inside: who calls http_start() has decided that it may run now.
//
// Two transports stand behind it. The real one is libcurl's multi on the loop,
// with what shared experience demands: a request that is not `replayable` is
// never sent a second time (libcurl replays silently when a reused connection
// dies; PREREQFUNCTION counts and aborts), the CA store is parsed once per
// client, DNS and connect count against `connect_ms`, the body is bounded,
// redirects are answers. The scripted one (scripted.h) answers from a table, in
// simulated time.
//
// The process must ignore SIGPIPE: OpenSSL writes with write(2).
//
// Destinations: an address that is private, loopback, link-local, multicast or
// otherwise special is refused with HTTP_BLOCKED unless `allow_private`. It is
// the real address that counts, after resolution and again before a pooled
// connection is used.

#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/slice.h"
#include "loop/loop.h"
#include "net/header.h"

// How an attempt ended on the wire. X(constant, name, was it certainly not
// executed by the service, sentence)
#define HTTP_END_LIST(X)                                                       \
  X(HTTP_ANSWERED, "answered", false, "an answer came")                        \
  X(HTTP_CANCELLED, "cancelled", false, "given up by the caller")              \
  X(HTTP_NO_NAME, "no_name", true, "the name does not resolve")                \
  X(HTTP_REFUSED, "refused", true, "the connection was refused")               \
  X(HTTP_CONNECT_TIMEOUT, "connect_timeout", true, "no connection in time")    \
  X(HTTP_TLS_FAILED, "tls_failed", true, "the TLS handshake failed")           \
  X(HTTP_TLS_UNTRUSTED, "tls_untrusted", true,                                 \
    "the certificate is not to be trusted")                                    \
  X(HTTP_BLOCKED, "blocked", true, "the address is not allowed")               \
  X(HTTP_STALE, "stale_connection", false,                                     \
    "a reused connection died before an answer")                               \
  X(HTTP_RESET, "reset", false, "the connection died before the answer")       \
  X(HTTP_CUT, "cut", false, "the connection died in the middle of the answer") \
  X(HTTP_TIMEOUT, "timeout", false, "no whole answer in time")                 \
  X(HTTP_GARBAGE, "garbage", false, "the answer is not HTTP")                  \
  X(HTTP_TOO_LARGE, "too_large", false, "the answer is too large")             \
  X(HTTP_STREAM_REFUSED, "stream_refused", true, "HTTP/2 refused the stream")  \
  X(HTTP_FAILED, "failed", false, "the transfer failed")

enum http_end {
#define X(constant, name, not_executed, sentence) constant,
  HTTP_END_LIST(X)
#undef X
      HTTP_ENDS
};

const char *http_end_name(enum http_end end);
const char *http_end_sentence(enum http_end end);
bool http_end_not_executed(enum http_end end);

// What is sent. Everything is borrowed until `done`.
struct http_attempt {
  struct slice method;
  struct slice url;             // absolute, encoded, http or https, no userinfo
  const struct header *headers; // checked with header_name_ok/value_ok
  size_t header_count;
  struct slice body;       // absent: none
  uint32_t connect_ms;     // DNS + TCP + TLS; default 3,000
  uint32_t first_byte_ms;  // 0: no limit of its own
  uint32_t total_ms;       // the attempt; default 10,000, at least 1
  size_t max_body_bytes;   // of the decoded answer; default 16 MiB
  bool replayable;         // idempotent or keyed: one silent replay is fine
  bool fresh;              // over a connection of its own, none of the pool
  bool allow_private;      // the integration declares a private upstream
  bool insecure_tls;       // for development; the caller has shouted
  const char *unix_socket; // NULL, or connect there
};

// What came. Owned by the one who gets it in `done`; ended with
// http_answer_finish().
struct http_answer {
  enum http_end end;
  int status;             // 0 unless an answer began
  struct buf head;        // "Name: value\n" lines of the last header block
  struct buf body;        // decoded (gzip and the like)
  uint64_t total_ns;      // from http_start() to done
  uint64_t connect_ns;    // of a new connection, with TLS; 0 if none was made
  uint64_t first_byte_ns; // 0 when none came
  uint32_t replays;       // times libcurl asked to send it again
  bool reused;            // the connection was not new
  bool sent;              // the request, or part of it, went out
  int http_version;       // 10, 11, 20
  char detail[160];       // for the log only: libcurl's words, may name hosts
  // NULL: head and body are this answer's own. Else they are bytes of somebody
  // else, who keeps them until release(shared), and nobody writes them.
  void (*release)(void *shared);
  void *shared;
};

// Value of the first field of that name, trimmed; absent if there is none.
struct slice http_answer_header(const struct http_answer *a, const char *name);
// Walks the fields: returns false at the end. `*at` begins at 0.
bool http_answer_next(const struct http_answer *a, size_t *at,
                      struct header *field);
void http_answer_finish(struct http_answer *a); // NULL and zeroed are fine

struct http_client;
struct http_transfer;

// Takes nothing: moves what it needs out of `*answer`; the rest is finished by
// the client when it returns.
typedef void (*http_done_fn)(void *ctx, struct http_answer *answer);

struct http_client_options {
  uint32_t max_idle_connections; // default 256
  uint32_t idle_s;               // an idle connection is not reused after; 30
  uint32_t max_age_s;            // nor after this age, +-10 %; default 300
  const char *ca_file;           // NULL: the system's
  const char *user_agent;        // default "tidegate/<version>"
  struct log *log;               // keeps; NULL is fine
  uint64_t seed;                 // for jitter
};

struct http_client *http_client_new(struct loop *loop,
                                    struct http_client_options options);
// Ends every transfer with HTTP_CANCELLED. Not from inside done. NULL is fine.
void http_client_free(struct http_client *client);

// Keeps ctx until done. NULL (and no done) only when out of memory.
struct http_transfer *http_start(struct http_client *client,
                                 const struct http_attempt *attempt,
                                 http_done_fn done, void *ctx);
// Calls done with HTTP_CANCELLED before it returns. Not from inside done.
void http_cancel(struct http_transfer *transfer);

struct http_client_stats {
  uint64_t started, answered, failed, cancelled;
  uint64_t connections_new, connections_reused;
  uint64_t replays_blocked, replays_allowed;
  uint32_t running;
};
struct http_client_stats http_client_stats(const struct http_client *client);

// --- the seam for other transports (testing) ---

// What a transport's own transfer begins with. http_start() fills it in.
struct http_transfer {
  const struct http_transport *transport;
  void *self;
};

struct http_transport {
  // `attempt` has its defaults filled in; it lives until start returns, what
  // it points to until done.
  struct http_transfer *(*start)(void *self, const struct http_attempt *attempt,
                                 http_done_fn done, void *ctx);
  void (*cancel)(void *self, struct http_transfer *transfer);
  void (*free)(void *self);
  struct http_client_stats (*stats)(const void *self);
};
// Keeps the table; takes `self`, also when it fails. NULL: no memory.
struct http_client *http_client_over(const struct http_transport *transport,
                                     void *self);

#endif
