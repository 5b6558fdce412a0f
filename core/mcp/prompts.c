// prompts.c -- prompts/get.

#include "base/json.h"
#include "mcp/downgrade.h"
#include "mcp/result.h"
#include "mcp/serve.h"

// --- messages ---

struct messages {
  struct buf *out;
  const struct json_doc *doc;
  enum revision revision;
  struct arena *arena;
};

static void put_text_message(struct buf *out, const char *role,
                             struct slice text)
{
  json_sep(out);
  buf_printf(out,
             "{\"role\":\"%s\",\"content\":{\"type\":\"text\",\"text\":", role);
  json_put_string(out, text);
  buf_add(out, SLICE("}}"));
}

static void put_block_message(const struct messages *m, const char *role,
                              uint32_t block)
{
  struct buf list = {0}, plain = {0};
  buf_putc(&list, '[');
  buf_add(&list, json_raw(m->doc, block));
  buf_putc(&list, ']');
  downgrade_content(&plain, buf_slice(&list), m->revision);
  bool good = buf_ok(&list) && buf_ok(&plain) && plain.len > 2;
  json_sep(m->out);
  buf_printf(m->out, "{\"role\":\"%s\",\"content\":", role);
  if (good)
    buf_append(m->out, plain.data + 1, plain.len - 2);
  else
    m->out->failed = true;
  buf_putc(m->out, '}');
  buf_finish(&list);
  buf_finish(&plain);
}

// "text", { role=, content="text" or a block }, or a block.
static bool put_message(const struct messages *m, uint32_t node)
{
  if (json_type(m->doc, node) == JSON_STRING) {
    put_text_message(m->out, "user", json_string(m->doc, node, m->arena));
    return true;
  }
  if (json_get(m->doc, node, "type") != JSON_NONE) {
    put_block_message(m, "user", node);
    return true;
  }
  uint32_t role = json_get(m->doc, node, "role");
  uint32_t content = json_get(m->doc, node, "content");
  if (content == JSON_NONE) return false;
  struct slice who = SLICE("user");
  if (role != JSON_NONE) who = json_string(m->doc, role, m->arena);
  bool assistant = slice_is(who, "assistant");
  if (!assistant && !slice_is(who, "user")) return false;
  const char *name = assistant ? "assistant" : "user";
  if (json_type(m->doc, content) == JSON_STRING)
    put_text_message(m->out, name, json_string(m->doc, content, m->arena));
  else if (json_get(m->doc, content, "type") != JSON_NONE)
    put_block_message(m, name, content);
  else
    return false;
  return true;
}

static bool put_list(const struct messages *m)
{
  if (json_type(m->doc, 0) != JSON_ARRAY) return put_message(m, 0);
  uint32_t it = json_first(m->doc, 0);
  for (; it != JSON_NONE; it = json_next(m->doc, 0, it))
    if (!put_message(m, it)) return false;
  return true;
}

// False: what the script gave are no messages.
static bool put_messages(struct job *job, const struct call_result *r,
                         struct buf *out)
{
  if (r->form == CALL_TEXT || r->form == CALL_BYTES) {
    put_text_message(out, "user", r->body);
    return true;
  }
  struct arena arena = {0};
  struct json_doc doc;
  struct messages m = {out, &doc, job_revision(job), &arena};
  bool good =
      json_parse(&doc, r->body, (struct json_limits){0}, &arena, NULL) == OK &&
      put_list(&m);
  arena_finish(&arena);
  return good;
}

// --- the answer ---

static void put_result(struct job *job, struct slice messages)
{
  struct buf *out = job_begin(job);
  buf_putc(out, '{');
  json_put_name(out, "description");
  json_put_string(out, job->offer->handler.about);
  buf_add(out, SLICE(",\"messages\":["));
  buf_add(out, messages);
  buf_putc(out, ']');
  if (job_is_modern(job)) {
    result_put_modern_tail(out, buf_slice(&job_server(job)->info));
    buf_putc(out, '}');
  }
  buf_putc(out, '}');
  job_end(job);
}

static void refuse_messages(struct job *job)
{
  struct refusal why;
  refuse(&why, 200, RPC_INTERNAL_ERROR,
         "the prompt gave no messages: expected texts, content, or { role = "
         "\"user\", content = ... }");
  log_warn(job_server(job)->options.log, "mcp/prompts",
           "no messages prompt=%.*s req=%.*s",
           SLICE_ARG(job->offer->handler.name),
           SLICE_ARG(job->exchange->reply.request_id));
  job_refuse(job, &why);
}

static void answer(struct job *job, const struct call_result *result)
{
  struct call_result r = *result;
  struct result_cleaned cleaned = {0};
  struct buf messages = {0};
  result_clean(&r, job_server(job)->options.secrets, &cleaned);
  if (r.form == CALL_ERROR)
    job_fail(job, &r);
  else if (!put_messages(job, &r, &messages))
    refuse_messages(job);
  else if (!buf_ok(&messages))
    job_out_of_memory(job);
  else
    put_result(job, buf_slice(&messages));
  buf_finish(&messages);
  result_cleaned_finish(&cleaned);
}

// --- what is asked ---

static bool read_get(struct job *job, uint32_t *arguments, struct refusal *why)
{
  struct slice name = job_string(job, job->env->params, "name", why);
  if (!name.data) return false;
  const struct catalog *catalog = server_catalog(job_server(job));
  job->offer = catalog_offer(catalog, OFFER_PROMPT, name);
  int shown = name.len > 80 ? 80 : (int)name.len;
  if (!job->offer)
    return job_bad_params(why, "Unknown prompt: %.*s", shown, name.data);
  *arguments = job_param(job, "arguments");
  if (*arguments == JSON_NONE ||
      json_type(job->env->doc, *arguments) == JSON_OBJECT)
    return true;
  return job_bad_params(why, "arguments must be an object");
}

void prompts_get_run(struct job *job)
{
  struct call_options options = {.doc = job->env->doc};
  struct refusal why;
  if (!offers_count(job_server(job), OFFER_PROMPT)) {
    job_refuse_method(job);
  } else if (!read_get(job, &options.arguments, &why)) {
    job_refuse(job, &why);
  } else {
    options.tool = &job->offer->handler;
    job_call(job, &options, answer);
  }
}
