// bind_http.c -- ctx.http: requests to the integration's service.
//
//   get(path, opts) ... -> read -> [auth function] -> start -> wait -> answer
//                                                   -> [errors function] ->
//   response | nil, err

#include <lauxlib.h>

#include "bind/answer_error.h"
#include "bind/arguments.h"
#include "bind/bind_ctx.h"
#include "bind/outgoing.h"
#include "bind/outgoing_cache.h"
#include "bind/outgoing_options.h"
#include "loop/clock.h"
#include "script/classify.h"
#include "script/context.h"
#include "script/fault.h"
#include "script/response.h"

// Upvalue of every method: is this the ctx.http of an auth function, which
// sends without credentials?
#define PLAIN lua_upvalueindex(1)

static const struct integration *integration_of(const struct outgoing *o)
{
  return call_tool(o->part.call)->integration;
}

// --- the answer ---

static int give_error(lua_State *L)
{
  lua_pushnil(L);    // err nil
  lua_insert(L, -2); // nil err
  return 2;
}

// The integration's own word on a failure: a code, an error object, or nothing.
static int after_errors(lua_State *L, int status, lua_KContext ctx)
{
  (void)status, (void)ctx;
  enum error_code code;
  lua_settop(L, 2); // err verdict
  if (fault_is(L, 2)) {
    return give_error(L);
  }
  if (lua_type(L, 2) == LUA_TSTRING) {
    struct slice word = slice_of(lua_tostring(L, 2));
    if (!error_parse(word, &code))
      return luaL_error(L, "upstream.errors: '%s' is not an error code",
                        word.data);
    lua_setfield(L, 1, "code"); // err
  }
  lua_settop(L, 1);
  return give_error(L);
}

static int answer_failed(lua_State *L, struct outgoing *o)
{
  uint32_t slot = integration_of(o)->errors_slot;
  lua_settop(L, 0);
  answer_error_push(L, o); // err
  if (slot == 0 || o->result.reject || o->answer.end != HTTP_ANSWERED) {
    outgoing_free(o);
    return give_error(L);
  }
  struct call *call = o->part.call;
  vm_push_function(call_live(call)->vm, L, slot);    // err fn
  response_fill(response_push(L, call), &o->answer); // err fn res
  lua_pushvalue(L, 1);                               // err fn res err
  outgoing_free(o);
  return task_call(L, 2, after_errors, 0);
}

// A redirect is not followed (it could lead anywhere) and so is no answer. That a
// failure is none only the integration can have said.
static bool is_answer(const struct outgoing *o)
{
  int status = o->answer.status;
  return o->result.code == OK &&
         (status < 300 || status == 304 || status >= 400);
}

static int answered(lua_State *L, struct outgoing *o)
{
  if (!is_answer(o)) return answer_failed(L, o);
  struct response *res = response_push(L, o->part.call); // res
  response_fill(res, &o->answer);
  response_set_source(res, o->source, o->age_ns);
  outgoing_free(o);
  return 1;
}

static int on_woken(lua_State *L, int status, lua_KContext ctx)
{
  (void)status;
  // A lua_KContext is an integer that can hold a pointer, by Lua's manual.
  return answered(L, (struct outgoing *)(void *)ctx);
}

// --- the exchange ---

static void log_exchange(const struct outgoing *o)
{
  const struct http_answer *a = &o->answer;
  struct call *call = o->part.call;
  struct log *log = vm_log(call_live(call)->vm);
  enum log_level level = o->result.code == OK ? LOG_DEBUG : LOG_INFO;
  if (!log_on(log, level)) return;
  char path[160], detail[200];
  log_write(log, level, "bind/http",
            "exchange tool=%.*s req=%.*s method=%.*s path=%s status=%d "
            "outcome=%s end=%s source=%s us=%llu detail=%s",
            SLICE_ARG(call_tool(call)->name), SLICE_ARG(call_request_id(call)),
            SLICE_ARG(o->method), log_value(path, sizeof(path), o->shown),
            a->status, outcome_name(o->result.outcome), http_end_name(a->end),
            fetch_source_name(o->source),
            (unsigned long long)(a->total_ns / 1000),
            log_value(detail, sizeof(detail), slice_of(a->detail)));
}

static void take(struct outgoing *o, const struct fetch_result *result)
{
  o->result = result->of;
  o->source = result->source;
  o->age_ns = result->age_ns;
  o->answer = *result->of.answer;
  *result->of.answer = (struct http_answer){0};
  o->result.answer = &o->answer;
  for (uint32_t i = 0; i < o->result.attempts; i++)
    call_note_attempt(o->part.call, o->result.side_effect);
  if (o->source == FETCH_LAST_RESORT)
    call_degrade(o->part.call, SLICE("cache"),
                 (int64_t)(o->age_ns / NS_PER_MS));
  log_exchange(o);
}

static bool may_have_changed(const struct outgoing *o)
{
  if (method_is_safe(o->method) || o->cache.safe) return false;
  return o->result.code == OK || o->result.side_effect != SIDE_EFFECT_NONE;
}

static void on_done(void *ctx, const struct fetch_result *result)
{
  struct outgoing *o = ctx;
  o->running = false;
  take(o, result);
  if (may_have_changed(o)) outgoing_changed(o);
  if (o->unsafe && result->of.side_effect == SIDE_EFFECT_NONE)
    call_asking(o->part.call)->acts--;
  if (!o->waiting) return; // cancelled: see stop_waiting()
  o->waiting = false;
  task_wake(o->ticket, 0); // o may be gone from here on
}

// What was found in the cache.
static int serve(lua_State *L, struct outgoing *o)
{
  struct fetch_result result;
  struct http_answer answer;
  fetch_take(&o->fetch, &result, &answer);
  take(o, &result);
  return answered(L, o);
}

static void stop_waiting(void *wait)
{
  struct outgoing *o = wait;
  o->waiting = false;
  outgoing_stop(o);
  outgoing_free(o);
}

static bool declared_idempotent(const struct outgoing *o)
{
  const struct annotations *a = &call_tool(o->part.call)->annotations;
  return o->idempotent || o->cache.safe || a->idempotent == 1 ||
         a->read_only == 1;
}

// As long as questions may take: after that the service may have forgotten a key
// that a handler which is run again says once more.
#define ASKING_MS ((int64_t)ASK_ROUNDS_MAX * ASK_TIMEOUT_MAX_S * 1000)

static bool is_known_again(const struct outgoing *o)
{
  return o->key.data &&
         integration_of(o)->idempotency.retention_ms >= ASKING_MS;
}

// Must it not be sent twice? Then the handler, which a question makes run again
// from its beginning, may not ask after it, nor send it while it asks (ask.h).
// What an auth function sends only fetches credentials.
static bool is_unsafe(const struct outgoing *o)
{
  return !o->plain && !is_known_again(o) && !declared_idempotent(o) &&
         !method_is_idempotent(o->method);
}

static struct exchange_options request_of(const struct outgoing *o)
{
  struct call *call = o->part.call;
  const struct integration *in = integration_of(o);
  const struct live *live = call_live(call);
  return (struct exchange_options){
      .loop = vm_loop(live->vm),
      .mailbox = live->mailbox,
      .chance = live->chance,
      .shed = live->shed,
      .client = live->http,
      .upstream = in->upstream,
      .trail = call_trail(call),
      .policy = call_tool(call)->policy,
      .deadline_ns = outgoing_deadline(o),
      .timeout_ms = o->timeout_ms,
      .attempts = o->attempts,
      .idempotent = declared_idempotent(o),
      .keyed = o->key.data != NULL,
      .classify = o->classifier ? classifier_ask : NULL,
      .classify_ctx = o->classifier,
      .classify_keep = o->classifier ? classifier_keep : NULL,
      .label = o->shown,
      .attempt =
          {
              .method = o->method,
              .url = buf_slice(&o->url),
              .headers = o->headers,
              .header_count = o->header_count,
              .body = o->has_body ? buf_slice(&o->body) : (struct slice){0},
              .allow_private = in->allow_private,
              .insecure_tls = in->insecure_tls,
          },
  };
}

static bool start(struct outgoing *o)
{
  struct exchange_options request = request_of(o);
  return fetch_start(&o->fetch, &request, on_done, o);
}

static int refuse_used(lua_State *L, struct outgoing *o)
{
  outgoing_free(o);
  return push_failure(L, E_CONFLICT,
                      "what was answered has been acted upon before; call "
                      "again from the start to do it again");
}

static int send_and_wait(lua_State *L, struct outgoing *o)
{
  if (!outgoing_put_key(o)) return luaL_error(L, "not enough memory");
  struct asking *a = call_asking(o->part.call);
  struct asker *asker = a->asker;
  o->unsafe = is_unsafe(o);
  a->misused |= o->unsafe && a->open;
  if (o->unsafe && a->open)
    return luaL_error(L,
                      "ctx.http: a question of this handler is open; wait for "
                      "its answer before a request that must not be sent "
                      "twice");
  if (o->unsafe && asker && asker->ops->claim && !asker->ops->claim(asker))
    return refuse_used(L, o);
  o->ticket = task_wait(L, stop_waiting, o);
  o->running = o->waiting = true; // it may be done before start() returns
  a->acts += o->unsafe;
  if (!start(o)) {
    a->acts -= o->unsafe;
    o->running = o->waiting = false;
    return luaL_error(L, "not enough memory");
  }
  return task_yield_then(L, on_woken, (lua_KContext)(void *)o);
}

static int go(lua_State *L, struct outgoing *o)
{
  if (!o->behind) return send_and_wait(L, o);
  struct exchange_options request = request_of(o);
  fetch_refresh(&o->fetch, &request);
  return serve(L, o);
}

// --- credentials by a function ---

static void push_string_field(lua_State *L, const char *name, struct slice s)
{
  lua_pushlstring(L, s.data, s.len); // table text
  lua_setfield(L, -2, name);         // table
}

static void push_request(lua_State *L, const struct outgoing *o)
{
  lua_createtable(L, 0, 6); // request
  push_string_field(L, "method", o->method);
  push_string_field(L, "url", buf_slice(&o->url));
  push_string_field(L, "path", o->path);
  if (o->has_body) push_string_field(L, "body", buf_slice(&o->body));
  lua_newtable(L);
  lua_setfield(L, -2, "query"); // request
  lua_newtable(L);              // request headers
  for (size_t i = 0; i < o->header_count; i++) {
    lua_pushlstring(L, o->headers[i].name.data, o->headers[i].name.len);
    lua_pushlstring(L, o->headers[i].value.data, o->headers[i].value.len);
    lua_rawset(L, -3); // request headers
  }
  lua_setfield(L, -2, "headers"); // request
}

// There are no credentials: what is kept must do, if it may. The error is on
// the top.
static int without_auth(lua_State *L, struct outgoing *o, bool raised)
{
  struct error err;
  struct fetch_result result;
  struct http_answer answer;
  if (o->behind) {
    fetch_forgo(&o->fetch);
    return serve(L, o);
  }
  if (fault_read(L, -1, &err) &&
      fetch_rescue(&o->fetch, err.code, &result, &answer)) {
    take(o, &result);
    return answered(L, o);
  }
  outgoing_free(o);
  if (raised) return lua_error(L);
  lua_pushnil(L);
  lua_insert(L, -2); // ... nil err
  return 2;
}

// What the function may change: headers, all of them, and what it adds to the
// query. The rest it can only read.
static int after_auth(lua_State *L, int status, lua_KContext ctx)
{
  struct outgoing *o = (struct outgoing *)(void *)ctx;
  if (status > LUA_YIELD) return without_auth(L, o, true);
  if (!lua_toboolean(L, 2) && fault_is(L, 3)) { // request nil err
    lua_settop(L, 3);
    return without_auth(L, o, false);
  }
  lua_settop(L, 1); // request
  o->header_count = 0;
  lua_createtable(L, 0, 2); // request options
  lua_getfield(L, 1, "headers");
  lua_setfield(L, 2, "headers"); // request options
  lua_getfield(L, 1, "query");
  lua_setfield(L, 2, "query"); // request options
  outgoing_options(L, o, 2);
  lua_settop(L, 0);
  return go(L, o);
}

static int ask_auth(lua_State *L, struct outgoing *o, uint32_t slot)
{
  lua_KContext self = (lua_KContext)(void *)o;
  lua_settop(L, 0);
  if (!outgoing_put_key(o)) return luaL_error(L, "not enough memory");
  push_request(L, o);                                     // request
  vm_push_function(call_live(o->part.call)->vm, L, slot); // request fn
  context_push(L, CONTEXT_AUTH);                          // request fn ctx
  lua_pushvalue(L, 1);                                    // request fn ctx req
  return o->fetch.kept ? task_try(L, 2, after_auth, self)
                       : task_call(L, 2, after_auth, self);
}

// --- methods ---

// Stack: method, path, options.
static int request(lua_State *L, const char *what)
{
  lua_settop(L, 3);
  task_check(L, what);
  struct call *call = call_of(L, what);
  struct outgoing *o = outgoing_new(L, call);
  bool plain = o->plain = lua_toboolean(L, PLAIN);
  outgoing_read(L, o, 1, 2, 3);
  enum fetch_found found = outgoing_look(L, o, plain);
  if (found == FETCH_SERVED) return serve(L, o);
  o->behind = found == FETCH_BEHIND;
  outgoing_make_key(L, o);
  o->classifier = classifier_of(L, integration_of(o));
  const struct auth *auth = &integration_of(o)->auth;
  if (!plain && auth->kind == AUTH_FUNCTION) return ask_auth(L, o, auth->slot);
  if (!plain) outgoing_authorize(o, auth);
  return go(L, o);
}

// `ctx.http.get(path)` instead of `ctx.http:get(path)` is the likely slip.
static void check_self(lua_State *L, const char *what)
{
  if (!lua_istable(L, 1))
    luaL_error(L, "call it with a colon: %s(path, options)", what);
}

static int request_by(lua_State *L, const char *method, const char *what)
{
  check_self(L, what);
  lua_settop(L, 3);          // self path options
  lua_pushstring(L, method); // self path options method
  lua_replace(L, 1);         // method path options
  return request(L, what);
}

/// ctx.http:get(path: string, opts?: table): response | nil, error
/// Waits.
static int http_get(lua_State *L)
{
  return request_by(L, "GET", "ctx.http:get");
}

static int http_head(lua_State *L)
{
  return request_by(L, "HEAD", "ctx.http:head");
}

static int http_post(lua_State *L)
{
  return request_by(L, "POST", "ctx.http:post");
}

static int http_put(lua_State *L)
{
  return request_by(L, "PUT", "ctx.http:put");
}

static int http_patch(lua_State *L)
{
  return request_by(L, "PATCH", "ctx.http:patch");
}

static int http_delete(lua_State *L)
{
  return request_by(L, "DELETE", "ctx.http:delete");
}

/// ctx.http:request(method: string, path: string, opts?: table)
/// Waits.
static int http_request(lua_State *L)
{
  check_self(L, "ctx.http:request");
  lua_remove(L, 1); // method path options
  return request(L, "ctx.http:request");
}

static const luaL_Reg methods[] = {
    {"get", http_get},         {"head", http_head},   {"post", http_post},
    {"put", http_put},         {"patch", http_patch}, {"delete", http_delete},
    {"request", http_request}, {NULL, NULL},
};

void bind_ctx_http(lua_State *L)
{
  bind_ctx_object(L, methods, false, "ctx.http");
  context_set_field(L, CONTEXT_CALL, "http");
  bind_ctx_object(L, methods, true, "ctx.http");
  context_set_field(L, CONTEXT_AUTH, "http");
}
