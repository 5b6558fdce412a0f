// park.c -- see ask.h: questions to legacy clients, whose calls wait for them.

#include "base/utf8.h"
#include "mcp/ask.h"
#include "mcp/pending.h"

enum { SAID_MAX = 200 };

struct park {
  struct asker asker;
  struct job *job;
  struct list parked; // that were asked; those that are open have a question
  uint32_t open;
};

// In the exchange's arena.
struct parked {
  struct list link;
  struct park *park;
  struct question *q; // while it is open
  struct slice key;
  struct pending pending;
};

static struct park *park_of(struct asker *a)
{
  return LIST_ITEM(a, struct park, asker);
}

static struct pending_set *pendings(const struct park *p)
{
  return mcp_shared_pending(job_server(p->job)->options.shared);
}

// --- saying something to the client ---

static void say(struct park *p, struct buf *out)
{
  struct slice json = buf_slice(out);
  struct buf clean = {0};
  const struct mcp_server *s = job_server(p->job);
  bool hidden = secret_hide(s->options.secrets, &json, &clean);
  if (buf_ok(out) &&
      (!hidden || json_valid(json, (struct json_limits){0}, NULL) == OK))
    reply_notify(&p->job->exchange->reply, json);
  buf_finish(&clean);
}

static bool can_hear(const struct park *p)
{
  const struct exchange *ex = p->job->exchange;
  if (p->job->cancelled || p->job->answered) return false;
  return !ex->gone || record_is_open(&ex->reply.record);
}

// --- what was answered ---

static void give_up(struct parked *it)
{
  pending_remove(pendings(it->park), &it->pending);
  if (it->q) it->park->open--;
  it->q = NULL;
}

void question_refused(struct question *q, struct slice error)
{
  struct arena arena = {0};
  struct json_doc doc;
  struct slice said = {0};
  int64_t code = 0;
  if (json_parse(&doc, error, (struct json_limits){0}, &arena, NULL) == OK) {
    uint32_t message = json_get(&doc, 0, "message");
    uint32_t number = json_get(&doc, 0, "code");
    if (message != JSON_NONE) said = json_string(&doc, message, &arena);
    if (number != JSON_NONE) json_int(&doc, number, &code);
  }
  if (!said.data) said = SLICE("it did not say why");
  said = utf8_cut(said, SAID_MAX);
  if (code == -1)
    question_fail(q, E_FORBIDDEN, "the user said no: %.*s", SLICE_ARG(said));
  else
    question_fail(q, E_BAD_RESPONSE, "the client refused %s: %.*s",
                  ask_method(q->kind), SLICE_ARG(said));
  arena_finish(&arena);
}

static void answer(struct parked *it, struct question *q, struct slice text)
{
  struct error err = {.retry_after_ms = -1};
  struct buf changed = {0};
  bool old = job_revision(it->park->job) < REVISION_2025_11_25;
  if (old && q->kind == ASK_FORM && upgrade_answer(&changed, q->params, text))
    text = buf_slice(&changed);
  if (question_answer(q, text, &err) != OK)
    question_fail(q, err.code, "%s", err.message);
  buf_finish(&changed);
}

static void on_answer(struct pending *pending, struct slice text, bool error)
{
  struct parked *it = LIST_ITEM(pending, struct parked, pending);
  struct question *q = it->q;
  give_up(it);
  if (error)
    question_refused(q, text);
  else
    answer(it, q, text);
}

// --- asking ---

static unsigned lacks(struct asker *a, unsigned needs)
{
  return needs & ~ask_can(park_of(a)->job);
}

static struct parked *new_parked(struct park *p, struct question *q)
{
  struct job *job = p->job;
  struct arena *arena = &job->exchange->arena;
  struct parked *it = arena_alloc(arena, sizeof(*it));
  if (!it) return NULL;
  it->park = p;
  it->q = q;
  it->key = arena_copy(arena, q->key);
  it->pending.id = pending_make_id(arena);
  it->pending.mailbox = job_server(job)->options.mailbox;
  it->pending.answer = on_answer;
  memcpy(it->pending.session, job->exchange->in.session.id,
         PENDING_SESSION_LEN);
  return it->key.data && it->pending.id.data ? it : NULL;
}

// The client is told of the end by the same id (notifications/elicitation/
// complete).
static void put_request(struct buf *out, const struct parked *it)
{
  const struct question *q = it->q;
  buf_add(out, SLICE("{\"jsonrpc\":\"2.0\",\"id\":"));
  buf_add(out, it->pending.id);
  buf_printf(out, ",\"method\":\"%s\",\"params\":", ask_method(q->kind));
  downgrade_question(out, q->kind, q->params, job_revision(it->park->job));
  if (q->kind == ASK_URL && buf_ok(out)) {
    out->len--; // the brace
    json_put_name(out, "elicitationId");
    buf_add(out, it->pending.id);
    buf_putc(out, '}');
  }
  buf_putc(out, '}');
}

static enum error_code put(struct asker *a, struct question *q,
                           struct error *err)
{
  struct park *p = park_of(a);
  if (!can_hear(p)) return error_set(err, E_CANCELLED, "the client has left");
  struct parked *it = new_parked(p, q);
  struct buf out = {0};
  if (it) put_request(&out, it);
  bool good = it && buf_ok(&out);
  if (good) {
    list_append(&p->parked, &it->link);
    p->open++;
    pending_add(pendings(p), &it->pending);
    say(p, &out);
  }
  buf_finish(&out);
  return good ? OK : error_set(err, E_NO_MEMORY, "out of memory");
}

static struct parked *find(struct park *p, const struct question *q)
{
  LIST_EACH (link, &p->parked) {
    struct parked *it = LIST_ITEM(link, struct parked, link);
    if (it->q == q) return it;
  }
  return NULL;
}

// The client should not go on asking its user.
static void drop(struct asker *a, struct question *q, bool late)
{
  struct park *p = park_of(a);
  struct parked *it = find(p, q);
  if (!it) return;
  give_up(it);
  if (!can_hear(p)) return;
  struct buf out = {0};
  buf_add(&out, SLICE("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
                      "cancelled\",\"params\":{\"requestId\":"));
  buf_add(&out, it->pending.id);
  buf_printf(&out, ",\"reason\":\"%s\"}}",
             late ? "nobody answered in time" : "the call is over");
  say(p, &out);
  buf_finish(&out);
}

static void complete(struct asker *a, struct slice key)
{
  struct park *p = park_of(a);
  if (!can_hear(p) || job_revision(p->job) < REVISION_2025_11_25) return;
  LIST_EACH (link, &p->parked) {
    const struct parked *it = LIST_ITEM(link, struct parked, link);
    if (!slice_eq(it->key, key)) continue;
    struct buf out = {0};
    buf_add(&out, SLICE("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
                        "elicitation/complete\",\"params\":{"
                        "\"elicitationId\":"));
    buf_add(&out, it->pending.id);
    buf_add(&out, SLICE("}}"));
    say(p, &out);
    buf_finish(&out);
    return;
  }
}

static const struct asker_ops ops = {lacks, put, drop, NULL, complete};

struct park *park_new(struct job *job)
{
  struct park *p = arena_alloc(&job->exchange->arena, sizeof(*p));
  if (!p) return NULL;
  p->asker.ops = &ops;
  p->job = job;
  list_init(&p->parked);
  return p;
}

struct asker *park_asker(struct park *p)
{
  return &p->asker;
}

bool park_is_open(const struct park *p)
{
  return p->open > 0;
}

// --- a response ---

void park_response(struct job *job)
{
  const struct envelope *env = job->env;
  const struct inbound *in = &job->exchange->in;
  uint32_t result = json_get(env->doc, env->message, "result");
  uint32_t error = json_get(env->doc, env->message, "error");
  if (!in->has_session || !env->id.data) return;
  pending_answer(mcp_shared_pending(job_server(job)->options.shared),
                 in->session.id, env->id,
                 json_raw(env->doc, result != JSON_NONE ? result : error),
                 result == JSON_NONE);
}
