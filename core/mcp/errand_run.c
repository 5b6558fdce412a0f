// errand_run.c -- tools/call that runs on after its answer, on this worker.

#include <stdlib.h>

#include "base/fault.h"
#include "base/json.h"
#include "loop/clock.h"
#include "mcp/ask.h"
#include "mcp/capability.h"
#include "mcp/errands.h"
#include "mcp/result.h"

#define SWEEP_LEAST_NS NS_PER_S // no sweep follows another sooner
#define FAREWELL_NS    (20 * NS_PER_MS)

struct errand_run {
  struct list link; // in the server's
  struct mcp_server *server;
  struct errand *errand;
  struct call *call;
  bool *ended; // told by on_done(); set while the call is being started
  const struct tool *tool;
  enum revision revision;
  const char *stopped_by; // NULL: nobody has
  struct errand_asker asker;
  struct arena arena;
  struct slice request_id;
};

// --- the time of errands ---

static void on_sweep(struct timer *timer, void *ctx)
{
  struct mcp_server *s = ctx;
  uint64_t now = loop_now(s->options.loop);
  uint64_t next = errand_sweep(mcp_shared_errands(s->options.shared), now);
  if (next == UINT64_MAX) return;
  if (next < now + SWEEP_LEAST_NS) next = now + SWEEP_LEAST_NS;
  timer_start_at(timer, next);
}

static void sweep_at(struct mcp_server *s, uint64_t at_ns)
{
  if (timer_armed(&s->due) && s->due.at_ns <= at_ns) return;
  timer_start_at(&s->due, at_ns);
}

static void on_farewell(struct timer *timer, void *ctx)
{
  (void)timer;
  serve_end_streams(ctx);
}

void errands_init(struct mcp_server *s)
{
  list_init(&s->errands);
  timer_init(&s->due, s->options.loop, on_sweep, s);
  timer_init(&s->farewell, s->options.loop, on_farewell, s);
}

static void stop_by(struct errand_run *run, const char *by)
{
  run->stopped_by = by;
  run->server->runner->cancel(run->call, by);
}

void errands_stop(struct mcp_server *s)
{
  while (!list_empty(&s->errands))
    stop_by(LIST_ITEM(s->errands.next, struct errand_run, link), "shutdown");
}

// Workers stop theirs one by one, and tell each other's streams by mail. Where
// another worker was the first, none may run any more, but its mail is under way:
// any task that is kept has the streams wait.
void errands_drain(struct mcp_server *s)
{
  struct errand_store *store = mcp_shared_errands(s->options.shared);
  bool any = errand_stats(store).count > 0;
  errands_stop(s);
  s->streams.closed = true;
  if (any)
    timer_start(&s->farewell, FAREWELL_NS);
  else
    serve_end_streams(s);
}

void errands_finish(struct mcp_server *s)
{
  if (!s->errands.next) return; // was never begun
  errands_stop(s);
  timer_stop(&s->due);
  timer_stop(&s->farewell);
}

bool errands_served(const struct mcp_server *s)
{
  const struct catalog *catalog = server_catalog(s);
  for (size_t i = 0; catalog && i < catalog->tool_count; i++)
    if (catalog->tools[i].task != TASK_NEVER) return true;
  return errand_stats(mcp_shared_errands(s->options.shared)).count > 0;
}

// --- is it one? ---

// The modern server decides, if the client knows tasks at all.
static bool decide_modern(struct job *job, struct refusal *why)
{
  bool knows = job->exchange->in.capabilities & CAPABILITY_TASKS;
  job->as_errand = knows && job->tool->task != TASK_NEVER;
  if (knows || job->tool->task != TASK_REQUIRED) return true;
  return capability_refuse(CAPABILITY_TASKS, &job->exchange->arena, why);
}

static bool read_ttl(struct job *job, uint32_t task, struct refusal *why)
{
  double ttl = 0;
  const struct json_doc *doc = job->env->doc;
  if (json_type(doc, task) != JSON_OBJECT)
    return job_bad_params(why, "task must be an object");
  uint32_t node = json_get(doc, task, "ttl");
  if (node == JSON_NONE || json_type(doc, node) == JSON_NULL) return true;
  if (!json_double(doc, node, &ttl) || !(ttl >= 1))
    return job_bad_params(why, "task.ttl must be milliseconds, 1 or more");
  job->ttl_ms = ttl < 1e15 ? (int64_t)ttl : INT64_C(1000000000000000);
  return true;
}

// In 2025-11-25 it is the client that asks for it; before, nobody can.
static bool decide_legacy(struct job *job, struct refusal *why)
{
  enum task_support support = job->tool->task;
  uint32_t task = job_revision(job) == REVISION_2025_11_25
                      ? job_param(job, "task")
                      : JSON_NONE;
  job->as_errand = task != JSON_NONE;
  if (task != JSON_NONE && support == TASK_NEVER)
    return refuse(why, 200, RPC_METHOD_NOT_FOUND,
                  "%.*s does not run as a task: call it without params.task",
                  SLICE_ARG(job->tool->name));
  if (task == JSON_NONE && support == TASK_REQUIRED)
    return refuse(why, 200, RPC_METHOD_NOT_FOUND,
                  "%.*s runs only as a task: call it with params.task, in "
                  "revision 2025-11-25",
                  SLICE_ARG(job->tool->name));
  return task == JSON_NONE || read_ttl(job, task, why);
}

bool errand_decide(struct job *job, struct refusal *why)
{
  return job_is_modern(job) ? decide_modern(job, why) : decide_legacy(job, why);
}

// --- how it goes ---

static int64_t wall(const struct errand_run *run)
{
  return loop_wall_ms(run->server->options.loop);
}

static void on_progress(void *ctx, const struct call_progress *p)
{
  struct errand_run *run = ctx;
  struct buf text = {0};
  errand_put_progress(&text, p);
  struct slice says = buf_slice(&text);
  struct buf clean = {0};
  secret_hide(run->server->options.secrets, &says, &clean);
  if (buf_ok(&text)) errand_say(run->errand, says, wall(run));
  buf_finish(&clean);
  buf_finish(&text);
}

// The protocol has no messages for tasks.
static void on_note(void *ctx, enum note_level level, struct slice logger,
                    struct slice data)
{
  (void)ctx, (void)level, (void)logger, (void)data;
}

static const struct call_listener listener = {.progress = on_progress,
                                              .note = on_note};

// --- its end ---

// The modern dialect keeps `failed` for what is no answer of the tool's.
static bool is_fault(const struct errand_run *run, const struct call_result *r)
{
  return run->revision == REVISION_2026_07_28 && r->form == CALL_ERROR &&
         errand_is_fault(r->error.code);
}

static void put_fault(struct buf *out, const struct errand_run *run,
                      const struct call_result *result)
{
  struct call_result r = *result;
  struct result_cleaned cleaned = {0};
  result_clean(&r, run->server->options.secrets, &cleaned);
  buf_printf(out, "{\"code\":%d,\"message\":", RPC_INTERNAL_ERROR);
  json_put_string(out, slice_of(r.error.message));
  buf_puts(out, ",\"data\":");
  result_put_error(out, &r, run->request_id);
  buf_putc(out, '}');
  result_cleaned_finish(&cleaned);
}

static void put_result(struct buf *out, const struct errand_run *run,
                       const struct call_result *r)
{
  const struct mcp_server *s = run->server;
  struct result_style style = {
      .revision = run->revision,
      .tool = run->tool,
      .server_info = buf_slice(&s->info),
      .request_id = run->request_id,
      .secrets = s->options.secrets,
      .with_trail = s->options.trail_in_meta,
  };
  if (run->revision != REVISION_2026_07_28) style.task = errand_id(run->errand);
  result_put(out, r, &style);
}

// A legacy task whose tool reports an error has failed, with that result.
static struct errand_result outcome(const struct errand_run *run,
                                    const struct call_result *r,
                                    struct buf *out)
{
  struct errand_result e = {.status = ERRAND_COMPLETED, .wall_ms = wall(run)};
  if (r->form == CALL_ERROR && r->error.code == E_CANCELLED) {
    e.status = ERRAND_CANCELLED;
    if (run->stopped_by) e.says = SLICE("The server was shut down");
    return e;
  }
  e.fault = is_fault(run, r);
  if (e.fault)
    put_fault(out, run, r);
  else
    put_result(out, run, r);
  bool legacy = run->revision != REVISION_2026_07_28;
  if (e.fault || (legacy && r->form == CALL_ERROR)) e.status = ERRAND_FAILED;
  e.outcome = buf_slice(out);
  if (!buf_ok(out)) {
    e.status = ERRAND_FAILED;
    e.fault = true;
    e.outcome = SLICE("{\"code\":-32603,\"message\":\"Out of memory\"}");
  }
  return e;
}

static void destroy(struct errand_run *run)
{
  list_remove(&run->link);
  arena_finish(&run->arena);
  free(run);
}

static void on_done(void *ctx, struct call *call, const struct call_result *r)
{
  struct errand_run *run = ctx;
  struct buf out = {0};
  (void)call;
  if (run->ended) *run->ended = true;
  struct errand_result result = outcome(run, r, &out);
  struct buf clean = {0};
  if (result.status == ERRAND_FAILED) { // clients may look no further
    result.says = slice_of(r->error.message);
    secret_hide(run->server->options.secrets, &result.says, &clean);
  }
  errand_end(run->errand, &result);
  buf_finish(&clean);
  buf_finish(&out);
  destroy(run);
}

// Cancelled, or its time is over: the store knows already.
static void on_stop(void *ctx)
{
  struct errand_run *run = ctx;
  run->server->runner->cancel(run->call, "client");
}

static void on_answer(void *ctx, const struct errand_answer *answer)
{
  struct errand_run *run = ctx;
  errand_asker_answer(&run->asker, answer);
}

// --- its beginning ---

// How long it is kept, and how long it may take: what the client asks for, if
// that is less than ours.
static int64_t ttl_of(const struct job *job)
{
  const struct policy *p = job->tool->policy;
  int64_t most = p->task_deadline_ms + p->task_keep_ms;
  return job->ttl_ms && job->ttl_ms < most ? job->ttl_ms : most;
}

static struct errand *begin(struct job *job, struct errand_run *run, bool *full)
{
  struct mcp_server *s = run->server;
  const struct inbound *in = &job->exchange->in;
  struct errand_begin b = {
      .principal = job_principal(job),
      .session = in->has_session ? in->session.id : NULL,
      .era = in->era,
      .ttl_ms = ttl_of(job),
      .poll_ms = (uint32_t)job->tool->policy->task_poll_ms,
      .now_ns = loop_now(s->options.loop),
      .wall_ms = loop_wall_ms(s->options.loop),
      .mailbox = s->options.mailbox,
      .ctx = run,
      .stop = on_stop,
      .on_answer = on_answer,
  };
  return errand_begin(mcp_shared_errands(s->options.shared), &b, full);
}

static struct errand_run *make(struct job *job)
{
  struct mcp_server *s = job_server(job);
  struct errand_run *run = fault_calloc(1, sizeof(*run));
  if (!run) return NULL;
  list_init(&run->link);
  run->server = s;
  run->tool = job->tool;
  run->revision = job_revision(job);
  run->request_id = arena_copy(&run->arena, job->exchange->reply.request_id);
  return run;
}

// The run is gone when this returns false, or if its call has ended.
static bool start_call(struct job *job, struct errand_run *run,
                       struct call_options *o)
{
  struct mcp_server *s = run->server;
  bool ended = false;
  o->principal = job_principal(job);
  o->request_id = run->request_id;
  o->listener = &listener;
  o->as_task = true;
  o->asker = &run->asker.asker;
  o->deadline_ns =
      loop_now(s->options.loop) + (uint64_t)ttl_of(job) * NS_PER_MS;
  errand_asker_init(&run->asker, run->errand, s, ask_can(job));
  run->ended = &ended;
  list_append(&s->errands, &run->link);
  struct call *call = s->runner->start(s->options.live, o, on_done, run);
  if (ended) return true;
  run->ended = NULL;
  run->call = call;
  if (call) return true;
  errand_drop(run->errand);
  destroy(run);
  return false;
}

static void put_created(void *ctx, const struct errand_view *v)
{
  struct job *job = ctx;
  const struct mcp_server *s = job_server(job);
  struct buf *out = job_begin(job);
  buf_puts(out, job_is_modern(job) ? "{" : "{\"task\":{");
  errand_put(out, v);
  if (job_is_modern(job)) {
    buf_puts(out, ",\"resultType\":\"task\",\"_meta\":{"
                  "\"io.modelcontextprotocol/serverInfo\":");
    buf_add(out, buf_slice(&s->info));
  }
  buf_puts(out, "}}");
}

static void answer_created(struct job *job, const char id[ERRAND_ID_LEN])
{
  struct mcp_server *s = job_server(job);
  struct errand_key key = {
      .id = {id, ERRAND_ID_LEN},
      .principal = job_principal(job),
      .era = job->exchange->in.era,
      .now_ns = loop_now(s->options.loop),
  };
  sweep_at(s, key.now_ns + (uint64_t)ttl_of(job) * NS_PER_MS);
  if (errand_see(mcp_shared_errands(s->options.shared), &key, put_created, job))
    job_end(job);
  else
    job_out_of_memory(job); // it cannot be gone
}

// For the model: it is a failure like any other.
static void answer_full(struct job *job)
{
  struct call_result r = {.form = CALL_ERROR, .error.retry_after_ms = -1};
  struct mcp_server *s = job_server(job);
  struct result_style style = {
      .revision = job_revision(job),
      .tool = job->tool,
      .server_info = buf_slice(&s->info),
      .request_id = job->exchange->reply.request_id,
  };
  error_set(&r.error, E_UNAVAILABLE,
            "too many tasks run, or have results that are still kept");
  result_put(job_begin(job), &r, &style);
  job_end(job);
}

void errand_start(struct job *job, struct call_options *options)
{
  struct errand_run *run = make(job);
  bool full = false;
  if (run) run->errand = begin(job, run, &full);
  if (!run || !run->errand) {
    if (run) destroy(run);
    if (full)
      answer_full(job);
    else
      job_out_of_memory(job);
    return;
  }
  char id[ERRAND_ID_LEN];
  memcpy(id, errand_id(run->errand).data, sizeof(id));
  if (start_call(job, run, options))
    answer_created(job, id);
  else
    job_out_of_memory(job);
}
