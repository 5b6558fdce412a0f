// t_mcp.c -- shows mcp/ to the specs: a server with fakes around it.

#include "testing/mcp_fakes.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "mcp/cursor.h"
#include "mcp/errand.h"
#include "mcp/subscriptions.h"

#define WORLD  T_WORLD
#define ANSWER "T.mcp.answer"

int t_mcp(lua_State *L);

// --- building a world ---

static struct slice copy_field(lua_State *L, int index, const char *name,
                               struct arena *arena)
{
  struct slice s = {0};
  lua_getfield(L, index, name); // ... value
  if (!lua_isnil(L, -1)) s = arena_copy(arena, t_slice(L, -1));
  lua_pop(L, 1);
  return s;
}

static struct schema *schema_field(lua_State *L, int index, const char *name)
{
  struct schema *schema = NULL;
  struct error err;
  lua_getfield(L, index, name); // ... text
  if (!lua_isnil(L, -1) && schema_compile(t_slice(L, -1), &schema, &err) != OK)
    luaL_error(L, "%s: %s", name, err.message);
  lua_pop(L, 1);
  return schema;
}

// The tool at the top: { name=, short_name=, args=, result=, json= }.
static void read_tool(lua_State *L, struct world *w, struct tool *tool)
{
  int at = lua_gettop(L);
  tool->index = (uint32_t)w->catalog.tool_count;
  tool->name = copy_field(L, at, "name", &w->arena);
  tool->short_name = copy_field(L, at, "short_name", &w->arena);
  tool->json = copy_field(L, at, "json", &w->arena);
  tool->args = schema_field(L, at, "args");
  tool->result = schema_field(L, at, "result");
  tool->policy = &w->policy;
  lua_getfield(L, at, "task"); // ... task
  const char *task = luaL_optstring(L, -1, "never");
  tool->task = !strcmp(task, "optional")   ? TASK_OPTIONAL
               : !strcmp(task, "required") ? TASK_REQUIRED
                                           : TASK_NEVER;
  lua_getfield(L, at, "prepare"); // ... task prepare
  if (lua_toboolean(L, -1)) tool->prepare_slot = 7;
  lua_pop(L, 2);
  w->catalog.tool_count++;
  map_put(&w->catalog.by_name, tool->name, tool);
}

static void read_tools(lua_State *L, struct world *w)
{
  lua_getfield(L, 1, "tools"); // options ... tools
  int n = lua_isnil(L, -1) ? 0 : (int)luaL_len(L, -1);
  luaL_argcheck(L, n <= WORLD_TOOLS, 1, "too many tools");
  w->catalog.tools =
      arena_alloc(&w->arena, (size_t)(n + 1) * sizeof(struct tool));
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, -1, i + 1); // ... tools tool
    read_tool(L, w, &w->catalog.tools[i]);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

// Offers of a kind, by the list of their keys: { "x://1", "x://2" }, sorted.
static void read_offers(lua_State *L, struct world *w, const char *name,
                        enum offer_kind kind)
{
  struct offer_list *list = &w->catalog.offers[kind];
  lua_getfield(L, 1, name); // options ... keys
  list->count = lua_isnil(L, -1) ? 0 : (size_t)luaL_len(L, -1);
  list->items =
      arena_alloc(&w->arena, (list->count + 1) * sizeof(*list->items));
  for (size_t i = 0; i < list->count; i++) {
    struct offer *offer = &list->items[i];
    lua_rawgeti(L, -1, (lua_Integer)i + 1); // ... keys key
    offer->key = arena_copy(&w->arena, t_slice(L, -1));
    offer->handler.json = SLICE("{}");
    lua_pop(L, 1);
    if (kind == OFFER_TEMPLATE &&
        uri_template_read(offer->key, &w->arena, &offer->pattern, NULL) != OK)
      luaL_error(L, "not a template");
  }
  lua_pop(L, 1);
}

static uint32_t option(lua_State *L, const char *name)
{
  lua_getfield(L, 1, name); // options ... value
  lua_Integer n = luaL_optinteger(L, -1, 0);
  lua_pop(L, 1);
  return (uint32_t)n;
}

static bool flag(lua_State *L, const char *name)
{
  lua_getfield(L, 1, name); // options ... value
  bool on = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return on;
}

static void make_parts(lua_State *L, struct world *w)
{
  struct slice key = copy_field(L, 1, "key", &w->arena);
  if (!key.data) key = SLICE(WORLD_KEY);
  w->loop = loop_new_simulated(1, INT64_C(1790000000000));
  if (flag(L, "mailbox")) w->mailbox = mailbox_new(w->loop);
  if (seal_ring_new(&key, 1, &w->ring, NULL) != OK) luaL_error(L, "no ring");
  w->secrets = secret_set_new();
  struct slice secret = copy_field(L, 1, "secret", &w->arena);
  if (secret.data) w->secret = secret_new(w->secrets, secret);
  lua_getfield(L, 1, "shared"); // options ... other
  struct world *other = luaL_testudata(L, -1, WORLD);
  w->owns_shared = !other;
  w->shared = other ? other->shared : mcp_shared_new();
  w->hub = other ? other->hub : hub_new();
  uint32_t most = option(L, "max_subscriptions");
  if (most) subscriptions_limit(mcp_shared_subscriptions(w->shared), most);
  struct errand_limits limits = {option(L, "max_tasks"),
                                 option(L, "max_bytes")};
  if (limits.count) errand_store_limit(mcp_shared_errands(w->shared), limits);
  lua_pop(L, 1);
}

// A worker that has been late for long: as late as it gets.
static struct shed *make_late(struct world *w)
{
  const uint64_t second = UINT64_C(1000000000);
  struct shed_options options;
  shed_options_default(&options);
  shed_init(&w->shed, 0);
  for (int i = 0; i < 100; i++)
    shed_lag(&w->shed, &options, second, (uint64_t)i * second);
  return &w->shed;
}

static void make_server(lua_State *L, struct world *w)
{
  static const struct slice hosts[] = {{"gw.example.com", 14},
                                       {"port.example.com:8443", 21}};
  static const struct slice origins[] = {{"https://app.example.com", 23}};
  struct mcp_server_options options = {
      .loop = w->loop,
      .mailbox = w->mailbox,
      .shared = w->shared,
      .hub = w->hub,
      .live = &w->live,
      .seals = w->ring,
      .secrets = w->secrets,
      .path = SLICE("/mcp"),
      .sse_path = SLICE("/sse"),
      .message_path = SLICE("/messages"),
      .hosts = hosts,
      .host_count = 2,
      .origins = origins,
      .origin_count = 1,
      .name = SLICE("tide\"gate"),
      .version = SLICE("0.1"),
      .instructions = copy_field(L, 1, "instructions", &w->arena),
      .page_size = option(L, "page_size"),
      .session_ttl_s = option(L, "session_ttl_s"),
      .max_streams = option(L, "max_streams"),
      .keepalive_ms = option(L, "keepalive_ms"),
      .resume_ms = option(L, "resume_ms"),
      .trail_in_meta = flag(L, "trail_in_meta"),
      .shed = flag(L, "late") ? make_late(w) : NULL,
  };
  w->server = serve_new(&options, &t_runner);
  if (!w->server) luaL_error(L, "out of memory");
}

// world{ tools=, page_size=, session_ttl_s=, secret=, shared=, mailbox=, ... }
static int world(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  struct world *w = lua_newuserdatauv(L, sizeof(*w), 1); // options world
  memset(w, 0, sizeof(*w));
  luaL_setmetatable(L, WORLD);
  lua_pushvalue(L, 1);         // options world options
  lua_setiuservalue(L, -2, 1); // options world; keeps the other world alive
  policy_init(&w->policy, SLICE("default"));
  make_parts(L, w);
  read_tools(L, w);
  read_offers(L, w, "resources", OFFER_RESOURCE);
  read_offers(L, w, "templates", OFFER_TEMPLATE);
  read_offers(L, w, "prompts", OFFER_PROMPT);
  w->catalog.number = 1;
  w->generation.catalog = &w->catalog;
  if (!flag(L, "empty")) w->live.generation = &w->generation;
  make_server(L, w);
  return 1;
}

static int world_free(lua_State *L)
{
  struct world *w = luaL_checkudata(L, 1, WORLD);
  serve_free(w->server);
  t_free_questions(w);
  mailbox_free(w->mailbox);
  for (size_t i = 0; i < w->catalog.tool_count; i++) {
    schema_free(w->catalog.tools[i].args);
    schema_free(w->catalog.tools[i].result);
  }
  map_finish(&w->catalog.by_name);
  secret_unref(w->secret);
  secret_set_free(w->secrets);
  seal_ring_free(w->ring);
  if (w->owns_shared) mcp_shared_free(w->shared);
  if (w->owns_shared) hub_free(w->hub);
  for (size_t i = 0; i < WORLD_CALLS; i++) {
    buf_finish(&w->calls[i].tool);
    buf_finish(&w->calls[i].arguments);
    buf_finish(&w->calls[i].request_id);
    buf_finish(&w->calls[i].principal);
    buf_finish(&w->calls[i].prepared);
    t_free_question(&w->calls[i]);
  }
  if (w->loop) loop_free(w->loop);
  arena_finish(&w->arena);
  memset(w, 0, sizeof(*w));
  return 0;
}

// --- using it ---

static struct world *check_world(lua_State *L)
{
  struct world *w = luaL_checkudata(L, 1, WORLD);
  luaL_argcheck(L, w->server, 1, "already freed");
  return w;
}

// The list of { name, value } at the top.
static struct header *read_headers(lua_State *L, struct arena *arena, size_t n)
{
  struct header *headers = arena_alloc(arena, (n + 1) * sizeof(*headers));
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1); // ... headers pair
    lua_rawgeti(L, -1, 1);                  // ... headers pair name
    lua_rawgeti(L, -2, 2);                  // ... headers pair name value
    headers[i].name = arena_copy(arena, t_slice(L, -2));
    headers[i].value = arena_copy(arena, t_slice(L, -1));
    lua_pop(L, 3);
  }
  return headers;
}

// The world keeps the answer at the top, which may still be written. -0 +0
static void keep_answer(lua_State *L)
{
  lua_getiuservalue(L, 1, 1);                             // ... a options
  lua_pushvalue(L, -2);                                   // ... a options a
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1); // ... a options
  lua_pop(L, 1);
}

// Lets the nth allocation fail while the request is served.
static void serve_faulty(struct world *w, const struct http_message *m,
                         struct answer *a, long fail_after)
{
  fault_fail_after(fail_after);
  serve(w->server, m, false, (struct outlet){&t_outlet_ops, a});
  a->fault_fired = fault_fired();
}

// world:send{ method=, headers={{name, value}, ...}, body=, unix=, fail_after= }:
// an answer.
static int send(lua_State *L)
{
  struct world *w = check_world(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  struct answer *a = lua_newuserdatauv(L, sizeof(*a), 1); // w request a
  memset(a, 0, sizeof(*a));
  luaL_setmetatable(L, ANSWER);
  lua_pushvalue(L, 1);         // w request a w
  lua_setiuservalue(L, -2, 1); // w request a
  keep_answer(L);

  struct http_message *m = arena_alloc(&a->arena, sizeof(*m));
  m->method = copy_field(L, 2, "method", &a->arena);
  m->body = copy_field(L, 2, "body", &a->arena);
  m->path = copy_field(L, 2, "path", &a->arena);
  m->query = copy_field(L, 2, "query", &a->arena);
  if (!m->method.data) m->method = SLICE("POST");
  if (!m->body.data) m->body = arena_copy(&a->arena, SLICE(""));
  a->message = m->body;
  lua_getfield(L, 2, "unix"); // w request a unix
  bool unix_socket = lua_toboolean(L, -1);
  lua_getfield(L, 2, "headers"); // w request a unix headers
  m->header_count = lua_isnil(L, -1) ? 0 : (size_t)luaL_len(L, -1);
  m->headers = read_headers(L, &a->arena, m->header_count);
  lua_pop(L, 2);
  lua_getfield(L, 2, "fail_after"); // w request a fail_after
  lua_Integer fail_after = luaL_optinteger(L, -1, -1);
  lua_pop(L, 1);
  if (fail_after >= 0)
    serve_faulty(w, m, a, (long)fail_after);
  else
    serve(w->server, m, unix_socket, (struct outlet){&t_outlet_ops, a});
  return 1;
}

static struct call *check_call(lua_State *L, struct world *w)
{
  lua_Integer i = luaL_checkinteger(L, 2);
  luaL_argcheck(L, i >= 1 && i <= w->call_count, 2, "no such call");
  return &w->calls[i - 1];
}

static void set(lua_State *L, const char *name, struct slice value)
{
  lua_pushlstring(L, value.data, value.len);
  lua_setfield(L, -2, name);
}

// world:call(i): { tool=, arguments=, request_id=, principal=, running=,
// cancelled_by= }
static int get_call(lua_State *L)
{
  struct call *call = check_call(L, check_world(L));
  lua_newtable(L); // ... t
  set(L, "tool", buf_slice(&call->tool));
  set(L, "arguments", buf_slice(&call->arguments));
  set(L, "request_id", buf_slice(&call->request_id));
  set(L, "principal", buf_slice(&call->principal));
  set(L, "cancelled_by", slice_of(call->cancelled_by));
  if (call->prepared.len) set(L, "prepared", buf_slice(&call->prepared));
  if (call->as_task) set(L, "as_task", SLICE("yes"));
  if (call->slot) set(L, "slot", SLICE("prepare"));
  lua_pushboolean(L, call->running); // ... t running
  lua_setfield(L, -2, "running");    // ... t
  return 1;
}

// world:finish(i, result)
static int finish(lua_State *L)
{
  struct call *call = check_call(L, check_world(L));
  luaL_argcheck(L, call->running, 2, "not running");
  t_drop_questions(call);
  struct call_result result = t_read_result(L, 3);
  struct trail trail;
  trail_begin(&trail, 0);
  trail_add(&trail, 1000, TRAIL_RUN, OK, 0, 0, (struct slice){0});
  result.trail = &trail;
  call->running = false;
  call->done(call->ctx, call, &result);
  return 0;
}

// world:progress(i, progress, total, message): the call tells how far it is.
static int progress(lua_State *L)
{
  struct call *call = check_call(L, check_world(L));
  struct call_progress p = {.progress = luaL_checknumber(L, 3),
                            .total = luaL_optnumber(L, 4, 0),
                            .has_total = !lua_isnoneornil(L, 4)};
  if (!lua_isnoneornil(L, 5)) p.message = t_slice(L, 5);
  luaL_argcheck(L, call->running && call->listener, 2, "nobody listens");
  call->listener->progress(call->ctx, &p);
  return 0;
}

// world:tell(i, json): its handler says this, as an error.
static int tell(lua_State *L)
{
  struct call *call = check_call(L, check_world(L));
  luaL_argcheck(L, call->running, 2, "not running");
  call->listener->note(call->ctx, NOTE_ERROR, SLICE("spec"), t_slice(L, 3));
  return 0;
}

// world:detach(i, retry_ms): could its client be sent away?
static int detach(lua_State *L)
{
  struct call *call = check_call(L, check_world(L));
  luaL_argcheck(L, call->running, 2, "not running");
  uint32_t ms = (uint32_t)luaL_checkinteger(L, 3);
  lua_pushboolean(L, call->listener->detach(call->ctx, ms));
  return 1;
}

// world:kept(): what is kept for those who come back.
static int kept(lua_State *L)
{
  struct event_counts c =
      event_store_counts(mcp_shared_events(check_world(L)->shared));
  lua_pushinteger(L, (lua_Integer)c.streams);
  lua_pushinteger(L, (lua_Integer)c.bytes);
  return 2;
}

// world:told(): of how many sessions of HTTP this worker tells something.
static int told(lua_State *L)
{
  const struct mcp_server *s = check_world(L)->server;
  lua_Integer n = 0;
  for (size_t i = 0; i < NEWS_BUCKETS; i++)
    for (const struct list *it = s->news.sessions[i].next;
         it != &s->news.sessions[i]; it = it->next)
      n++;
  lua_pushinteger(L, n);
  return 1;
}

// world:at_once(on), world:refuse(on): how calls go from now on.
static int at_once(lua_State *L)
{
  check_world(L)->at_once = lua_toboolean(L, 2);
  return 0;
}

static int refuse_calls(lua_State *L)
{
  check_world(L)->refuses = lua_toboolean(L, 2);
  return 0;
}

// world:calls(): how many were started.
static int calls(lua_State *L)
{
  lua_pushinteger(L, check_world(L)->call_count);
  return 1;
}

// world:pass(seconds, fail_after?): time goes by, and the mail is delivered. Has
// an allocation failed?
static int pass(lua_State *L)
{
  struct world *w = check_world(L);
  uint64_t ns = (uint64_t)(luaL_checknumber(L, 2) * 1e9);
  bool arms = !lua_isnoneornil(L, 3);
  if (arms) fault_fail_after((long)luaL_checkinteger(L, 3));
  loop_run_until(w->loop, loop_now(w->loop) + ns);
  lua_pushboolean(L, arms && fault_fired());
  return 1;
}

// world:reload(number, json): another generation; the first tool's entry.
static int reload(lua_State *L)
{
  struct world *w = check_world(L);
  w->catalog.number = (uint64_t)luaL_checkinteger(L, 2);
  if (!lua_isnoneornil(L, 3))
    w->catalog.tools[0].json = arena_copy(&w->arena, t_slice(L, 3));
  return 0;
}

// world:publish(topic, key, payload): an event, "tools" ... "session".
static int publish(lua_State *L)
{
  static const char *const topics[] = {
      "tools", "prompts", "resources", "resource", "task", "session", NULL};
  struct world *w = check_world(L);
  int topic = luaL_checkoption(L, 2, NULL, topics);
  struct slice none = SLICE("");
  struct slice key = lua_isnoneornil(L, 3) ? none : t_slice(L, 3);
  struct slice payload = lua_isnoneornil(L, 4) ? none : t_slice(L, 4);
  lua_pushboolean(L, hub_publish(w->hub, (enum hub_topic)topic, key, payload));
  return 1;
}

// world:drain(): the server is about to stop.
static int drain(lua_State *L)
{
  mcp_server_drain(check_world(L)->server);
  return 0;
}

// world:streams(): how many subscriptions are open, how many timers armed.
static int streams(lua_State *L)
{
  struct world *w = check_world(L);
  lua_pushinteger(L, w->server->streams.count);
  lua_pushinteger(L, (lua_Integer)loop_timers(w->loop));
  return 2;
}

// --- answers ---

// answer:get(): { ended=, streamed=, status=, headers="name: value\n...", body= }
static int answer_get(lua_State *L)
{
  struct answer *a = luaL_checkudata(L, 1, ANSWER);
  lua_newtable(L); // a t
  lua_pushboolean(L, a->ended);
  lua_setfield(L, -2, "ended");
  lua_pushboolean(L, a->streamed);
  lua_setfield(L, -2, "streamed");
  lua_pushboolean(L, a->lasts);
  lua_setfield(L, -2, "lasts");
  lua_pushboolean(L, a->fault_fired);
  lua_setfield(L, -2, "fault_fired");
  lua_pushboolean(L, a->left);
  lua_setfield(L, -2, "left");
  lua_pushinteger(L, a->status);
  lua_setfield(L, -2, "status");
  set(L, "headers", buf_slice(&a->headers));
  set(L, "body", buf_slice(&a->body));
  return 1;
}

// answer:leave(): the client is gone.
static int answer_leave(lua_State *L)
{
  struct answer *a = luaL_checkudata(L, 1, ANSWER);
  if (a->on_gone && !a->ended) a->on_gone(a->gone_ctx);
  return 0;
}

// answer:slow(on): the client takes nothing, or all again.
static int answer_slow(lua_State *L)
{
  struct answer *a = luaL_checkudata(L, 1, ANSWER);
  a->slow = lua_toboolean(L, 2);
  if (!a->slow && a->on_drain && !a->ended) a->on_drain(a->drain_ctx);
  return 0;
}

// answer:clear(): what left so far is forgotten; there is room for more.
static int answer_clear(lua_State *L)
{
  struct answer *a = luaL_checkudata(L, 1, ANSWER);
  buf_reset(&a->body, 0);
  buf_reserve(&a->body, 8192);
  return 0;
}

static int answer_free(lua_State *L)
{
  struct answer *a = luaL_checkudata(L, 1, ANSWER);
  // A world that is freed ends its answers; they must be there for that.
  lua_getiuservalue(L, 1, 1); // a w
  struct world *w = lua_touserdata(L, -1);
  if (!a->ended && w && w->server) {
    serve_free(w->server);
    w->server = NULL;
  }
  buf_finish(&a->headers);
  buf_finish(&a->body);
  arena_finish(&a->arena);
  return 0;
}

static void make_type(lua_State *L, const char *name, const luaL_Reg *methods)
{
  luaL_newmetatable(L, name);     // meta
  luaL_setfuncs(L, methods, 0);   // meta
  lua_pushvalue(L, -1);           // meta meta
  lua_setfield(L, -2, "__index"); // meta
  lua_pop(L, 1);
}

int t_mcp(lua_State *L)
{
  static const luaL_Reg world_methods[] = {{"send", send},
                                           {"call", get_call},
                                           {"finish", finish},
                                           {"progress", progress},
                                           {"at_once", at_once},
                                           {"refuse", refuse_calls},
                                           {"calls", calls},
                                           {"pass", pass},
                                           {"reload", reload},
                                           {"publish", publish},
                                           {"drain", drain},
                                           {"streams", streams},
                                           {"tell", tell},
                                           {"detach", detach},
                                           {"kept", kept},
                                           {"told", told},
                                           {"put", t_world_ask},
                                           {"give_up", t_world_drop},
                                           {"question", t_world_question},
                                           {"claim", t_world_claim},
                                           {"state", t_world_state},
                                           {"free", world_free},
                                           {"__gc", world_free},
                                           {NULL, NULL}};
  static const luaL_Reg answer_methods[] = {
      {"get", answer_get},     {"leave", answer_leave}, {"slow", answer_slow},
      {"clear", answer_clear}, {"__gc", answer_free},   {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"world", world},         {"header_value", t_header_value},
      {"cursor", t_cursor},     {"fail_after", t_fail_after},
      {"fired", t_fired},       {"reply", t_reply},
      {"digest", t_ask_digest}, {NULL, NULL}};
  make_type(L, WORLD, world_methods);
  luaL_getmetatable(L, WORLD);         // meta
  luaL_setfuncs(L, t_task_methods, 0); // meta
  lua_pop(L, 1);                       //
  make_type(L, ANSWER, answer_methods);
  luaL_newlib(L, functions);
  return 1;
}
