// http_server.h -- HTTP/1.1 for the clients that call us.
//
// One server per worker: it accepts on the listeners it is given, reads
// requests and hands each complete one (body included) to `on_request`. The
// handler answers at once or later, from the loop's thread, through the
// request. Requests of one connection are handed up one at a time; pipelined
// ones wait in the buffer, so answers are in order.
//
// Strict, since a lenient parser in front of services is a smuggling tool. 400
// and close: bare LF or CR, obs-fold, NUL and other controls, a space before
// the colon, repeated or conflicting Content-Length, Content-Length with
// Transfer-Encoding, any coding but "chunked", a bad chunk, a bad or missing or
// repeated Host (HTTP/1.1), a target that is not origin-form (or "*" with
// OPTIONS). Also with a close: 417 for an expectation that is not 100-continue,
// 501 for a method that http-parser does not know, 505 for a version that is
// not 1.0 or 1.1; and the limits: 408, 413, 414 (no end of the request line
// within max_header_bytes), 431, 503. HTTP/1.0 is answered, without keep-alive
// unless asked for. A client that closes its half of the connection is gone.
//
// A request ends in exactly one of: http_respond(), http_stream_end(), or
// http_stream_abort(); its stream may be over sooner, http_stream_leave(). If the client leaves before, `on_gone` of that request
// is called once; the handle stays valid until the handler ends it (what is
// written then goes nowhere). Idle connections hold no buffers.

#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "loop/loop.h"
#include "net/header.h"

struct http_server;
struct http_request; // a request that is being answered

struct http_server_options {
  uint32_t max_header_bytes;  // with the request line; default 16, most 64 KiB
  uint32_t max_headers;       // number of fields; default 100
  uint32_t max_body_bytes;    // default 4 MiB
  uint32_t max_connections;   // default 20,000; more are closed with 503
  uint32_t max_requests;      // per connection; 0: no limit (default)
  uint32_t header_timeout_ms; // first byte to end of fields; default 10 s
  uint32_t body_timeout_ms;   // between bytes of a body; default 30 s
  uint32_t idle_timeout_ms;   // between requests; default 75 s
  uint32_t write_timeout_ms;  // a peer that takes nothing; default 60 s
  uint32_t
      high_water_bytes; // unsent bytes at which a stream must pause; 256 KiB
  struct log *log;      // keeps; NULL is fine
};

struct http_message {
  struct slice method; // "GET"; case matters
  struct slice target; // as sent
  struct slice path;   // target up to '?', still encoded
  struct slice query;  // behind '?'; absent if there is none
  int minor;           // 0 or 1
  const struct header *headers;
  size_t header_count;
  struct slice body;
};

// Called for each complete request. `message` lives until the request ends.
typedef void (*http_request_fn)(struct http_request *req,
                                const struct http_message *message, void *ctx);
typedef void (*http_gone_fn)(void *ctx);

// Zero fields of `options` get their defaults. Keeps ctx. NULL: no memory.
struct http_server *http_server_new(struct loop *loop,
                                    struct http_server_options options,
                                    http_request_fn on_request, void *ctx);

// Opens a listening socket: "127.0.0.1:8080", "[::1]:8080", ":8080" (loopback),
// "unix:/run/tidegate.sock" (mode 0660; a dead socket file is replaced, a live
// one is refused). TCP gets SO_REUSEPORT, so each worker opens its own. Port 0
// picks one. E_CONFIG with the reason and what to do.
enum error_code http_listen(struct slice address, int *fd, struct error *err);
// Before the first http_listen() of a process: with SO_REUSEPORT a second
// process of the same user would else share the port, and get half of the
// connections, without a word. Always fine for a unix socket and for port 0.
enum error_code http_listen_probe(struct slice address, struct error *err);
// The address of an open listener as text, NUL-terminated ("127.0.0.1:43121").
void http_listener_name(int fd, char *out, size_t size);

// Takes the descriptor.
enum error_code http_server_add(struct http_server *server, int fd);

// Stops accepting, closes idle connections, answers what is running with
// "Connection: close"; `on_drained` is called once, from the loop, when the
// last connection is gone or `deadline_ms` has passed (then the rest is cut).
void http_server_drain(struct http_server *server, uint32_t deadline_ms,
                       void (*on_drained)(void *ctx), void *ctx);
// Cuts everything; every open request's on_gone is called. A handler that has
// not ended its request still must. Not from inside a handler. NULL is fine.
void http_server_free(struct http_server *server);

struct http_server_stats {
  uint64_t accepted, refused, requests, bad_requests, timeouts;
  uint32_t open, running; // connections now, requests now
};
struct http_server_stats http_server_stats(const struct http_server *server);

// --- answering ---

// Says whom to tell that the client left (or was cut). Keeps ctx until the
// request ends. Never called from inside http_respond() and friends.
void http_on_gone(struct http_request *req, http_gone_fn fn, void *ctx);

// The whole answer. Content-Length, Date and Connection are added; a body is
// not sent for HEAD, 204 and 304. Borrows all. Ends the request: do not touch
// it afterwards.
void http_respond(struct http_request *req, int status,
                  const struct header *headers, size_t n, struct slice body);
// The same, but takes the bytes of `body` (which is left empty): no copy.
void http_respond_buf(struct http_request *req, int status,
                      const struct header *headers, size_t n, struct buf *body);

// A body of unknown length: chunked (or until close for HTTP/1.0).
void http_stream_begin(struct http_request *req, int status,
                       const struct header *headers, size_t n);
// The stream may last for days: gives back all that the request holds of its
// message, which is good no longer. Less may wait to be sent (16 KiB), what the
// client still sends is dropped, and the connection closes behind the stream.
void http_stream_last(struct http_request *req);
// False when the peer is slow: more than high_water_bytes wait. The bytes are
// still taken; `on_drain` says when to go on. Sent before the loop waits again.
bool http_stream_write(struct http_request *req, struct slice bytes);
void http_stream_on_drain(struct http_request *req, http_gone_fn fn, void *ctx);
size_t http_stream_pending(const struct http_request *req); // unsent bytes
void http_stream_end(struct http_request *req);             // ends the request
void http_stream_abort(struct http_request *req); // cuts the connection
// Ends the stream for the client, whole, but not the request: as if the client
// had left, only that on_gone is not called. The handler still has the message,
// may write (it goes nowhere), and must end the request some time.
void http_stream_leave(struct http_request *req);

// The peer, as text: "127.0.0.1:51234", "unix". Borrows until the request ends.
struct slice http_peer(const struct http_request *req);
// Did it come over a unix socket? Cheaper than to ask for the text.
bool http_peer_is_unix(const struct http_request *req);

#endif
