// kit_fields.c -- what can be seen of a call of the kit.

#include "script/convert.h"
#include "testing/kit_call.h"

// --- fields of a call that has ended ---

static void get_ok(lua_State *L, struct kit_call *c)
{
  lua_pushboolean(L, c->form != CALL_ERROR);
}

static void get_form(lua_State *L, struct kit_call *c)
{
  static const char *const names[] = {[CALL_JSON] = "json",
                                      [CALL_TEXT] = "text",
                                      [CALL_CONTENT] = "content",
                                      [CALL_ERROR] = "error",
                                      [CALL_BYTES] = "bytes"};
  lua_pushstring(L, names[c->form]);
}

static void get_body(lua_State *L, struct kit_call *c)
{
  struct slice body = buf_slice(&c->body);
  if (c->form == CALL_ERROR)
    lua_pushnil(L);
  else
    lua_pushlstring(L, body.data, body.len);
}

static void get_value(lua_State *L, struct kit_call *c)
{
  if (c->form == CALL_JSON || c->form == CALL_CONTENT)
    kit_push_json(L, buf_slice(&c->body), &c->scratch);
  else
    get_body(L, c);
}

static void get_content(lua_State *L, struct kit_call *c)
{
  kit_push_json(L, buf_slice(&c->content), &c->scratch);
}

static void get_meta(lua_State *L, struct kit_call *c)
{
  kit_push_json(L, buf_slice(&c->meta), &c->scratch);
}

static void get_error(lua_State *L, struct kit_call *c)
{
  if (c->form != CALL_ERROR) {
    lua_pushnil(L);
    return;
  }
  lua_createtable(L, 0, 5); // error
  kit_set_slice(L, "code", slice_of(error_name(c->error.code)));
  kit_set_slice(L, "message", slice_of(c->error.message));
  if (c->error.status) {
    lua_pushinteger(L, c->error.status);
    lua_setfield(L, -2, "status");
  }
  if (c->error.retry_after_ms >= 0) {
    lua_pushinteger(L, c->error.retry_after_ms);
    lua_setfield(L, -2, "retry_after_ms");
  }
  kit_push_json(L, buf_slice(&c->details), &c->scratch);
  lua_setfield(L, -2, "details"); // error
}

static void get_trail(lua_State *L, struct kit_call *c)
{
  buf_reset(&c->text, 0);
  trail_json(&c->trail, &c->text);
  kit_push_json(L, buf_slice(&c->text), &c->scratch);
}

static void get_attempts(lua_State *L, struct kit_call *c)
{
  lua_pushinteger(L, c->attempts);
}

static void get_side_effect(lua_State *L, struct kit_call *c)
{
  lua_pushstring(L, side_effect_name(c->side_effect));
}

static void get_degraded(lua_State *L, struct kit_call *c)
{
  lua_pushboolean(L, c->source[0] != '\0');
}

static void get_source(lua_State *L, struct kit_call *c)
{
  lua_pushstring(L, c->source[0] ? c->source : NULL);
}

static void get_age(lua_State *L, struct kit_call *c)
{
  if (c->source[0] && c->age_ms >= 0)
    lua_pushinteger(L, c->age_ms);
  else
    lua_pushnil(L);
}

static void get_ms(lua_State *L, struct kit_call *c)
{
  lua_pushinteger(L, (lua_Integer)((c->end_ns - c->start_ns) / NS_PER_MS));
}

static const struct {
  const char *name;
  void (*get)(lua_State *L, struct kit_call *c);
} fields[] = {
    {"ok", get_ok},
    {"form", get_form},
    {"value", get_value},
    {"body", get_body},
    {"content", get_content},
    {"meta", get_meta},
    {"error", get_error},
    {"trail", get_trail},
    {"attempts", get_attempts},
    {"side_effect", get_side_effect},
    {"degraded", get_degraded},
    {"source", get_source},
    {"age_ms", get_age},
    {"ms", get_ms},
};

// As tasks/get has it; nil for what is no task.
static const char *task_status(const struct kit_call *c)
{
  if (!c->task || (c->done && c->prepares)) return NULL;
  if (!c->done)
    return list_empty(&c->client.unanswered) ? "working" : "input_required";
  if (c->form != CALL_ERROR) return "completed";
  if (c->error.code == E_CANCELLED) return "cancelled";
  return errand_is_fault(c->error.code) ? "failed" : "completed";
}

static void live_done(lua_State *L, const struct kit_call *c)
{
  lua_pushboolean(L, c->done);
}

static void live_status(lua_State *L, const struct kit_call *c)
{
  lua_pushstring(L, task_status(c)); // or nil
}

static void live_says(lua_State *L, const struct kit_call *c)
{
  lua_pushstring(L, c->says[0] && !c->done ? c->says : NULL); // or nil
}

// Those that are there while it runs.
static const struct {
  const char *name;
  void (*get)(lua_State *L, const struct kit_call *c);
} live_fields[] = {
    {"done", live_done},
    {"status", live_status},
    {"status_message", live_says},
};

static bool push_live_field(lua_State *L, const struct kit_call *c,
                            const char *name)
{
  for (size_t i = 0; i < sizeof(live_fields) / sizeof(live_fields[0]); i++) {
    if (strcmp(live_fields[i].name, name)) continue;
    live_fields[i].get(L, c);
    return true;
  }
  return false;
}

bool kit_push_field(lua_State *L, struct kit_call *c, const char *name)
{
  if (push_live_field(L, c, name)) return true;
  for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
    if (strcmp(fields[i].name, name)) continue;
    if (c->done)
      fields[i].get(L, c);
    else
      lua_pushnil(L);
    return true;
  }
  return false;
}
