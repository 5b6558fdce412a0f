// t_http_server.c -- shows net/http_server to the specs: a server in a thread
// of its own with a canned handler. The path chooses what it does:
//
//   /echo        "METHOD target minor\n", each field as "name=value\n", the body
//   /peer        the peer
//   /status/N    that status with a body
//   /big/N       N bytes (borrowed), /take/N N bytes (given away)
//   /stream/N/S  N chunks of S bytes; waits when told to
//   /last/N/S    the same, as a stream that lasts
//   /later/MS    an answer from a timer
//   /hang        no answer before release(); counts who leaves
//   /late/MS     asks to be told that the client is gone after MS
//   /abort       half of a stream, then the connection is cut
//   /leave/MS    half of a stream, and the rest too late for the client
//   /evil        fields that a handler must not send

#include <fcntl.h>
#include <lauxlib.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/list.h"
#include "loop/clock.h"
#include "loop/worker.h"
#include "net/http_server.h"

int t_http_server(lua_State *L);

#define TYPE "T.http_server"

struct lab {
  struct worker worker;
  struct http_server_options options;
  struct http_server *server;
  int fd;
  char name[160];
  struct list hanging; // struct wait
  unsigned gone, drains, pauses, drained, left;
  bool closed;
  char gone_peer[64]; // of the last one that left
};

// A request that is answered later.
struct wait {
  struct list link;
  struct lab *lab;
  struct http_request *req;
  struct timer timer;
  size_t chunks, size;
};

static struct wait *wait_new(struct lab *lab, struct http_request *req)
{
  struct wait *w = calloc(1, sizeof(*w));
  if (!w) abort();
  list_init(&w->link);
  w->lab = lab;
  w->req = req;
  return w;
}

static void respond_text(struct http_request *req, int status, const char *text)
{
  static const struct header type = {{"Content-Type", 12}, {"text/plain", 10}};
  http_respond(req, status, &type, 1, slice_of(text));
}

// --- what the handler can do ---

static void on_gone_count(void *ctx)
{
  struct wait *w = ctx;
  struct slice peer = http_peer(w->req);
  snprintf(w->lab->gone_peer, sizeof(w->lab->gone_peer), "%.*s",
           SLICE_ARG(peer));
  w->lab->gone++;
}

static void hang(struct lab *lab, struct http_request *req)
{
  struct wait *w = wait_new(lab, req);
  list_append(&lab->hanging, &w->link);
  http_on_gone(req, on_gone_count, w);
}

static void on_later(struct timer *t, void *ctx)
{
  (void)t;
  struct wait *w = ctx;
  respond_text(w->req, 200, "later");
  free(w);
}

static void later(struct lab *lab, struct http_request *req, uint64_t ms)
{
  struct wait *w = wait_new(lab, req);
  timer_init(&w->timer, lab->worker.loop, on_later, w);
  timer_start(&w->timer, ms * NS_PER_MS);
}

static void on_stream_gone(void *ctx)
{
  struct wait *w = ctx;
  w->lab->gone++;
  http_stream_abort(w->req);
  free(w);
}

static void on_late(struct timer *t, void *ctx)
{
  (void)t;
  struct wait *w = ctx;
  http_on_gone(w->req, on_stream_gone, w);
}

static void ask_late(struct lab *lab, struct http_request *req, uint64_t ms)
{
  struct wait *w = wait_new(lab, req);
  timer_init(&w->timer, lab->worker.loop, on_late, w);
  timer_start(&w->timer, ms * NS_PER_MS);
}

static void stream_on(void *ctx)
{
  struct wait *w = ctx;
  char *bytes = malloc(w->size + 1);
  if (!bytes) abort();
  memset(bytes, 's', w->size);
  bool more = true;
  while (w->chunks > 0 && more) {
    w->chunks--;
    more = http_stream_write(w->req, (struct slice){bytes, w->size});
  }
  free(bytes);
  if (!more) w->lab->pauses++;
  if (w->chunks > 0 || !more) return;
  http_stream_end(w->req);
  free(w);
}

static void on_drain(void *ctx)
{
  struct wait *w = ctx;
  w->lab->drains++;
  stream_on(w);
}

static void stream(struct lab *lab, struct http_request *req, size_t chunks,
                   size_t size, bool lasts)
{
  struct wait *w = wait_new(lab, req);
  w->chunks = chunks;
  w->size = size;
  http_on_gone(req, on_stream_gone, w);
  http_stream_on_drain(req, on_drain, w);
  http_stream_begin(req, 200, NULL, 0);
  if (lasts) http_stream_last(req);
  stream_on(w);
}

static void cut(struct http_request *req)
{
  http_stream_begin(req, 200, NULL, 0);
  http_stream_write(req, SLICE("half"));
  http_stream_abort(req);
}

static void on_left(struct timer *t, void *ctx)
{
  (void)t;
  struct wait *w = ctx;
  w->lab->left++;
  http_stream_write(w->req, SLICE("rest"));
  http_stream_end(w->req);
  free(w);
}

static void leave(struct lab *lab, struct http_request *req, uint64_t ms)
{
  struct wait *w = wait_new(lab, req);
  timer_init(&w->timer, lab->worker.loop, on_left, w);
  http_on_gone(req, on_stream_gone, w);
  http_stream_begin(req, 200, NULL, 0);
  http_stream_write(req, SLICE("half"));
  http_stream_leave(req);
  timer_start(&w->timer, ms * NS_PER_MS);
}

static void big(struct http_request *req, size_t n, bool take)
{
  struct buf b = {0};
  if (!buf_reserve(&b, n + 1)) {
    respond_text(req, 500, "no memory");
    return;
  }
  for (size_t i = 0; i < n; i++)
    b.data[i] = (char)('a' + i % 26);
  b.len = n;
  if (take)
    http_respond_buf(req, 200, NULL, 0, &b);
  else
    http_respond(req, 200, NULL, 0, buf_slice(&b));
  buf_finish(&b);
}

static void echo(struct http_request *req, const struct http_message *m)
{
  struct buf b = {0};
  buf_printf(&b, "%.*s %.*s %d\n", SLICE_ARG(m->method), SLICE_ARG(m->target),
             m->minor);
  for (size_t i = 0; i < m->header_count; i++)
    buf_printf(&b, "%.*s=%.*s\n", SLICE_ARG(m->headers[i].name),
               SLICE_ARG(m->headers[i].value));
  buf_add(&b, m->body);
  http_respond(req, 200, NULL, 0, buf_slice(&b));
  buf_finish(&b);
}

// A header that would split the answer, and one that is the server's own.
static void evil(struct http_request *req)
{
  const struct header headers[] = {{SLICE("X-Bad"), SLICE("a\r\nX-Split: yes")},
                                   {SLICE("Content-Length"), SLICE("1")},
                                   {SLICE("X-Good"), SLICE("b")}};
  http_respond(req, 200, headers, 3, SLICE("evil"));
}

static void on_request(struct http_request *req, const struct http_message *m,
                       void *ctx)
{
  struct lab *lab = ctx;
  char path[64] = "";
  size_t n = 0, size = 0;
  memcpy(path, m->path.data, m->path.len < 63 ? m->path.len : 63);
  if (sscanf(path, "/status/%zu", &n) == 1)
    respond_text(req, (int)n, "status");
  else if (sscanf(path, "/big/%zu", &n) == 1)
    big(req, n, false);
  else if (sscanf(path, "/take/%zu", &n) == 1)
    big(req, n, true);
  else if (sscanf(path, "/stream/%zu/%zu", &n, &size) == 2)
    stream(lab, req, n, size, false);
  else if (sscanf(path, "/last/%zu/%zu", &n, &size) == 2)
    stream(lab, req, n, size, true);
  else if (sscanf(path, "/later/%zu", &n) == 1)
    later(lab, req, n);
  else if (sscanf(path, "/late/%zu", &n) == 1)
    ask_late(lab, req, n);
  else if (!strcmp(path, "/hang"))
    hang(lab, req);
  else if (!strcmp(path, "/abort"))
    cut(req);
  else if (sscanf(path, "/leave/%zu", &n) == 1)
    leave(lab, req, n);
  else if (!strcmp(path, "/evil"))
    evil(req);
  else if (!strcmp(path, "/peer"))
    http_respond(req, 200, NULL, 0, http_peer(req));
  else
    echo(req, m);
}

// --- the thread ---

static enum error_code on_start(struct worker *w, void *ctx, struct error *err)
{
  struct lab *lab = ctx;
  lab->server = http_server_new(w->loop, lab->options, on_request, lab);
  if (!lab->server) return error_set(err, E_NO_MEMORY, "no server");
  return http_server_add(lab->server, lab->fd);
}

static void release_all(struct lab *lab)
{
  LIST_EACH (link, &lab->hanging) {
    struct wait *w = LIST_ITEM(link, struct wait, link);
    list_remove(&w->link);
    respond_text(w->req, 200, "released");
    free(w);
  }
}

static void on_stop(struct worker *w, void *ctx)
{
  (void)w;
  struct lab *lab = ctx;
  http_server_free(lab->server);
  release_all(lab); // the requests outlive the server
}

// A question to the thread, answered before ask() returns.
struct question {
  struct message message;
  struct lab *lab;
  void (*run)(struct lab *lab, struct question *q);
  sem_t answered;
  uint32_t number;
  struct http_server_stats stats;
  struct lab copy;
};

static void on_question(struct message *message)
{
  struct question *q = (struct question *)message;
  q->run(q->lab, q);
  sem_post(&q->answered);
}

static void ask(struct lab *lab, struct question *q)
{
  q->message.fn = on_question;
  q->lab = lab;
  sem_init(&q->answered, 0, 0);
  mailbox_post(lab->worker.mailbox, &q->message);
  while (sem_wait(&q->answered))
    ;
  sem_destroy(&q->answered);
}

static void run_stats(struct lab *lab, struct question *q)
{
  q->stats = http_server_stats(lab->server);
  q->copy = *lab;
}

static void run_release(struct lab *lab, struct question *q)
{
  (void)q;
  release_all(lab);
}

static void on_drained(void *ctx)
{
  struct lab *lab = ctx;
  lab->drained++;
}

static void run_drain(struct lab *lab, struct question *q)
{
  http_server_drain(lab->server, q->number, on_drained, lab);
}

// --- Lua ---

static struct lab *check_lab(lua_State *L)
{
  struct lab *lab = luaL_checkudata(L, 1, TYPE);
  luaL_argcheck(L, !lab->closed, 1, "closed");
  return lab;
}

static uint32_t option(lua_State *L, const char *name)
{
  lua_getfield(L, 1, name); // value
  uint32_t value = (uint32_t)luaL_optinteger(L, -1, 0);
  lua_pop(L, 1);
  return value;
}

static struct http_server_options check_options(lua_State *L)
{
  return (struct http_server_options){
      .max_header_bytes = option(L, "max_header_bytes"),
      .max_headers = option(L, "max_headers"),
      .max_body_bytes = option(L, "max_body_bytes"),
      .max_connections = option(L, "max_connections"),
      .max_requests = option(L, "max_requests"),
      .header_timeout_ms = option(L, "header_timeout_ms"),
      .body_timeout_ms = option(L, "body_timeout_ms"),
      .idle_timeout_ms = option(L, "idle_timeout_ms"),
      .write_timeout_ms = option(L, "write_timeout_ms"),
      .high_water_bytes = option(L, "high_water_bytes")};
}

// start { address =, ...options }: the server, or nil and the message
static int start(lua_State *L)
{
  static const struct worker_hooks hooks = {on_start, on_stop};
  luaL_checktype(L, 1, LUA_TTABLE);
  struct error err = {0};
  int fd;
  lua_getfield(L, 1, "address"); // address
  const char *address = luaL_optstring(L, -1, "127.0.0.1:0");
  struct lab *lab = lua_newuserdatauv(L, sizeof(*lab), 0); // address lab
  *lab = (struct lab){.options = check_options(L), .closed = true};
  list_init(&lab->hanging);
  luaL_setmetatable(L, TYPE);
  enum error_code code = http_listen(slice_of(address), &fd, &err);
  if (code == OK) {
    lab->fd = fd;
    http_listener_name(fd, lab->name, sizeof(lab->name));
    code = worker_start(&lab->worker, 0, &hooks, lab, &err);
  }
  lab->closed = code != OK;
  if (code == OK) return 1;
  lua_pushnil(L);                 // ... nil
  lua_pushstring(L, err.message); // ... nil message
  return 2;
}

static int name(lua_State *L)
{
  lua_pushstring(L, check_lab(L)->name);
  return 1;
}

static void set_number(lua_State *L, const char *field, uint64_t value)
{
  lua_pushinteger(L, (lua_Integer)value); // t value
  lua_setfield(L, -2, field);             // t
}

static int stats(lua_State *L)
{
  struct question q = {.run = run_stats};
  ask(check_lab(L), &q);
  lua_newtable(L); // t
  set_number(L, "accepted", q.stats.accepted);
  set_number(L, "refused", q.stats.refused);
  set_number(L, "requests", q.stats.requests);
  set_number(L, "bad_requests", q.stats.bad_requests);
  set_number(L, "timeouts", q.stats.timeouts);
  set_number(L, "open", q.stats.open);
  set_number(L, "running", q.stats.running);
  set_number(L, "gone", q.copy.gone);
  set_number(L, "pauses", q.copy.pauses);
  set_number(L, "left", q.copy.left);
  set_number(L, "drains", q.copy.drains);
  set_number(L, "drained", q.copy.drained);
  lua_pushstring(L, q.copy.gone_peer); // t gone_peer
  lua_setfield(L, -2, "gone_peer");    // t
  return 1;
}

static int release(lua_State *L)
{
  struct question q = {.run = run_release};
  ask(check_lab(L), &q);
  return 0;
}

static int drain(lua_State *L)
{
  struct question q = {.run = run_drain};
  q.number = (uint32_t)luaL_checkinteger(L, 2);
  ask(check_lab(L), &q);
  return 0;
}

// files(n): lets this process have `n` more descriptors; nil: as before
static int files(lua_State *L)
{
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  if (!lua_isnoneornil(L, 1)) {
    int fd = 0;
    for (lua_Integer left = luaL_checkinteger(L, 1); left > 0; fd++)
      left -= fcntl(fd, F_GETFD) < 0;
    limit.rlim_cur = (rlim_t)fd;
  }
  setrlimit(RLIMIT_NOFILE, &limit);
  return 0;
}

static int stop(lua_State *L)
{
  struct lab *lab = luaL_checkudata(L, 1, TYPE);
  if (lab->closed) return 0;
  worker_stop(&lab->worker);
  worker_join(&lab->worker);
  lab->closed = true;
  return 0;
}

// gone(): how many were told that their client left, also after stop()
static int gone(lua_State *L)
{
  const struct lab *lab = luaL_checkudata(L, 1, TYPE);
  lua_pushinteger(L, lab->gone);
  return 1;
}

int t_http_server(lua_State *L)
{
  static const luaL_Reg methods[] = {
      {"gone", gone},   {"name", name}, {"stats", stats}, {"release", release},
      {"drain", drain}, {"stop", stop}, {"__gc", stop},   {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"start", start}, {"files", files}, {NULL, NULL}};
  luaL_newmetatable(L, TYPE);     // meta
  luaL_setfuncs(L, methods, 0);   // meta
  lua_pushvalue(L, -1);           // meta meta
  lua_setfield(L, -2, "__index"); // meta
  lua_pop(L, 1);                  //
  luaL_newlib(L, functions);      // module
  return 1;
}
