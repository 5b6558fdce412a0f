// completion.c -- completion/complete.

#include "base/json.h"
#include "mcp/result.h"
#include "mcp/serve.h"

#define VALUES_MAX 100 // what the protocol allows

// --- the answer ---

static void put_value(struct buf *out, const struct json_doc *doc,
                      uint32_t node, struct arena *arena)
{
  struct slice text = json_type(doc, node) == JSON_STRING
                          ? json_string(doc, node, arena)
                          : json_raw(doc, node);
  json_sep(out);
  json_put_string(out, text);
}

// The first hundred; how many there are.
static uint32_t put_values(struct buf *out, struct slice body)
{
  struct arena arena = {0};
  struct json_doc doc;
  uint32_t n = 0;
  bool list =
      json_parse(&doc, body, (struct json_limits){0}, &arena, NULL) == OK &&
      json_type(&doc, 0) == JSON_ARRAY;
  uint32_t it = list ? json_first(&doc, 0) : JSON_NONE;
  for (; it != JSON_NONE; it = json_next(&doc, 0, it))
    if (n++ < VALUES_MAX) put_value(out, &doc, it, &arena);
  arena_finish(&arena);
  return n;
}

static void put_result(struct job *job, struct slice body)
{
  struct buf *out = job_begin(job);
  buf_add(out, SLICE("{\"completion\":{\"values\":["));
  uint32_t n = put_values(out, body);
  buf_printf(out, "],\"total\":%u,\"hasMore\":%s}", n,
             n > VALUES_MAX ? "true" : "false");
  if (job_is_modern(job)) {
    result_put_modern_tail(out, buf_slice(&job_server(job)->info));
    buf_putc(out, '}');
  }
  buf_putc(out, '}');
  job_end(job);
}

static void answer(struct job *job, const struct call_result *result)
{
  struct call_result r = *result;
  struct result_cleaned cleaned = {0};
  result_clean(&r, job_server(job)->options.secrets, &cleaned);
  if (r.form == CALL_JSON)
    put_result(job, r.body);
  else if (r.form == CALL_ERROR && r.error.code != E_NOT_FOUND)
    job_fail(job, &r);
  else
    put_result(job, SLICE("[]"));
  result_cleaned_finish(&cleaned);
}

// --- what is asked ---

static bool find_offer(struct job *job, struct refusal *why)
{
  const struct catalog *catalog = server_catalog(job_server(job));
  uint32_t ref = job_param(job, "ref");
  struct slice type = job_string(job, ref, "type", why), key;
  if (!type.data) return false;
  bool prompt = slice_is(type, "ref/prompt");
  if (!prompt && !slice_is(type, "ref/resource"))
    return job_bad_params(why, "ref.type must be ref/prompt or ref/resource");
  key = job_string(job, ref, prompt ? "name" : "uri", why);
  if (!key.data) return false;
  job->offer =
      catalog_offer(catalog, prompt ? OFFER_PROMPT : OFFER_TEMPLATE, key);
  if (!job->offer && !prompt)
    job->offer = catalog_offer(catalog, OFFER_RESOURCE, key);
  return job->offer ||
         job_bad_params(why, "ref names no %s", prompt ? "prompt" : "template");
}

static uint32_t object_in(const struct job *job, uint32_t up, const char *name)
{
  const struct json_doc *doc = job->env->doc;
  uint32_t node = up == JSON_NONE ? JSON_NONE : json_get(doc, up, name);
  bool is = node != JSON_NONE && json_type(doc, node) == JSON_OBJECT;
  return is ? node : JSON_NONE;
}

static bool read_params(struct job *job, struct call_options *options,
                        struct refusal *why)
{
  uint32_t argument = job_param(job, "argument");
  struct slice name = job_string(job, argument, "name", why);
  if (!name.data || !job_string(job, argument, "value", why).data ||
      !find_offer(job, why))
    return false;
  const struct offer *offer = job->offer;
  for (size_t i = 0; i < offer->completer_count; i++)
    if (slice_eq(offer->completers[i].name, name))
      options->slot = offer->completers[i].slot;
  options->tool = &offer->handler;
  options->arguments = json_get(job->env->doc, argument, "value");
  options->others = object_in(job, job_param(job, "context"), "arguments");
  return true;
}

void complete_run(struct job *job)
{
  struct call_options options = {.doc = job->env->doc};
  struct refusal why;
  if (!offers_complete(job_server(job)))
    job_refuse_method(job);
  else if (!read_params(job, &options, &why))
    job_refuse(job, &why);
  else if (!options.slot)
    put_result(job, SLICE("[]"));
  else
    job_call(job, &options, answer);
}
