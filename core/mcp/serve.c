// serve.c -- see serve.h for the contract.

#include "mcp/serve.h"

#include <assert.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/json.h"
#include "mcp/ask.h"
#include "mcp/errands.h"

#define MODULE "mcp/serve"

enum {
  SPARES_MAX = 64,  // exchanges kept for the next requests
  OUT_KEEP = 16384, // bytes of answer that such a one keeps
  REQUEST_ID_LEN = 16,
  REQUEST_ID_MAX = 64
};

// --- exchanges ---

static struct exchange *take_spare(struct mcp_server *s)
{
  if (list_empty(&s->spare)) return NULL;
  struct exchange *ex = LIST_ITEM(s->spare.next, struct exchange, link);
  list_remove(&ex->link);
  s->spares--;
  return ex;
}

static struct exchange *take(struct mcp_server *s)
{
  struct exchange *ex = take_spare(s);
  if (!ex && !fault_now()) ex = calloc(1, sizeof(*ex));
  if (!ex) return NULL;
  ex->server = s;
  ex->peer = NULL;
  ex->jobs = NULL;
  ex->open = ex->answers = 0;
  ex->any_request = ex->left = false;
  ex->status = 200;
  ex->gone = false;
  list_init(&ex->link);
  list_append(&s->running, &ex->link);
  return ex;
}

static void destroy(struct exchange *ex)
{
  arena_finish(&ex->arena);
  buf_finish(&ex->out);
  free(ex);
}

// The exchange has ended. Touch it no more.
static void release(struct exchange *ex)
{
  struct mcp_server *s = ex->server;
  away_end(ex);
  list_remove(&ex->link);
  if (s->spares == SPARES_MAX) {
    destroy(ex);
    return;
  }
  arena_reset(&ex->arena);
  buf_reset(&ex->out, OUT_KEEP);
  list_append(&s->spare, &ex->link);
  s->spares++;
}

// --- ids of requests, for people who look something up ---

static bool is_sane_id(const struct fields *fields)
{
  struct slice id = fields->value[FIELD_REQUEST_ID];
  return id.data && id.len <= REQUEST_ID_MAX &&
         !fields_twice(fields, FIELD_REQUEST_ID) && header_name_ok(id);
}

// An odd factor makes each count another id, and neighbours look unlike.
static struct slice make_id(struct mcp_server *s, struct arena *arena)
{
  uint64_t n =
      s->request_seed + ++s->request_count * UINT64_C(0x9E3779B97F4A7C15);
  char *text = arena_alloc(arena, REQUEST_ID_LEN);
  if (!text) return SLICE("0");
  for (int i = REQUEST_ID_LEN - 1; i >= 0; i--, n >>= 4)
    text[i] = "0123456789abcdef"[n & 15];
  return (struct slice){text, REQUEST_ID_LEN};
}

// --- ending ---

// A notification is not answered where no request of HTTP must be.
static bool is_unanswered(const struct exchange *ex)
{
  const struct inbound *in = &ex->in;
  return ex->peer && in->count == 1 &&
         in->messages[0].env.kind == MESSAGE_NOTIFICATION &&
         in->messages[0].env.method.data;
}

void exchange_drop(struct exchange *ex)
{
  release(ex);
}

static void end_refused(struct exchange *ex)
{
  const struct inbound *in = &ex->in;
  log_debug(ex->server->options.log, MODULE,
            "refused status=%d code=%d req=%.*s why=\"%s\"", in->why.status,
            (int)in->why.code, SLICE_ARG(ex->reply.request_id),
            in->why.message);
  if (!is_unanswered(ex))
    rpc_put_error(&ex->out, in->id, in->era == ERA_MODERN, &in->why);
  reply_end(&ex->reply, in->why.status, &ex->out);
  release(ex);
}

// What was written is not whole.
static void end_broken(struct exchange *ex)
{
  struct inbound *in = &ex->in;
  buf_reset(&ex->out, OUT_KEEP);
  refuse(&in->why, 500, RPC_INTERNAL_ERROR, "Out of memory");
  if (!in->batch) in->id = in->messages[0].env.id;
  end_refused(ex);
}

static void finish(struct exchange *ex)
{
  if (ex->left) {
    release(ex);
    return;
  }
  if (ex->in.batch && ex->answers) buf_putc(&ex->out, ']');
  if (!buf_ok(&ex->out)) {
    end_broken(ex);
    return;
  }
  if (!ex->any_request)
    reply_end(&ex->reply, 202, &ex->out);
  else if (ex->answers == 0)
    reply_end_silent(&ex->reply);
  else
    reply_end(&ex->reply, ex->status, &ex->out);
  release(ex);
}

static void settle(struct exchange *ex)
{
  assert(ex->open > 0);
  if (--ex->open == 0) finish(ex);
}

// --- jobs ---

static void begin_answer(struct job *job)
{
  struct exchange *ex = job->exchange;
  assert(!job->answered);
  job->answered = true;
  if (ex->in.batch) buf_putc(&ex->out, ex->answers ? ',' : '[');
  ex->answers++;
}

struct buf *job_begin(struct job *job)
{
  begin_answer(job);
  rpc_put_result_head(&job->exchange->out, job->env->id);
  return &job->exchange->out;
}

void job_end(struct job *job)
{
  buf_putc(&job->exchange->out, '}');
  settle(job->exchange);
}

void job_refuse(struct job *job, const struct refusal *why)
{
  struct exchange *ex = job->exchange;
  begin_answer(job);
  log_debug(ex->server->options.log, MODULE,
            "refused status=%d code=%d req=%.*s why=\"%s\"", why->status,
            (int)why->code, SLICE_ARG(ex->reply.request_id), why->message);
  rpc_put_error(&ex->out, job->env->id, job_is_modern(job), why);
  if (!ex->in.batch) ex->status = why->status;
  settle(ex);
}

void job_drop(struct job *job)
{
  assert(!job->answered);
  job->answered = true;
  settle(job->exchange);
}

void job_leave(struct job *job)
{
  assert(!job->answered && !job->exchange->in.batch);
  job->exchange->left = true;
  job_drop(job);
}

uint32_t job_param(const struct job *job, const char *name)
{
  if (job->env->params == JSON_NONE) return JSON_NONE;
  return json_get(job->env->doc, job->env->params, name);
}

void job_out_of_memory(struct job *job)
{
  struct refusal why;
  refuse(&why, 500, RPC_INTERNAL_ERROR, "Out of memory");
  job_refuse(job, &why);
}

void job_refuse_method(struct job *job)
{
  struct refusal why;
  refuse(&why, job_is_modern(job) ? 404 : 200, RPC_METHOD_NOT_FOUND,
         "Method not found");
  job_refuse(job, &why);
}

struct slice job_string(const struct job *job, uint32_t object,
                        const char *name, struct refusal *why)
{
  const struct json_doc *doc = job->env->doc;
  uint32_t node = object == JSON_NONE ? JSON_NONE : json_get(doc, object, name);
  struct slice text = {0};
  if (node != JSON_NONE) text = json_string(doc, node, &job->exchange->arena);
  if (!text.data) job_bad_params(why, "%s must be a string", name);
  return text;
}

// Too much to do for a call that has not begun. What is cheap, and tells a client
// that somebody is there, is served.
static bool is_shed(const struct job *job)
{
  struct shed *shed = job->exchange->server->options.shed;
  return shed && (job->method->flags & METHOD_WORK) &&
         !shed_admits(shed, SHED_INTERACTIVE, false);
}

static void refuse_shed(struct job *job)
{
  struct exchange *ex = job->exchange;
  struct prng *chance = ex->server->options.live->chance;
  unsigned seconds = shed_retry_after_s(chance ? prng_unit(chance) : 0);
  ex->reply.retry_after = arena_printf(&ex->arena, "%u", seconds);
  struct refusal why;
  refuse(&why, 503, RPC_TRANSPORT,
         "Too much to do just now, nothing was done; try again in %u s",
         seconds);
  job_refuse(job, &why);
}

static void run_job(struct job *job)
{
  struct refusal why;
  if (!job->method) {
    job_refuse_method(job);
  } else if (is_shed(job)) {
    refuse_shed(job);
  } else if (job->method->check && job_is_modern(job) && !job->exchange->peer &&
             !job->method->check(job, &why)) {
    job_refuse(job, &why);
  } else {
    job->method->run(job);
  }
}

void exchange_hold(struct exchange *ex)
{
  ex->open++;
}

void exchange_let_go(struct exchange *ex)
{
  settle(ex);
}

void exchange_stop(struct exchange *ex, const char *by)
{
  exchange_hold(ex); // the last answer may come inside
  for (uint32_t i = 0; i < ex->in.count; i++)
    if (ex->jobs[i].stop) ex->jobs[i].stop(&ex->jobs[i], by);
  settle(ex);
}

// In legacy a client that is gone has not cancelled: it may come back, or its
// calls run on to their deadline and their answers go nowhere. Unless the
// connection was the session.
static void on_gone(void *ctx)
{
  struct exchange *ex = ctx;
  reply_gone(&ex->reply);
  if (ex->in.era == ERA_MODERN || ex->peer)
    exchange_stop(ex, "client");
  else
    away_gone(ex);
}

// Every message first gets its place, so that an answer that comes at once does
// not end the exchange.
static bool lay_out_jobs(struct exchange *ex)
{
  struct inbound *in = &ex->in;
  ex->jobs = arena_alloc(&ex->arena, in->count * sizeof(*ex->jobs));
  if (!ex->jobs)
    return refuse(&in->why, 500, RPC_INTERNAL_ERROR, "Out of memory");
  for (uint32_t i = 0; i < in->count; i++) {
    struct message_in *m = &in->messages[i];
    ex->jobs[i] =
        (struct job){.exchange = ex, .env = &m->env, .method = m->method};
    if (m->env.kind != MESSAGE_REQUEST) continue;
    ex->any_request = true;
    ex->open++;
  }
  ex->open++; // ended by start()
  return true;
}

static void start(struct exchange *ex)
{
  const struct outlet *outlet = &ex->reply.outlet;
  if (ex->any_request) outlet->ops->on_gone(outlet->to, on_gone, ex);
  away_prepare(ex);
  for (uint32_t i = 0; i < ex->in.count; i++) {
    struct job *job = &ex->jobs[i];
    if (job->env->kind == MESSAGE_REQUEST)
      run_job(job);
    else if (job->method)
      job->method->run(job);
    else if (job->env->kind == MESSAGE_RESPONSE)
      park_response(job);
  }
  if (ex->open > 1) away_wait(ex);
  settle(ex);
}

// --- the methods of HTTP ---

struct inbound_rules serve_rules(const struct mcp_server *s)
{
  return (struct inbound_rules){
      .seals = s->options.seals,
      .shared = s->options.shared,
      .methods = method_requests,
      .notifications = method_notifications,
      .principal = SLICE("anonymous"),
      .session_ttl_s = s->options.session_ttl_s,
      .now_ms = loop_wall_ms(s->options.loop),
  };
}

static bool check_transport(struct exchange *ex)
{
  if (ex->in.era == ERA_LEGACY || !ex->peer || !ex->peer->legacy_only)
    return true;
  return refuse(&ex->in.why, 400, RPC_INVALID_REQUEST,
                "Invalid request: HTTP+SSE is for revisions up to 2025-11-25; "
                "newer ones POST to %.*s",
                SLICE_ARG(ex->server->options.path));
}

static void serve_message(struct exchange *ex, struct slice body)
{
  struct inbound_rules rules = serve_rules(ex->server);
  if (inbound_read(&ex->in, body, &rules, &ex->arena) && check_transport(ex) &&
      lay_out_jobs(ex))
    start(ex);
  else
    end_refused(ex);
}

void exchange_refuse(struct exchange *ex)
{
  end_refused(ex);
}

void exchange_refuse_method(struct exchange *ex, struct slice allow)
{
  ex->reply.allow = allow;
  refuse(&ex->in.why, 405, RPC_TRANSPORT, "Method not allowed");
  end_refused(ex);
}

// Ends a legacy session.
static void serve_delete(struct exchange *ex)
{
  struct inbound *in = &ex->in;
  const struct mcp_server *s = ex->server;
  if (in->era == ERA_MODERN) {
    exchange_refuse_method(ex, SLICE("POST, GET, DELETE"));
    return;
  }
  struct inbound_rules rules = serve_rules(s);
  if (!inbound_need_session(in, &rules, &ex->arena)) {
    end_refused(ex);
    return;
  }
  news_session_over(ex->server, &in->session);
  mcp_shared_end_session(rules.shared, in->session.id,
                         session_expires(&in->session, rules.session_ttl_s),
                         rules.now_ms);
  reply_end(&ex->reply, 200, &ex->out);
  release(ex);
}

static void serve_options(struct exchange *ex)
{
  struct slice asked = header_get(ex->headers, ex->header_count,
                                  "Access-Control-Request-Headers");
  ex->reply.allow = SLICE("POST, GET, DELETE");
  reply_preflight(&ex->reply, origin_allowed_headers(asked, &ex->arena));
  release(ex);
}

static bool check_origin(struct exchange *ex, bool unix_socket)
{
  const struct mcp_server_options *o = &ex->server->options;
  struct origin_rules rules = {o->hosts, o->host_count, o->origins,
                               o->origin_count};
  if (!origin_check(&rules, &ex->in.fields, unix_socket, &ex->in.why))
    return false;
  ex->reply.origin = ex->in.fields.value[FIELD_ORIGIN];
  return true;
}

static void refuse_without_memory(struct outlet outlet)
{
  struct buf nothing = {0};
  outlet.ops->respond(outlet.to, 503, NULL, 0, &nothing);
}

static void serve_endpoint(struct exchange *ex,
                           const struct http_message *message)
{
  if (slice_is(message->method, "POST"))
    serve_message(ex, message->body);
  else if (slice_is(message->method, "DELETE"))
    serve_delete(ex);
  else if (slice_is(message->method, "GET"))
    away_return(ex);
  else
    exchange_refuse_method(ex, SLICE("POST, GET, DELETE"));
}

// The two of HTTP+SSE.
static void serve_sse(struct exchange *ex, const struct http_message *message)
{
  if (slice_is(message->method, "GET"))
    duplex_open(ex);
  else
    exchange_refuse_method(ex, SLICE("GET"));
}

static void serve_posted(struct exchange *ex,
                         const struct http_message *message)
{
  if (slice_is(message->method, "POST"))
    duplex_post(ex, message->query, message->body);
  else
    exchange_refuse_method(ex, SLICE("POST"));
}

void serve(struct mcp_server *s, const struct http_message *message,
           bool unix_socket, struct outlet outlet)
{
  struct exchange *ex = take(s);
  if (!ex) {
    refuse_without_memory(outlet);
    return;
  }
  ex->headers = message->headers;
  ex->header_count = message->header_count;
  ex->reply = (struct reply){.outlet = outlet, .pulse = &s->pulse};
  inbound_begin(&ex->in, message->headers, message->header_count);
  ex->reply.request_id = is_sane_id(&ex->in.fields)
                             ? ex->in.fields.value[FIELD_REQUEST_ID]
                             : make_id(s, &ex->arena);
  if (!check_origin(ex, unix_socket))
    end_refused(ex);
  else if (slice_is(message->method, "OPTIONS"))
    serve_options(ex);
  else if (s->options.sse_path.len &&
           slice_eq(message->path, s->options.sse_path))
    serve_sse(ex, message);
  else if (s->options.sse_path.len &&
           slice_eq(message->path, s->options.message_path))
    serve_posted(ex, message);
  else
    serve_endpoint(ex, message);
}

void serve_bare(struct mcp_server *s, struct slice message,
                struct session *peer, struct outlet outlet)
{
  struct exchange *ex = take(s);
  if (!ex) {
    refuse_without_memory(outlet);
    return;
  }
  ex->peer = peer;
  ex->headers = NULL;
  ex->header_count = 0;
  ex->reply = (struct reply){.outlet = outlet, .pulse = &s->pulse};
  inbound_begin_bare(&ex->in, peer);
  ex->reply.request_id = make_id(s, &ex->arena);
  serve_message(ex, message);
}

// --- the server ---

const struct catalog *server_catalog(const struct mcp_server *s)
{
  const struct generation *g = s->options.live->generation;
  return g ? g->catalog : NULL;
}

static void fill_defaults(struct mcp_server *s)
{
  struct mcp_server_options *o = &s->options;
  if (!o->page_size) o->page_size = 100;
  if (!o->session_ttl_s) o->session_ttl_s = 24 * 60 * 60;
  if (!o->list_ttl_ms) o->list_ttl_ms = 5000;
  if (!o->max_streams) o->max_streams = 10000;
  if (!o->keepalive_ms) o->keepalive_ms = 15000;
  if (!o->resume_ms) o->resume_ms = 60000;
  if (!o->mailbox) o->sse_path = (struct slice){0};
  if (!o->shared) o->shared = s->own_shared = mcp_shared_new();
  if (!o->hub) o->hub = s->own_hub = hub_new();
}

static bool begin_streams(struct mcp_server *s)
{
  const struct mcp_server_options *o = &s->options;
  pulse_init(&s->pulse, o->loop, o->keepalive_ms, reply_beat);
  struct mailbox *mailbox = o->mailbox;
  if (!mailbox) mailbox = s->own_mailbox = mailbox_new(o->loop);
  if (!mailbox || !o->hub || !o->shared) return false;
  errands_publish(mcp_shared_errands(o->shared), o->hub);
  return streams_init(&s->streams, s, mailbox);
}

static void put_info(struct mcp_server *s)
{
  buf_puts(&s->info, "{\"name\":");
  json_put_string(&s->info, s->options.name);
  buf_puts(&s->info, ",\"version\":");
  json_put_string(&s->info, s->options.version);
  buf_putc(&s->info, '}');
}

struct mcp_server *serve_new(const struct mcp_server_options *options,
                             const struct runner *runner)
{
  assert(options->loop && options->live && options->seals);
  struct mcp_server *s = fault_now() ? NULL : calloc(1, sizeof(*s));
  if (!s) return NULL;
  s->options = *options;
  s->runner = runner;
  list_init(&s->running);
  list_init(&s->spare);
  away_init(s);
  errands_init(s);
  news_init(s);
  duplexes_init(&s->duplexes);
  fill_defaults(s);
  put_info(s);
  bool seeded = random_bytes(&s->request_seed, sizeof(s->request_seed));
  bool streams = begin_streams(s);
  if (seeded && streams && s->options.shared && buf_ok(&s->info)) return s;
  serve_free(s);
  return NULL;
}

void serve_end_streams(struct mcp_server *s)
{
  streams_end(&s->streams);
  away_end_visits(s);
  duplexes_end(&s->duplexes);
}

void serve_free(struct mcp_server *s)
{
  if (!s) return;
  serve_end_streams(s);
  errands_finish(s);
  while (!list_empty(&s->running))
    exchange_stop(LIST_ITEM(s->running.next, struct exchange, link),
                  "shutdown");
  away_finish(s);
  duplexes_finish(&s->duplexes);
  news_finish(s);
  for (struct exchange *ex = take_spare(s); ex; ex = take_spare(s))
    destroy(ex);
  streams_finish(&s->streams);
  pulse_finish(&s->pulse);
  tool_list_finish(&s->list);
  buf_finish(&s->info);
  mailbox_free(s->own_mailbox);
  hub_free(s->own_hub);
  mcp_shared_free(s->own_shared);
  free(s);
}
