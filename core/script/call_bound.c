// call_bound.c -- see call.h: what a running handler may use of its call.

#include <lauxlib.h>

#include "script/call_inside.h"

#define TOLD_MAX 1000 // notices to the client

const char *const note_names[NOTE_LEVELS + 1] = {
    "debug",    "info",  "notice",    "warning", "error",
    "critical", "alert", "emergency", NULL};

struct call *call_of(lua_State *L, const char *what)
{
  struct call *c = task_owner(L);
  if (!c) luaL_error(L, "%s: there is no call here; use it in a handler", what);
  return c;
}

void call_attach(struct call *c, struct call_part *part)
{
  part->call = c;
  list_append(&c->parts, &part->link);
}

const struct tool *call_tool(const struct call *c)
{
  return c->tool;
}

const char *call_kind(const struct call *c)
{
  static const char *const names[] = {"tool", "resource", "prompt"};
  return names[c->tool->kind];
}

const struct live *call_live(const struct call *c)
{
  return &c->live;
}

struct arena *call_arena(struct call *c)
{
  return &c->arena;
}

struct trail *call_trail(struct call *c)
{
  return &c->trail;
}

struct slice call_principal(const struct call *c)
{
  return c->principal;
}

struct slice call_request_id(const struct call *c)
{
  return c->request_id;
}

static struct call *outermost(struct call *c)
{
  while (c->parent)
    c = c->parent;
  return c;
}

bool call_falls_back(const struct call *c)
{
  return c->falling_back;
}

uint64_t call_deadline(const struct call *c)
{
  return c->deadline_ns + call_waited_ns(c);
}

uint32_t call_depth(const struct call *c)
{
  return c->depth;
}

bool call_expired(const struct call *c)
{
  while (c && !c->expired)
    c = c->parent;
  return c;
}

struct asking *call_asking(struct call *c)
{
  return c->asking;
}

static void begin_waiting(struct call *c)
{
  if (c->waits++) return;
  c->waits_since_ns = loop_now(call_loop(c));
  timer_stop(&c->timer);
}

// It is given what it had left.
static void end_waiting(struct call *c)
{
  if (c->waits > 1) {
    c->waits--;
    return;
  }
  uint64_t waited = call_waited_ns(c);
  c->waits = 0;
  c->deadline_ns += waited;
  c->stop_ns += waited;
  timer_start_at(&c->timer, c->stop_ns);
}

void call_wait_for_client(struct call *c, bool waits)
{
  c->asking->open += waits ? 1U : -1U;
  for (; c; c = c->parent) {
    if (waits)
      begin_waiting(c);
    else
      end_waiting(c);
  }
}

void call_note_attempt(struct call *c, enum side_effect effect)
{
  for (; c; c = c->parent) {
    c->attempts++;
    if (effect > c->side_effect) c->side_effect = effect;
  }
}

void call_degrade(struct call *c, struct slice source, int64_t age_ms)
{
  if (c->degraded.data) return;
  c->degraded = source;
  c->age_ms = age_ms;
}

// Inner calls have no listener: how far one of them is, is not how far the
// caller is.

void call_tell_progress(struct call *c, const struct call_progress *p)
{
  bool grows = !c->has_progress || p->progress > c->progress;
  if (!c->listener || !grows || c->told == TOLD_MAX) return;
  c->told++;
  c->has_progress = true;
  c->progress = p->progress;
  c->listener->progress(c->ctx, p);
}

void call_tell(struct call *c, enum note_level level, struct slice json)
{
  struct call *top = outermost(c);
  if (!top->listener || top->told == TOLD_MAX) return;
  top->told++;
  top->listener->note(top->ctx, level, c->tool->integration->name, json);
}

bool call_detach(struct call *c, uint32_t retry_ms)
{
  return c->listener && c->listener->detach &&
         c->listener->detach(c->ctx, retry_ms);
}
