// mcp_fakes.c -- the runner and the outlet of mcp_fakes.h.

#include "testing/mcp_fakes.h"

#include <string.h>

// --- calls ---

static struct world *world_of(const struct live *live)
{
  return LIST_ITEM(live, struct world, live);
}

static void note(struct buf *to, struct slice text)
{
  buf_reset(to, 0);
  buf_add(to, text);
}

static struct call *start(const struct live *live,
                          const struct call_options *options, call_done_fn done,
                          void *ctx)
{
  struct world *w = world_of(live);
  if (w->at_once) w->call_count = 0; // nobody will ask for it
  if (w->refuses || w->call_count == WORLD_CALLS) return NULL;
  struct call *call = &w->calls[w->call_count++];
  call->world = w;
  call->done = done;
  call->ctx = ctx;
  call->has_run = options->run;
  if (options->run) memcpy(call->run, options->run, RUN_ID_LEN);
  call->running = true;
  note(&call->tool, options->tool->name);
  note(&call->arguments, options->arguments == JSON_NONE
                             ? SLICE("none")
                             : json_raw(options->doc, options->arguments));
  note(&call->request_id, options->request_id);
  note(&call->principal, options->principal);
  note(&call->prepared, options->prepared);
  call->slot = options->slot;
  call->asker = options->asker;
  call->as_task = options->as_task;
  call->deadline_ns = options->deadline_ns;
  call->listener = options->listener;
  call->cancelled_by[0] = '\0';
  if (!w->at_once) return call;

  call->running = false;
  struct call_result result = {.form = CALL_JSON,
                               .body = SLICE("{}"),
                               .body_checked = true,
                               .error.retry_after_ms = -1};
  done(ctx, call, &result);
  return call;
}

static void suspend(struct call *call)
{
  call->running = false;
  t_drop_questions(call);
  struct call_result result = {.form = CALL_ERROR, .suspended = true};
  if (call->has_run) result.run = call->run;
  call->done(call->ctx, call, &result);
}

static void cancel(struct call *call, const char *by)
{
  t_free_question(call);
  call->running = false;
  t_drop_questions(call);
  strncat(call->cancelled_by, by, sizeof(call->cancelled_by) - 1);
  struct call_result result = {.form = CALL_ERROR};
  error_set(&result.error, E_CANCELLED, "cancelled");
  result.error.retry_after_ms = -1;
  call->done(call->ctx, call, &result);
}

const struct runner t_runner = {start, cancel, suspend};

static struct slice field(lua_State *L, int index, const char *name)
{
  struct slice s = {0};
  lua_getfield(L, index, name); // ... value
  if (!lua_isnil(L, -1)) s = t_slice(L, -1);
  lua_pop(L, 1); // the table keeps it
  return s;
}

static lua_Integer number(lua_State *L, int index, const char *name,
                          lua_Integer missing)
{
  lua_getfield(L, index, name); // ... value
  lua_Integer n = luaL_optinteger(L, -1, missing);
  lua_pop(L, 1);
  return n;
}

struct call_result t_read_result(lua_State *L, int index)
{
  static const char *const forms[] = {"json", "text", "content", "error", NULL};
  struct call_result r = {.body = field(L, index, "body")};
  lua_getfield(L, index, "form"); // ... form
  r.form = (enum call_form)luaL_checkoption(L, -1, "json", forms);
  lua_getfield(L, index, "unchecked"); // ... form unchecked
  r.body_checked = !lua_toboolean(L, -1);
  lua_pop(L, 2);
  struct slice code = field(L, index, "code");
  enum error_code parsed = E_INTERNAL;
  if (code.data) error_parse(code, &parsed);
  struct slice message = field(L, index, "message");
  error_set(&r.error, parsed, "%.*s", SLICE_ARG(message));
  r.error.retry_after_ms = number(L, index, "retry_after_ms", -1);
  r.attempts = (uint32_t)number(L, index, "attempts", 0);
  r.side_effect = (enum side_effect)number(L, index, "side_effect", 0);
  r.age_ms = number(L, index, "age_ms", -1);
  if (number(L, index, "degraded", 0)) r.degraded = SLICE("fallback");
  r.details = field(L, index, "details");
  r.lacked = (unsigned)number(L, index, "lacked", 0);
  return r;
}

// --- answers ---

static void put_headers(struct answer *a, const struct header *headers,
                        size_t n)
{
  for (size_t i = 0; i < n; i++) {
    buf_add(&a->headers, headers[i].name);
    buf_puts(&a->headers, ": ");
    buf_add(&a->headers, headers[i].value);
    buf_putc(&a->headers, '\n');
  }
}

static void respond(void *to, int status, const struct header *headers,
                    size_t n, struct buf *body)
{
  struct answer *a = to;
  a->ended = true;
  a->status = status;
  put_headers(a, headers, n);
  buf_add(&a->body, buf_slice(body));
}

static void begin(void *to, int status, const struct header *headers, size_t n)
{
  struct answer *a = to;
  a->streamed = true;
  a->status = status;
  put_headers(a, headers, n);
}

static bool write_bytes(void *to, struct slice bytes)
{
  struct answer *a = to;
  if (!a->left) buf_add(&a->body, bytes);
  return !a->slow;
}

static void end(void *to)
{
  struct answer *a = to;
  a->ended = true;
}

static void on_gone(void *to, void (*fn)(void *ctx), void *ctx)
{
  struct answer *a = to;
  a->on_gone = fn;
  a->gone_ctx = ctx;
}

static size_t unsent(void *to)
{
  struct answer *a = to;
  return a->slow ? a->body.len : 0;
}

static void last(void *to)
{
  struct answer *a = to;
  a->lasts = true;
  memset((char *)(uintptr_t)a->message.data, '#', a->message.len);
}

static void on_drain(void *to, void (*fn)(void *ctx), void *ctx)
{
  struct answer *a = to;
  a->on_drain = fn;
  a->drain_ctx = ctx;
}

static void leave(void *to)
{
  struct answer *a = to;
  a->left = true;
}

const struct outlet_ops t_outlet_ops = {
    .respond = respond,
    .begin = begin,
    .write = write_bytes,
    .end = end,
    .on_gone = on_gone,
    .unsent = unsent,
    .last = last,
    .on_drain = on_drain,
    .leave = leave,
};
