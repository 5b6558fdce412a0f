// bind_ctx_ask.c -- ctx.ask, ctx.roots and ctx.can_ask: questions to the user
// and the client in the middle of a call. All but the last wait.

#include <lauxlib.h>

#include "base/json.h"
#include "bind/arguments.h"
#include "bind/bind_ctx.h"
#include "bind/inquiry.h"
#include "net/url.h"
#include "script/context.h"
#include "script/convert.h"
#include "script/schema.h"

#define MESSAGE_MAX 8192

// --- what was answered ---

static void push_text(lua_State *L, const struct json_doc *doc, uint32_t node,
                      struct arena *arena)
{
  struct slice text = json_string(doc, node, arena);
  lua_pushlstring(L, text.data ? text.data : "", text.len);
}

static int push_choice(lua_State *L, struct inquiry *i,
                       const struct json_doc *doc)
{
  uint32_t values = json_get(doc, 0, "content");
  lua_createtable(L, 0, 3); // answer
  push_text(L, doc, json_get(doc, 0, "action"), &i->arena);
  lua_setfield(L, -2, "action"); // answer
  if (values != JSON_NONE) {
    convert_push(L, doc, values, &i->arena); // answer values
    lua_setfield(L, -2, "values");           // answer
  }
  if (i->q.kind == ASK_URL) {
    lua_pushlstring(L, i->q.key.data, i->q.key.len); // answer key
    lua_setfield(L, -2, "key");                      // answer
  }
  return 1;
}

static int push_roots(lua_State *L, struct inquiry *i,
                      const struct json_doc *doc)
{
  convert_push(L, doc, json_get(doc, 0, "roots"), &i->arena); // roots
  return 1;
}

// --- what is asked ---

static void put_message(lua_State *L, struct inquiry *i)
{
  lua_getfield(L, 1, "message"); // message
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "ctx.ask: message is a text that the user reads");
  struct slice text = check_slice(L, -1);
  if (!text.len || text.len > MESSAGE_MAX || !utf8_valid(text, NULL))
    luaL_error(L, "ctx.ask: message is 1 to %d bytes of UTF-8", MESSAGE_MAX);
  json_put_name(&i->params, "message");
  json_put_string(&i->params, text);
  lua_settop(L, 1);
}

static bool is_loopback(struct slice host)
{
  return slice_is(host, "localhost") || slice_is(host, "127.0.0.1") ||
         slice_is(host, "::1");
}

// A browser opens it, far from here: https, but for trying it at home.
static void put_url(lua_State *L, struct inquiry *i)
{
  struct url url;
  struct error err;
  struct slice text = {0};
  if (lua_type(L, -1) == LUA_TSTRING) text = check_slice(L, -1);
  if (!text.data || url_parse(text, &url, &err) != OK)
    luaL_error(L, "ctx.ask: url: %s", text.data ? err.message : "not a text");
  if (!slice_is(url.scheme, "https") && !is_loopback(url.host))
    luaL_error(L, "ctx.ask: url must begin with https://");
  json_put_name(&i->params, "mode");
  buf_add(&i->params, SLICE("\"url\""));
  json_put_name(&i->params, "url");
  json_put_string(&i->params, text);
}

static void read_fields(lua_State *L, struct inquiry *i)
{
  if (lua_isnil(L, -1)) { // yes or no
    buf_add(&i->text, SLICE("{\"type\":\"object\",\"properties\":{}}"));
    return;
  }
  if (!lua_istable(L, -1))
    luaL_error(L, "ctx.ask: fields is a table of words of tide.schema");
  if (schema_from_lua(L, -1, SLICE("fields"), &i->text, &i->faults)) return;
  const struct fault *f = i->faults.first;
  luaL_error(L, "ctx.ask: %s: %s", f ? f->path.data : "fields",
             f ? f->reason.data : "out of memory");
}

static void put_fields(lua_State *L, struct inquiry *i)
{
  struct error err;
  read_fields(L, i);
  if (!buf_ok(&i->text) ||
      form_make(&i->form, buf_slice(&i->text), &i->arena, &err) != OK)
    luaL_error(L, "ctx.ask: %s",
               buf_ok(&i->text) ? err.message : "not enough memory");
  json_put_name(&i->params, "mode");
  buf_add(&i->params, SLICE("\"form\""));
  json_put_name(&i->params, "requestedSchema");
  buf_add(&i->params, i->form.requested);
  i->q.form = &i->form;
}

/// ctx.ask(question: { message: string, fields?: table, url?: string,
///   key?: string, timeout?: integer }): answer | nil, error
/// Waits.
static int ctx_ask(lua_State *L)
{
  static const char *const names[] = {"message", "fields",  "url",
                                      "key",     "timeout", NULL};
  luaL_checktype(L, 1, LUA_TTABLE);
  check_options(L, 1, names);
  struct inquiry *i = inquiry_new(L, "ctx.ask");
  buf_putc(&i->params, '{');
  put_message(L, i);
  bool url = lua_getfield(L, 1, "url") != LUA_TNIL;       // url
  bool fields = lua_getfield(L, 1, "fields") != LUA_TNIL; // url fields
  if (url && fields)
    return luaL_error(L, "ctx.ask: fields or url, not both of them");
  lua_settop(L, url ? 2 : 3);
  if (url)
    put_url(L, i);
  else
    put_fields(L, i);
  buf_putc(&i->params, '}');
  lua_settop(L, 0);
  i->q.kind = url ? ASK_URL : ASK_FORM;
  i->q.needs = url ? ASK_NEEDS_URL : ASK_NEEDS_FORM;
  i->push = push_choice;
  return inquiry_ask(L, i);
}

/// ctx.roots(options?: { key?: string, timeout?: integer }): { uri: string, name?: string }[] | nil, error
/// Waits.
static int ctx_roots(lua_State *L)
{
  static const char *const names[] = {"key", "timeout", NULL};
  check_options(L, 1, names);
  struct inquiry *i = inquiry_new(L, "ctx.roots");
  buf_add(&i->params, SLICE("{}"));
  lua_settop(L, 0);
  i->q.kind = ASK_ROOTS;
  i->q.needs = ASK_NEEDS_ROOTS;
  i->push = push_roots;
  return inquiry_ask(L, i);
}

/// ctx.can_ask(what: "form"|"url"|"sample"|"tools"|"context"|"roots"): boolean
static int ctx_can_ask(lua_State *L)
{
  static const char *const names[] = {"form",    "url",   "sample", "tools",
                                      "context", "roots", NULL};
  unsigned need = 1u << (unsigned)check_choice(L, 1, "ctx.can_ask: it", names);
  struct asker *asker = call_asking(call_of(L, "ctx.can_ask"))->asker;
  lua_pushboolean(L, asker && !asker->ops->lacks(asker, need));
  return 1;
}

/// ctx.asked(answer: { key: string })
/// What the user opened a URL for is done: the client may go on.
static int ctx_asked(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  struct asker *asker = call_asking(call_of(L, "ctx.asked"))->asker;
  if (lua_getfield(L, 1, "key") != LUA_TSTRING) // answer key
    return luaL_argerror(L, 1, "the answer to a ctx.ask with a url");
  if (asker && asker->ops->complete)
    asker->ops->complete(asker, check_slice(L, -1));
  return 0;
}

void bind_ctx_ask(lua_State *L)
{
  static const luaL_Reg functions[] = {{"ask", ctx_ask},
                                       {"asked", ctx_asked},
                                       {"roots", ctx_roots},
                                       {"can_ask", ctx_can_ask},
                                       {NULL, NULL}};
  for (const luaL_Reg *f = functions; f->name; f++) {
    lua_pushcfunction(L, f->func); // fn
    context_set_field(L, CONTEXT_CALL, f->name);
  }
  bind_ctx_sample(L);
}
