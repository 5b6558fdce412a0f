// notices.c -- what a handler tells its client while it runs: progress, messages.
//
// They go on the request's own stream, so the first turns an answer over HTTP
// into events. A client that asked for none, or cannot take events, gets none;
// one that does not read what it asked for gets no more.

#include "base/json.h"
#include "mcp/serve.h"

bool notice_level(struct slice name, enum note_level *level)
{
  for (int i = 0; i < NOTE_LEVELS; i++) {
    if (!slice_is(name, note_names[i])) continue;
    *level = (enum note_level)i;
    return true;
  }
  return false;
}

static uint32_t meta_of(const struct job *job, const char *name)
{
  const struct envelope *env = job->env;
  return env->meta == JSON_NONE ? JSON_NONE
                                : json_get(env->doc, env->meta, name);
}

static bool is_heard(const struct job *job)
{
  return !job->cancelled && !job->quiet && job->exchange->in.fields.accepts_sse;
}

static void send(struct job *job, struct buf *out)
{
  struct slice json = buf_slice(out);
  struct buf clean = {0};
  bool hidden = secret_hide(job_server(job)->options.secrets, &json, &clean);
  bool good =
      buf_ok(out) && json.len &&
      (!hidden || json_valid(json, (struct json_limits){0}, NULL) == OK);
  if (good && !reply_notify(&job->exchange->reply, json)) job->quiet = true;
  buf_finish(&clean);
}

// --- progress ---

// As the client spelt it; absent if it wants none.
static struct slice token_of(const struct job *job)
{
  uint32_t node = meta_of(job, "progressToken");
  if (node == JSON_NONE) return (struct slice){0};
  const struct json_doc *doc = job->env->doc;
  bool good = json_type(doc, node) == JSON_STRING ||
              (json_type(doc, node) == JSON_NUMBER && doc->nodes[node].integer);
  return good ? json_raw(doc, node) : (struct slice){0};
}

static void on_progress(void *ctx, const struct call_progress *p)
{
  struct job *job = ctx;
  struct slice token = token_of(job);
  if (!token.data || !is_heard(job)) return;
  struct buf out = {0};
  buf_add(&out, SLICE("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
                      "progress\",\"params\":{\"progressToken\":"));
  buf_add(&out, token);
  json_put_name(&out, "progress");
  json_put_double(&out, p->progress);
  if (p->has_total) {
    json_put_name(&out, "total");
    json_put_double(&out, p->total);
  }
  if (p->message.data && job_revision(job) >= REVISION_2025_03_26) {
    json_put_name(&out, "message");
    json_put_string(&out, p->message);
  }
  buf_add(&out, SLICE("}}"));
  send(job, &out);
  buf_finish(&out);
}

// --- messages ---

// The least that the client wants to hear. Modern clients say it with each
// request, or want nothing; legacy ones once for their session.
static bool wanted_level(const struct job *job, enum note_level *level)
{
  const struct inbound *in = &job->exchange->in;
  struct arena *arena = &job->exchange->arena;
  if (job_is_modern(job)) {
    uint32_t node = meta_of(job, META_PREFIX "logLevel");
    return node != JSON_NONE &&
           notice_level(json_string(job->env->doc, node, arena), level);
  }
  const struct mcp_server *s = job_server(job);
  int said = -1;
  if (in->has_session)
    said = mcp_shared_level(s->options.shared, in->session.id,
                            loop_wall_ms(s->options.loop));
  *level = said < 0 ? NOTE_INFO : (enum note_level)said;
  return true;
}

static void on_note(void *ctx, enum note_level level, struct slice logger,
                    struct slice data)
{
  struct job *job = ctx;
  enum note_level least;
  if (!is_heard(job) || !wanted_level(job, &least) || level < least) return;
  struct buf out = {0};
  buf_printf(&out,
             "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\","
             "\"params\":{\"level\":\"%s\",\"logger\":",
             note_names[level]);
  json_put_string(&out, logger);
  json_put_name(&out, "data");
  buf_add(&out, data);
  buf_add(&out, SLICE("}}"));
  send(job, &out);
  buf_finish(&out);
}

static bool on_detach(void *ctx, uint32_t retry_ms)
{
  struct job *job = ctx;
  return !job->cancelled && away_leave(job->exchange, retry_ms);
}

const struct call_listener notices = {on_progress, on_note, on_detach};

// --- logging/setLevel, legacy ---

void set_level_run(struct job *job)
{
  const struct inbound *in = &job->exchange->in;
  const struct mcp_server *s = job_server(job);
  enum note_level level;
  struct refusal why;
  struct slice name = job_string(job, job->env->params, "level", &why);
  if (!name.data || !notice_level(name, &level)) {
    job_bad_params(&why, "level must be one of debug, info, notice, warning, "
                         "error, critical, alert, emergency");
    job_refuse(job, &why);
    return;
  }
  if (in->has_session) {
    int64_t now = loop_wall_ms(s->options.loop);
    int64_t expires = now + (int64_t)s->options.session_ttl_s * 1000;
    mcp_shared_set_level(s->options.shared, in->session.id, (int)level, expires,
                         now);
  }
  buf_add(job_begin(job), SLICE("{}"));
  job_end(job);
}
