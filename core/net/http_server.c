// http_server.c -- the server: listeners, the pool of requests, draining; see
// http_server.h and http_inside.h.

#include "net/http_server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "loop/clock.h"
#include "net/http_inside.h"

#define MODULE      "net/http_server"
#define POOL_MAX    64
#define ACCEPT_MAX  32                // at once, so that others get their turn
#define ACCEPT_REST (100 * NS_PER_MS) // when there are no descriptors
#define HEADER_MAX  (64u * 1024)      // what the judge behind us can take

struct listener {
  struct list link;
  struct http_server *server;
  struct io io;
  struct timer rest;
};

static void on_drain_timer(struct timer *t, void *ctx);
static void on_drained(void *ctx);

// --- options ---

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
  return value ? value : otherwise;
}

static void fill_defaults(struct http_server_options *o)
{
  o->max_header_bytes = or_default(o->max_header_bytes, 16 * 1024);
  if (o->max_header_bytes > HEADER_MAX) o->max_header_bytes = HEADER_MAX;
  o->max_headers = or_default(o->max_headers, 100);
  o->max_body_bytes = or_default(o->max_body_bytes, 4 * 1024 * 1024);
  o->max_connections = or_default(o->max_connections, 20000);
  o->header_timeout_ms = or_default(o->header_timeout_ms, 10000);
  o->body_timeout_ms = or_default(o->body_timeout_ms, 30000);
  o->idle_timeout_ms = or_default(o->idle_timeout_ms, 75000);
  o->write_timeout_ms = or_default(o->write_timeout_ms, 60000);
  o->high_water_bytes = or_default(o->high_water_bytes, 256 * 1024);
}

struct http_server *http_server_new(struct loop *loop,
                                    struct http_server_options options,
                                    http_request_fn on_request, void *ctx)
{
  struct http_server *s = fault_now() ? NULL : calloc(1, sizeof(*s));
  if (!s) return NULL;
  fill_defaults(&options);
  s->loop = loop;
  s->options = options;
  s->limits = (struct input_limits){
      options.max_header_bytes, options.max_headers, options.max_body_bytes};
  s->on_request = on_request;
  s->ctx = ctx;
  list_init(&s->listeners);
  list_init(&s->conns);
  list_init(&s->orphans);
  list_init(&s->pool);
  timer_init(&s->drain_timer, loop, on_drain_timer, s);
  deferred_init(&s->drained, on_drained, s);
  return s;
}

struct http_server_stats http_server_stats(const struct http_server *server)
{
  return server->stats;
}

// The text is made once a second.
const char *server_date(struct http_server *server)
{
  uint64_t now = loop_now(server->loop);
  if (now < server->date_until) return server->date;
  int64_t wall = loop_wall_ms(server->loop);
  time_t seconds = (time_t)(wall / 1000);
  struct tm tm;
  gmtime_r(&seconds, &tm);
  // C locale: nobody calls setlocale()
  strftime(server->date, sizeof(server->date), "%a, %d %b %Y %H:%M:%S GMT",
           &tm);
  server->date_until = now + (uint64_t)(1000 - wall % 1000) * NS_PER_MS;
  return server->date;
}

// --- the pool of requests ---

static void on_announce(void *ctx)
{
  request_tell_gone(ctx);
}

static struct http_request *request_new(struct http_server *server)
{
  struct http_request *req = fault_calloc(1, sizeof(*req));
  if (!req) return NULL;
  list_init(&req->link);
  req->server = server;
  http_input_init(&req->input, &server->limits);
  deferred_init(&req->announce, on_announce, req);
  return req;
}

struct http_request *request_take(struct http_conn *c)
{
  struct http_server *server = c->server;
  struct http_request *req;
  if (list_empty(&server->pool)) {
    req = request_new(server);
    if (!req) return NULL;
  } else { // the one that was used last: it is warm
    req = LIST_ITEM(server->pool.prev, struct http_request, link);
    list_remove(&req->link);
    server->pooled--;
  }
  req->conn = c;
  return req;
}

static void request_free(struct http_request *req)
{
  http_input_finish(&req->input);
  output_finish(&req->out);
  free(req);
}

void request_release(struct http_request *req)
{
  struct http_server *server = req->server;
  list_remove(&req->link);
  if (!server || server->pooled >= POOL_MAX) {
    request_free(req);
    return;
  }
  http_input_reset(&req->input);
  output_reset(&req->out);
  req->conn = NULL;
  req->continued = req->lasting = false;
  req->peer[0] = '\0';
  list_append(&server->pool, &req->link);
  server->pooled++;
}

// --- accepting ---

static void on_rested(struct timer *t, void *ctx)
{
  (void)t;
  struct listener *l = ctx;
  io_watch(&l->io, IO_READ);
}

// Out of descriptors or memory: waiting connections stay ready, so without a
// rest the loop would spin.
static void rest(struct listener *l, int error)
{
  struct http_server *s = l->server;
  log_warn(s->options.log, MODULE, "cannot accept, resting errno=%d open=%u",
           error, s->stats.open);
  io_watch(&l->io, 0);
  if (!timer_start(&l->rest, ACCEPT_REST)) io_watch(&l->io, IO_READ);
}

static void refuse_connection(struct http_server *s, int fd)
{
  static const char text[] = "HTTP/1.1 503 Service Unavailable\r\n"
                             "Connection: close\r\n"
                             "Content-Length: 0\r\n"
                             "Retry-After: 1\r\n\r\n";
  s->stats.refused++;
  if (send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL) > 0) shutdown(fd, SHUT_WR);
  close(fd);
}

// False when nobody waits any more.
static bool accept_one(struct listener *l)
{
  struct http_server *s = l->server;
  struct sockaddr_storage peer;
  socklen_t len = sizeof(peer);
  int fd = accept4(l->io.fd, (struct sockaddr *)&peer, &len,
                   SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    if (s->stats.open < s->options.max_connections)
      conn_open(s, fd, &peer, len);
    else
      refuse_connection(s, fd);
    return true;
  }
  int error = errno;
  if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM)
    rest(l, error);
  return error == EINTR || error == ECONNABORTED;
}

static void on_accept(struct io *io, int events, void *ctx)
{
  (void)io, (void)events;
  struct listener *l = ctx;
  for (int i = 0; i < ACCEPT_MAX; i++)
    if (!accept_one(l)) return;
}

enum error_code http_server_add(struct http_server *server, int fd)
{
  struct listener *l = fault_now() ? NULL : calloc(1, sizeof(*l));
  if (!l) {
    close(fd);
    return E_NO_MEMORY;
  }
  l->server = server;
  io_init(&l->io, server->loop, fd, on_accept, l);
  timer_init(&l->rest, server->loop, on_rested, l);
  list_append(&server->listeners, &l->link);
  io_watch(&l->io, IO_READ);
  return OK;
}

static void close_listeners(struct http_server *server)
{
  LIST_EACH (link, &server->listeners) {
    struct listener *l = LIST_ITEM(link, struct listener, link);
    int fd = l->io.fd;
    timer_stop(&l->rest);
    io_finish(&l->io);
    close(fd);
    list_remove(&l->link);
    free(l);
  }
}

// --- the end ---

// Cutting one may end others' requests, but not their connections.
static void cut_all(struct http_server *server, bool idle_only)
{
  LIST_EACH (link, &server->conns) {
    struct http_conn *c = LIST_ITEM(link, struct http_conn, link);
    if (!idle_only || (!c->req && c->wait == WAIT_IDLE)) conn_cut(c);
  }
}

void server_conn_gone(struct http_server *server)
{
  server->stats.open--;
  if (server->draining && server->stats.open == 0)
    loop_defer(server->loop, &server->drained);
}

static void on_drain_timer(struct timer *t, void *ctx)
{
  (void)t;
  struct http_server *server = ctx;
  log_warn(server->options.log, MODULE, "drained by force open=%u",
           server->stats.open);
  cut_all(server, false);
}

static void on_drained(void *ctx)
{
  struct http_server *server = ctx;
  timer_stop(&server->drain_timer);
  void (*told)(void *) = server->on_drained;
  server->on_drained = NULL;
  if (told) told(server->drain_ctx); // it may free the server
}

void http_server_drain(struct http_server *server, uint32_t deadline_ms,
                       void (*told)(void *ctx), void *ctx)
{
  server->draining = true;
  server->on_drained = told;
  server->drain_ctx = ctx;
  close_listeners(server);
  cut_all(server, true);
  if (server->stats.open == 0)
    loop_defer(server->loop, &server->drained);
  else if (!timer_start(&server->drain_timer, deadline_ms * NS_PER_MS))
    cut_all(server, false);
}

// Handlers that have not ended yet keep their requests, without a server.
static void leave_orphans(struct http_server *server)
{
  LIST_EACH (link, &server->orphans) {
    struct http_request *req = LIST_ITEM(link, struct http_request, link);
    list_remove(&req->link);
    deferred_cancel(&req->announce);
    req->server = NULL;
    request_tell_gone(req); // if it is not known yet; may free it
  }
}

void http_server_free(struct http_server *server)
{
  if (!server) return;
  close_listeners(server);
  cut_all(server, false);
  leave_orphans(server);
  LIST_EACH (link, &server->pool) {
    list_remove(link);
    request_free(LIST_ITEM(link, struct http_request, link));
  }
  timer_stop(&server->drain_timer);
  deferred_cancel(&server->drained);
  free(server);
}
