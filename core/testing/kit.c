// kit.c -- the Lua C module `tidegate.testing`: the whole engine below the
// socket, in simulated time, against an upstream that is told what to do.
//
//   local testing = require "tidegate.testing"
//   local kit = testing.new { scripts = "scripts", policies = "policies",
//                             secrets = { github_token = "t" } }
//   kit:upstream("GET https://api.github.com/*", { status = 200, json = {} })
//   local call = kit:call("github_list_issues", { repo = "a/b" })
//
// tests/README.md teaches it. What is real: the loader, the sandbox, the
// schemas, the calls, the guard, the bindings. What is not: time, the wire.

#include <lauxlib.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bind/bind.h"
#include "loop/clock.h"
#include "script/call.h"
#include "script/convert.h"
#include "testing/kit.h"
#include "testing/scripted.h"

#define KIT_TYPE  "tidegate.testing.Kit"
#define CALL_TYPE "tidegate.testing.Call"
// When nothing says otherwise it is 2026-01-01T00:00:00Z.
#define START_WALL_MS INT64_C(1767225600000)
#define START_NS      (1000 * NS_PER_S)
#define SECRETS_MAX   32

struct kit {
  struct loop *loop;
  struct scripted *upstream;
  struct live live;
  struct log *log;
  int log_fd;
  struct secret_set *secrets;
  struct bind_env bind;
  struct arena arena;
  struct header known[SECRETS_MAX]; // name, value
  size_t known_count;
  uint64_t calls;
  bool closed;
};

// Lives as long as its Lua value; `call` is NULL once it has ended.
struct kit_call {
  struct kit *kit;
  struct call *call;
  struct buf body, trail, details;
  enum call_form form;
  struct error error;
  uint32_t attempts;
  enum side_effect side_effect;
  uint64_t start_ns, end_ns;
  bool done;
};

// --- what the engine asks for ---

static struct secret *find_secret(void *ctx, struct slice name, char *hint,
                                  size_t hint_size)
{
  struct kit *kit = ctx;
  for (size_t i = 0; i < kit->known_count; i++)
    if (slice_eq(kit->known[i].name, name))
      return secret_new(kit->secrets, kit->known[i].value);
  snprintf(hint, hint_size, "secrets = { %.*s = \"...\" } for testing.new",
           SLICE_ARG(name));
  return NULL;
}

static const char *find_env(void *ctx, struct slice name)
{
  (void)ctx, (void)name;
  return NULL;
}

static int64_t wall_clock(void *ctx)
{
  return loop_wall_ms(ctx);
}

// --- opening and closing ---

static void close_kit(struct kit *kit)
{
  if (kit->closed) return;
  kit->closed = true;
  http_client_free(kit->live.http);
  if (kit->live.vm) {
    vm_free(kit->live.vm);
    generation_unref(kit->live.generation);
  }
  log_free(kit->log);
  if (kit->log_fd >= 0) close(kit->log_fd);
  loop_free(kit->loop);
  secret_set_free(kit->secrets);
  arena_finish(&kit->arena);
}

static struct kit *check_kit(lua_State *L)
{
  struct kit *kit = luaL_checkudata(L, 1, KIT_TYPE);
  luaL_argcheck(L, !kit->closed, 1, "the kit is closed");
  return kit;
}

static struct slice keep_field(lua_State *L, struct kit *kit, const char *name,
                               const char *otherwise)
{
  lua_getfield(L, 1, name); // value
  struct slice s = slice_of(luaL_optstring(L, -1, otherwise));
  s = arena_copy(&kit->arena, s);
  lua_pop(L, 1); //
  return s;
}

static void keep_secrets(lua_State *L, struct kit *kit)
{
  if (lua_getfield(L, 1, "secrets") == LUA_TTABLE) { // secrets
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
      if (kit->known_count == SECRETS_MAX)
        luaL_error(L, "at most %d secrets", SECRETS_MAX);
      struct slice name = slice_of(luaL_checkstring(L, -2));
      struct slice value = slice_of(luaL_checkstring(L, -1));
      kit->known[kit->known_count++] = (struct header){
          arena_copy(&kit->arena, name), arena_copy(&kit->arena, value)};
    }
  }
  lua_pop(L, 1); //
}

static void load(lua_State *L, struct kit *kit)
{
  struct faults faults = {0};
  struct generation_options options = {
      .scripts_dir = keep_field(L, kit, "scripts", "scripts"),
      .policies_dir = keep_field(L, kit, "policies", "policies"),
      .workers = 1,
      .vm = {.open_api = bind_open, .api_ctx = &kit->bind, .seed = 1},
      .find_secret = find_secret,
      .secret_ctx = kit,
  };
  struct generation *g = generation_load(&options, 1, &faults);
  if (!g) {
    struct buf text = {0};
    faults_print(&faults, &text);
    faults_finish(&faults);
    lua_pushlstring(L, text.data, text.len); // text
    buf_finish(&text);
    lua_error(L);
    return;
  }
  faults_finish(&faults);
  kit->live.generation = g;
  kit->live.vm = g->vms[0];
  vm_attach(kit->live.vm, kit->loop, kit->log);
}

static void open_parts(lua_State *L, struct kit *kit)
{
  kit->log_fd = memfd_create("tidegate.log", MFD_CLOEXEC);
  kit->loop = loop_new_simulated(START_NS, START_WALL_MS);
  kit->secrets = secret_set_new();
  if (kit->loop) kit->upstream = scripted_new(kit->loop);
  if (kit->upstream) kit->live.http = scripted_client(kit->upstream);
  if (kit->live.http && kit->log_fd >= 0)
    kit->log = log_new((struct log_options){.fd = kit->log_fd,
                                            .level = LOG_DEBUG,
                                            .clock = wall_clock,
                                            .clock_ctx = kit->loop,
                                            .secrets = kit->secrets});
  if (!kit->log) luaL_error(L, "not enough memory");
  kit->bind = (struct bind_env){.secrets = kit->secrets,
                                .find_secret = find_secret,
                                .find_env = find_env,
                                .find_ctx = kit};
}

/// testing.new(options: { scripts?, policies?, secrets? }): kit
/// Raises with all faults if something cannot be loaded.
static int kit_new(lua_State *L)
{
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_newtable(L);
    lua_replace(L, 1);
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  struct kit *kit = lua_newuserdatauv(L, sizeof(*kit), 0); // kit
  *kit = (struct kit){.log_fd = -1};
  luaL_setmetatable(L, KIT_TYPE);
  keep_secrets(L, kit);
  open_parts(L, kit);
  load(L, kit);
  return 1;
}

static int kit_close(lua_State *L)
{
  close_kit(luaL_checkudata(L, 1, KIT_TYPE));
  return 0;
}

// --- calls ---

static void on_done(void *ctx, struct call *call, const struct call_result *r)
{
  (void)call;
  struct kit_call *c = ctx;
  c->call = NULL;
  c->done = true;
  c->form = r->form;
  c->error = r->error;
  c->attempts = r->attempts;
  c->side_effect = r->side_effect;
  c->end_ns = loop_now(c->kit->loop);
  buf_add(&c->body, r->body);
  if (r->details.data) buf_add(&c->details, r->details);
  trail_json(r->trail, &c->trail);
}

static void read_arguments(lua_State *L, int index, struct buf *text,
                           struct arena *arena, struct json_doc *doc)
{
  struct error err = {0};
  enum error_code code = OK;
  buf_puts(text, "{\"arguments\":");
  if (lua_isnoneornil(L, index) ||
      (lua_istable(L, index) && (lua_pushnil(L), !lua_next(L, index))))
    buf_puts(text, "{}");
  else
    code = convert_put(L, index, NULL, text, &err);
  buf_putc(text, '}');
  if (code == OK)
    code =
        json_parse(doc, buf_slice(text), (struct json_limits){0}, arena, &err);
  if (code == OK) return;
  buf_finish(text);
  arena_finish(arena);
  luaL_error(L, "arguments: %s", err.message);
}

static const struct tool *check_tool(lua_State *L, struct kit *kit)
{
  const char *name = luaL_checkstring(L, 2);
  const struct tool *tool =
      catalog_tool(kit->live.generation->catalog, slice_of(name));
  if (!tool) luaL_error(L, "no tool '%s'", name);
  return tool;
}

/// kit:start(tool: string, arguments?: table): call
/// Starts a call; kit:advance() makes it go on.
static int kit_start(lua_State *L)
{
  struct kit *kit = check_kit(L);
  const struct tool *tool = check_tool(L, kit);
  lua_settop(L, 3);
  struct kit_call *c = lua_newuserdatauv(L, sizeof(*c), 1); // call
  *c = (struct kit_call){.kit = kit, .start_ns = loop_now(kit->loop)};
  luaL_setmetatable(L, CALL_TYPE);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1); // call

  struct buf text = {0};
  struct arena arena = {0};
  struct json_doc doc;
  read_arguments(L, 3, &text, &arena, &doc);
  char id[32];
  snprintf(id, sizeof(id), "test-%llu", (unsigned long long)++kit->calls);
  struct call_options options = {.tool = tool,
                                 .doc = &doc,
                                 .arguments = json_get(&doc, 0, "arguments"),
                                 .principal = SLICE("tester"),
                                 .request_id = slice_of(id)};
  struct call *call = call_start(&kit->live, &options, on_done, c);
  if (!c->done) c->call = call;
  buf_finish(&text);
  arena_finish(&arena);
  lua_settop(L, 4);
  return 1;
}

/// kit:call(tool: string, arguments?: table): call
/// Starts a call and lets time go by until it has ended.
static int kit_call(lua_State *L)
{
  kit_start(L); // ... call
  struct kit_call *c = lua_touserdata(L, -1);
  while (!c->done)
    loop_turn(c->kit->loop, true);
  return 1;
}

/// kit:advance(ms: integer)
static int kit_advance(lua_State *L)
{
  struct kit *kit = check_kit(L);
  lua_Integer ms = luaL_checkinteger(L, 2);
  luaL_argcheck(L, ms >= 0, 2, "time goes forward");
  loop_run_until(kit->loop, loop_now(kit->loop) + (uint64_t)ms * NS_PER_MS);
  return 0;
}

/// kit:now_ms(): integer
/// Simulated milliseconds since the kit was made.
static int kit_now_ms(lua_State *L)
{
  struct kit *kit = check_kit(L);
  lua_pushinteger(L,
                  (lua_Integer)((loop_now(kit->loop) - START_NS) / NS_PER_MS));
  return 1;
}

/// kit:log(): string
static int kit_log(lua_State *L)
{
  struct kit *kit = check_kit(L);
  log_flush(kit->log);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  char chunk[4096];
  ssize_t n;
  for (off_t at = 0; (n = pread(kit->log_fd, chunk, sizeof(chunk), at)) > 0;
       at += n)
    luaL_addlstring(&b, chunk, (size_t)n);
  luaL_pushresult(&b);
  return 1;
}

// --- the upstream ---

/// kit:upstream(pattern: string, behaviour: table, ...)
/// "GET https://host/path*"; each behaviour is for one request, the last stays.
static int kit_upstream(lua_State *L)
{
  struct kit *kit = check_kit(L);
  const char *pattern = luaL_checkstring(L, 2);
  const char *space = strchr(pattern, ' ');
  luaL_argcheck(L, space, 2, "expected METHOD URL, as in \"GET https://*\"");
  size_t n = (size_t)lua_gettop(L) - 2;
  luaL_argcheck(L, n > 0, 3, "a behaviour is missing");

  struct behaviour *list = arena_alloc(&kit->arena, n * sizeof(*list));
  for (size_t i = 0; list && i < n; i++)
    kit_read_behaviour(L, (int)i + 3, &kit->arena, &list[i]);
  struct slice method = {pattern, (size_t)(space - pattern)};
  if (!list ||
      !scripted_add(kit->upstream, method, slice_of(space + 1), list, n))
    return luaL_error(L, "not enough memory");
  lua_settop(L, 1);
  return 1;
}

static void set_slice(lua_State *L, const char *name, struct slice s)
{
  lua_pushlstring(L, s.data ? s.data : "", s.len);
  lua_setfield(L, -2, name);
}

/// kit:requests(): { method, url, headers, body, at_ms, replayable }[]
static int kit_requests(lua_State *L)
{
  struct kit *kit = check_kit(L);
  size_t n;
  const struct scripted_request *r = scripted_requests(kit->upstream, &n);
  lua_createtable(L, (int)n, 0); // list
  for (size_t i = 0; i < n; i++) {
    lua_createtable(L, 0, 6); // list request
    set_slice(L, "method", r[i].method);
    set_slice(L, "url", r[i].url);
    set_slice(L, "body", r[i].body);
    kit_push_headers(L, r[i].headers);
    lua_setfield(L, -2, "headers"); // list request
    lua_pushinteger(L, (lua_Integer)((r[i].at_ns - START_NS) / NS_PER_MS));
    lua_setfield(L, -2, "at_ms");
    lua_pushboolean(L, r[i].replayable);
    lua_setfield(L, -2, "replayable");
    lua_rawseti(L, -2, (lua_Integer)i + 1); // list
  }
  return 1;
}

// --- a call's fields ---

static void push_json(lua_State *L, const struct buf *text)
{
  struct arena arena = {0};
  struct json_doc doc;
  if (text->len > 0 && json_parse(&doc, buf_slice(text),
                                  (struct json_limits){0}, &arena, NULL) == OK)
    convert_push(L, &doc, 0, &arena); // value
  else
    lua_pushnil(L); // nil
  arena_finish(&arena);
}

static void push_error(lua_State *L, const struct kit_call *c)
{
  lua_createtable(L, 0, 7); // error
  set_slice(L, "code", slice_of(error_name(c->error.code)));
  set_slice(L, "message", slice_of(c->error.message));
  lua_pushinteger(L, c->error.status);
  lua_setfield(L, -2, "status");
  if (c->error.retry_after_ms >= 0) {
    lua_pushinteger(L, c->error.retry_after_ms);
    lua_setfield(L, -2, "retry_after_ms");
  }
  push_json(L, &c->details);
  lua_setfield(L, -2, "details"); // error
}

static int push_field(lua_State *L, const struct kit_call *c, const char *key)
{
  bool failed = c->form == CALL_ERROR;
  struct slice body = buf_slice(&c->body);
  if (!strcmp(key, "done")) {
    lua_pushboolean(L, c->done);
  } else if (!c->done) {
    lua_pushnil(L);
  } else if (!strcmp(key, "ok")) {
    lua_pushboolean(L, !failed);
  } else if (!strcmp(key, "value") && !failed && c->form != CALL_TEXT) {
    push_json(L, &c->body);
  } else if (!strcmp(key, "text") && !failed) {
    lua_pushlstring(L, body.data, body.len);
  } else if (!strcmp(key, "error") && failed) {
    push_error(L, c);
  } else if (!strcmp(key, "trail")) {
    push_json(L, &c->trail);
  } else if (!strcmp(key, "attempts")) {
    lua_pushinteger(L, c->attempts);
  } else if (!strcmp(key, "side_effect")) {
    lua_pushstring(L, side_effect_name(c->side_effect));
  } else if (!strcmp(key, "ms")) {
    lua_pushinteger(L, (lua_Integer)((c->end_ns - c->start_ns) / NS_PER_MS));
  } else {
    lua_pushnil(L);
  }
  return 1;
}

static int call_cancel_it(lua_State *L)
{
  struct kit_call *c = luaL_checkudata(L, 1, CALL_TYPE);
  if (c->call) call_cancel(c->call, "test");
  return 0;
}

static int call_index(lua_State *L)
{
  const struct kit_call *c = luaL_checkudata(L, 1, CALL_TYPE);
  const char *key = luaL_checkstring(L, 2);
  if (strcmp(key, "cancel")) return push_field(L, c, key);
  lua_pushcfunction(L, call_cancel_it);
  return 1;
}

// A call that still runs is given up: its place in the engine is our memory.
static int call_gc(lua_State *L)
{
  struct kit_call *c = luaL_checkudata(L, 1, CALL_TYPE);
  if (c->call && !c->kit->closed) call_cancel(c->call, "test");
  buf_finish(&c->body);
  buf_finish(&c->trail);
  buf_finish(&c->details);
  return 0;
}

static const luaL_Reg methods[] = {
    {"call", kit_call},
    {"start", kit_start},
    {"advance", kit_advance},
    {"now_ms", kit_now_ms},
    {"upstream", kit_upstream},
    {"requests", kit_requests},
    {"log", kit_log},
    {"close", kit_close},
    {NULL, NULL},
};

int luaopen_tidegate_testing(lua_State *L);
int luaopen_tidegate_testing(lua_State *L)
{
  luaL_newmetatable(L, KIT_TYPE); // meta
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, kit_close);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, kit_close);
  lua_setfield(L, -2, "__close");
  luaL_newmetatable(L, CALL_TYPE); // meta meta
  lua_pushcfunction(L, call_index);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, call_gc);
  lua_setfield(L, -2, "__gc");
  lua_createtable(L, 0, 1); // meta meta testing
  lua_pushcfunction(L, kit_new);
  lua_setfield(L, -2, "new");
  return 1;
}
