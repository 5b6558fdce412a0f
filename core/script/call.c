// call.c -- see call.h for the contract.
//
// A call checks its arguments, runs the handler as a task and, when that
// failed for the service's sake, the fallback as another. end() is the only
// way out. What bindings use is in call_bound.c.

#include "script/call.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"
#include "loop/clock.h"
#include "script/call_inside.h"
#include "script/call_result.h"
#include "script/context.h"
#include "script/convert.h"
#include "script/fault.h"

// Time kept for the fallback when the handler has used up the rest.
#define RESERVE_NS (20 * NS_PER_MS)

void call_step(struct call *c, enum trail_kind kind, enum error_code code,
               int64_t a, struct slice label)
{
  trail_add(&c->trail, loop_exact(call_loop(c)), kind, code, a, 0, label);
}

// --- the end ---

static void give_back(struct call *c)
{
  while (!list_empty(&c->parts)) {
    struct call_part *part = LIST_ITEM(c->parts.next, struct call_part, link);
    list_remove(&part->link);
    part->stop(part);
  }
  timer_stop(&c->timer); // a question that is dropped has set it again
}

static void log_end(const struct call *c, const struct call_result *r)
{
  struct log *log = vm_log(c->live.vm);
  if (!log_on(log, LOG_INFO)) return;
  uint64_t ns = loop_exact(call_loop(c)) - c->trail.start_ns;
  char principal[96], more[TOOL_NAME_MAX + 64] = "";
  size_t len = 0;
  if (c->parent)
    len = (size_t)snprintf(more, sizeof(more), " by=%.*s",
                           SLICE_ARG(c->parent->tool->name));
  if (r->degraded.data)
    snprintf(more + len, sizeof(more) - len, " degraded=%.*s",
             SLICE_ARG(r->degraded));
  log_write(log, LOG_INFO, "script/call",
            "call %s=%.*s req=%.*s code=%s us=%" PRIu64
            " attempts=%u generation=%" PRIu64 "%s principal=%s",
            call_kind(c), SLICE_ARG(c->tool->name), SLICE_ARG(c->request_id),
            r->suspended ? "asked" : error_name(r->error.code), ns / 1000,
            c->attempts, c->live.generation->number, more,
            log_value(principal, sizeof(principal), c->principal));
}

static void mark_degraded(struct call *c, struct call_result *r)
{
  bool data = c->tool->fallback_data.data != NULL;
  r->age_ms = -1;
  if (r->form == CALL_ERROR) return;
  if (c->falling_back)
    call_degrade(c, data ? SLICE("static") : SLICE("fallback"), -1);
  if (!c->degraded.data) return;
  r->degraded = c->degraded;
  r->age_ms = c->age_ms;
}

// The only way out. `r` may point into responses: they live until done is over.
static void end(struct call *c, struct call_result *r)
{
  struct vm *vm = c->live.vm;
  if (c->ended) *c->ended = true;
  r->attempts = c->attempts;
  r->side_effect = c->side_effect;
  r->trail = &c->trail;
  r->suspended = c->suspended;
  r->acted = c->asking->acts > 0;
  r->lacked = c->asking->lacked;
  r->run = c->asking->has_run ? c->asking->run : NULL;
  bool fell_back = c->falling_back && r->form != CALL_ERROR;
  call_step(c, TRAIL_RESULT, r->error.code, (int64_t)r->body.len,
            fell_back ? SLICE("by the fallback") : (struct slice){0});
  mark_degraded(c, r);
  log_end(c, r);
  if (c->parent) trail_join(&c->parent->trail, &c->trail, c->number);
  c->done(c->ctx, c, r);
  give_back(c);
  buf_finish(&c->out);
  arena_finish(&c->arena);
  free(c);
  vm_release(vm);
}

static void end_with(struct call *c, const struct error *err)
{
  struct call_result r = {.form = CALL_ERROR, .error = *err};
  end(c, &r);
}

// --- running ---

static int leave(lua_State *L, int status, lua_KContext ctx)
{
  (void)status, (void)ctx;
  return lua_gettop(L);
}

static uint32_t slot_of(const struct call *c)
{
  if (c->falling_back) return c->tool->fallback_slot;
  return c->slot ? c->slot : c->tool->run_slot;
}

static bool is_preparing(const struct call *c)
{
  return c->slot && c->slot == c->tool->prepare_slot;
}

// What prepare returned, once more as a value. +1 m
static void push_prepared(lua_State *L, struct call *c)
{
  struct json_doc doc;
  if (json_parse(&doc, c->prepared, (struct json_limits){0}, &c->arena, NULL) !=
      OK)
    luaL_error(L, "not enough memory");
  convert_push(L, &doc, 0, &c->arena); // ... value
}

// The body of the task: makes the arguments inside the coroutine, where running
// out of memory ends the task and nothing else, and calls the script.
static int enter(lua_State *L)
{
  struct call *c = lua_touserdata(L, 1);
  lua_settop(L, 0);
  vm_push_function(c->live.vm, L, slot_of(c)); // fn
  context_push(L, CONTEXT_CALL);               // fn ctx
  if (c->doc)
    convert_push(L, c->doc, c->node, &c->arena); // fn ctx args
  else
    lua_newtable(L); // fn ctx args
  if (c->others)
    convert_push(L, c->doc, c->others, &c->arena); // fn ctx args others
  else if (c->slot && !is_preparing(c))
    lua_newtable(L); // fn ctx args others
  else if (c->prepared.data && !c->falling_back)
    push_prepared(L, c);                            // fn ctx args prepared
  if (c->falling_back) call_push_first_error(L, c); // fn ctx args err
  return task_call(L, lua_gettop(L) - 1, leave, 0);
}

static void on_task_done(void *ctx, lua_State *L, enum error_code code);

// A task may end inside task_start(). If that ends the call, c is gone; if it
// leads to the fallback, that one is started here rather than inside.
static void run(struct call *c)
{
  lua_State *L = c->from ? c->from : vm_state(c->live.vm);
  do {
    bool ended = false;
    c->again = false;
    c->ended = &ended;
    lua_pushcfunction(L, enter); // enter
    lua_pushlightuserdata(L, c); // enter call
    struct task_ticket ticket =
        task_start(vm_tasks(c->live.vm), L, 1, c, on_task_done, c);
    if (ended) return;
    c->ended = NULL;
    c->ticket = ticket;
  } while (c->again);
}

static void give_data(struct call *c)
{
  struct call_result r = {.form = CALL_JSON,
                          .body = c->tool->fallback_data,
                          .body_checked = true,
                          .error.retry_after_ms = -1};
  end(c, &r);
}

static void fall_back(struct call *c, const struct call_result *r)
{
  c->falling_back = true;
  c->expired = false;
  c->first_error = r->error;
  c->first_details = r->details;
  call_step(c, TRAIL_FALLBACK, r->error.code, 0, (struct slice){0});
  if (c->tool->fallback_data.data) {
    give_data(c);
    return;
  }
  c->stop_ns = c->deadline_ns;
  timer_start_at(&c->timer, c->stop_ns);
  if (c->ended)
    c->again = true;
  else
    run(c);
}

static void fail(struct call *c, lua_State *L, int index, struct call_result *r)
{
  r->form = CALL_ERROR;
  call_result_details(L, index, &c->arena, r);
  if (c->falling_back) {
    call_fallback_failed(c, r);
  } else if (!is_preparing(c) && call_wants_fallback(c, &r->error)) {
    fall_back(c, r);
    return;
  }
  end(c, r);
}

// What was raised, and where: for the log alone.
static void log_failure(const struct call *c, struct slice text)
{
  if (!text.len) return;
  log_warn(vm_log(c->live.vm), "script/call",
           "script failed %s=%.*s req=%.*s: %.*s", call_kind(c),
           SLICE_ARG(c->tool->name), SLICE_ARG(c->request_id), SLICE_ARG(text));
}

// Where on L the error object is; 0 if the handler did not fail. Whatever it
// returned behind nil is an error, or a slip would pass for success.
static int failure_at(struct call *c, lua_State *L, enum error_code code)
{
  if (code != OK) {
    log_failure(c, task_failure_text(vm_tasks(c->live.vm)));
    return lua_gettop(L);
  }
  bool nothing = lua_isnoneornil(L, 1) && !lua_isnoneornil(L, 2);
  bool refused = !lua_toboolean(L, 1) && fault_is(L, 2);
  if (!nothing && !refused) return 0;
  lua_settop(L, 2); // nil err
  struct buf text = {0};
  if (lua_type(L, 2) == LUA_TSTRING)
    buf_puts(&text, "returned nil and a text, which agents are not told; "
                    "return nil, tide.error(code, text): ");
  fault_wrap(L, &text); // nil object
  log_failure(c, buf_slice(&text));
  buf_finish(&text);
  return 2;
}

// What the tool declares is what run returns.
static enum error_code read_returned(struct call *c, lua_State *L,
                                     struct call_result *r)
{
  static const struct tool plain = {.kind = KIND_TOOL};
  if (!is_preparing(c))
    return call_result_read(L, c->tool, &c->out, &c->arena, r);
  if (!lua_isnoneornil(L, 1))
    return call_result_read(L, &plain, &c->out, &c->arena, r);
  r->form = CALL_JSON;
  r->body = SLICE("null");
  r->body_checked = true;
  return OK;
}

static void on_task_done(void *ctx, lua_State *L, enum error_code code)
{
  struct call *c = ctx;
  struct call_result r = {.error = {.retry_after_ms = -1}};
  int failed = failure_at(c, L, code);
  if (failed) {
    fail(c, L, failed, &r);
    return;
  }
  bool nothing = c->falling_back && lua_isnoneornil(L, 1);
  if (!nothing && read_returned(c, L, &r) != OK && r.error.code != E_NOT_FOUND)
    log_warn(vm_log(c->live.vm), "script/call",
             "bad result %s=%.*s req=%.*s: %s", call_kind(c),
             SLICE_ARG(c->tool->name), SLICE_ARG(c->request_id),
             r.error.message);
  if (c->falling_back && (nothing || r.form == CALL_ERROR))
    call_fallback_failed(c, &r);
  end(c, &r);
}

static void on_deadline(struct timer *timer, void *ctx)
{
  (void)timer;
  struct call *c = ctx;
  call_step(c, TRAIL_CANCEL, E_TIMEOUT, 0, SLICE("deadline"));
  c->expired = true;
  task_cancel(c->ticket, E_TIMEOUT);
}

// --- the beginning ---

// It is the caller's: who asks, and for what.
static void adopt(struct call *c, struct call *parent, lua_State *from)
{
  struct call *top = parent;
  while (top->parent)
    top = top->parent;
  c->parent = parent;
  c->asking = parent->asking;
  c->from = from;
  c->depth = parent->depth + 1;
  c->number = ++top->inner_count;
  c->listener = NULL;
}

// A principal that is absent would be nobody's, and so everybody's, in the key of
// a cache: without memory for its name there is no call.
static bool keep_texts(struct call *c, const struct call_options *o)
{
  const struct call *parent = o->parent;
  c->principal =
      parent ? parent->principal : arena_copy(&c->arena, o->principal);
  c->request_id =
      parent ? parent->request_id : arena_copy(&c->arena, o->request_id);
  if (o->prepared.data) c->prepared = arena_copy(&c->arena, o->prepared);
  return c->principal.data && c->request_id.data &&
         (c->prepared.data || !o->prepared.data);
}

static struct call *create(const struct live *live,
                           const struct call_options *o, call_done_fn done,
                           void *ctx)
{
  struct call *c = malloc(sizeof(*c));
  if (!c) return NULL;
  memset(c, 0, offsetof(struct call, trail));
  if (!keep_texts(c, o)) {
    arena_finish(&c->arena);
    free(c);
    return NULL;
  }
  c->live = *live;
  c->tool = o->tool;
  c->done = done;
  c->ctx = ctx;
  c->listener = o->listener;
  c->asking = &c->own_asking;
  c->asking->arena = &c->arena;
  c->asking->asker = o->asker;
  c->asking->prepares = o->slot && o->slot == o->tool->prepare_slot;
  c->asking->acts = o->acted;
  c->asking->has_run = o->run;
  if (o->run) memcpy(c->asking->run, o->run, RUN_ID_LEN);
  c->depth = 1;
  list_init(&c->parts);
  vm_hold(c->live.vm);
  if (o->parent) adopt(c, o->parent, o->from);
  return c;
}

static void set_deadline(struct call *c, const struct call_options *o)
{
  uint64_t now = loop_now(call_loop(c)), asked_ns = o->deadline_ns;
  const struct policy *p = c->tool->policy;
  int64_t ms = o->as_task ? p->task_deadline_ms : p->deadline_ms;
  if (c->parent) asked_ns = c->parent->stop_ns + call_waited_ns(c->parent);
  c->deadline_ns = now + (uint64_t)ms * NS_PER_MS;
  if (asked_ns > 0 && asked_ns < c->deadline_ns) c->deadline_ns = asked_ns;

  c->stop_ns = c->deadline_ns;
  if (c->tool->fallback_slot && c->stop_ns > now + 2 * RESERVE_NS)
    c->stop_ns -= RESERVE_NS;
  timer_init(&c->timer, call_loop(c), on_deadline, c);
  timer_start_at(&c->timer, c->stop_ns);
}

static enum error_code keep_own(struct call *c, struct slice text,
                                struct error *err)
{
  c->doc = &c->own_doc;
  c->node = 0;
  text = arena_copy(&c->arena, text);
  if (!text.data) return error_set(err, E_NO_MEMORY, "out of memory");
  return json_parse(&c->own_doc, text, (struct json_limits){0}, &c->arena, err);
}

// Checks, fills in defaults, and keeps what the fallback will need again.
static enum error_code take_arguments(struct call *c,
                                      const struct call_options *o,
                                      struct error *err)
{
  c->doc = o->doc;
  c->node = o->arguments;
  c->slot = o->slot;
  c->others = o->others;
  if ((o->slot && !is_preparing(c)) || !c->tool->args) return OK;
  enum error_code code = OK;
  if (!o->doc || o->arguments == JSON_NONE)
    code = keep_own(c, SLICE("{}"), err);
  if (code == OK) code = schema_check(c->tool->args, c->doc, c->node, err);
  if (code != OK) return code;

  struct buf full = {0};
  if (schema_complete(c->tool->args, c->doc, c->node, &full))
    code = keep_own(c, buf_slice(&full), err);
  else if (c->tool->fallback_slot && c->doc == o->doc)
    code = keep_own(c, json_raw(c->doc, c->node), err);
  buf_finish(&full);
  return code;
}

struct call *call_start(const struct live *live, const struct call_options *o,
                        call_done_fn done, void *ctx)
{
  struct call *c = create(live, o, done, ctx);
  if (!c) return NULL;
  trail_begin(&c->trail, loop_exact(call_loop(c)));
  if (c->parent)
    call_step(c->parent, TRAIL_CALL, OK, c->number, o->tool->name);
  else
    call_step(c, TRAIL_ROUTE, OK, (int64_t)live->generation->number,
              o->tool->name);

  struct error err = {.retry_after_ms = -1};
  enum error_code code = take_arguments(c, o, &err);
  if (code != OK) {
    call_step(c, TRAIL_ARGS, code, 0, (struct slice){0});
    end_with(c, &err);
    return c;
  }
  call_step(c, TRAIL_RUN, OK, 0, (struct slice){0});
  set_deadline(c, o);
  run(c);
  return c;
}

void call_cancel(struct call *c, const char *by)
{
  call_step(c, TRAIL_CANCEL, E_CANCELLED, 0, slice_of(by));
  task_cancel(c->ticket, E_CANCELLED);
}

void call_suspend(struct call *c)
{
  c->suspended = !c->asking->misused;
  call_step(c, TRAIL_CANCEL, c->suspended ? OK : E_SCRIPT, 0,
            SLICE("its question"));
  task_cancel(c->ticket, c->suspended ? E_CANCELLED : E_SCRIPT);
}
