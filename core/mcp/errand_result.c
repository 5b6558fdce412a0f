// errand_result.c -- tasks/result of 2025-11-25: it waits for the end of a task,
// and on its stream the client hears how that is and is asked what it asks.
//
// A client may wait on several streams, at several workers: each is asked, and
// the first answer counts.

#include "base/json.h"
#include "mcp/errands.h"
#include "mcp/pending.h"
#include "mcp/result.h"

// In the exchange's arena.
struct waiting {
  struct job *job;
  struct errand_waiter *waiter;
  struct slice id;
  struct list asked;
  bool failed; // no memory while it was looked at
  bool told;   // what follows is known to the client, or was when it came
  enum errand_status status;
  size_t says_len;
  char says[ERRAND_SAYS_MAX];
};

struct asked {
  struct list link;
  struct waiting *waiting;
  struct slice name, request;
  struct pending pending;
  bool sent;
  bool open; // when it was looked at last
};

static struct errand_store *store_of(const struct job *job)
{
  return mcp_shared_errands(job_server(job)->options.shared);
}

static struct pending_set *pendings(const struct job *job)
{
  return mcp_shared_pending(job_server(job)->options.shared);
}

// --- asking ---

static void on_answer(struct pending *pending, struct slice text, bool error)
{
  struct asked *it = LIST_ITEM(pending, struct asked, pending);
  struct job *job = it->waiting->job;
  struct errand_key key = errand_key_of(job, it->waiting->id);
  struct errand_answer answer = {it->name, text, error};
  errand_answer(store_of(job), &key, &answer);
}

static struct asked *find(const struct waiting *w, struct slice name)
{
  LIST_EACH (it, &w->asked) {
    struct asked *asked = LIST_ITEM(it, struct asked, link);
    if (slice_eq(asked->name, name)) return asked;
  }
  return NULL;
}

// Under the lock of the store: copies alone.
static void note_question(void *ctx, struct slice name, struct slice request)
{
  struct waiting *w = ctx;
  struct exchange *ex = w->job->exchange;
  struct asked *it = find(w, name);
  if (it) it->open = true;
  if (it) return;
  it = arena_alloc(&ex->arena, sizeof(*it));
  w->failed |= !it;
  if (!it) return;
  it->waiting = w;
  it->open = true;
  it->name = arena_copy(&ex->arena, name);
  it->request = arena_copy(&ex->arena, request);
  it->pending.id = pending_make_id(&ex->arena);
  it->pending.mailbox = job_server(w->job)->options.mailbox;
  it->pending.answer = on_answer;
  memcpy(it->pending.session, ex->in.session.id, PENDING_SESSION_LEN);
  w->failed |= !it->name.data || !it->request.data || !it->pending.id.data;
  if (!w->failed) list_append(&w->asked, &it->link);
}

static void note_questions(void *ctx, const struct errand_view *v)
{
  errand_each_question(v, note_question, ctx);
}

// The params as they are, and which task wants to know; what is behind a URL has
// an id in this revision.
static void put_params(struct buf *out, const struct asked *it,
                       const struct json_doc *doc)
{
  uint32_t params = json_get(doc, 0, "params");
  struct slice raw = json_raw(doc, params);
  raw.len--; // the brace
  buf_add(out, raw);
  if (json_get(doc, params, "url") != JSON_NONE) {
    json_put_name(out, "elicitationId");
    buf_add(out, it->pending.id);
  }
  json_put_name(out, "_meta");
  buf_puts(out, "{\"io.modelcontextprotocol/related-task\":{\"taskId\":");
  json_put_string(out, it->waiting->id);
  buf_puts(out, "}}}");
}

static void put_request(struct buf *out, const struct asked *it,
                        struct arena *arena)
{
  struct json_doc doc;
  if (json_parse(&doc, it->request, (struct json_limits){0}, arena, NULL) !=
      OK) {
    out->failed = true; // it was checked: memory is out
    return;
  }
  buf_puts(out, "{\"jsonrpc\":\"2.0\",\"id\":");
  buf_add(out, it->pending.id);
  buf_puts(out, ",\"method\":");
  buf_add(out, json_raw(&doc, json_get(&doc, 0, "method")));
  buf_puts(out, ",\"params\":");
  put_params(out, it, &doc);
  buf_putc(out, '}');
}

static void send_question(struct asked *it)
{
  struct job *job = it->waiting->job;
  struct buf out = {0};
  put_request(&out, it, &job->exchange->arena);
  it->sent = true;
  if (buf_ok(&out)) {
    pending_add(pendings(job), &it->pending);
    reply_notify(&job->exchange->reply, buf_slice(&out));
  }
  buf_finish(&out);
}

static bool can_hear(const struct job *job)
{
  const struct exchange *ex = job->exchange;
  const struct inbound *in = &ex->in;
  if (!in->has_session || !in->fields.accepts_sse || in->batch) return false;
  return !ex->gone || record_is_open(&ex->reply.record);
}

// The client should not go on asking its user.
static void take_back(struct asked *it)
{
  struct job *job = it->waiting->job;
  struct buf out = {0};
  if (!it->pending.added) return; // it was answered
  pending_remove(pendings(job), &it->pending);
  buf_puts(&out, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
                 "cancelled\",\"params\":{\"requestId\":");
  buf_add(&out, it->pending.id);
  buf_puts(&out, ",\"reason\":\"the task does not wait for it any more\"}}");
  if (buf_ok(&out)) reply_notify(&job->exchange->reply, buf_slice(&out));
  buf_finish(&out);
}

// --- how it is ---

// Has it changed since the client was told? Notes it, and appends it.
struct telling {
  struct waiting *w;
  struct buf out;
};

static void note_status(void *ctx, const struct errand_view *v)
{
  struct telling *t = ctx;
  struct waiting *w = t->w;
  struct slice known = {w->says, w->says_len};
  struct slice says = v->says.data ? v->says : SLICE("");
  bool same = w->told && w->status == v->status && slice_eq(known, says);
  bool first = !w->told;
  w->told = true;
  w->status = v->status;
  w->says_len = says.len;
  memcpy(w->says, says.data, says.len);
  if (same || first) return;
  buf_puts(&t->out, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tasks/"
                    "status\",\"params\":{");
  errand_put(&t->out, v);
  buf_puts(&t->out, "}}");
}

static void tell_status(struct waiting *w, const struct errand_key *key)
{
  struct telling t = {w, {0}};
  errand_see(store_of(w->job), key, note_status, &t);
  if (t.out.len && buf_ok(&t.out))
    reply_notify(&w->job->exchange->reply, buf_slice(&t.out));
  buf_finish(&t.out);
}

static void look_at_questions(struct waiting *w, const struct errand_key *key)
{
  w->failed = false;
  LIST_EACH (it, &w->asked)
    LIST_ITEM(it, struct asked, link)->open = false;
  errand_see(store_of(w->job), key, note_questions, w);
  LIST_EACH (it, &w->asked) {
    struct asked *asked = LIST_ITEM(it, struct asked, link);
    if (!asked->open) take_back(asked);
  }
}

static void tell(struct waiting *w, const struct errand_key *key)
{
  if (!can_hear(w->job)) return;
  tell_status(w, key);
  look_at_questions(w, key);
  LIST_EACH (it, &w->asked) {
    struct asked *asked = LIST_ITEM(it, struct asked, link);
    if (!asked->sent) send_question(asked);
  }
}

// --- the end of it ---

static void let_go(struct job *job)
{
  struct waiting *w = job->waiting;
  job->waiting = NULL;
  job->stop = NULL;
  LIST_EACH (it, &w->asked)
    pending_remove(pendings(job), &LIST_ITEM(it, struct asked, link)->pending);
  mcp_shared_remove(job_server(job)->options.shared, &job->inflight);
}

struct outcome {
  struct job *job;
  struct refusal why;
  bool refused;
};

static void refuse_fault(struct outcome *o, const struct errand_view *v)
{
  o->refused = true;
  if (v->status == ERRAND_CANCELLED)
    refuse(&o->why, 200, RPC_INTERNAL_ERROR, "The task was cancelled");
  else
    refuse(&o->why, 200, RPC_INTERNAL_ERROR,
           "The result of the task could not be kept");
}

static void put_outcome(void *ctx, const struct errand_view *v)
{
  struct outcome *o = ctx;
  if (v->status == ERRAND_CANCELLED || v->fault)
    refuse_fault(o, v);
  else
    buf_add(job_begin(o->job), v->outcome);
}

static void answer_outcome(struct job *job, const struct errand_key *key)
{
  struct outcome o = {.job = job};
  if (!errand_see(store_of(job), key, put_outcome, &o))
    errand_refuse_unknown(job);
  else if (o.refused)
    job_refuse(job, &o.why);
  else
    job_end(job);
}

// --- waiting ---

static void stop_waiting(struct job *job, const char *by)
{
  (void)by;
  errand_wait_stop(job->waiting->waiter);
  let_go(job);
  job_drop(job);
}

static void wait_on(struct waiting *w);

static void on_change(void *ctx)
{
  struct waiting *w = ctx;
  w->waiter = NULL;
  wait_on(w);
}

// First it waits, then it looks: so nothing is missed.
static void wait_on(struct waiting *w)
{
  struct job *job = w->job;
  struct errand_key key = errand_key_of(job, w->id);
  struct errand_wake wake = {job_server(job)->options.mailbox, on_change, w,
                             true};
  enum errand_found found = errand_wait(store_of(job), &key, &wake, &w->waiter);
  if (found == ERRAND_FOUND && w->waiter) {
    job->stop = stop_waiting;
    tell(w, &key);
    return;
  }
  if (can_hear(job))
    LIST_EACH (it, &w->asked)
      take_back(LIST_ITEM(it, struct asked, link));
  let_go(job);
  if (found == ERRAND_FOUND)
    job_out_of_memory(job);
  else
    answer_outcome(job, &key); // or there is none
}

// Comes when the task is over.
void legacy_task_result_run(struct job *job)
{
  struct errand_key key;
  if (!errand_read_id(job, &key)) return;
  struct waiting *w = arena_alloc(&job->exchange->arena, sizeof(*w));
  if (!w) {
    job_out_of_memory(job);
    return;
  }
  w->job = job;
  w->id = key.id;
  list_init(&w->asked);
  job->waiting = w;
  job_make_cancellable(job);
  wait_on(w);
}
