// resources.c -- resources/read.

#include "base/encode.h"
#include "base/json.h"
#include "mcp/ask.h"
#include "mcp/result.h"
#include "mcp/serve.h"

// --- what is asked ---

void job_refuse_resource(struct job *job, struct slice uri)
{
  struct refusal why;
  struct buf data = {0};
  refuse(&why, 200, job_is_modern(job) ? RPC_INVALID_PARAMS : RPC_NO_RESOURCE,
         "Resource not found");
  buf_add(&data, SLICE("{\"uri\":"));
  json_put_string(&data, uri);
  buf_putc(&data, '}');
  if (buf_ok(&data))
    why.data = arena_copy(&job->exchange->arena, buf_slice(&data));
  buf_finish(&data);
  job_refuse(job, &why);
}

// The variables as a document of the exchange; call_options names a node that
// is not the root.
static bool keep_variables(struct job *job, struct slice variables,
                           struct call_options *options)
{
  struct arena *arena = &job->exchange->arena;
  struct json_doc *doc = arena_alloc(arena, sizeof(*doc));
  struct slice text = arena_printf(arena, "{\"v\":%.*s}", SLICE_ARG(variables));
  if (!doc || !text.data ||
      json_parse(doc, text, (struct json_limits){0}, arena, NULL) != OK)
    return false;
  options->doc = doc;
  options->arguments = json_get(doc, 0, "v");
  return true;
}

// --- what it brought ---

struct contents {
  struct buf *out;
  const struct offer *offer;
  struct slice uri;
};

static void put_head(const struct contents *c, struct slice mime)
{
  buf_add(c->out, SLICE("{\"uri\":"));
  json_put_string(c->out, c->uri);
  buf_add(c->out, SLICE(",\"mimeType\":"));
  json_put_string(c->out, c->offer->mime.data ? c->offer->mime : mime);
  if (!c->offer->meta.len) return;
  buf_add(c->out, SLICE(",\"_meta\":{"));
  buf_add(c->out, c->offer->meta);
  buf_putc(c->out, '}');
}

static void put_text(const struct contents *c, const char *mime,
                     struct slice text)
{
  put_head(c, slice_of(mime));
  buf_add(c->out, SLICE(",\"text\":"));
  json_put_string(c->out, text);
  buf_putc(c->out, '}');
}

static void put_bytes(const struct contents *c, struct slice bytes)
{
  put_head(c, SLICE("application/octet-stream"));
  buf_add(c->out, SLICE(",\"blob\":\""));
  base64_put(c->out, bytes);
  buf_add(c->out, SLICE("\"}"));
}

static struct slice string_of(const struct json_doc *doc, uint32_t block,
                              const char *name, struct arena *arena)
{
  uint32_t node = json_get(doc, block, name);
  struct slice text = {0};
  if (node != JSON_NONE) text = json_string(doc, node, arena);
  return text.data ? text : SLICE("");
}

// A block of content as contents: a resource is one already. A link is none.
static void put_block(const struct contents *c, const struct json_doc *doc,
                      uint32_t block, struct arena *arena)
{
  struct slice type = string_of(doc, block, "type", arena);
  if (slice_is(type, "resource_link")) return;
  json_sep(c->out);
  if (slice_is(type, "resource")) {
    buf_add(c->out, json_raw(doc, json_get(doc, block, "resource")));
  } else if (slice_is(type, "text")) {
    put_text(c, "text/plain", string_of(doc, block, "text", arena));
  } else {
    put_head(c, string_of(doc, block, "mimeType", arena));
    buf_add(c->out, SLICE(",\"blob\":"));
    json_put_string(c->out, string_of(doc, block, "data", arena));
    buf_putc(c->out, '}');
  }
}

static void put_blocks(const struct contents *c, struct slice blocks)
{
  struct arena arena = {0};
  struct json_doc doc;
  if (json_parse(&doc, blocks, (struct json_limits){0}, &arena, NULL) == OK)
    for (uint32_t it = json_first(&doc, 0); it != JSON_NONE;
         it = json_next(&doc, 0, it))
      put_block(c, &doc, it, &arena);
  else
    c->out->failed = true; // it was checked: memory is out
  arena_finish(&arena);
}

static void put_contents(const struct contents *c, const struct call_result *r)
{
  switch (r->form) {
  case CALL_JSON: put_text(c, "application/json", r->body); break;
  case CALL_TEXT: put_text(c, "text/plain", r->body); break;
  case CALL_BYTES: put_bytes(c, r->body); break;
  case CALL_CONTENT: put_blocks(c, r->body); break;
  case CALL_ERROR: break;
  }
}

// What was read may be another's next time: unless its script says otherwise,
// nobody may keep it.
static void put_result(struct job *job, const struct call_result *r,
                       struct slice uri)
{
  struct contents c = {job_begin(job), job->offer, uri};
  buf_reserve(c.out, r->body.len + r->body.len / 2 + 1024);
  buf_add(c.out, SLICE("{\"contents\":["));
  put_contents(&c, r);
  buf_putc(c.out, ']');
  if (job_is_modern(job)) {
    static const struct cache_hint none;
    bool own = ask_was_answered(job);
    const struct cache_hint *hint = own ? &none : &job->offer->cache;
    buf_printf(c.out, ",\"ttlMs\":%lld,\"cacheScope\":\"%s\"",
               (long long)hint->ttl_ms, hint->shared ? "public" : "private");
    result_put_modern_tail(c.out, buf_slice(&job_server(job)->info));
    buf_putc(c.out, '}');
  }
  buf_putc(c.out, '}');
  job_end(job);
}

static void answer(struct job *job, const struct call_result *result)
{
  struct refusal why;
  struct slice uri = job_string(job, job->env->params, "uri", &why);
  struct call_result r = *result;
  struct result_cleaned cleaned = {0};
  result_clean(&r, job_server(job)->options.secrets, &cleaned);
  if (r.form != CALL_ERROR)
    put_result(job, &r, uri);
  else if (r.error.code == E_NOT_FOUND)
    job_refuse_resource(job, uri);
  else
    job_fail(job, &r);
  result_cleaned_finish(&cleaned);
}

static void call(struct job *job, struct slice uri)
{
  const struct catalog *catalog = server_catalog(job_server(job));
  struct call_options options = {.doc = NULL};
  struct buf variables = {0};
  job->offer = catalog_offer(catalog, OFFER_RESOURCE, uri);
  bool template = !job->offer;
  if (template) job->offer = catalog_template(catalog, uri, &variables);
  bool good = !template || !job->offer ||
              keep_variables(job, buf_slice(&variables), &options);
  buf_finish(&variables);
  if (!good) {
    job_out_of_memory(job);
  } else if (!job->offer) {
    job_refuse_resource(job, uri);
  } else {
    options.tool = &job->offer->handler;
    job_call(job, &options, answer);
  }
}

void resources_read_run(struct job *job)
{
  const struct mcp_server *s = job_server(job);
  struct refusal why;
  if (!offers_count(s, OFFER_RESOURCE) && !offers_count(s, OFFER_TEMPLATE)) {
    job_refuse_method(job);
    return;
  }
  struct slice uri = job_string(job, job->env->params, "uri", &why);
  if (uri.data)
    call(job, uri);
  else
    job_refuse(job, &why);
}
