// http_conn.c -- one connection of the HTTP server; see http_inside.h.
//
// conn_go() is the heart: it hands up what is whole, sends what there is, and
// then settles, which decides what to wait for. Handlers' calls while it is at
// work only leave notes (bytes in the output, a flag); their calls at other
// times send at once and leave everything that could call back to the loop.

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "loop/clock.h"
#include "net/http_inside.h"

#define MODULE     "net/http_server"
#define LINGER_NS  (2 * NS_PER_S)
#define ROUNDS_MAX 4  // then others have their turn, if a reader is that fast
#define LINGER_MAX 64 // reads, of what a refused client still sends

static void on_io(struct io *io, int events, void *ctx);
static void on_timer(struct timer *t, void *ctx);
static void on_work(void *ctx);

// --- life ---

static void set_up(struct http_conn *c, struct http_server *server, int fd)
{
  c->server = server;
  c->wait = WAIT_IDLE;
  c->since = loop_now(server->loop);
  io_init(&c->io, server->loop, fd, on_io, c);
  timer_init(&c->timer, server->loop, on_timer, c);
  deferred_init(&c->work, on_work, c);
  list_append(&server->conns, &c->link);
  server->stats.open++;
}

void conn_open(struct http_server *server, int fd, const void *peer,
               size_t peer_len)
{
  struct http_conn *c = fault_now() ? NULL : calloc(1, sizeof(*c));
  if (!c) {
    close(fd);
    server->stats.refused++;
    return;
  }
  if (peer_len > sizeof(c->peer)) peer_len = 0; // a unix socket with a name
  if (peer_len) memcpy(&c->peer, peer, peer_len);
  set_up(c, server, fd);
  server->stats.accepted++;
  conn_go(c);
}

static void format_peer(struct http_request *req)
{
  const struct http_conn *c = req->conn;
  char host[INET6_ADDRSTRLEN];
  if (req->peer[0]) return;
  if (c->peer.any.sa_family == AF_INET) {
    inet_ntop(AF_INET, &c->peer.v4.sin_addr, host, sizeof(host));
    snprintf(req->peer, PEER_MAX, "%s:%u", host, ntohs(c->peer.v4.sin_port));
  } else if (c->peer.any.sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &c->peer.v6.sin6_addr, host, sizeof(host));
    snprintf(req->peer, PEER_MAX, "[%s]:%u", host, ntohs(c->peer.v6.sin6_port));
  } else {
    snprintf(req->peer, PEER_MAX, "unix");
  }
}

struct slice http_peer(const struct http_request *req)
{
  // formatted when it is first asked for; nobody sees the difference
  struct http_request *r = (struct http_request *)(uintptr_t)req;
  if (r->conn) format_peer(r);
  return slice_of(r->peer);
}

bool http_peer_is_unix(const struct http_request *req)
{
  if (!req->conn) return !strcmp(req->peer, "unix");
  int family = req->conn->peer.any.sa_family;
  return family != AF_INET && family != AF_INET6;
}

void request_tell_gone(struct http_request *req)
{
  if (!req->on_gone || req->gone_told) return;
  req->gone_told = true;
  req->on_gone(req->gone_ctx);
}

// The request outlives its connection.
static void orphan(struct http_request *req)
{
  req->conn = NULL;
  output_reset(&req->out);
  list_append(&req->server->orphans, &req->link);
  request_tell_gone(req);
}

void conn_cut(struct http_conn *c)
{
  struct http_server *server = c->server;
  struct http_request *req = c->req;
  if (req && req->running) format_peer(req);
  int fd = c->io.fd;
  io_finish(&c->io);
  timer_stop(&c->timer);
  deferred_cancel(&c->work);
  list_remove(&c->link);
  close(fd);
  free(c);
  if (req && req->running)
    orphan(req);
  else if (req)
    request_release(req);
  server_conn_gone(server);
}

// --- deadlines ---

static uint64_t timeout_ns(const struct http_conn *c)
{
  const struct http_server_options *o = &c->server->options;
  switch (c->wait) {
  case WAIT_IDLE: return o->idle_timeout_ms * NS_PER_MS;
  case WAIT_HEAD: return o->header_timeout_ms * NS_PER_MS;
  case WAIT_BODY: return o->body_timeout_ms * NS_PER_MS;
  case WAIT_WRITE: return o->write_timeout_ms * NS_PER_MS;
  case WAIT_LINGER: return LINGER_NS;
  case WAIT_RUN: break;
  }
  return 0;
}

// The timer is left alone if it fires early enough: a connection that is busy
// moves its deadline with each request, and the heap does not notice.
static void await(struct http_conn *c, enum conn_wait wait)
{
  // exact for a write: making a big answer may have taken its time
  if (wait != c->wait)
    c->since = wait == WAIT_WRITE ? loop_exact(c->server->loop)
                                  : loop_now(c->server->loop);
  c->wait = wait;
  if (wait == WAIT_RUN) return;
  uint64_t deadline = c->since + timeout_ns(c);
  if (timer_armed(&c->timer) && c->timer.at_ns <= deadline) return;
  if (!timer_start_at(&c->timer, deadline)) c->doomed = true;
}

static void refuse(struct http_conn *c, int status)
{
  char shown[PEER_MAX + 8];
  if (status == 408)
    c->server->stats.timeouts++;
  else
    c->server->stats.bad_requests++;
  log_debug(c->server->options.log, MODULE, "request refused status=%d peer=%s",
            status, log_value(shown, sizeof(shown), http_peer(c->req)));
  answer_refusal(c->req, status);
  c->closing = c->linger = true;
}

static void expire(struct http_conn *c)
{
  switch (c->wait) {
  case WAIT_HEAD:
  case WAIT_BODY:
    refuse(c, 408);
    conn_go(c);
    return;
  case WAIT_WRITE: c->server->stats.timeouts++; break;
  case WAIT_IDLE:
  case WAIT_LINGER: break;
  case WAIT_RUN: return;
  }
  conn_cut(c);
}

// What the kernel still holds for the peer. Megabytes fit in there, so a slow
// peer may take bytes for minutes before we can send more.
static int kernel_holds(const struct http_conn *c)
{
  int held = 0;
  return ioctl(c->io.fd, SIOCOUTQ, &held) ? 0 : held;
}

static bool peer_has_taken(struct http_conn *c)
{
  if (c->wait != WAIT_WRITE) return false;
  int held = kernel_holds(c);
  bool taken = held < c->held;
  c->held = held;
  if (taken) c->since = loop_now(c->server->loop);
  return taken;
}

// If it was we who came late, what the peer did in time is still to be seen:
// timers fire before descriptors. So a deadline must have passed twice, with
// the descriptors of one turn in between.
static void on_timer(struct timer *t, void *ctx)
{
  struct http_conn *c = ctx;
  if (c->wait == WAIT_RUN) return;
  bool passed = loop_now(c->server->loop) >= c->since + timeout_ns(c);
  if (passed && peer_has_taken(c)) passed = false;
  if (passed && c->overdue) {
    expire(c);
    return;
  }
  c->overdue = passed;
  if (!timer_start_at(t, c->since + timeout_ns(c))) conn_cut(c);
}

// --- settling: what to wait for ---

static void become_idle(struct http_conn *c)
{
  if (c->req) request_release(c->req);
  c->req = NULL;
  if (c->server->draining) {
    conn_cut(c);
    return;
  }
  await(c, WAIT_IDLE);
  io_watch(&c->io, IO_READ);
  if (c->doomed) conn_cut(c);
}

// Closing a socket with unread bytes resets it, and the client may never see
// the answer: so say that no more comes, and wait for the client to close.
static void begin_linger(struct http_conn *c)
{
  request_release(c->req);
  c->req = NULL;
  shutdown(c->io.fd, SHUT_WR);
  await(c, WAIT_LINGER);
  io_watch(&c->io, IO_READ);
  if (c->doomed) conn_cut(c);
}

static enum conn_wait wait_of(const struct http_request *req)
{
  if (output_pending(&req->out)) return WAIT_WRITE;
  if (req->running) return WAIT_RUN;
  return req->input.state == INPUT_BODY ? WAIT_BODY : WAIT_HEAD;
}

static void keep_watching(struct http_conn *c)
{
  const struct http_request *req = c->req;
  int events = output_pending(&req->out) ? IO_WRITE : 0;
  if (!c->closing && !http_input_full(&req->input)) events |= IO_READ;
  await(c, wait_of(req));
  io_watch(&c->io, events);
  if (c->doomed) conn_cut(c);
}

static void settle(struct http_conn *c)
{
  const struct http_request *req = c->req;
  bool at_rest = !req || (!req->running && output_pending(&req->out) == 0);
  bool clean = !req || http_input_empty(&req->input);
  bool over = at_rest && c->closing;
  if (c->doomed || (over && clean && !c->linger))
    conn_cut(c);
  else if (over)
    begin_linger(c);
  else if (at_rest && clean)
    become_idle(c);
  else
    keep_watching(c);
}

// --- serving ---

static bool may_serve(const struct http_conn *c)
{
  const struct http_request *req = c->req;
  return req && !req->running && !c->closing && !c->doomed &&
         !http_input_empty(&req->input) && req->out.big.len == 0 &&
         output_pending(&req->out) < c->server->options.high_water_bytes;
}

static void hand_up(struct http_conn *c)
{
  struct http_server *server = c->server;
  struct http_request *req = c->req;
  uint32_t most = server->options.max_requests;
  c->served++;
  c->wait = WAIT_RUN;
  server->stats.requests++;
  server->stats.running++;
  req->running = true;
  req->keep_alive = req->input.keep_alive && (!most || c->served < most);
  req->bodiless = slice_eq(req->input.message.method, SLICE("HEAD"));
  server->on_request(req, &req->input.message, server->ctx);
}

static void encourage(struct http_request *req)
{
  if (req->continued || !http_input_wants_continue(&req->input)) return;
  req->continued = true;
  buf_puts(&req->out.bytes, "HTTP/1.1 100 Continue\r\n\r\n");
}

// Hands up requests until one runs on, or bytes are missing, or enough answers
// wait to be sent. True if there was any.
static bool serve(struct http_conn *c)
{
  bool any = false;
  while (may_serve(c)) {
    struct http_request *req = c->req;
    enum input_state state = http_input_parse(&req->input);
    if (state == INPUT_READY) {
      hand_up(c);
    } else if (state == INPUT_BAD) {
      refuse(c, req->input.status);
    } else {
      encourage(req);
      break;
    }
    any = true;
  }
  return any;
}

static void send_now(struct http_conn *c)
{
  struct output *out = &c->req->out;
  size_t before = output_pending(out);
  if (before == 0 && buf_ok(&out->bytes)) return;
  if (!output_send(out, c->io.fd)) c->doomed = true;
  if (output_pending(out) == 0 && c->req->lasting) output_finish(out);
  if (output_pending(out) == 0) return;
  int held = kernel_holds(c);
  bool taken = output_pending(out) != before || held < c->held;
  if (taken) c->since = loop_exact(c->server->loop);
  c->held = held;
}

// True if the handler was told that it may write again.
static bool tell_drained(struct http_conn *c)
{
  struct http_request *req = c->req;
  size_t low = request_high_water(req) / 2;
  if (!req->drain_owed || c->doomed || output_pending(&req->out) > low)
    return false;
  req->drain_owed = false;
  if (req->on_drain) req->on_drain(req->drain_ctx);
  return true;
}

void conn_go(struct http_conn *c)
{
  bool more = c->req != NULL;
  c->busy = true;
  for (int round = 0; more && !c->doomed; round++) {
    more = serve(c);
    if (round >= ROUNDS_MAX && output_pending(&c->req->out)) break;
    bool was_free = may_serve(c);
    send_now(c);
    more = tell_drained(c) || more || (!was_free && may_serve(c));
  }
  c->busy = false;
  settle(c);
}

static void on_work(void *ctx)
{
  conn_go(ctx);
}

void conn_send_soon(struct http_conn *c)
{
  if (!c->busy) loop_defer(c->server->loop, &c->work);
}

static void forget_handler(struct http_request *req)
{
  req->running = req->streaming = req->chunked = false;
  req->continued = req->drain_owed = req->gone_told = false;
  req->on_gone = req->on_drain = NULL;
  deferred_cancel(&req->announce);
}

void conn_end_request(struct http_request *req)
{
  struct http_conn *c = req->conn;
  assert(req->running);
  forget_handler(req);
  if (req->server) req->server->stats.running--;
  if (!c) {
    request_release(req);
    return;
  }
  if (!req->keep_alive) c->closing = true;
  if (!req->lasting) http_input_next(&req->input);
  if (c->busy) return;
  send_now(c);
  if (!c->doomed && may_serve(c))
    loop_defer(c->server->loop, &c->work);
  else
    settle(c);
}

// What is still to be sent goes on with a request of its own. What the client
// has already sent behind this one stays with it, unread: then we close.
static bool split(struct http_conn *c, struct http_request *req)
{
  struct http_request *rest = request_take(c);
  if (!rest) return false;
  struct output out = rest->out;
  rest->out = req->out;
  req->out = out;
  if (!req->keep_alive || !http_input_empty(&req->input)) c->closing = true;
  c->linger |= !http_input_empty(&req->input);
  c->req = rest;
  return true;
}

void conn_leave_request(struct http_request *req)
{
  struct http_conn *c = req->conn;
  assert(req->running && req->gone_told);
  format_peer(req);
  if (split(c, req))
    orphan(req);
  else
    c->doomed = true; // settling makes it an orphan
  if (c->busy) return;
  if (!c->doomed) send_now(c);
  settle(c);
}

// --- events ---

// What comes behind a stream that lasts is nobody's: only its end counts.
static bool receive_nothing(struct http_conn *c)
{
  char dropped[4096];
  ssize_t n = recv(c->io.fd, dropped, sizeof(dropped), 0);
  if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return n > 0;
}

static bool receive(struct http_conn *c)
{
  if (c->req && c->req->lasting) return receive_nothing(c);
  if (!c->req) c->req = request_take(c);
  if (!c->req) return false;
  size_t size;
  char *room = http_input_room(&c->req->input, &size);
  if (!room) return true; // settle() stops reading
  ssize_t n = recv(c->io.fd, room, size, 0);
  if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  http_input_filled(&c->req->input, (size_t)n);
  if (c->wait == WAIT_BODY) c->since = loop_now(c->server->loop);
  return n > 0;
}

// What a refused client still sends is read and dropped, within reason.
static void linger(struct http_conn *c)
{
  char dropped[16 * 1024];
  for (int i = 0; i < LINGER_MAX; i++) {
    ssize_t n = recv(c->io.fd, dropped, sizeof(dropped), 0);
    if (n > 0) continue;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    break;
  }
  conn_cut(c);
}

static void on_io(struct io *io, int events, void *ctx)
{
  (void)io;
  struct http_conn *c = ctx;
  if (c->wait == WAIT_LINGER) {
    linger(c);
    return;
  }
  if ((events & IO_READ) && !receive(c)) c->doomed = true;
  conn_go(c);
}
