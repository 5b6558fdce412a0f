// legacy_stress.c -- four workers serve the same legacy sessions: calls that tell
// of their progress, clients that leave and come back anywhere, subscriptions,
// HTTP+SSE posted to from everywhere, sessions that are ended under way.
//
// For ThreadSanitizer (preset tsan). Ends with 1 when a request is not answered
// exactly once, on its own worker's thread, or when nothing of a kind happened.

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "loop/worker.h"
#include "mcp/serve.h"

enum {
  WORKERS = 4,
  STEPS = 1000, // of OPS each
  OPS = 8,
  KEPT = 16, // of each kind of word that workers share
  TEXT = 512,
  OPEN_MAX = 200, // requests that one worker leaves open
  CALLS_MAX = 100
};

// What one worker was told and another may say.
enum word { SESSION, EVENT, QUERY, WORDS };

struct crew {
  struct mcp_shared *shared;
  struct hub *hub;
  struct seal_ring *ring;
  pthread_mutex_t lock;
  char words[WORDS][KEPT][TEXT];
  atomic_uint running, answered, streamed, returned, cancelled, faults;
};

struct hand;

struct call { // what script/call.h keeps opaque
  struct list link;
  struct hand *hand;
  const struct call_listener *listener;
  call_done_fn done;
  void *ctx;
};

// One request and where its answer goes.
struct asked {
  struct list link;
  struct hand *hand;
  bool streams, comes_back;
  void (*on_gone)(void *ctx);
  void *gone_ctx;
  struct header headers[8];
  struct http_message message;
  char session[TEXT], event[TEXT], query[TEXT], body[TEXT];
};

struct hand {
  struct crew *crew;
  struct worker *worker;
  struct mcp_server *server;
  struct live live;
  struct prng prng;
  struct list open, calls;
  unsigned open_count, call_count, steps;
  struct timer timer;
  pthread_t thread;
};

static void check(struct hand *h, bool holds)
{
  if (!holds || !pthread_equal(pthread_self(), h->thread))
    atomic_fetch_add(&h->crew->faults, 1);
}

static bool one_in(struct hand *h, unsigned n)
{
  return prng_below(&h->prng, n) == 0;
}

// --- words ---

static void learn(struct hand *h, enum word kind, const char *text, size_t len)
{
  if (len >= TEXT) return;
  char *place = h->crew->words[kind][prng_below(&h->prng, KEPT)];
  pthread_mutex_lock(&h->crew->lock);
  memcpy(place, text, len);
  place[len] = '\0';
  pthread_mutex_unlock(&h->crew->lock);
}

static void recall(struct hand *h, enum word kind, char out[TEXT])
{
  const char *place = h->crew->words[kind][prng_below(&h->prng, KEPT)];
  pthread_mutex_lock(&h->crew->lock);
  memcpy(out, place, TEXT);
  pthread_mutex_unlock(&h->crew->lock);
}

static void learn_from(struct hand *h, enum word kind, const char *mark,
                       struct slice bytes)
{
  const char *at = memmem(bytes.data, bytes.len, mark, strlen(mark));
  if (!at) return;
  at += strlen(mark);
  const char *stop = memchr(at, '\n', (size_t)(bytes.data + bytes.len - at));
  if (stop) learn(h, kind, at, (size_t)(stop - at));
}

// --- calls ---

static struct call *start_call(const struct live *live,
                               const struct call_options *options,
                               call_done_fn done, void *ctx)
{
  struct hand *h = LIST_ITEM(live, struct hand, live);
  struct call *call = calloc(1, sizeof(*call));
  if (!call) abort();
  *call = (struct call){
      .hand = h, .listener = options->listener, .done = done, .ctx = ctx};
  list_init(&call->link);
  list_append(&h->calls, &call->link);
  h->call_count++;
  return call;
}

static void end_call(struct call *call, enum call_form form)
{
  struct call_result result = {
      .form = form, .body = SLICE("{\"n\":1}"), .body_checked = true};
  error_set(&result.error, E_CANCELLED, "cancelled");
  result.error.retry_after_ms = -1;
  list_remove(&call->link);
  call->hand->call_count--;
  call->done(call->ctx, call, &result);
  free(call);
}

static void cancel_call(struct call *call, const char *by)
{
  (void)by;
  check(call->hand, true);
  atomic_fetch_add(&call->hand->crew->cancelled, 1);
  end_call(call, CALL_ERROR);
}

// The oldest says something, sends its client away, or ends.
static void move_calls(struct hand *h)
{
  if (list_empty(&h->calls)) return;
  struct call *call = LIST_ITEM(h->calls.next, struct call, link);
  list_remove(&call->link);
  list_append(&h->calls, &call->link);
  if (h->call_count > CALLS_MAX || one_in(h, 3))
    end_call(call, CALL_JSON);
  else if (one_in(h, 3))
    call->listener->detach(call->ctx, 10);
  else
    call->listener->note(call->ctx, NOTE_ERROR, SLICE("x"), SLICE("1"));
}

// --- requests ---

static void end_asked(struct asked *a)
{
  struct hand *h = a->hand;
  check(h, true);
  list_remove(&a->link);
  h->open_count--;
  atomic_fetch_add(&h->crew->answered, 1);
  free(a);
}

static void respond(void *to, int status, const struct header *headers,
                    size_t n, struct buf *body)
{
  struct asked *a = to;
  (void)body;
  check(a->hand, status >= 200 && status < 600 && !a->streams);
  for (size_t i = 0; i < n; i++)
    if (slice_is(headers[i].name, "Mcp-Session-Id"))
      learn(a->hand, SESSION, headers[i].value.data, headers[i].value.len);
  end_asked(a);
}

static void begin(void *to, int status, const struct header *headers, size_t n)
{
  struct asked *a = to;
  (void)headers, (void)n;
  check(a->hand, status == 200 && !a->streams);
  a->streams = true;
  atomic_fetch_add(&a->hand->crew->streamed, 1);
  if (a->comes_back) atomic_fetch_add(&a->hand->crew->returned, 1);
}

static bool write_bytes(void *to, struct slice bytes)
{
  struct asked *a = to;
  check(a->hand, a->streams);
  learn_from(a->hand, EVENT, "id: ", bytes);
  learn_from(a->hand, QUERY, "/messages?", bytes);
  return true;
}

static void end(void *to)
{
  end_asked(to);
}

static void on_gone(void *to, void (*fn)(void *ctx), void *ctx)
{
  struct asked *a = to;
  a->on_gone = fn;
  a->gone_ctx = ctx;
}

static void leave(void *to)
{
  struct asked *a = to;
  a->on_gone = NULL;
}

static const struct outlet_ops outlet = {.respond = respond,
                                         .begin = begin,
                                         .write = write_bytes,
                                         .end = end,
                                         .on_gone = on_gone,
                                         .leave = leave};

static void put_header(struct asked *a, const char *name, const char *value)
{
  if (!*value) return;
  a->headers[a->message.header_count++] =
      (struct header){slice_of(name), slice_of(value)};
}

static struct asked *new_asked(struct hand *h, const char *method,
                               const char *path)
{
  struct asked *a = calloc(1, sizeof(*a));
  if (!a) abort();
  a->hand = h;
  a->message = (struct http_message){.method = slice_of(method),
                                     .path = slice_of(path),
                                     .headers = a->headers,
                                     .body = SLICE("")};
  put_header(a, "Host", "localhost");
  put_header(a, "Accept", "application/json, text/event-stream");
  put_header(a, "Content-Type", "application/json");
  list_init(&a->link);
  list_append(&h->open, &a->link);
  h->open_count++;
  return a;
}

static void send(struct hand *h, struct asked *a)
{
  serve(h->server, &a->message, false, (struct outlet){&outlet, a});
}

static void with_session(struct asked *a)
{
  recall(a->hand, SESSION, a->session);
  put_header(a, "Mcp-Session-Id", a->session);
}

static const char *const bodies[] = {
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{"
    "\"protocolVersion\":\"2025-11-25\",\"capabilities\":{}}}",
    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{"
    "\"name\":\"demo_add\"}}",
    "{\"jsonrpc\":\"2.0\",\"id\":\"3\",\"method\":\"tools/call\",\"params\":{"
    "\"name\":\"demo_add\"}}",
    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
    "\"requestId\":2}}",
    "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"resources/subscribe\","
    "\"params\":{\"uri\":\"x://1\"}}",
    "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"resources/unsubscribe\","
    "\"params\":{\"uri\":\"x://1\"}}",
    "{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"logging/setLevel\","
    "\"params\":{\"level\":\"debug\"}}",
    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"};

static struct slice some_body(struct hand *h)
{
  size_t n = sizeof(bodies) / sizeof(bodies[0]);
  return slice_of(bodies[prng_below(&h->prng, n)]);
}

static void post(struct hand *h)
{
  struct asked *a = new_asked(h, "POST", "/mcp");
  a->message.body = some_body(h);
  if (!slice_eq(a->message.body, slice_of(bodies[0]))) with_session(a);
  send(h, a);
}

static void get(struct hand *h)
{
  struct asked *a = new_asked(h, "GET", "/mcp");
  with_session(a);
  if (one_in(h, 2)) recall(h, EVENT, a->event);
  put_header(a, "Last-Event-ID", a->event);
  a->comes_back = a->event[0];
  send(h, a);
}

static void end_session(struct hand *h)
{
  struct asked *a = new_asked(h, "DELETE", "/mcp");
  with_session(a);
  send(h, a);
}

static void sse(struct hand *h)
{
  struct asked *a = new_asked(h, one_in(h, 4) ? "GET" : "POST", "/sse");
  if (slice_is(a->message.method, "POST")) {
    a->message.path = SLICE("/messages");
    recall(h, QUERY, a->query);
    a->message.query = slice_of(a->query);
    a->message.body = some_body(h);
  }
  send(h, a);
}

static void publish(struct hand *h)
{
  if (one_in(h, 2))
    hub_publish(h->crew->hub, HUB_TOOLS, (struct slice){0}, (struct slice){0});
  else
    hub_publish(h->crew->hub, HUB_RESOURCE, SLICE("x://1"), SLICE(""));
}

static void leave_oldest(struct hand *h)
{
  LIST_EACH (it, &h->open) {
    struct asked *a = LIST_ITEM(it, struct asked, link);
    void (*fn)(void *) = a->on_gone;
    if (!fn) continue;
    a->on_gone = NULL;
    fn(a->gone_ctx);
    return;
  }
}

static void operate(struct hand *h)
{
  if (h->open_count > OPEN_MAX) leave_oldest(h);
  switch (prng_below(&h->prng, 12)) {
  case 0:
  case 1:
  case 2: post(h); break;
  case 3:
  case 4: get(h); break;
  case 5:
    if (one_in(h, 4)) end_session(h);
    break;
  case 6:
  case 7: sse(h); break;
  case 8: publish(h); break;
  case 9: leave_oldest(h); break;
  default: move_calls(h);
  }
}

static void step(struct timer *timer, void *ctx)
{
  struct hand *h = ctx;
  for (unsigned i = 0; i < OPS; i++)
    operate(h);
  if (++h->steps < STEPS)
    timer_start(timer, 1000);
  else
    atomic_fetch_sub(&h->crew->running, 1);
}

// --- the workers ---

static struct generation *make_generation(void)
{
  static struct tool tool;
  static struct offer offer = {.key = {"x://1", 5}};
  static struct catalog catalog = {
      .number = 1, .tools = &tool, .tool_count = 1};
  static struct generation generation = {.catalog = &catalog};
  tool = (struct tool){.name = SLICE("demo_add"),
                       .short_name = SLICE("add"),
                       .json = SLICE("{\"name\":\"demo_add\"}")};
  offer.handler.json = SLICE("{}");
  catalog.offers[OFFER_RESOURCE] = (struct offer_list){&offer, 1};
  bool good = schema_compile(SLICE("{}"), &tool.args, NULL) == OK &&
              map_put(&catalog.by_name, tool.name, &tool);
  return good ? &generation : NULL;
}

static enum error_code on_start(struct worker *w, void *ctx, struct error *err)
{
  static const struct runner runner = {.start = start_call,
                                       .cancel = cancel_call};
  struct hand *h = ctx;
  (void)err;
  h->worker = w;
  h->thread = pthread_self();
  prng_seed(&h->prng, w->index + 1);
  list_init(&h->open);
  list_init(&h->calls);
  struct mcp_server_options options = {.loop = w->loop,
                                       .mailbox = w->mailbox,
                                       .shared = h->crew->shared,
                                       .hub = h->crew->hub,
                                       .live = &h->live,
                                       .seals = h->crew->ring,
                                       .path = SLICE("/mcp"),
                                       .sse_path = SLICE("/sse"),
                                       .message_path = SLICE("/messages"),
                                       .name = SLICE("stress"),
                                       .version = SLICE("1")};
  h->server = serve_new(&options, &runner);
  if (!h->server) return E_NO_MEMORY;
  timer_init(&h->timer, w->loop, step, h);
  timer_start(&h->timer, 1000);
  return OK;
}

// Some clients are still there and some have gone; both is how it may end.
static void on_stop(struct worker *w, void *ctx)
{
  struct hand *h = ctx;
  for (int i = 0; i < OPEN_MAX / 2; i++)
    leave_oldest(h);
  serve_free(h->server);
  for (int i = 0; i < 8; i++)
    loop_turn(w->loop, false);
  check(h, h->call_count == 0 && h->open_count == 0);
}

static bool make_crew(struct crew *crew)
{
  struct slice key = SLICE("a key of more than 16 bytes");
  pthread_mutex_init(&crew->lock, NULL);
  crew->shared = mcp_shared_new();
  crew->hub = hub_new();
  atomic_store(&crew->running, WORKERS);
  return crew->shared && crew->hub &&
         seal_ring_new(&key, 1, &crew->ring, NULL) == OK;
}

static int verdict(struct crew *crew)
{
  unsigned faults = atomic_load(&crew->faults);
  unsigned returned = atomic_load(&crew->returned);
  unsigned cancelled = atomic_load(&crew->cancelled);
  struct event_counts left =
      event_store_counts(mcp_shared_events(crew->shared));
  printf("legacy: %u answered, %u streams, %u came back, %u cancelled, "
         "%zu streams kept, %u faults\n",
         atomic_load(&crew->answered), atomic_load(&crew->streamed), returned,
         cancelled, left.streams, faults);
  return faults || !returned || !cancelled;
}

int main(void)
{
  static const struct worker_hooks hooks = {on_start, on_stop};
  static struct crew crew;
  struct hand *hands = calloc(WORKERS, sizeof(*hands));
  struct generation *generation = make_generation();
  struct worker workers[WORKERS];
  struct error err;
  if (!hands || !generation || !make_crew(&crew)) return 1;
  for (unsigned i = 0; i < WORKERS; i++) {
    hands[i].crew = &crew;
    hands[i].live.generation = generation;
    if (worker_start(&workers[i], i, &hooks, &hands[i], &err) != OK) return 1;
  }
  struct timespec pause = {.tv_nsec = 1000000};
  while (atomic_load(&crew.running))
    nanosleep(&pause, NULL);
  for (unsigned i = 0; i < WORKERS; i++)
    worker_stop(&workers[i]);
  for (unsigned i = 0; i < WORKERS; i++)
    worker_await(&workers[i]);
  for (unsigned i = 0; i < WORKERS; i++)
    worker_join(&workers[i]);
  int code = verdict(&crew);
  free(hands);
  mcp_shared_free(crew.shared);
  hub_free(crew.hub);
  seal_ring_free(crew.ring);
  schema_free(generation->catalog->tools[0].args);
  map_finish(&generation->catalog->by_name);
  return code;
}
