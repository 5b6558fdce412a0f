// offers.c -- the lists of resources, templates and prompts.

#include "base/json.h"
#include "mcp/cursor.h"
#include "mcp/downgrade.h"
#include "mcp/result.h"
#include "mcp/serve.h"

static const struct offer_list *list_of(const struct mcp_server *s,
                                        enum offer_kind kind)
{
  const struct catalog *catalog = server_catalog(s);
  return catalog ? &catalog->offers[kind] : NULL;
}

size_t offers_count(const struct mcp_server *s, enum offer_kind kind)
{
  const struct offer_list *list = list_of(s, kind);
  return list ? list->count : 0;
}

bool offers_complete(const struct mcp_server *s)
{
  for (int kind = 0; kind < OFFER_KINDS; kind++) {
    const struct offer_list *list = list_of(s, (enum offer_kind)kind);
    for (size_t i = 0; list && i < list->count; i++)
      if (list->items[i].completer_count) return true;
  }
  return false;
}

bool server_lists(const struct mcp_server *s, enum hub_topic topic)
{
  if (topic == HUB_PROMPTS) return offers_count(s, OFFER_PROMPT);
  if (topic == HUB_RESOURCES)
    return offers_count(s, OFFER_RESOURCE) || offers_count(s, OFFER_TEMPLATE);
  return topic == HUB_TOOLS;
}

// --- how long clients may keep them ---

// What scripts say of a list. An integration that says nothing of it has the
// server's word.
void server_put_hints(struct buf *out, const struct mcp_server *s,
                      enum cached_list list)
{
  const struct catalog *catalog = server_catalog(s);
  int64_t ttl_ms = s->options.list_ttl_ms;
  bool shared = true;
  if (catalog && catalog->lists[list].said) {
    const struct cache_hint *hint = &catalog->lists[list];
    shared = hint->shared;
    if (!hint->partly || hint->ttl_ms < ttl_ms) ttl_ms = hint->ttl_ms;
  }
  buf_printf(out, ",\"ttlMs\":%lld,\"cacheScope\":\"%s\"", (long long)ttl_ms,
             shared ? "public" : "private");
}

// --- pages ---

static const struct {
  const char *member;
  enum cursor_list cursors;
  enum cached_list cached;
} lists[OFFER_KINDS] = {
    {"resources", CURSOR_RESOURCES, CACHED_RESOURCES},
    {"resourceTemplates", CURSOR_TEMPLATES, CACHED_TEMPLATES},
    {"prompts", CURSOR_PROMPTS, CACHED_PROMPTS}};

// The first entry behind the cursor.
static bool read_cursor(struct job *job, enum offer_kind kind, size_t *from,
                        struct refusal *why)
{
  struct slice last;
  *from = 0;
  if (!job_read_cursor(job, lists[kind].cursors, &last, why)) return false;
  if (!last.data) return true;
  const struct offer_list *list = list_of(job_server(job), kind);
  while (*from < list->count && slice_order(list->items[*from].key, last) <= 0)
    (*from)++;
  return true;
}

static void put_page(struct job *job, enum offer_kind kind, size_t from)
{
  const struct mcp_server *s = job_server(job);
  const struct offer_list *list = list_of(s, kind);
  size_t left = list->count - from, size = s->options.page_size;
  size_t to = from + (left < size ? left : size);
  struct buf *out = job_begin(job);
  buf_printf(out, "{\"%s\":[", lists[kind].member);
  for (size_t i = from; i < to; i++) {
    json_sep(out);
    downgrade_offer(out, &list->items[i], job_revision(job));
  }
  buf_putc(out, ']');
  if (to < list->count)
    job_put_cursor(job, lists[kind].cursors, list->items[to - 1].key, out);
  if (job_is_modern(job)) {
    server_put_hints(out, s, lists[kind].cached);
    result_put_modern_tail(out, buf_slice(&s->info));
    buf_putc(out, '}');
  }
  buf_putc(out, '}');
}

static void list_run(struct job *job, enum offer_kind kind)
{
  struct refusal why;
  size_t from;
  if (!read_cursor(job, kind, &from, &why)) {
    job_refuse(job, &why);
    return;
  }
  put_page(job, kind, from);
  job_end(job);
}

static bool has_resources(const struct job *job)
{
  return server_lists(job_server(job), HUB_RESOURCES);
}

void resources_list_run(struct job *job)
{
  if (has_resources(job))
    list_run(job, OFFER_RESOURCE);
  else
    job_refuse_method(job);
}

void templates_list_run(struct job *job)
{
  if (has_resources(job))
    list_run(job, OFFER_TEMPLATE);
  else
    job_refuse_method(job);
}

void prompts_list_run(struct job *job)
{
  if (offers_count(job_server(job), OFFER_PROMPT))
    list_run(job, OFFER_PROMPT);
  else
    job_refuse_method(job);
}
