// tools.c -- tools/list and tools/call.

#include <assert.h>

#include "base/json.h"
#include "mcp/ask.h"
#include "mcp/cursor.h"
#include "mcp/errands.h"
#include "mcp/nearest.h"
#include "mcp/result.h"
#include "mcp/serve.h"

// --- tools/list ---

// Nothing is kept when the cursor cannot be made: half a list that looks whole
// would be worse than an error.
static bool put_page(struct job *job, const struct tool_page *page)
{
  const struct mcp_server *s = job_server(job);
  struct buf *out = job_begin(job);
  buf_reserve(out, page->entries.len + 1024);
  buf_add(out, SLICE("{\"tools\":["));
  buf_add(out, page->entries);
  buf_putc(out, ']');
  if (page->last.data) job_put_cursor(job, CURSOR_TOOLS, page->last, out);
  if (job_is_modern(job)) {
    server_put_hints(out, s, CACHED_TOOLS);
    result_put_modern_tail(out, buf_slice(&s->info));
    buf_putc(out, '}');
  }
  buf_putc(out, '}');
  return buf_ok(out);
}

void tools_list_run(struct job *job)
{
  struct mcp_server *s = job_server(job);
  const struct catalog *catalog = server_catalog(s);
  struct tool_page page = {.size = s->options.page_size, .entries = SLICE("")};
  struct refusal why;
  if (!job_read_cursor(job, CURSOR_TOOLS, &page.after, &why)) {
    job_refuse(job, &why);
    return;
  }
  if (catalog && !tool_list_page(&s->list, catalog, job_revision(job), &page)) {
    job_out_of_memory(job);
    return;
  }
  put_page(job, &page);
  job_end(job);
}

// --- tools/call: what is asked ---

static struct slice tool_name(const struct job *job)
{
  uint32_t node = job_param(job, "name");
  if (node == JSON_NONE) return (struct slice){0};
  return json_string(job->env->doc, node, &job->exchange->arena);
}

static const struct tool *find_tool(const struct job *job, struct slice name)
{
  const struct catalog *catalog = server_catalog(job_server(job));
  return catalog && name.data ? catalog_tool(catalog, name) : NULL;
}

// Rung 8. Whatever else is wrong with the params is found by the run.
bool tools_call_check(struct job *job, struct refusal *why)
{
  struct mcp_server *s = job_server(job);
  struct exchange *ex = job->exchange;
  job->tool = find_tool(job, tool_name(job));
  uint32_t arguments = job_param(job, "arguments");
  if (!job->tool || arguments == JSON_NONE) return true;

  const struct param_headers *expected =
      tool_list_headers(&s->list, server_catalog(s), job->tool);
  if (!expected) return refuse(why, 500, RPC_INTERNAL_ERROR, "Out of memory");
  struct param_headers_of request = {ex->headers, ex->header_count,
                                     job->env->doc, &ex->arena};
  return param_headers_check(expected, &request, arguments, why);
}

static bool unknown_tool(const struct job *job, struct slice name,
                         struct refusal *why)
{
  const struct catalog *catalog = server_catalog(job_server(job));
  const struct tool *near = catalog ? nearest_tool(catalog, name) : NULL;
  int shown = name.len > 80 ? 80 : (int)name.len;
  if (near)
    return job_bad_params(why, "Unknown tool: %.*s (did you mean %.*s?)", shown,
                          name.data, SLICE_ARG(near->name));
  return job_bad_params(why, "Unknown tool: %.*s", shown, name.data);
}

// Rung 9.
static bool read_call(struct job *job, uint32_t *arguments, struct refusal *why)
{
  struct slice name = tool_name(job);
  if (!name.data) return job_bad_params(why, "name must be a string");
  if (!job->tool) job->tool = find_tool(job, name); // else rung 8 did
  if (!job->tool) return unknown_tool(job, name, why);
  *arguments = job_param(job, "arguments");
  if (*arguments == JSON_NONE) return true;
  if (json_type(job->env->doc, *arguments) == JSON_OBJECT) return true;
  return job_bad_params(why, "arguments must be an object");
}

// --- tools/call: the call ---

static void answer(struct job *job, const struct call_result *result)
{
  const struct mcp_server *s = job_server(job);
  struct result_style style = {
      .revision = job_revision(job),
      .tool = job->tool,
      .server_info = buf_slice(&s->info),
      .request_id = job->exchange->reply.request_id,
      .secrets = s->options.secrets,
      .with_trail = s->options.trail_in_meta,
  };
  result_put(job_begin(job), result, &style);
  job_end(job);
}

// The answers that a task was begun with begin no other.
static bool may_begin(const struct job *job, struct refusal *why)
{
  struct asker *asker = job->rounds ? rounds_asker(job->rounds) : NULL;
  if (!asker || asker->ops->claim(asker)) return true;
  return job_bad_params(why, "requestState was used: a task runs with it");
}

static void go_on(struct job *job)
{
  struct call_options options = {
      .tool = job->tool,
      .doc = job->env->doc,
      .arguments = job_param(job, "arguments"),
      .prepared = job->prepared,
      .acted = job->acted,
  };
  struct refusal why;
  if (!job->as_errand)
    job_call(job, &options, answer);
  else if (may_begin(job, &why))
    errand_start(job, &options);
  else
    job_refuse(job, &why);
}

// What prepare returned, as JSON; absent without memory.
static struct slice keep_prepared(struct job *job, const struct call_result *r)
{
  struct arena *arena = &job->exchange->arena;
  if (r->form != CALL_TEXT) return arena_copy(arena, r->body);
  struct buf text = {0};
  json_put_string(&text, r->body);
  struct slice kept = {0};
  if (buf_ok(&text)) kept = arena_copy(arena, buf_slice(&text));
  buf_finish(&text);
  return kept;
}

// Its script may have been changed meanwhile. Then the tool that was prepared is
// about to go, and its functions are none of those that are served now.
static bool find_again(struct job *job, struct refusal *why)
{
  struct slice name = tool_name(job);
  job->tool = find_tool(job, name);
  return job->tool ? errand_decide(job, why) : unknown_tool(job, name, why);
}

// It may refuse, or ask first: then there is no task yet.
static void on_prepared(struct job *job, const struct call_result *result)
{
  struct refusal why;
  if (result->form == CALL_ERROR) {
    answer(job, result);
    return;
  }
  job->prepared = keep_prepared(job, result);
  job->acted = result->acted;
  if (!job->prepared.data)
    job_out_of_memory(job);
  else if (find_again(job, &why))
    go_on(job);
  else
    job_refuse(job, &why);
}

void tools_call_run(struct job *job)
{
  struct call_options options = {.doc = job->env->doc};
  struct refusal why;
  if (!read_call(job, &options.arguments, &why) || !errand_decide(job, &why)) {
    job_refuse(job, &why);
    return;
  }
  options.tool = job->tool;
  options.slot = job->tool->prepare_slot;
  if (options.slot)
    job_call(job, &options, on_prepared);
  else
    go_on(job);
}
