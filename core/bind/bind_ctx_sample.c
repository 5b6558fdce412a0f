// bind_ctx_sample.c -- ctx.sample: the client's model is asked. Waits.

#include <lauxlib.h>

#include "base/json.h"
#include "bind/arguments.h"
#include "bind/bind_ctx.h"
#include "bind/inquiry.h"
#include "script/context.h"
#include "script/convert.h"
#include "script/schema.h"

// --- what was answered ---

static void set_text(lua_State *L, struct inquiry *i,
                     const struct json_doc *doc, const char *from,
                     const char *to)
{
  uint32_t node = json_get(doc, 0, from);
  struct slice text = {0};
  if (node != JSON_NONE) text = json_string(doc, node, &i->arena);
  if (!text.data) return;
  lua_pushlstring(L, text.data, text.len); // answer text
  lua_setfield(L, -2, to);                 // answer
}

static void add_text(struct inquiry *i, const struct json_doc *doc,
                     uint32_t block)
{
  uint32_t type = json_get(doc, block, "type");
  uint32_t text = json_get(doc, block, "text");
  if (text != JSON_NONE && slice_is(json_string(doc, type, &i->arena), "text"))
    buf_add(&i->text, json_string(doc, text, &i->arena));
}

// Always a list: one block is a list of one.
static void push_content(lua_State *L, struct inquiry *i,
                         const struct json_doc *doc, uint32_t content)
{
  if (json_type(doc, content) == JSON_ARRAY) {
    convert_push(L, doc, content, &i->arena); // content
    uint32_t it = json_first(doc, content);
    for (; it != JSON_NONE; it = json_next(doc, content, it))
      add_text(i, doc, it);
    return;
  }
  lua_createtable(L, 1, 0);                 // content
  convert_push(L, doc, content, &i->arena); // content block
  lua_rawseti(L, -2, 1);                    // content
  add_text(i, doc, content);
}

static int push_sample(lua_State *L, struct inquiry *i,
                       const struct json_doc *doc)
{
  buf_reset(&i->text, 0);
  lua_createtable(L, 0, 5); // answer
  set_text(L, i, doc, "role", "role");
  set_text(L, i, doc, "model", "model");
  set_text(L, i, doc, "stopReason", "stop_reason");
  push_content(L, i, doc, json_get(doc, 0, "content")); // answer content
  lua_setfield(L, -2, "content");                       // answer
  push_buf(L, &i->text);                                // answer text
  lua_setfield(L, -2, "text");                          // answer
  return 1;
}

// --- the messages ---

static void put_value(lua_State *L, struct inquiry *i, const char *what)
{
  struct error err;
  if (convert_put(L, -1, NULL, &i->params, &err) != OK)
    luaL_error(L, "ctx.sample: %s: %s", what, err.message);
}

static void put_text_block(lua_State *L, struct inquiry *i)
{
  struct slice text = check_slice(L, -1);
  if (!utf8_valid(text, NULL))
    luaL_error(L, "ctx.sample: messages: a text must be UTF-8");
  buf_add(&i->params, SLICE("{\"type\":\"text\",\"text\":"));
  json_put_string(&i->params, text);
  buf_putc(&i->params, '}');
}

// A text, a block, or a list of blocks; at the top. -0 +0
static void put_content(lua_State *L, struct inquiry *i)
{
  if (lua_type(L, -1) == LUA_TSTRING)
    put_text_block(L, i);
  else if (lua_istable(L, -1))
    put_value(L, i, "messages");
  else
    luaL_error(L, "ctx.sample: messages: the content is a text, a block of "
                  "tide.content, or a list of these");
}

static bool is_message(lua_State *L)
{
  if (!lua_istable(L, -1)) return false;
  bool is = lua_getfield(L, -1, "role") != LUA_TNIL; // message role
  lua_pop(L, 1);                                     // message
  return is;
}

// What is no message says what the user says.
static void put_message(lua_State *L, struct inquiry *i)
{
  bool whole = is_message(L);
  const char *role = "user";
  luaL_checkstack(L, 4, NULL);
  lua_pushvalue(L, -1); // message content
  if (whole) {
    lua_getfield(L, -1, "role"); // message message role
    if (lua_type(L, -1) == LUA_TSTRING) role = lua_tostring(L, -1);
    if (strcmp(role, "user") && strcmp(role, "assistant"))
      luaL_error(L, "ctx.sample: messages: role is user or assistant");
    lua_getfield(L, -2, "content"); // message message role content
    lua_replace(L, -3);             // message content role
    lua_pop(L, 1);                  // message content
  }
  json_sep(&i->params);
  buf_printf(&i->params, "{\"role\":\"%s\",\"content\":", role);
  put_content(L, i);
  buf_putc(&i->params, '}');
  lua_pop(L, 1); // message
}

static void put_messages(lua_State *L, struct inquiry *i)
{
  lua_getfield(L, 1, "messages"); // messages
  json_put_name(&i->params, "messages");
  buf_putc(&i->params, '[');
  lua_Integer n = 0;
  if (lua_istable(L, -1) && !is_message(L)) n = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer k = 1; k <= n; k++) {
    lua_rawgeti(L, -1, k); // messages message
    put_message(L, i);
    lua_pop(L, 1); // messages
  }
  if (lua_isnil(L, -1) || (lua_istable(L, -1) && !n && !is_message(L)))
    luaL_error(L, "ctx.sample: messages is a text, or a list of messages");
  if (!n) put_message(L, i);
  buf_putc(&i->params, ']');
  lua_settop(L, 1);
}

// --- the tools ---

static void put_tool_schema(lua_State *L, struct inquiry *i)
{
  json_put_name(&i->params, "inputSchema");
  lua_getfield(L, -1, "args"); // tool args
  if (lua_isnil(L, -1)) {
    buf_add(&i->params, SLICE("{\"type\":\"object\"}"));
  } else if (!schema_from_lua(L, -1, SLICE("args"), &i->params, &i->faults)) {
    const struct fault *f = i->faults.first;
    luaL_error(L, "ctx.sample: tools: %s: %s", f ? f->path.data : "args",
               f ? f->reason.data : "out of memory");
  }
  lua_pop(L, 1); // tool
}

static void put_tool_text(lua_State *L, struct inquiry *i, const char *from,
                          const char *to)
{
  lua_getfield(L, -1, from); // tool text
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "ctx.sample: tools: %s is a text", from);
  json_put_name(&i->params, to);
  put_value(L, i, "tools");
  lua_pop(L, 1); // tool
}

static void put_tools(lua_State *L, struct inquiry *i)
{
  if (lua_getfield(L, 1, "tools") == LUA_TTABLE) { // tools
    json_put_name(&i->params, "tools");
    buf_putc(&i->params, '[');
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer k = 1; k <= n; k++) {
      if (lua_rawgeti(L, -1, k) != LUA_TTABLE) // tools tool
        luaL_error(L,
                   "ctx.sample: tools: { name=, about=, args= } is expected");
      json_sep(&i->params);
      buf_putc(&i->params, '{');
      put_tool_text(L, i, "name", "name");
      put_tool_text(L, i, "about", "description");
      put_tool_schema(L, i);
      buf_putc(&i->params, '}');
      lua_pop(L, 1); // tools
    }
    buf_putc(&i->params, ']');
    i->q.needs |= ASK_NEEDS_TOOLS;
  }
  lua_settop(L, 1);
}

static void put_tool_choice(lua_State *L, struct inquiry *i)
{
  static const char *const modes[] = {"auto", "required", "none", NULL};
  if (lua_getfield(L, 1, "tool_choice") != LUA_TNIL) { // choice
    int mode = check_choice(L, 2, "ctx.sample: tool_choice", modes);
    json_put_name(&i->params, "toolChoice");
    buf_printf(&i->params, "{\"mode\":\"%s\"}", modes[mode]);
    i->q.needs |= ASK_NEEDS_TOOLS;
  }
  lua_settop(L, 1);
}

// --- the rest ---

static void put_context(lua_State *L, struct inquiry *i)
{
  static const char *const names[] = {"none", "this", "all", NULL};
  static const char *const words[] = {"none", "thisServer", "allServers"};
  if (lua_getfield(L, 1, "context") != LUA_TNIL) { // context
    int which = check_choice(L, 2, "ctx.sample: context", names);
    json_put_name(&i->params, "includeContext");
    json_put_string(&i->params, slice_of(words[which]));
    if (which) i->q.needs |= ASK_NEEDS_CONTEXT;
  }
  lua_settop(L, 1);
}

static void put_option(lua_State *L, struct inquiry *i, const char *from,
                       const char *to, int type)
{
  int found = lua_getfield(L, 1, from); // value
  if (found != LUA_TNIL && found != type)
    luaL_error(L, "ctx.sample: %s must be a %s, not a %s", from,
               lua_typename(L, type), lua_typename(L, found));
  if (found != LUA_TNIL) {
    json_put_name(&i->params, to);
    put_value(L, i, from);
  }
  lua_settop(L, 1);
}

static void put_priority(lua_State *L, struct inquiry *i, const char *from,
                         const char *to)
{
  if (lua_getfield(L, -1, from) != LUA_TNIL) { // model n
    double n = lua_tonumber(L, -1);
    if (!lua_isnumber(L, -1) || n < 0 || n > 1)
      luaL_error(L, "ctx.sample: prefer.%s is 0 to 1", from);
    json_put_name(&i->params, to);
    json_put_double(&i->params, n);
  }
  lua_pop(L, 1); // model
}

static void put_hints(lua_State *L, struct inquiry *i)
{
  lua_Integer n = (lua_Integer)lua_rawlen(L, -1); // prefer
  if (!n) return;
  json_put_name(&i->params, "hints");
  buf_putc(&i->params, '[');
  for (lua_Integer k = 1; k <= n; k++) {
    lua_rawgeti(L, -1, k); // prefer name
    if (lua_type(L, -1) != LUA_TSTRING)
      luaL_error(L, "ctx.sample: prefer: names of models are texts");
    json_sep(&i->params);
    buf_add(&i->params, SLICE("{\"name\":"));
    put_value(L, i, "prefer");
    buf_putc(&i->params, '}');
    lua_pop(L, 1); // prefer
  }
  buf_putc(&i->params, ']');
}

// prefer = { "claude", "sonnet", speed = 0.8, cost = 0.2, intelligence = 0.5 }
static void put_preferences(lua_State *L, struct inquiry *i)
{
  if (lua_getfield(L, 1, "prefer") == LUA_TTABLE) { // prefer
    json_put_name(&i->params, "modelPreferences");
    buf_putc(&i->params, '{');
    put_hints(L, i);
    put_priority(L, i, "cost", "costPriority");
    put_priority(L, i, "speed", "speedPriority");
    put_priority(L, i, "intelligence", "intelligencePriority");
    buf_putc(&i->params, '}');
  }
  lua_settop(L, 1);
}

static void put_max_tokens(lua_State *L, struct inquiry *i)
{
  lua_getfield(L, 1, "max_tokens"); // n
  lua_Integer n = luaL_optinteger(L, -1, 1000);
  if (n < 1) luaL_error(L, "ctx.sample: max_tokens must be at least 1");
  json_put_name(&i->params, "maxTokens");
  json_put_int(&i->params, n);
  lua_settop(L, 1);
}

/// ctx.sample(request: { messages: string|table, max_tokens?: integer, ... }):
///   answer | nil, error
/// Waits.
static int ctx_sample(lua_State *L)
{
  static const char *const names[] = {
      "messages", "max_tokens", "system",  "prefer", "temperature",
      "stop",     "metadata",   "context", "tools",  "tool_choice",
      "key",      "timeout",    NULL};
  luaL_checktype(L, 1, LUA_TTABLE);
  check_options(L, 1, names);
  struct inquiry *i = inquiry_new(L, "ctx.sample");
  i->q.kind = ASK_SAMPLE;
  i->q.needs = ASK_NEEDS_SAMPLING;
  i->push = push_sample;
  buf_putc(&i->params, '{');
  put_messages(L, i);
  put_max_tokens(L, i);
  put_option(L, i, "system", "systemPrompt", LUA_TSTRING);
  put_preferences(L, i);
  put_option(L, i, "temperature", "temperature", LUA_TNUMBER);
  put_option(L, i, "stop", "stopSequences", LUA_TTABLE);
  put_option(L, i, "metadata", "metadata", LUA_TTABLE);
  put_context(L, i);
  put_tools(L, i);
  put_tool_choice(L, i);
  buf_putc(&i->params, '}');
  lua_settop(L, 0);
  return inquiry_ask(L, i);
}

void bind_ctx_sample(lua_State *L)
{
  lua_pushcfunction(L, ctx_sample); // fn
  context_set_field(L, CONTEXT_CALL, "sample");
}
