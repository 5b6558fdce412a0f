// http_inside.h -- what the files of the HTTP server share; nobody else
// includes it.
//
// A connection is small and lives as long as its socket. All that is needed to
// read, run and answer requests is in a struct http_request, which is taken
// from the server's pool at the first byte and given back when nothing is left
// to read or to send. So an idle connection holds no buffers. If the client
// leaves while a request runs, the connection is freed at once and the request
// stays, without one, until its handler ends it.
//
//   http_server  listeners, the pool, draining
//   http_conn    one connection: reading, handing up, waiting, closing
//   http_answer  what handlers call; writes heads and bodies
//   http_output  bytes to be sent

#ifndef NET_HTTP_INSIDE_H
#define NET_HTTP_INSIDE_H

#include <netinet/in.h>

#include "base/list.h"
#include "net/http_input.h"
#include "net/http_output.h"
#include "net/http_server.h"

#define PEER_MAX 64

// What a connection waits for; each has its own timeout.
enum conn_wait {
  WAIT_IDLE,   // the next request
  WAIT_HEAD,   // the rest of a head: counts from its first byte
  WAIT_BODY,   // the rest of a body: counts from the last byte that came
  WAIT_RUN,    // the handler; no timeout here
  WAIT_WRITE,  // the peer to take bytes: counts from the last it took
  WAIT_LINGER, // the peer to close, after a refusal
};

struct http_conn {
  struct list link; // server->conns
  struct http_server *server;
  struct http_request *req; // NULL while idle
  struct io io;
  struct timer timer;   // armed at the deadline or before it
  struct deferred work; // goes on from the loop, not inside a handler's call
  uint64_t since;       // when the wait began
  enum conn_wait wait;
  uint32_t served;
  int held;     // by the kernel for a peer that is slow, when last looked at
  bool busy;    // conn_go() is at work: others only leave notes
  bool closing; // no more requests; close when all is sent
  bool linger;  // the client may still be sending: wait for its end
  bool doomed;  // broken: close at once
  bool overdue; // its deadline had passed when the timer fired last
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } peer;
};

struct http_request {
  struct list link;           // server->pool, or ->orphans
  struct http_server *server; // NULL: freed before the handler was done
  struct http_conn *conn;     // NULL: the client is gone
  struct http_input input;
  struct output out;
  http_gone_fn on_gone, on_drain;
  void *gone_ctx, *drain_ctx;
  struct deferred announce; // on_gone that was registered too late
  bool running;             // handed up, not ended
  bool keep_alive;          // the connection stays after the answer
  bool continued;           // "100 Continue" was sent
  bool streaming, chunked;
  bool bodiless;   // HEAD, 204, 304: nothing follows the head
  bool drain_owed; // http_stream_write() has said false
  bool gone_told;
  bool lasting; // http_stream_last(): holds nothing but what is to be sent
  char peer[PEER_MAX];
};

struct http_server {
  struct loop *loop;
  struct http_server_options options;
  struct input_limits limits;
  http_request_fn on_request;
  void *ctx;
  struct list listeners, conns, orphans, pool;
  unsigned pooled;
  struct http_server_stats stats;
  uint64_t date_until; // loop time at which `date` is too old
  char date[32];       // "Thu, 20 Nov 2026 09:15:02 GMT"
  bool draining;
  struct timer drain_timer;
  struct deferred drained;
  void (*on_drained)(void *ctx);
  void *drain_ctx;
};

// --- http_server.c ---

// From the pool or new; NULL if there is no memory.
struct http_request *request_take(struct http_conn *c);
void request_release(struct http_request *req);
// A connection has been freed.
void server_conn_gone(struct http_server *server);
const char *server_date(struct http_server *server);

// --- http_conn.c ---

// Takes the descriptor.
void conn_open(struct http_server *server, int fd, const void *peer,
               size_t peer_len);
// Closes it and frees it; a request that runs is told that its client is gone.
void conn_cut(struct http_conn *c);
// Does what can be done now; may free `c`.
void conn_go(struct http_conn *c);
// The answer is in the output, or the client is gone.
void conn_end_request(struct http_request *req);
// The same for the connection, while the request stays, without one.
void conn_leave_request(struct http_request *req);
// Output was added in the middle of a request.
void conn_send_soon(struct http_conn *c);
void request_tell_gone(struct http_request *req);

// --- http_answer.c ---

// Unsent bytes at which a stream must pause.
size_t request_high_water(const struct http_request *req);
// A refusal by the server itself; closes.
void answer_refusal(struct http_request *req, int status);
const char *answer_reason(int status);

#endif
