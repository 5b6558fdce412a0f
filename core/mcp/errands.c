// errands.c -- tasks/get, tasks/update, tasks/cancel, and what 2025-11-25 has
// besides.

#include "mcp/errands.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "mcp/cursor.h"
#include "mcp/result.h"

static struct errand_store *store_of(const struct job *job)
{
  return mcp_shared_errands(job_server(job)->options.shared);
}

struct errand_key errand_key_of(const struct job *job, struct slice id)
{
  const struct mcp_server *s = job_server(job);
  return (struct errand_key){
      .id = id,
      .principal = job_principal(job),
      .era = job->exchange->in.era,
      .now_ns = loop_now(s->options.loop),
      .wall_ms = loop_wall_ms(s->options.loop),
  };
}

// Forged, another's, of another era, or its time is over: all the same.
void errand_refuse_unknown(struct job *job)
{
  struct refusal why;
  job_bad_params(&why, "Unknown task: there is none of that id, or its time is "
                       "over");
  job_refuse(job, &why);
}

// False: the job was answered.
bool errand_read_id(struct job *job, struct errand_key *key)
{
  struct refusal why;
  bool old = !job_is_modern(job) && job_revision(job) != REVISION_2025_11_25;
  if (old || !errands_served(job_server(job))) {
    job_refuse_method(job);
    return false;
  }
  struct slice id = job_string(job, job->env->params, "taskId", &why);
  if (!id.data) {
    job_refuse(job, &why);
    return false;
  }
  *key = errand_key_of(job, id);
  return true;
}

static void see(struct job *job, const struct errand_key *key,
                errand_view_fn fn)
{
  if (errand_see(store_of(job), key, fn, job))
    job_end(job);
  else
    errand_refuse_unknown(job);
}

// --- modern ---

static void put_tail(struct buf *out, const struct job *job)
{
  result_put_modern_tail(out, buf_slice(&job_server(job)->info));
  buf_puts(out, "}}");
}

static void put_detailed(void *ctx, const struct errand_view *v)
{
  struct job *job = ctx;
  struct buf *out = job_begin(job);
  buf_reserve(out, v->outcome.len + 1024);
  buf_putc(out, '{');
  errand_put(out, v);
  errand_put_details(out, v);
  put_tail(out, job);
}

void task_get_run(struct job *job)
{
  struct errand_key key;
  if (errand_read_id(job, &key)) see(job, &key, put_detailed);
}

// The tail begins with a comma.
static void acknowledge(struct job *job)
{
  struct buf *out = job_begin(job);
  buf_puts(out, "{\"resultType\":\"complete\",\"_meta\":{"
                "\"io.modelcontextprotocol/serverInfo\":");
  buf_add(out, buf_slice(&job_server(job)->info));
  buf_puts(out, "}}");
  job_end(job);
}

void task_cancel_run(struct job *job)
{
  struct errand_key key;
  if (!errand_read_id(job, &key)) return;
  if (errand_cancel(store_of(job), &key) == ERRAND_NONE)
    errand_refuse_unknown(job);
  else
    acknowledge(job);
}

static void look(void *ctx, const struct errand_view *v)
{
  (void)ctx, (void)v;
}

bool errand_exists(const struct job *job, struct slice id)
{
  struct errand_key key = errand_key_of(job, id);
  return errand_see(store_of(job), &key, look, NULL);
}

static void publish(void *ctx, const struct errand_view *v)
{
  struct hub *hub = ctx;
  if (v->era != ERA_MODERN || !hub_is_watched(hub, HUB_TASK)) return;
  struct buf task = {0};
  buf_putc(&task, '{');
  errand_put(&task, v);
  errand_put_details(&task, v);
  buf_putc(&task, '}');
  if (buf_ok(&task)) hub_publish(hub, HUB_TASK, v->id, buf_slice(&task));
  buf_finish(&task);
}

void errands_publish(struct errand_store *store, struct hub *hub)
{
  errand_store_tell(store, publish, hub);
}

void errand_tell(const struct job *job, struct slice id)
{
  struct errand_key key = errand_key_of(job, id);
  errand_repeat(store_of(job), &key);
}

static bool pass_answers(struct job *job, const struct errand_key *key,
                         uint32_t answers)
{
  const struct json_doc *doc = job->env->doc;
  uint32_t name = json_first(doc, answers);
  while (name != JSON_NONE) {
    uint32_t value = json_next(doc, answers, name);
    struct slice question = json_string(doc, name, &job->exchange->arena);
    struct errand_answer answer = {question, json_raw(doc, value), false};
    if (!question.data || !errand_answer(store_of(job), key, &answer))
      return false;
    name = json_next(doc, answers, value);
  }
  return true;
}

// An answer to what was not asked, or not any more, is no mistake.
void task_update_run(struct job *job)
{
  struct errand_key key;
  struct refusal why;
  if (!errand_read_id(job, &key)) return;
  uint32_t answers = job_param(job, "inputResponses");
  bool object =
      answers != JSON_NONE && json_type(job->env->doc, answers) == JSON_OBJECT;
  if (!object) {
    job_bad_params(&why, "inputResponses must be an object");
    job_refuse(job, &why);
  } else if (!errand_see(store_of(job), &key, look, NULL)) {
    errand_refuse_unknown(job);
  } else if (!pass_answers(job, &key, answers)) {
    job_out_of_memory(job);
  } else {
    acknowledge(job);
  }
}

// --- 2025-11-25 ---

static void put_flat(void *ctx, const struct errand_view *v)
{
  struct job *job = ctx;
  struct buf *out = job_begin(job);
  buf_putc(out, '{');
  errand_put(out, v);
  buf_putc(out, '}');
}

void legacy_task_get_run(struct job *job)
{
  struct errand_key key;
  if (errand_read_id(job, &key)) see(job, &key, put_flat);
}

void legacy_task_cancel_run(struct job *job)
{
  struct errand_key key;
  struct refusal why;
  if (!errand_read_id(job, &key)) return;
  switch (errand_cancel(store_of(job), &key)) {
  case ERRAND_NONE: errand_refuse_unknown(job); break;
  case ERRAND_FOUND: see(job, &key, put_flat); break;
  case ERRAND_OVER:
    job_bad_params(&why, "The task is over: there is nothing to cancel");
    job_refuse(job, &why);
    break;
  }
}

// --- lists ---

struct listing {
  struct buf *out;
  uint64_t last;
};

static void put_listed(void *ctx, const struct errand_view *v)
{
  struct listing *l = ctx;
  json_sep(l->out);
  buf_putc(l->out, '{');
  errand_put(l->out, v);
  buf_putc(l->out, '}');
  l->last = v->number;
}

static bool read_after(struct job *job, uint64_t *after, struct refusal *why)
{
  struct slice last;
  *after = 0;
  if (!job_read_cursor(job, CURSOR_TASKS, &last, why)) return false;
  for (size_t i = 0; i < last.len; i++)
    *after = *after * 10 + (unsigned)(last.data[i] - '0');
  return true;
}

static void put_next(struct buf *out, struct job *job, uint64_t last)
{
  char number[24];
  snprintf(number, sizeof(number), "%" PRIu64, last);
  job_put_cursor(job, CURSOR_TASKS, slice_of(number), out);
}

// Callers are not told apart yet, so a session sees what it began itself.
void legacy_task_list_run(struct job *job)
{
  static const unsigned char no_session[ERRAND_SESSION_LEN];
  const struct inbound *in = &job->exchange->in;
  struct refusal why;
  struct errand_page page = {.most = job_server(job)->options.page_size};
  if (in->revision != REVISION_2025_11_25 || !errands_served(job_server(job))) {
    job_refuse_method(job);
    return;
  }
  if (!read_after(job, &page.after, &why)) {
    job_refuse(job, &why);
    return;
  }
  struct errand_key key = errand_key_of(job, SLICE(""));
  key.session = in->has_session ? in->session.id : no_session;
  struct listing l = {job_begin(job), 0};
  buf_puts(l.out, "{\"tasks\":[");
  bool more = errand_list(store_of(job), &key, page, put_listed, &l);
  buf_putc(l.out, ']');
  if (more) put_next(l.out, job, l.last);
  buf_putc(l.out, '}');
  job_end(job);
}
