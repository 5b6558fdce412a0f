// call_fallback.c -- see call.h: whether a call falls back, and what from.

#include "base/log.h"
#include "script/call_inside.h"
#include "script/convert.h"
#include "script/fault.h"

bool call_has_fallback(const struct tool *tool)
{
  return tool->fallback_slot || tool->fallback_data.data;
}

// The service could not do it: an answer that says no is an answer.
static bool is_for(enum error_code code)
{
  return error_may_retry(code) || code == E_BAD_RESPONSE || code == E_TLS;
}

static bool in_fallback(const struct call *c)
{
  while (c && !c->falling_back)
    c = c->parent;
  return c;
}

// A friendly answer would hide that something may have been done.
static bool would_hide(const struct call *c)
{
  if (c->side_effect == SIDE_EFFECT_NONE) return false;
  return c->tool->annotations.read_only != 1 && !c->tool->fallback_after_effect;
}

static void refuse(struct call *c, enum error_code code, const char *why)
{
  call_step(c, TRAIL_NO_FALLBACK, code, 0, slice_of(why));
}

bool call_wants_fallback(struct call *c, const struct error *err)
{
  if (!call_has_fallback(c->tool) || !is_for(err->code)) return false;
  if (in_fallback(c)) {
    refuse(c, err->code, "it is called by a fallback");
    return false;
  }
  if (!would_hide(c)) return true;
  refuse(c, err->code,
         c->side_effect == SIDE_EFFECT_DONE ? "something has been done"
                                            : "something may have been done");
  return false;
}

// What a handler would have seen of it.
void call_push_first_error(lua_State *L, struct call *c)
{
  struct json_doc doc;
  fault_push(L, &c->first_error);  // error
  lua_pushinteger(L, c->attempts); // error attempts
  lua_setfield(L, -2, "attempts"); // error
  lua_pushstring(L, side_effect_name(c->side_effect));
  lua_setfield(L, -2, "side_effect"); // error
  if (!c->first_details.data ||
      json_parse(&doc, c->first_details, (struct json_limits){0}, &c->arena,
                 NULL) != OK)
    return;
  convert_push(L, &doc, 0, &c->arena); // error details
  lua_setfield(L, -2, "details");      // error
}

// It returned nothing, or handed on what it was given.
static bool had_nothing(const struct call *c, const struct error *said)
{
  return said->code == OK || (said->code == c->first_error.code &&
                              !strcmp(said->message, c->first_error.message));
}

// What the fallback says is for the log: the agent asked for something else. A
// caller who left while it ran has left.
void call_fallback_failed(struct call *c, struct call_result *r)
{
  const struct error *said = &r->error;
  if (said->code == E_CANCELLED) return;
  if (had_nothing(c, said)) {
    refuse(c, c->first_error.code, "it had nothing");
  } else {
    refuse(c, said->code, "it failed as well");
    log_warn(vm_log(c->live.vm), "script/call",
             "fallback failed %s=%.*s req=%.*s code=%s: %s", call_kind(c),
             SLICE_ARG(c->tool->name), SLICE_ARG(c->request_id),
             error_name(said->code), said->message);
  }
  r->form = CALL_ERROR;
  r->body = (struct slice){0};
  r->error = c->first_error;
  r->details = c->first_details;
}
