// kit.c -- the Lua C module `tidegate.testing`: the whole engine below the
// socket, in simulated time, against an upstream that is told what to do.
//
//   local testing = require "tidegate.testing"
//   local kit = testing.new { secrets = { github_token = "t" } }
//   kit:upstream("GET https://api.github.com/*", { json = {} })
//   local call = kit:call("github_list_issues", { repo = "a/b" })
//
// tests/README.md teaches it, scripts/types/testing.lua lists it. What is real:
// the loader, the sandbox, the schemas, the calls, the guard, the bindings.
// What is not: time, chance, the wire.

#include "testing/kit.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/iso_time.h"
#include "script/convert.h"
#include "script/faults.h"

// When nothing says otherwise it is 2026-01-01T00:00:00Z.
#define START_WALL_MS INT64_C(1767225600000)
#define CHAOS_MS_MAX  3600000
#define CACHE_BYTES   ((lua_Integer)64 << 20) // as --cache-mb has it
#define SCRIPT_BYTES  ((lua_Integer)64 * 1024 * 1024)

// --- what several files need ---

struct kit *kit_check(lua_State *L)
{
  struct kit *kit = luaL_checkudata(L, 1, KIT_TYPE);
  if (kit->closed) luaL_error(L, "the kit is closed");
  return kit;
}

struct kit *kit_check_idle(lua_State *L)
{
  struct kit *kit = kit_check(L);
  if (kit->L) luaL_error(L, KIT_AT_WORK);
  return kit;
}

void kit_set_slice(lua_State *L, const char *name, struct slice s)
{
  lua_pushlstring(L, s.data ? s.data : "", s.len); // table text
  lua_setfield(L, -2, name);                       // table
}

static bool is_one_of(const char *key, const char *const *names)
{
  while (*names && strcmp(*names, key))
    names++;
  return *names != NULL;
}

static void refuse_key(lua_State *L, const char *what, const char *key,
                       const char *const *names)
{
  size_t n = 0;
  while (names[n])
    n++;
  struct slice near = faults_suggest(slice_of(key), names, n);
  if (near.data)
    luaL_error(L, "%s: unknown key '%s' (did you mean %s?)", what, key,
               near.data);
  luaL_error(L, "%s: unknown key '%s'", what, key);
}

void kit_check_keys(lua_State *L, int index, const char *what,
                    const char *const *names)
{
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) { // key value
    const char *key = luaL_tolstring(L, -2, NULL);          // key value text
    if (!is_one_of(key, names)) refuse_key(L, what, key, names);
    lua_pop(L, 1); // key value
  }
}

void kit_push_json(lua_State *L, struct slice text, struct arena *scratch)
{
  struct json_doc doc;
  arena_reset(scratch);
  if (text.len > 0 &&
      json_parse(&doc, text, (struct json_limits){0}, scratch, NULL) == OK)
    convert_push(L, &doc, 0, scratch); // value
  else
    lua_pushnil(L); // nil
}

// --- what the engine asks for ---

static const struct header *find(const struct header *list, size_t n,
                                 struct slice name)
{
  for (size_t i = 0; i < n; i++)
    if (slice_eq(list[i].name, name)) return &list[i];
  return NULL;
}

static struct secret *find_secret(void *ctx, struct slice name, char *hint,
                                  size_t hint_size)
{
  struct kit *kit = ctx;
  const struct header *known =
      find(kit->secret_values, kit->secret_count, name);
  if (known) return secret_new(kit->secrets, known->value);
  snprintf(hint, hint_size, "secrets = { %.*s = \"...\" } for testing.new",
           SLICE_ARG(name));
  return NULL;
}

static const char *find_env(void *ctx, struct slice name)
{
  const struct kit *kit = ctx;
  const struct header *known = find(kit->env_values, kit->env_count, name);
  return known ? known->value.data : NULL;
}

static int64_t wall_clock(void *ctx)
{
  return loop_wall_ms(ctx);
}

// --- opening ---

static void out_of_memory(lua_State *L)
{
  luaL_error(L, "not enough memory");
}

// Pushes the field `name` of the options; false if it is absent. +1 or +0
static bool push_option(lua_State *L, const char *name, int type)
{
  int found = lua_getfield(L, 1, name); // value
  if (found == LUA_TNIL) {
    lua_pop(L, 1); //
    return false;
  }
  if (found != type)
    luaL_error(L, "testing.new: %s must be a %s, not a %s", name,
               lua_typename(L, type), lua_typename(L, found));
  return true;
}

static struct slice keep_string(lua_State *L, struct kit *kit, int index)
{
  struct slice s;
  s.data = luaL_checklstring(L, index, &s.len);
  s = arena_copy(&kit->arena, s);
  if (!s.data) out_of_memory(L);
  return s;
}

static struct slice text_option(lua_State *L, struct kit *kit, const char *name,
                                const char *otherwise)
{
  if (!push_option(L, name, LUA_TSTRING)) return slice_of(otherwise);
  struct slice s = keep_string(L, kit, lua_gettop(L));
  lua_pop(L, 1); //
  return s;
}

// Keeps a table of strings.
static struct header *pairs_option(lua_State *L, struct kit *kit,
                                   const char *name, size_t *n)
{
  *n = 0;
  if (!push_option(L, name, LUA_TTABLE)) return NULL; // pairs
  int table = lua_gettop(L);
  size_t room = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) // key value
    room++;
  struct header *list = arena_alloc(&kit->arena, (room + 1) * sizeof(*list));
  if (!list) out_of_memory(L);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) { // key value
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      luaL_error(L, "testing.new: %s: names and values are strings", name);
    list[*n].name = keep_string(L, kit, lua_gettop(L) - 1);
    list[(*n)++].value = keep_string(L, kit, lua_gettop(L));
  }
  lua_pop(L, 1); //
  return list;
}

static uint64_t seed_option(lua_State *L)
{
  lua_getfield(L, 1, "seed"); // seed
  lua_Integer seed = luaL_optinteger(L, -1, 1);
  if (seed < 1) luaL_error(L, "testing.new: seed must be at least 1");
  lua_pop(L, 1); //
  return (uint64_t)seed;
}

static size_t bytes_option(lua_State *L, const char *name,
                           lua_Integer otherwise)
{
  lua_getfield(L, 1, name); // bytes
  lua_Integer bytes = luaL_optinteger(L, -1, otherwise);
  if (bytes < 1 || bytes > INT64_C(1) << 40)
    luaL_error(L, "testing.new: %s must be from 1 on", name);
  lua_pop(L, 1); //
  return (size_t)bytes;
}

// How long policies may inject faults.
static uint64_t chaos_option(lua_State *L)
{
  lua_getfield(L, 1, "chaos_ms"); // ms
  lua_Integer ms = luaL_optinteger(L, -1, 0);
  if (ms < 0 || ms > CHAOS_MS_MAX)
    luaL_error(L, "testing.new: chaos_ms must be 0 to %d", CHAOS_MS_MAX);
  lua_pop(L, 1); //
  return (uint64_t)ms * NS_PER_MS;
}

static int64_t now_option(lua_State *L)
{
  int64_t seconds;
  int32_t ns;
  if (!push_option(L, "now", LUA_TSTRING)) return START_WALL_MS; // text
  struct slice text = slice_of(lua_tostring(L, -1));
  if (!iso_time_parse(text, &seconds, &ns))
    luaL_error(L, "testing.new: now: \"%s\" is not an ISO 8601 time",
               text.data);
  lua_pop(L, 1); //
  return seconds * 1000 + ns / 1000000;
}

static void open_parts(lua_State *L, struct kit *kit, int64_t wall_ms,
                       uint64_t seed)
{
  kit->log_fd = memfd_create("tidegate.log", MFD_CLOEXEC);
  kit->loop = loop_new_simulated(KIT_START_NS, wall_ms);
  kit->secrets = secret_set_new();
  if (kit->loop) kit->upstream = scripted_new(kit->loop);
  if (kit->upstream) kit->live.http = scripted_client(kit->upstream);
  if (!kit->live.http || !kit->secrets || kit->log_fd < 0) out_of_memory(L);
  kit->log = log_new((struct log_options){.fd = kit->log_fd,
                                          .level = LOG_DEBUG,
                                          .clock = wall_clock,
                                          .clock_ctx = kit->loop,
                                          .secrets = kit->secrets});
  kit->live.mailbox = mailbox_new(kit->loop);
  kit->upstreams = upstream_set_new(seed);
  prng_seed(&kit->chance, seed);
  kit->live.chance = &kit->chance;
  kit->fetches = fetch_shared_new(kit->cache_bytes, seed);
  if (!kit->log || !kit->live.mailbox || !kit->upstreams || !kit->fetches)
    out_of_memory(L);
  kit->live.fetcher =
      fetcher_new(kit->fetches, kit->loop, kit->live.mailbox, &kit->chance);
  if (!kit->live.fetcher) out_of_memory(L);
  kit_listen(kit);
}

static void print_faults(struct kit *kit, struct faults *faults)
{
  buf_reset(&kit->text, 0);
  faults_print(faults, &kit->text);
  for (const struct fault *f = faults->first; f; f = f->next)
    if (f->warning)
      log_warn(kit->log, "testing/kit", "%.*s: %.*s: %.*s", SLICE_ARG(f->file),
               SLICE_ARG(f->path), SLICE_ARG(f->reason));
  faults_finish(faults);
}

static void load(lua_State *L, struct kit *kit, uint64_t seed)
{
  struct faults faults = {0};
  kit->bind = (struct bind_env){.secrets = kit->secrets,
                                .find_secret = find_secret,
                                .find_env = find_env,
                                .find_ctx = kit,
                                .log = kit->log,
                                .seed = seed};
  struct generation_options options = {
      .scripts_dir = text_option(L, kit, "scripts", "scripts"),
      .policies_dir = text_option(L, kit, "policies", "policies"),
      .workers = 1,
      .vm = {.max_memory = bytes_option(L, "script_bytes", SCRIPT_BYTES),
             .open_api = bind_open,
             .api_ctx = &kit->bind,
             .seed = seed},
      .find_secret = find_secret,
      .secret_ctx = kit,
  };
  struct generation *g = generation_load(&options, 1, &faults);
  print_faults(kit, &faults);
  if (!g) {
    lua_pushlstring(L, buf_slice(&kit->text).data, kit->text.len); // text
    lua_error(L);
    return;
  }
  kit->live.generation = g;
  kit->live.vm = g->vms[0];
  vm_attach(kit->live.vm, kit->loop, kit->log);
  if (!catalog_join(g->catalog, kit->upstreams, loop_now(kit->loop)))
    out_of_memory(L);
}

static struct kit *push_kit(lua_State *L)
{
  struct kit *kit = lua_newuserdatauv(L, sizeof(*kit), KIT_USER_VALUES); // kit
  *kit = (struct kit){.log_fd = -1};
  list_init(&kit->calls);
  luaL_setmetatable(L, KIT_TYPE);
  lua_newtable(L);                         // kit functions
  lua_setiuservalue(L, -2, KIT_FUNCTIONS); // kit
  lua_newtable(L);                         // kit answers
  lua_setiuservalue(L, -2, KIT_ANSWERS);   // kit
  lua_newtable(L);                         // kit questions
  lua_setiuservalue(L, -2, KIT_QUESTIONS); // kit
  return kit;
}

/// testing.new(options?: { scripts?, policies?, secrets?, env?, now?, seed?,
/// cache_bytes?, script_bytes?, chaos_ms? })
/// Loads an engine; raises with all faults if something cannot be loaded.
static int kit_new(lua_State *L)
{
  static const char *const names[] = {
      "scripts", "policies",    "secrets",      "env",      "now",
      "seed",    "cache_bytes", "script_bytes", "chaos_ms", NULL};
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_newtable(L);
    lua_replace(L, 1);
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  kit_check_keys(L, 1, "testing.new", names);
  struct kit *kit = push_kit(L); // options kit
  kit->secret_values = pairs_option(L, kit, "secrets", &kit->secret_count);
  kit->env_values = pairs_option(L, kit, "env", &kit->env_count);
  uint64_t seed = seed_option(L);
  kit->cache_bytes = bytes_option(L, "cache_bytes", CACHE_BYTES);
  uint64_t chaos_ns = chaos_option(L);
  open_parts(L, kit, now_option(L), seed);
  if (chaos_ns > 0) upstream_set_chaos(kit->upstreams, KIT_START_NS + chaos_ns);
  load(L, kit, seed);
  return 1;
}

// --- closing ---

static void close_kit(struct kit *kit)
{
  if (kit->closed) return;
  kit_end_calls(kit);
  kit->closed = true;
  fetcher_free(kit->live.fetcher);
  http_client_free(kit->live.http);
  if (kit->live.vm) {
    vm_free(kit->live.vm);
    generation_unref(kit->live.generation);
  }
  buf_finish(&kit->changes);
  mailbox_free(kit->live.mailbox);
  upstream_set_free(kit->upstreams);
  fetch_shared_free(kit->fetches);
  log_free(kit->log);
  if (kit->log_fd >= 0) close(kit->log_fd);
  loop_free(kit->loop);
  secret_set_free(kit->secrets);
  buf_finish(&kit->text);
  arena_finish(&kit->scratch);
  arena_finish(&kit->asked);
  arena_finish(&kit->arena);
}

/// kit:close()
/// Cancels what runs. Collecting the kit closes it as well.
static int kit_close(lua_State *L)
{
  struct kit *kit = luaL_checkudata(L, 1, KIT_TYPE);
  if (!kit->closed) close_kit(kit_check_idle(L));
  return 0;
}

// --- the log ---

/// kit:log(): string
/// All lines since the kit was made or cleared.
static int kit_log(lua_State *L)
{
  struct kit *kit = kit_check(L);
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

// --- the tools ---

/// kit:tools(): table
/// What clients see in tools/list, by name.
static int kit_tools(lua_State *L)
{
  struct kit *kit = kit_check(L);
  const struct catalog *catalog = kit->live.generation->catalog;
  lua_createtable(L, 0, (int)catalog->tool_count); // tools
  for (size_t i = 0; i < catalog->tool_count; i++) {
    const struct tool *tool = &catalog->tools[i];
    lua_pushlstring(L, tool->name.data, tool->name.len); // tools name
    kit_push_json(L, tool->json, &kit->scratch);         // tools name tool
    lua_rawset(L, -3);                                   // tools
  }
  return 1;
}

// --- testing.json ---

/// testing.json.decode(text: string): any -- raises for what is not JSON
static int json_decode(lua_State *L)
{
  struct slice text;
  text.data = luaL_checklstring(L, 1, &text.len);
  struct arena *scratch = lua_touserdata(L, lua_upvalueindex(1));
  struct json_doc doc;
  struct error err;
  arena_reset(scratch);
  if (json_parse(&doc, text, (struct json_limits){0}, scratch, &err) != OK)
    return luaL_error(L, "not JSON: %s", err.message);
  convert_push(L, &doc, 0, scratch); // value
  return 1;
}

/// testing.json.encode(value: any): string -- raises for what cannot be JSON
static int json_encode(lua_State *L)
{
  luaL_checkany(L, 1);
  struct buf text = {0};
  struct error err;
  if (convert_put(L, 1, NULL, &text, &err) != OK) {
    buf_finish(&text);
    return luaL_error(L, "%s", err.message);
  }
  lua_pushlstring(L, text.data, text.len); // text
  buf_finish(&text);
  return 1;
}

/// testing.json.array(list: table): table -- an array, also when it is empty
static int json_array(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  convert_mark_array(L);
  return 1;
}

static int finish_scratch(lua_State *L)
{
  arena_finish(lua_touserdata(L, 1));
  return 0;
}

static void push_json_module(lua_State *L)
{
  static const luaL_Reg functions[] = {{"decode", json_decode},
                                       {"encode", json_encode},
                                       {"array", json_array},
                                       {NULL, NULL}};
  luaL_newlibtable(L, functions);                                    // json
  struct arena *scratch = lua_newuserdatauv(L, sizeof(*scratch), 0); // + arena
  *scratch = (struct arena){0};
  lua_createtable(L, 0, 1); // json arena meta
  lua_pushcfunction(L, finish_scratch);
  lua_setfield(L, -2, "__gc");    // json arena meta
  lua_setmetatable(L, -2);        // json arena
  luaL_setfuncs(L, functions, 1); // json
  lua_pushlightuserdata(L, NULL); // json null
  lua_setfield(L, -2, "null");    // json
}

// --- the module ---

static const luaL_Reg methods[] = {
    {"changes", kit_changes},     {"call", kit_call},
    {"task", kit_task},           {"read", kit_read},
    {"prompt", kit_prompt},       {"start", kit_start},
    {"advance", kit_advance},     {"now_ms", kit_now_ms},
    {"quiet", kit_quiet},         {"late", kit_late},
    {"cache", kit_cache},         {"memory", kit_memory},
    {"starve", kit_starve},       {"upstream", kit_upstream},
    {"requests", kit_requests},   {"answer", kit_answer},
    {"questions", kit_questions}, {"clear", kit_clear},
    {"tools", kit_tools},         {"log", kit_log},
    {"close", kit_close},         {NULL, NULL},
};

static void open_kits(lua_State *L)
{
  luaL_newmetatable(L, KIT_TYPE); // meta
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index"); // meta
  lua_pushcfunction(L, kit_close);
  lua_setfield(L, -2, "__gc"); // meta
  lua_pushcfunction(L, kit_close);
  lua_setfield(L, -2, "__close"); // meta
  lua_pop(L, 1);                  //
}

#ifdef TIDEGATE_FAULTS
// For our own specs: the next n allocations succeed, the one after them fails.
// Without n: has it failed? In the registry, for it is no part of the kit.
static int fail_after(lua_State *L)
{
  if (lua_isnoneornil(L, 1)) {
    lua_pushboolean(L, fault_fired());
    return 1;
  }
  fault_fail_after((long)luaL_checkinteger(L, 1));
  return 0;
}

static void open_faults(lua_State *L)
{
  lua_pushcfunction(L, fail_after);
  lua_setfield(L, LUA_REGISTRYINDEX, "tidegate.testing.fail_after");
}
#else
static void open_faults(lua_State *L)
{
  (void)L;
}
#endif

int luaopen_tidegate_testing(lua_State *L);
int luaopen_tidegate_testing(lua_State *L)
{
  open_kits(L);
  open_faults(L);
  kit_open_calls(L);
  lua_createtable(L, 0, 2); // testing
  lua_pushcfunction(L, kit_new);
  lua_setfield(L, -2, "new");  // testing
  push_json_module(L);         // testing json
  lua_setfield(L, -2, "json"); // testing
  return 1;
}
