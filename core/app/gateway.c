// gateway.c -- see gateway.h for the contract.

#include "app/gateway.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "guard/lag.h"
#include "loop/clock.h"
#include "mcp/stdio.h"

#define LOG_FLUSH_NS (50 * NS_PER_MS)
// Turns that are enough for deferred work to end when the loop has stopped.
#define LAST_TURNS 8

struct gateway {
  struct worker *worker;
  struct gateway_shared *shared;
  struct log *log;
  struct timer flush;
  struct http_client *client;
  struct http_server *server; // NULL with --stdio
  struct mcp_stdio *stdio;    // NULL without
  struct mcp_server *mcp;
  struct live live;
  struct prng chance;
  struct lag lag; // unless --shed-lag-ms 0
  bool stopping;  // only what is owed to others is still done
};

// --- requests ---

static bool is_busy(void *ctx)
{
  struct gateway *g = ctx;
  return g->live.vm && vm_held(g->live.vm);
}

// A call may end when no request comes any more (its client left), so the timer
// goes on while calls run.
static void on_flush(struct timer *timer, void *ctx)
{
  struct gateway *g = ctx;
  log_flush(g->log);
  if (is_busy(g)) timer_start(timer, LOG_FLUSH_NS);
}

static bool is_watched(const struct gateway *g)
{
  return g->shared->engine->options->shed_lag_ms > 0;
}

static void on_level(void *ctx, uint32_t level, uint64_t lag_ns)
{
  struct gateway *g = ctx;
  log_warn(g->log, "app/gateway", "%s worker=%u level=%u lag_ms=%" PRIu64,
           level == SHED_LEVELS ? "late: calls are refused" : "late",
           g->worker->index, level, lag_ns / NS_PER_MS);
}

static void on_message(void *ctx)
{
  struct gateway *g = ctx;
  if (is_watched(g)) lag_wake(&g->lag);
  if (!timer_armed(&g->flush)) timer_start(&g->flush, LOG_FLUSH_NS);
}

static void on_request(struct http_request *req, const struct http_message *m,
                       void *ctx)
{
  struct gateway *g = ctx;
  on_message(g);
  if (mcp_server_owns(g->mcp, m)) {
    mcp_server_handle(g->mcp, req, m);
    return;
  }
  static const struct header type = {
      {"Content-Type", sizeof("Content-Type") - 1},
      {"text/plain", sizeof("text/plain") - 1}};
  http_respond(req, 404, &type, 1, SLICE("nothing is here; MCP is at /mcp\n"));
}

// --- generations ---

static void on_idle(struct vm *vm, void *ctx)
{
  struct generation *old = ctx;
  log_flush(vm_log(vm));
  vm_free(vm);
  generation_unref(old);
}

static void retire(struct gateway *g)
{
  if (g->live.vm) vm_retire(g->live.vm, on_idle, g->live.generation);
  g->live.vm = NULL;
}

static void take(struct gateway *g, struct generation *generation)
{
  struct vm *vm = generation->vms[g->worker->index];
  vm_attach(vm, g->worker->loop, g->log);
  retire(g);
  g->live.generation = generation;
  g->live.vm = vm;
}

struct reload *reload_new(struct hub *hub, const struct catalog_digests *before,
                          const struct catalog_digests *after)
{
  struct reload *r = calloc(1, sizeof(*r));
  if (!r) return NULL;
  atomic_init(&r->waiting, 1);
  r->hub = hub;
  r->before = *before;
  r->after = *after;
  return r;
}

void reload_done(struct reload *r)
{
  if (atomic_fetch_sub(&r->waiting, 1) > 1) return;
  announce_lists(r->hub, &r->before, &r->after);
  free(r);
}

struct swap {
  struct message message;
  struct worker *worker;
  struct generation *generation;
  struct reload *reload;
};

static void serve_from_now_on(struct gateway *g, struct generation *generation)
{
  uint64_t old = g->live.generation->number;
  uint32_t running = vm_held(g->live.vm);
  take(g, generation);
  log_info(g->log, "app/gateway",
           "generation %" PRIu64 " -> %" PRIu64 " worker=%u running_on_old=%u",
           old, generation->number, g->worker->index, running);
  log_flush(g->log);
}

// Nobody will run it here, but it is this worker's to free.
static void throw_away(const struct worker *w, struct generation *generation)
{
  vm_free(generation->vms[w->index]);
  generation_unref(generation);
}

// Does the worker still serve? A message can come late: the loop was busy, and
// found the order to stop together with it.
static bool serves(const struct worker *w)
{
  const struct gateway *g = w->attached;
  return g && !g->stopping;
}

static void on_swap(struct message *message)
{
  struct swap *swap = (struct swap *)(void *)message;
  if (serves(swap->worker))
    serve_from_now_on(swap->worker->attached, swap->generation);
  else
    throw_away(swap->worker, swap->generation);
  reload_done(swap->reload);
  free(swap);
}

bool gateway_swap(struct worker *w, struct generation *generation,
                  struct reload *reload)
{
  struct swap *swap = malloc(sizeof(*swap));
  if (!swap) return false;
  *swap = (struct swap){{NULL, on_swap}, w, generation, reload};
  atomic_fetch_add(&reload->waiting, 1);
  mailbox_post(w->mailbox, &swap->message);
  return true;
}

// --- draining ---

struct drain {
  struct message message;
  struct worker *worker;
  uint32_t deadline_ms;
};

static void tell_main(struct message *message)
{
  struct gateway_shared *shared =
      LIST_ITEM(message, struct drained_report, message)->shared;
  shared->on_drained(shared->ctx);
}

static void on_drained(void *ctx)
{
  struct gateway *g = ctx;
  struct drained_report *report = &g->shared->reports[g->worker->index];
  *report = (struct drained_report){{NULL, tell_main}, g->shared};
  mailbox_post(g->shared->main, &report->message);
}

// First no more connections, then no more streams: their connections close
// behind them.
static void drain_http(struct gateway *g, uint32_t deadline_ms)
{
  http_server_drain(g->server, deadline_ms, on_drained, g);
  mcp_server_drain(g->mcp);
}

static void on_drain(struct message *message)
{
  struct drain *drain = (struct drain *)(void *)message;
  struct gateway *g = drain->worker->attached;
  bool serving = serves(drain->worker); // else there is nothing left to drain
  if (serving && g->stdio)
    mcp_stdio_drain(g->stdio, drain->deadline_ms);
  else if (serving)
    drain_http(g, drain->deadline_ms);
  free(drain);
}

bool gateway_drain(struct worker *w, uint32_t deadline_ms)
{
  struct drain *drain = malloc(sizeof(*drain));
  if (!drain) return false;
  *drain = (struct drain){{NULL, on_drain}, w, deadline_ms};
  mailbox_post(w->mailbox, &drain->message);
  return true;
}

// --- the life of a worker ---

static struct http_server *new_server(struct gateway *g)
{
  const struct options *o = g->shared->engine->options;
  return http_server_new(
      g->worker->loop,
      (struct http_server_options){
          .max_body_bytes = (uint32_t)o->max_body_mb << 20,
          .max_connections = (uint32_t)o->max_connections,
          .header_timeout_ms = (uint32_t)o->header_timeout_ms,
          .idle_timeout_ms = (uint32_t)o->idle_timeout_ms,
          .write_timeout_ms = (uint32_t)o->write_timeout_ms,
          .log = g->log,
      },
      on_request, g);
}

static struct mcp_stdio *new_stdio(struct gateway *g)
{
  const struct options *o = g->shared->engine->options;
  struct mcp_stdio_options options = {
      .loop = g->worker->loop,
      .server = g->mcp,
      .log = g->log,
      .in = STDIN_FILENO,
      .out = STDOUT_FILENO,
      .line_max = (size_t)o->max_body_mb << 20,
      .grace_ms = (uint32_t)o->drain_ms,
      .on_message = on_message,
      .on_end = on_drained,
      .ctx = g,
  };
  return mcp_stdio_new(&options);
}

static struct mcp_server *new_mcp(struct gateway *g)
{
  const struct options *o = g->shared->engine->options;
  struct mcp_server_options options = {
      .loop = g->worker->loop,
      .log = g->log,
      .live = &g->live,
      .seals = g->shared->seals,
      .shared = g->shared->mcp,
      .hub = g->shared->hub,
      .mailbox = g->worker->mailbox,
      .secrets = g->shared->engine->secrets.set,
      .path = SLICE("/mcp"),
      .sse_path = SLICE("/sse"),
      .message_path = SLICE("/messages"),
      .hosts = o->allow_host.items,
      .host_count = o->allow_host.count,
      .origins = o->allow_origin.items,
      .origin_count = o->allow_origin.count,
      .name = SLICE("tidegate"),
      .version = SLICE(TIDEGATE_VERSION),
      .instructions = o->instructions,
      .page_size = (uint32_t)o->page_size,
      .max_streams = (uint32_t)o->max_streams,
      .trail_in_meta = o->trail,
      .shed = is_watched(g) ? &g->lag.shed : NULL,
      .on_message = on_message,
      .ctx = g,
  };
  return mcp_server_new(&options);
}

static void init_lag(struct gateway *g)
{
  if (!is_watched(g)) return;
  struct lag_options options = {
      .loop = g->worker->loop,
      .most_ms = (uint32_t)g->shared->engine->options->shed_lag_ms,
      .busy = is_busy,
      .on_level = on_level,
      .ctx = g,
  };
  lag_init(&g->lag, &options);
  g->live.shed = &g->lag.shed;
}

static enum error_code open_parts(struct gateway *g, struct error *err)
{
  struct engine *e = g->shared->engine;
  g->log = engine_new_log(e);
  timer_init(&g->flush, g->worker->loop, on_flush, g);
  init_lag(g);
  if (g->log) g->client = engine_new_client(e, g->worker->loop, g->log);
  if (!g->client) return error_set(err, E_NO_MEMORY, "out of memory");
  prng_seed(&g->chance, engine_seed());
  g->live.http = g->client;
  g->live.mailbox = g->worker->mailbox;
  g->live.chance = &g->chance;
  g->live.announcer = &g->shared->announcer;
  g->live.fetcher =
      fetcher_new(e->fetches, g->worker->loop, g->worker->mailbox, &g->chance);
  if (!g->live.fetcher) return error_set(err, E_NO_MEMORY, "out of memory");
  take(g, g->shared->first);
  g->shared->taken++;
  g->mcp = new_mcp(g);
  if (g->mcp && e->options->stdio)
    g->stdio = new_stdio(g);
  else if (g->mcp)
    g->server = new_server(g);
  if (!g->stdio && !g->server)
    return error_set(err, E_NO_MEMORY, "out of memory");
  return OK;
}

static enum error_code listen_all(struct gateway *g, struct error *err)
{
  int *fds = g->shared->listeners[g->worker->index];
  enum error_code code = OK;
  for (size_t i = 0; i < g->shared->listener_count && code == OK; i++)
    code = http_server_add(g->server, fds[i]);
  if (code != OK) error_set(err, code, "cannot watch a listening socket");
  return code;
}

static void stop(struct worker *w, void *ctx)
{
  (void)ctx;
  struct gateway *g = w->attached;
  if (!g) return;
  g->stopping = true;
  http_server_free(g->server);
  mcp_server_free(g->mcp);
  mcp_stdio_free(g->stdio);
  fetcher_free(g->live.fetcher);
  http_client_free(g->client);
  retire(g);
  for (int i = 0; i < LAST_TURNS; i++)
    loop_turn(w->loop, false);
  timer_stop(&g->flush);
  lag_stop(&g->lag);
  log_free(g->log);
  free(g);
  w->attached = NULL;
}

static enum error_code start(struct worker *w, void *ctx, struct error *err)
{
  struct gateway *g = calloc(1, sizeof(*g));
  if (!g) return error_set(err, E_NO_MEMORY, "out of memory");
  g->worker = w;
  g->shared = ctx;
  w->attached = g;
  enum error_code code = open_parts(g, err);
  if (code == OK) code = listen_all(g, err);
  if (code != OK) stop(w, ctx);
  return code;
}

const struct worker_hooks gateway_hooks = {start, stop};
