// t_http_client.c -- shows net/http_client to the specs: a real loop that runs
// in the spec's own thread.
//
//   local c = T.http_client.new { ca_file =, idle_s =, max_age_s =, ... }
//   local a = c:start { url =, method = "GET", headers = { {"name", "value"} },
//                       body =, connect_ms =, first_byte_ms =, total_ms =,
//                       max_body_bytes =, replayable =, allow_private = true,
//                       insecure_tls =, unix_socket =, on_done = function }
//   c:run(ms)    until all are done; false when that takes longer
//   a:answer()   { end_ =, status =, head = { {name, value}, ... }, ... } or nil
//   a:cancel(), c:stats(), c:free()

#include <lauxlib.h>
#include <time.h>

#include "loop/clock.h"
#include "net/http_client.h"

int t_http_client(lua_State *L);

#define CLIENT  "T.http_client"
#define ATTEMPT "T.http_attempt"

struct client {
  struct loop *loop;
  struct http_client *http;
  unsigned running;
  lua_State *L; // for on_done, while the loop runs
};

struct attempt {
  struct client *client;
  struct http_transfer *transfer;
  struct http_answer answer;
  int ends; // times done was called
  int on_done;
};

// --- options ---

// The table stays on the stack, so what it holds stays alive. -0 +0
static struct slice slice_field(lua_State *L, int table, const char *name)
{
  struct slice s = {0};
  lua_getfield(L, table, name);
  if (!lua_isnil(L, -1)) s.data = luaL_checklstring(L, -1, &s.len);
  lua_pop(L, 1);
  return s;
}

static lua_Integer number_field(lua_State *L, int table, const char *name)
{
  lua_getfield(L, table, name);
  lua_Integer n = luaL_optinteger(L, -1, 0);
  lua_pop(L, 1);
  return n;
}

static bool flag_field(lua_State *L, int table, const char *name,
                       bool otherwise)
{
  lua_getfield(L, table, name);
  bool flag = lua_isnil(L, -1) ? otherwise : lua_toboolean(L, -1);
  lua_pop(L, 1);
  return flag;
}

// A userdata with the headers, or nil. -0 +1
static struct header *push_headers(lua_State *L, int table, size_t *n)
{
  *n = 0;
  lua_getfield(L, table, "headers"); // headers
  if (lua_isnil(L, -1)) return NULL;
  *n = (size_t)luaL_len(L, -1);
  struct header *headers =
      lua_newuserdatauv(L, (*n + 1) * sizeof(*headers), 0); // headers array
  for (size_t i = 0; i < *n; i++) {
    lua_rawgeti(L, -2, (lua_Integer)i + 1); // headers array pair
    lua_rawgeti(L, -1, 1);                  // headers array pair name
    lua_rawgeti(L, -2, 2);                  // headers array pair name value
    headers[i].name.data = luaL_checklstring(L, -2, &headers[i].name.len);
    headers[i].value.data = luaL_checklstring(L, -1, &headers[i].value.len);
    lua_pop(L, 3); // headers array
  }
  lua_remove(L, -2); // array
  return headers;
}

static struct http_attempt read_attempt(lua_State *L, int t)
{
  struct http_attempt a = {
      .method = slice_field(L, t, "method"),
      .url = slice_field(L, t, "url"),
      .body = slice_field(L, t, "body"),
      .connect_ms = (uint32_t)number_field(L, t, "connect_ms"),
      .first_byte_ms = (uint32_t)number_field(L, t, "first_byte_ms"),
      .total_ms = (uint32_t)number_field(L, t, "total_ms"),
      .max_body_bytes = (size_t)number_field(L, t, "max_body_bytes"),
      .replayable = flag_field(L, t, "replayable", false),
      .allow_private = flag_field(L, t, "allow_private", true),
      .insecure_tls = flag_field(L, t, "insecure_tls", false),
      .unix_socket = slice_field(L, t, "unix_socket").data,
  };
  if (!a.method.data) a.method = SLICE("GET");
  return a;
}

// --- answers ---

// -0 +0
static void set_slice(lua_State *L, const char *name, struct slice s)
{
  lua_pushlstring(L, s.data, s.len);
  lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, uint64_t n)
{
  lua_pushinteger(L, (lua_Integer)n);
  lua_setfield(L, -2, name);
}

static void set_flag(lua_State *L, const char *name, bool flag)
{
  lua_pushboolean(L, flag);
  lua_setfield(L, -2, name);
}

static void set_head(lua_State *L, const struct http_answer *a)
{
  struct header field;
  size_t at = 0;
  lua_newtable(L); // answer head
  for (lua_Integer i = 1; http_answer_next(a, &at, &field); i++) {
    lua_newtable(L);                                       // answer head pair
    lua_pushlstring(L, field.name.data, field.name.len);   // ... pair name
    lua_rawseti(L, -2, 1);                                 // answer head pair
    lua_pushlstring(L, field.value.data, field.value.len); // ... pair value
    lua_rawseti(L, -2, 2);                                 // answer head pair
    lua_rawseti(L, -2, i);                                 // answer head
  }
  lua_setfield(L, -2, "head"); // answer
}

// answer(): nil while it runs
static int attempt_answer(lua_State *L)
{
  struct attempt *at = luaL_checkudata(L, 1, ATTEMPT);
  const struct http_answer *a = &at->answer;
  if (!at->ends) return 0;
  lua_newtable(L); // answer
  set_slice(L, "end_", slice_of(http_end_name(a->end)));
  set_number(L, "status", (uint64_t)a->status);
  set_head(L, a);
  set_slice(L, "body", buf_slice(&a->body));
  set_slice(L, "detail", slice_of(a->detail));
  set_number(L, "total_ns", a->total_ns);
  set_number(L, "connect_ns", a->connect_ns);
  set_number(L, "first_byte_ns", a->first_byte_ns);
  set_number(L, "replays", a->replays);
  set_number(L, "http_version", (uint64_t)a->http_version);
  set_number(L, "ends", (uint64_t)at->ends);
  set_flag(L, "reused", a->reused);
  set_flag(L, "sent", a->sent);
  return 1;
}

// header(name): the first of that name, or nil
static int attempt_header(lua_State *L)
{
  struct attempt *at = luaL_checkudata(L, 1, ATTEMPT);
  struct slice value = http_answer_header(&at->answer, luaL_checkstring(L, 2));
  if (!value.data) return 0;
  lua_pushlstring(L, value.data, value.len);
  return 1;
}

static void call_back(struct attempt *at)
{
  lua_State *L = at->client->L;
  int ref = at->on_done;
  at->on_done = LUA_NOREF;
  if (ref == LUA_NOREF) return;
  lua_rawgeti(L, LUA_REGISTRYINDEX, ref); // function
  luaL_unref(L, LUA_REGISTRYINDEX, ref);
  if (lua_pcall(L, 0, 0, 0) == LUA_OK) return; // (error)
  luaL_traceback(L, L, lua_tostring(L, -1), 0);
  fprintf(stderr, "on_done: %s\n", lua_tostring(L, -1));
  lua_pop(L, 2);
}

static void on_done(void *ctx, struct http_answer *answer)
{
  struct attempt *at = ctx;
  at->transfer = NULL;
  at->client->running--;
  if (at->ends++ == 0) {
    at->answer = *answer;
    *answer = (struct http_answer){0};
  }
  call_back(at);
}

static int attempt_cancel(lua_State *L)
{
  struct attempt *at = luaL_checkudata(L, 1, ATTEMPT);
  if (!at->transfer) return 0;
  at->client->L = L;
  http_cancel(at->transfer);
  lua_pushboolean(L, true);
  return 1;
}

static int attempt_collect(lua_State *L)
{
  struct attempt *at = luaL_checkudata(L, 1, ATTEMPT);
  if (at->transfer) http_cancel(at->transfer);
  http_answer_finish(&at->answer);
  return 0;
}

// --- the client ---

static struct client *check_client(lua_State *L)
{
  struct client *c = luaL_checkudata(L, 1, CLIENT);
  luaL_argcheck(L, c->http, 1, "freed");
  return c;
}

// new(options): nil when out of memory
static int client_new(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  struct http_client_options options = {
      .max_idle_connections = (uint32_t)number_field(L, 1, "max_idle"),
      .idle_s = (uint32_t)number_field(L, 1, "idle_s"),
      .max_age_s = (uint32_t)number_field(L, 1, "max_age_s"),
      .ca_file = slice_field(L, 1, "ca_file").data,
      .seed = (uint64_t)number_field(L, 1, "seed"),
  };
  struct client *c = lua_newuserdatauv(L, sizeof(*c), 1); // options client
  *c = (struct client){0};
  luaL_setmetatable(L, CLIENT);
  lua_pushvalue(L, 1);         // options client options
  lua_setiuservalue(L, -2, 1); // options client
  c->loop = loop_new();
  if (c->loop) c->http = http_client_new(c->loop, options);
  return c->http ? 1 : 0;
}

static int client_free(lua_State *L)
{
  struct client *c = luaL_checkudata(L, 1, CLIENT);
  c->L = L;
  http_client_free(c->http);
  c->http = NULL;
  loop_free(c->loop);
  c->loop = NULL;
  return 0;
}

// start(attempt): nil when out of memory
static int client_start(lua_State *L)
{
  struct client *c = check_client(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  struct http_attempt a = read_attempt(L, 2);
  a.headers = push_headers(L, 2, &a.header_count); // client table headers
  struct attempt *at = lua_newuserdatauv(L, sizeof(*at), 3); // ... attempt
  *at = (struct attempt){.client = c, .on_done = LUA_NOREF};
  luaL_setmetatable(L, ATTEMPT);
  for (int i = 1; i <= 3; i++) { // what it borrows lives as long as it does
    lua_pushvalue(L, i);
    lua_setiuservalue(L, -2, i);
  }
  at->transfer = http_start(c->http, &a, on_done, at);
  if (!at->transfer) return 0;
  c->running++;
  lua_getfield(L, 2, "on_done"); // ... attempt function
  if (lua_isfunction(L, -1)) at->on_done = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_settop(L, 4);
  return 1;
}

// run(ms): until nothing runs; whether that was in time
static int client_run(lua_State *L)
{
  struct client *c = check_client(L);
  uint64_t until =
      clock_mono_ns() + (uint64_t)luaL_optinteger(L, 2, 10000) * NS_PER_MS;
  c->L = L;
  while (c->running > 0 && clock_mono_ns() < until)
    loop_run_until(c->loop, loop_exact(c->loop) + NS_PER_MS);
  lua_pushboolean(L, c->running == 0);
  return 1;
}

// turn(ms): lets time go by
static int client_turn(lua_State *L)
{
  struct client *c = check_client(L);
  c->L = L;
  loop_run_until(c->loop, loop_exact(c->loop) +
                              (uint64_t)luaL_checkinteger(L, 2) * NS_PER_MS);
  return 0;
}

static int client_stats(lua_State *L)
{
  struct http_client_stats s = http_client_stats(check_client(L)->http);
  lua_newtable(L); // stats
  set_number(L, "started", s.started);
  set_number(L, "answered", s.answered);
  set_number(L, "failed", s.failed);
  set_number(L, "cancelled", s.cancelled);
  set_number(L, "connections_new", s.connections_new);
  set_number(L, "connections_reused", s.connections_reused);
  set_number(L, "replays_blocked", s.replays_blocked);
  set_number(L, "replays_allowed", s.replays_allowed);
  set_number(L, "running", s.running);
  return 1;
}

// ends(): { [name] = { not_executed =, sentence = } }
static int ends(lua_State *L)
{
  lua_newtable(L); // ends
  for (unsigned i = 0; i < HTTP_ENDS; i++) {
    enum http_end end = (enum http_end)i;
    lua_newtable(L); // ends row
    set_flag(L, "not_executed", http_end_not_executed(end));
    set_slice(L, "sentence", slice_of(http_end_sentence(end)));
    lua_setfield(L, -2, http_end_name(end)); // ends
  }
  return 1;
}

// cpu_us(): user and system time of this process
static int cpu_us(lua_State *L)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  lua_pushnumber(L, (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3);
  return 1;
}

static void new_type(lua_State *L, const char *name, const luaL_Reg *methods,
                     lua_CFunction collect)
{
  luaL_newmetatable(L, name);     // meta
  lua_newtable(L);                // meta methods
  luaL_setfuncs(L, methods, 0);   // meta methods
  lua_setfield(L, -2, "__index"); // meta
  lua_pushcfunction(L, collect);  // meta collect
  lua_setfield(L, -2, "__gc");    // meta
  lua_pop(L, 1);
}

int t_http_client(lua_State *L)
{
  static const luaL_Reg client_methods[] = {
      {"start", client_start}, {"run", client_run},   {"turn", client_turn},
      {"stats", client_stats}, {"free", client_free}, {NULL, NULL}};
  static const luaL_Reg attempt_methods[] = {{"answer", attempt_answer},
                                             {"header", attempt_header},
                                             {"cancel", attempt_cancel},
                                             {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"new", client_new}, {"ends", ends}, {"cpu_us", cpu_us}, {NULL, NULL}};
  new_type(L, CLIENT, client_methods, client_free);
  new_type(L, ATTEMPT, attempt_methods, attempt_collect);
  luaL_newlib(L, functions);
  return 1;
}
