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

uint64_t call_deadline(const struct call *c)
{
  return c->deadline_ns;
}

bool call_expired(const struct call *c)
{
  return c->expired;
}

void call_note_attempt(struct call *c, enum side_effect effect)
{
  c->attempts++;
  if (effect > c->side_effect) c->side_effect = effect;
}

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
  if (!c->listener || c->told == TOLD_MAX) return;
  c->told++;
  c->listener->note(c->ctx, level, c->tool->integration->name, json);
}
