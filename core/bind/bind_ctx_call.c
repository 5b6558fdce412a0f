// bind_ctx_call.c -- ctx.call: another tool, as a call of its own.
//
//   call(name, args) -> find -> arguments as JSON -> call_start ... wait ->
//   value | nil, err
//
// A tool that prepares is two calls, as it is for a client.
//
// The inner call belongs to the one whose handler makes it, and is cancelled
// when nobody waits for it any more. What it brought is copied, because its
// bytes live until `done` returns, and becomes a Lua value inside the coroutine
// that waits, where it may be too large.

#include <assert.h>
#include <lauxlib.h>
#include <stdlib.h>

#include "base/fault.h"
#include "bind/bind_ctx.h"
#include "script/allowance.h"
#include "script/call.h"
#include "script/call_result.h"
#include "script/context.h"
#include "script/convert.h"
#include "script/fault.h"
#include "script/faults.h"
#include "script/task.h"

#define WHAT          "ctx.call"
#define SUGGESTED_MAX 64   // names looked at for "did you mean"
#define COST_NS       5000 // see allowance_charge()

struct inner {
  struct call_part part; // of the call that waits
  struct call *call;     // while it runs
  const struct tool *tool;
  lua_State *L; // of the task that waits
  struct task_ticket ticket;
  bool waiting, preparing;
  bool *ended;     // told by on_done(); set while a call is being started
  struct buf args; // JSON
  struct json_doc doc;
  struct slice prepared;
  enum call_form form;
  struct buf body; // the result
  struct slice details;
  struct error error;
  uint32_t attempts;
  enum side_effect side_effect;
  struct arena arena;
};

// --- its life ---

static void inner_free(struct inner *in)
{
  assert(!in->call);
  list_remove(&in->part.link);
  buf_finish(&in->args);
  buf_finish(&in->body);
  arena_finish(&in->arena);
  free(in);
}

static void inner_stop(struct inner *in)
{
  in->waiting = false;
  if (in->call) call_cancel(in->call, "the caller");
}

static void on_call_end(struct call_part *part)
{
  struct inner *in = LIST_ITEM(part, struct inner, part);
  inner_stop(in);
  inner_free(in);
}

static void stop_waiting(void *wait)
{
  struct inner *in = wait;
  inner_stop(in);
  inner_free(in);
}

static struct inner *inner_new(lua_State *L, struct call *call,
                               const struct tool *tool)
{
  struct inner *in = fault_now() ? NULL : calloc(1, sizeof(*in));
  if (!in) {
    luaL_error(L, "not enough memory");
    return NULL;
  }
  in->L = L;
  in->tool = tool;
  in->part.stop = on_call_end;
  call_attach(call, &in->part);
  return in;
}

// --- what it brought ---

// Blocks of content are again what tide.content makes.
static void mark_content(lua_State *L)
{
  lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);              // blocks block
    luaL_setmetatable(L, CONTENT_TYPE); // blocks block
    lua_pop(L, 1);                      // blocks
  }
}

// Pushes JSON text as a value. False when it is none, or memory is short. +1/+0
static bool push_json(lua_State *L, struct inner *in, struct slice text)
{
  struct json_doc doc;
  arena_reset(&in->arena);
  if (json_parse(&doc, text, (struct json_limits){0}, &in->arena, NULL) != OK)
    return false;
  convert_push(L, &doc, 0, &in->arena); // value
  return true;
}

static int give_error(lua_State *L, struct inner *in)
{
  lua_pushnil(L);                   // nil
  fault_push(L, &in->error);        // nil err
  lua_pushinteger(L, in->attempts); // nil err attempts
  lua_setfield(L, -2, "attempts");  // nil err
  lua_pushstring(L, side_effect_name(in->side_effect));
  lua_setfield(L, -2, "side_effect"); // nil err
  if (in->details.data && push_json(L, in, buf_slice(&in->body)))
    lua_setfield(L, -2, "details"); // nil err
  inner_free(in);
  return 2;
}

static int give_value(lua_State *L, struct inner *in)
{
  struct slice body = buf_slice(&in->body);
  bool json = in->form == CALL_JSON || in->form == CALL_CONTENT;
  if (!json) {
    lua_pushlstring(L, body.data, body.len); // text
  } else if (!push_json(L, in, body)) {      // value
    error_set(&in->error, E_BAD_RESPONSE, "%s", error_sentence(E_BAD_RESPONSE));
    return give_error(L, in);
  }
  if (in->form == CALL_CONTENT) mark_content(L);
  inner_free(in);
  return 1;
}

static int on_woken(lua_State *L, int status, lua_KContext ctx)
{
  (void)status;
  struct inner *in = (struct inner *)(void *)ctx;
  lua_settop(L, 0);
  if (!buf_ok(&in->body)) return luaL_error(L, "not enough memory");
  return in->form == CALL_ERROR ? give_error(L, in) : give_value(L, in);
}

static bool start(struct inner *in);

// What prepare returned, for the run: JSON, as a client's server keeps it. False:
// no memory.
static bool keep_prepared(struct inner *in, const struct call_result *r)
{
  buf_reset(&in->body, 0);
  if (r->form == CALL_TEXT)
    json_put_string(&in->body, r->body);
  else
    buf_add(&in->body, r->body);
  if (!buf_ok(&in->body)) return false;
  in->prepared = buf_slice(&in->body);
  return true;
}

static void keep_result(struct inner *in, const struct call_result *r)
{
  in->form = r->form;
  in->error = r->error;
  in->details = r->details;
  in->attempts = r->attempts;
  in->side_effect = r->side_effect;
  buf_reset(&in->body, 0);
  buf_add(&in->body, r->form == CALL_ERROR ? r->details : r->body);
  if (r->degraded.data) call_degrade(in->part.call, r->degraded, r->age_ms);
}

static void on_done(void *ctx, struct call *call, const struct call_result *r)
{
  struct inner *in = ctx;
  (void)call;
  in->call = NULL;
  if (in->ended) *in->ended = true;
  in->ended = NULL;
  bool go_on = in->preparing && in->waiting && r->form != CALL_ERROR;
  in->preparing = false;
  if (go_on && keep_prepared(in, r) && start(in)) return;
  if (go_on)
    in->body.failed = true; // no memory: on_woken() says so
  else
    keep_result(in, r);
  if (!in->waiting) return; // cancelled: see inner_stop()
  in->waiting = false;
  task_wake(in->ticket, 0); // `in` may be gone from here on
}

// --- what is asked ---

// The tools of the own integration by their short names are the most likely.
static int refuse_tool(lua_State *L, const struct integration *own,
                       const char *name)
{
  const char *names[SUGGESTED_MAX];
  size_t n = 0;
  for (; n < own->tool_count && n < SUGGESTED_MAX; n++)
    names[n] = own->tools[n]->short_name.data;
  struct slice near = faults_suggest(slice_of(name), names, n);
  if (near.data)
    return luaL_error(L, WHAT ": there is no tool '%s' (did you mean %s?)",
                      name, near.data);
  return luaL_error(L,
                    WHAT ": there is no tool '%s' (a tool of this integration "
                         "by its short name, of another as "
                         "<integration>_<tool>)",
                    name);
}

// Of the own integration by its short name, of any by its full name.
static const struct tool *find_tool(lua_State *L, const struct call *call)
{
  size_t len;
  const char *name = luaL_checklstring(L, 1, &len);
  const struct integration *own = call_tool(call)->integration;
  for (size_t i = 0; i < own->tool_count; i++)
    if (slice_eq(own->tools[i]->short_name, (struct slice){name, len}))
      return own->tools[i];
  const struct tool *tool = catalog_tool(call_live(call)->generation->catalog,
                                         (struct slice){name, len});
  if (!tool) refuse_tool(L, own, name);
  return tool;
}

static void check_depth(lua_State *L, const struct call *call,
                        const struct tool *tool)
{
  if (call_depth(call) < CALL_DEPTH_MAX) return;
  luaL_error(L,
             WHAT ": %s is called by tools that call tools, %d deep already; "
                  "does it call itself?",
             tool->name.data, CALL_DEPTH_MAX);
}

// As the member of an object, for a document's root is no node of its own. The
// schema knows which empty table is a list.
static void read_arguments(lua_State *L, struct inner *in)
{
  struct error err;
  struct buf *out = &in->args;
  buf_puts(out, "{\"arguments\":");
  if (lua_isnil(L, 2))
    buf_puts(out, "{}");
  else if (!lua_istable(L, 2))
    luaL_typeerror(L, 2, "table");
  else if (convert_put(L, 2, in->tool->args, out, &err) != OK)
    luaL_error(L, WHAT ": arguments: %s", err.message);
  buf_putc(out, '}');
  if (!buf_ok(out) ||
      json_parse(&in->doc, buf_slice(out), (struct json_limits){0}, &in->arena,
                 &err) != OK)
    luaL_error(L, "not enough memory");
}

// It may be done when this returns, and then `in` may be gone. False: no memory.
static bool start(struct inner *in)
{
  bool ended = false;
  struct call_options options = {
      .tool = in->tool,
      .doc = &in->doc,
      .arguments = json_get(&in->doc, 0, "arguments"),
      .slot = in->preparing ? in->tool->prepare_slot : 0,
      .prepared = in->prepared,
      .parent = in->part.call,
      .from = in->L};
  in->ended = &ended;
  struct call *call =
      call_start(call_live(in->part.call), &options, on_done, in);
  if (ended) return true;
  in->ended = NULL;
  in->call = call;
  return call != NULL;
}

/// ctx.call(tool: string, args?: table): value | nil, error
/// Waits.
static int ctx_call(lua_State *L)
{
  lua_settop(L, 2);
  luaL_checkstack(L, 8, WHAT);
  task_check(L, WHAT);
  struct call *call = call_of(L, WHAT);
  const struct tool *tool = find_tool(L, call);
  check_depth(L, call, tool);
  allowance_charge(L, COST_NS);
  struct inner *in = inner_new(L, call, tool);
  read_arguments(L, in);
  in->ticket = task_wait(L, stop_waiting, in);
  in->waiting = true; // it may be done before start() returns
  in->preparing = tool->prepare_slot;
  if (!start(in)) {
    in->waiting = false;
    return luaL_error(L, "not enough memory");
  }
  return task_yield_then(L, on_woken, (lua_KContext)(void *)in);
}

void bind_ctx_call(lua_State *L)
{
  lua_pushcfunction(L, ctx_call); // call
  context_set_field(L, CONTEXT_CALL, "call");
}
