// answer_error.c -- see answer_error.h for the contract.

#include "bind/answer_error.h"

#include <stdbool.h>

#include "base/json.h"
#include "script/fault.h"
#include "script/secret_value.h"

#define SAID_MAX 300

// A redirect is an answer for the guard, but nothing that a script can use.
static bool is_redirect(const struct outgoing *o)
{
  return o->result.code == OK;
}

// What upstream.classify said is more than what the status says.
static bool is_said(const struct outgoing *o)
{
  return o->classifier && o->answer.end == HTTP_ANSWERED &&
         o->result.outcome != outcome_of(&o->answer, false);
}

static enum error_code refine(const struct outgoing *o)
{
  const struct integration *in = call_tool(o->part.call)->integration;
  if (is_said(o)) return o->result.code;
  for (size_t i = 0; i < in->error_count; i++)
    if (in->errors[i].status == o->answer.status) return in->errors[i].code;
  return is_redirect(o) ? E_BAD_RESPONSE : o->result.code;
}

// Where services put their reason: {"message":...}, {"error":...},
// {"detail":...}, {"error":{"message":...}}, {"errors":[{"message":...}]},
// {"title":...} (RFC 9457).
static struct slice reason(const struct json_doc *doc, uint32_t node,
                           struct arena *arena, int depth)
{
  static const char *const names[] = {"message", "error",  "detail",
                                      "reason",  "errors", "error_description",
                                      "title"};
  struct slice said = {0};
  if (json_type(doc, node) == JSON_STRING) return json_string(doc, node, arena);
  if (depth == 0) return said;
  if (json_type(doc, node) == JSON_ARRAY) {
    uint32_t first = json_first(doc, node);
    return first == JSON_NONE ? said : reason(doc, first, arena, depth - 1);
  }
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !said.len; i++) {
    uint32_t value = json_get(doc, node, names[i]);
    if (value != JSON_NONE) said = reason(doc, value, arena, depth - 1);
  }
  return said;
}

// One line of at most SAID_MAX bytes, cut at a whole character.
static struct slice tidy(struct slice said, struct arena *arena)
{
  if (said.len > SAID_MAX) {
    said.len = SAID_MAX;
    while (said.len > 0 && ((unsigned char)said.data[said.len] & 0xC0) == 0x80)
      said.len--;
  }
  char *text = arena_alloc(arena, said.len + 1);
  if (!text) return (struct slice){0};
  for (size_t i = 0; i < said.len; i++) {
    unsigned char c = (unsigned char)said.data[i];
    text[i] = (char)(c < ' ' || c == 127 ? ' ' : c);
  }
  return (struct slice){text, said.len};
}

static struct slice upstream_said(lua_State *L, const struct outgoing *o,
                                  struct arena *arena)
{
  struct json_doc doc;
  struct slice body = buf_slice(&o->answer.body);
  if (body.len == 0 || body.data[0] != '{') return (struct slice){0};
  if (json_parse(&doc, body, (struct json_limits){0}, arena, NULL) != OK)
    return (struct slice){0};
  return tidy(secret_value_hide(L, reason(&doc, 0, arena, 3), arena), arena);
}

static void describe(struct error *err, const struct outgoing *o,
                     enum error_code code, struct slice said)
{
  const struct integration *in = call_tool(o->part.call)->integration;
  struct slice who = in->title.len ? in->title : in->name;
  int status = o->answer.status;
  if (o->result.reject)
    error_set(err, code, "%.*s: %s", SLICE_ARG(who),
              reject_sentence(o->result.reject));
  else if (o->answer.end != HTTP_ANSWERED)
    error_set(err, code, "%.*s: %s", SLICE_ARG(who),
              http_end_sentence(o->answer.end));
  else if (is_redirect(o))
    error_set(err, code, "%.*s answered %d: a redirect, which is not followed",
              SLICE_ARG(who), status);
  else if (said.len > 0)
    error_set(err, code, "%.*s answered %d: %.*s", SLICE_ARG(who), status,
              SLICE_ARG(said));
  else
    error_set(err, code, "%.*s answered %d: %s", SLICE_ARG(who), status,
              error_sentence(code));
  err->status = status;
  err->retry_after_ms = o->result.retry_after_ms;
}

void answer_error_push(lua_State *L, const struct outgoing *o)
{
  enum error_code code = refine(o);
  struct slice said = upstream_said(L, o, call_arena(o->part.call));
  struct error err = {0};
  describe(&err, o, code, said);

  fault_push(L, &err);                    // error
  lua_pushinteger(L, o->result.attempts); // error attempts
  lua_setfield(L, -2, "attempts");        // error
  lua_pushstring(L, side_effect_name(o->result.side_effect));
  lua_setfield(L, -2, "side_effect"); // error
  if (said.len == 0) return;
  lua_createtable(L, 0, 1);                // error details
  lua_pushlstring(L, said.data, said.len); // error details said
  lua_setfield(L, -2, "upstream_message"); // error details
  lua_setfield(L, -2, "details");          // error
}
