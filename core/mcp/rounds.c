// rounds.c -- see ask.h: questions of a modern call, over several requests.

#include "mcp/ask.h"
#include "mcp/ask_state.h"
#include "mcp/result.h"

struct rounds {
  struct replay replay;
  struct job *job;
  struct ask_state state;
  bool returned; // with a state
  bool claimed;
};

static struct rounds *rounds_of(struct replay *replay)
{
  return LIST_ITEM(replay, struct rounds, replay);
}

struct asker *rounds_asker(struct rounds *r)
{
  return &r->replay.asker;
}

const unsigned char *rounds_run(const struct rounds *r)
{
  return r->returned ? r->state.run : NULL;
}

bool rounds_were_answered(const struct rounds *r)
{
  return r->replay.answers;
}

// --- what came back ---

static bool refuse_state(struct refusal *why)
{
  return job_bad_params(why, "requestState is not one for this request, or has "
                             "expired; call again without it");
}

// The reasons are not told apart to the client: who forges learns nothing.
static bool check_state(const struct rounds *r)
{
  const struct job *job = r->job;
  unsigned char digest[SHA256_LEN];
  if (!ask_request_digest(job->env->doc, job->env->method, job->env->params,
                          digest))
    return false;
  struct slice ours = {(const char *)digest, SHA256_LEN};
  struct slice theirs = {(const char *)r->state.request, SHA256_LEN};
  return hash_equal(ours, theirs) &&
         slice_eq(r->state.principal, job_principal(job)) &&
         r->state.expires_ms > loop_wall_ms(job_server(job)->options.loop);
}

static bool add_answers(struct rounds *r)
{
  const struct json_doc *doc = r->job->env->doc;
  uint32_t responses = job_param(r->job, "inputResponses");
  for (const struct replay_answer *it = r->state.answers; it; it = it->next)
    if (!replay_add(&r->replay, it->digest, it->text)) return false;
  if (responses == JSON_NONE) return true;
  for (const struct replay_question *q = r->state.asked; q; q = q->next) {
    uint32_t node = json_get_slice(doc, responses, q->key);
    if (node == JSON_NONE) continue; // it is asked again
    if (!replay_add(&r->replay, q->digest, json_raw(doc, node))) return false;
  }
  return true;
}

static bool read_state(struct rounds *r, uint32_t node, struct refusal *why)
{
  const struct job *job = r->job;
  const struct json_doc *doc = job->env->doc;
  struct arena *arena = &job->exchange->arena;
  uint32_t responses = job_param(job, "inputResponses");
  if (responses != JSON_NONE && json_type(doc, responses) != JSON_OBJECT)
    return job_bad_params(why, "inputResponses must be an object");
  struct slice text = json_string(doc, node, arena);
  if (!text.data ||
      !ask_state_open(job_server(job)->options.seals, text, arena, &r->state) ||
      !check_state(r))
    return refuse_state(why);
  r->returned = true;
  r->replay.round = r->state.round;
  if (add_answers(r)) return true;
  return refuse(why, 500, RPC_INTERNAL_ERROR, "Out of memory");
}

// Without a state nothing was asked here. What the client says all the same is
// its word like any other, if it can only mean this question: one that the
// script has named. It must be the first run, or it would answer twice.
static struct slice find(struct replay *replay, const struct question *q)
{
  const struct rounds *r = rounds_of(replay);
  const struct json_doc *doc = r->job->env->doc;
  uint32_t responses = job_param(r->job, "inputResponses");
  if (r->returned || !q->named || responses == JSON_NONE)
    return (struct slice){0};
  uint32_t node = json_get_slice(doc, responses, q->key);
  return node == JSON_NONE ? (struct slice){0} : json_raw(doc, node);
}

// --- one run ---

static bool claim(struct replay *replay)
{
  struct rounds *r = rounds_of(replay);
  const struct mcp_server *s = job_server(r->job);
  if (!r->returned || r->claimed) return true;
  r->claimed =
      mcp_shared_spend(s->options.shared, r->state.run, r->state.expires_ms,
                       loop_wall_ms(s->options.loop));
  return r->claimed;
}

static void on_round(struct replay *replay)
{
  struct job *job = rounds_of(replay)->job;
  job_server(job)->runner->suspend(job->call);
}

struct rounds *rounds_new(struct job *job, struct refusal *why)
{
  struct arena *arena = &job->exchange->arena;
  struct rounds *r = arena_alloc(arena, sizeof(*r));
  if (!r) {
    refuse(why, 500, RPC_INTERNAL_ERROR, "Out of memory");
    return NULL;
  }
  r->job = job;
  r->replay = (struct replay){
      .loop = job_server(job)->options.loop,
      .arena = arena,
      .can = ask_can(job),
      .claim = claim,
      .find = find,
      .on_round = on_round,
  };
  replay_init(&r->replay);
  uint32_t state = job_param(job, "requestState");
  return state == JSON_NONE || read_state(r, state, why) ? r : NULL;
}

// --- what is asked ---

static void put_requests(struct buf *out, const struct replay_question *q)
{
  buf_putc(out, '{');
  for (; q; q = q->next) {
    json_sep(out);
    json_put_string(out, q->key);
    buf_printf(out, ":{\"method\":\"%s\",\"params\":", ask_method(q->kind));
    buf_add(out, q->params);
    buf_putc(out, '}');
  }
  buf_putc(out, '}');
}

static uint32_t longest(const struct replay_question *q)
{
  uint32_t seconds = 0;
  for (; q; q = q->next)
    if (q->timeout_s > seconds) seconds = q->timeout_s;
  return seconds;
}

// A run that nobody has asked for anything has no id yet; any will do.
static bool seal_state(struct rounds *r, const struct call_result *result,
                       struct buf *out)
{
  const struct job *job = r->job;
  const struct mcp_server *s = job_server(job);
  int64_t now = loop_wall_ms(s->options.loop);
  struct ask_state next = {
      .round = r->replay.round + 1,
      .expires_ms = now + (int64_t)longest(r->replay.asked) * 1000,
      .principal = job_principal(job),
      .answers = r->replay.answers,
      .asked = r->replay.asked,
  };
  if (result->run)
    memcpy(next.run, result->run, RUN_ID_LEN);
  else if (!random_bytes(next.run, RUN_ID_LEN))
    return false;
  return ask_request_digest(job->env->doc, job->env->method, job->env->params,
                            next.request) &&
         ask_state_seal(s->options.seals, &next, out);
}

static void put_result(struct job *job, struct slice requests,
                       struct slice state)
{
  struct buf *out = job_begin(job);
  buf_add(out, SLICE("{\"inputRequests\":"));
  buf_add(out, requests);
  buf_add(out, SLICE(",\"requestState\":\""));
  buf_add(out, state);
  buf_add(out, SLICE("\",\"resultType\":\"input_required\",\"_meta\":{"
                     "\"io.modelcontextprotocol/serverInfo\":"));
  buf_add(out, buf_slice(&job_server(job)->info));
  buf_add(out, SLICE("}}"));
  job_end(job);
}

static void fail(struct job *job, const struct call_result *result,
                 enum error_code code, const char *why)
{
  struct call_result r = *result;
  r.suspended = false;
  r.error.retry_after_ms = -1;
  error_set(&r.error, code, "%s", why);
  job->answer(job, &r);
}

void rounds_end(struct rounds *r, const struct call_result *result)
{
  struct job *job = r->job;
  struct buf requests = {0}, state = {0}, clean = {0};
  put_requests(&requests, r->replay.asked);
  struct slice json = buf_slice(&requests);
  bool hidden = secret_hide(job_server(job)->options.secrets, &json, &clean);
  bool good =
      buf_ok(&requests) &&
      (!hidden || json_valid(json, (struct json_limits){0}, NULL) == OK);
  if (r->replay.failed)
    fail(job, result, E_NO_MEMORY, error_sentence(E_NO_MEMORY));
  else if (!good)
    fail(job, result, E_SCRIPT, error_sentence(E_SCRIPT));
  else if (!seal_state(r, result, &state))
    fail(job, result, E_TOO_LARGE,
         "what was answered is too long to be kept until the next answer");
  else
    put_result(job, json, buf_slice(&state));
  buf_finish(&requests);
  buf_finish(&state);
  buf_finish(&clean);
}
