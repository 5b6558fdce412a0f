// t_generation.c -- shows script/generation, guard/policy to the specs.
//
// Scripts loaded here find all of `tide`.

#include <lauxlib.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "bind/bind.h"
#include "script/generation.h"

int t_generation(lua_State *L);

#define TYPE "T.generation"

struct loaded {
  struct bind_env api;
  struct generation *g;
  struct secret_set *secrets;
};

static struct slice check_slice(lua_State *L, int index)
{
  struct slice s;
  s.data = luaL_checklstring(L, index, &s.len);
  return s;
}

// --- secrets ---

// The only secrets: "known_token" and "pin", which is too short.
static struct secret *find_secret(void *ctx, struct slice name, char *hint,
                                  size_t hint_size)
{
  if (slice_is(name, "known_token"))
    return secret_new(ctx, SLICE("s3cr3t-value"));
  if (slice_is(name, "pin")) return secret_new(ctx, SLICE("1234"));
  snprintf(hint, hint_size, "ENV_OF_%.*s", SLICE_ARG(name));
  return NULL;
}

// --- loading ---

static lua_Integer option(lua_State *L, const char *name, lua_Integer otherwise)
{
  lua_Integer value = otherwise;
  int top = lua_gettop(L);
  if (lua_istable(L, 3) && lua_getfield(L, 3, name) != LUA_TNIL)
    value = lua_tointeger(L, -1);
  lua_settop(L, top);
  return value;
}

static struct generation_options read_options(lua_State *L,
                                              struct loaded *loaded)
{
  struct generation_options options = {
      .scripts_dir = check_slice(L, 1),
      .workers = (unsigned)option(L, "workers", 2),
      .vm.max_memory = (size_t)option(L, "memory", 0),
      .vm.task.slice_instructions = (uint64_t)option(L, "instructions", 0),
      .vm.open_api = bind_open,
      .vm.api_ctx = &loaded->api,
      .find_secret = find_secret,
      .secret_ctx = loaded->secrets};
  if (!lua_isnil(L, 2)) options.policies_dir = check_slice(L, 2);
  return options;
}

// load(scripts_dir, policies_dir, { workers, memory, instructions }): the
// generation or nil; the faults as text; how many errors and warnings.
static int load(lua_State *L)
{
  lua_settop(L, 3);
  struct loaded *loaded = lua_newuserdatauv(L, sizeof(*loaded), 0);
  *loaded = (struct loaded){0};
  luaL_setmetatable(L, TYPE); // scripts policies options loaded
  loaded->secrets = secret_set_new();
  loaded->api = (struct bind_env){.secrets = loaded->secrets,
                                  .find_secret = find_secret,
                                  .find_ctx = loaded->secrets};
  struct generation_options options = read_options(L, loaded);
  struct faults faults = {0};
  struct buf text = {0};
  loaded->g = generation_load(&options, 7, &faults);
  faults_print(&faults, &text);
  if (!loaded->g) {
    lua_pop(L, 1);
    lua_pushnil(L); // ... nil
  }
  lua_pushlstring(L, buf_slice(&text).data, text.len); // ... loaded text
  lua_pushinteger(L, (lua_Integer)faults.errors);
  lua_pushinteger(L, (lua_Integer)faults.warnings);
  buf_finish(&text);
  faults_finish(&faults);
  return 4;
}

static int collect(lua_State *L)
{
  struct loaded *loaded = luaL_checkudata(L, 1, TYPE);
  struct generation *g = loaded->g;
  unsigned workers = g ? g->workers : 0;
  for (unsigned w = 0; w < workers; w++) {
    vm_free(g->vms[w]);
    generation_unref(g);
  }
  secret_set_free(loaded->secrets);
  *loaded = (struct loaded){0};
  return 0;
}

static const struct catalog *self(lua_State *L)
{
  struct loaded *loaded = luaL_checkudata(L, 1, TYPE);
  luaL_argcheck(L, loaded->g, 1, "freed");
  return loaded->g->catalog;
}

// --- looking at it ---

static void put_slice(lua_State *L, const char *name, struct slice s)
{
  if (s.data)
    lua_pushlstring(L, s.data, s.len);
  else
    lua_pushnil(L);
  lua_setfield(L, -2, name);
}

static void put_number(lua_State *L, const char *name, lua_Integer n)
{
  lua_pushinteger(L, n);
  lua_setfield(L, -2, name);
}

static void put_flag(lua_State *L, const char *name, bool flag)
{
  lua_pushboolean(L, flag);
  lua_setfield(L, -2, name);
}

static void push_tool(lua_State *L, const struct tool *tool)
{
  lua_newtable(L);
  put_slice(L, "name", tool->name);
  put_slice(L, "short_name", tool->short_name);
  put_slice(L, "integration", tool->integration->name);
  put_slice(L, "title", tool->title);
  put_slice(L, "about", tool->about);
  put_slice(L, "json", tool->json);
  put_slice(L, "policy", tool->policy->name);
  put_number(L, "index", tool->index);
  put_number(L, "run", tool->run_slot);
  put_number(L, "fallback", tool->fallback_slot);
  put_number(L, "prepare", tool->prepare_slot);
  put_number(L, "task", tool->task);
}

// generation:tools(): in the order of the catalog
static int tools(lua_State *L)
{
  const struct catalog *c = self(L);
  lua_newtable(L);
  for (size_t i = 0; i < c->tool_count; i++) {
    push_tool(L, &c->tools[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static void push_offer(lua_State *L, const struct offer *offer)
{
  push_tool(L, &offer->handler); // tool
  put_slice(L, "key", offer->key);
  put_slice(L, "mime", offer->mime);
  put_number(L, "parts", (lua_Integer)offer->pattern.count);
  put_number(L, "completers", (lua_Integer)offer->completer_count);
  put_slice(L, "meta", offer->meta);
  put_number(L, "ttl_ms", offer->cache.said ? offer->cache.ttl_ms : -1);
  put_slice(L, "scope",
            offer->cache.shared ? SLICE("public") : SLICE("private"));
}

// generation:offers(): resources, templates and prompts, one behind the other
static int offers(lua_State *L)
{
  const struct catalog *c = self(L);
  lua_Integer n = 0;
  lua_newtable(L); // list
  for (size_t kind = 0; kind < OFFER_KINDS; kind++)
    for (size_t i = 0; i < c->offers[kind].count; i++) {
      push_offer(L, &c->offers[kind].items[i]); // list offer
      lua_rawseti(L, -2, ++n);                  // list
    }
  return 1;
}

// generation:lists(): { tools = { said =, partly =, ttl_ms =, scope = }, ... }
static int lists(lua_State *L)
{
  static const char *const names[] = {"tools", "resources", "templates",
                                      "prompts"};
  const struct catalog *c = self(L);
  lua_newtable(L); // all
  for (size_t i = 0; i < CACHED_LISTS; i++) {
    const struct cache_hint *hint = &c->lists[i];
    lua_newtable(L); // all hint
    put_flag(L, "said", hint->said);
    put_flag(L, "partly", hint->partly);
    put_number(L, "ttl_ms", hint->ttl_ms);
    put_slice(L, "scope", hint->shared ? SLICE("public") : SLICE("private"));
    lua_setfield(L, -2, names[i]); // all
  }
  return 1;
}

// generation:instructions()
static int instructions(lua_State *L)
{
  struct slice text = self(L)->instructions;
  lua_pushlstring(L, text.data ? text.data : "", text.len);
  return 1;
}

// generation:find(name): the tool
static int find(lua_State *L)
{
  const struct tool *tool = catalog_tool(self(L), check_slice(L, 2));
  if (!tool) return 0;
  push_tool(L, tool);
  return 1;
}

static void put_auth(lua_State *L, const struct auth *a)
{
  lua_newtable(L);
  put_number(L, "kind", a->kind);
  put_number(L, "slot", a->slot);
  put_slice(L, "name", a->name);
  put_slice(L, "user", a->user);
  if (a->secret) put_slice(L, "secret", secret_reveal(a->secret));
  lua_setfield(L, -2, "auth");
}

static void put_lists(lua_State *L, const struct integration *in)
{
  lua_newtable(L);
  for (size_t i = 0; i < in->header_count; i++) {
    put_slice(L, in->headers[i].name.data, in->headers[i].value);
  }
  lua_setfield(L, -2, "headers");
  lua_newtable(L);
  for (size_t i = 0; i < in->error_count; i++) {
    lua_pushstring(L, error_name(in->errors[i].code));
    lua_rawseti(L, -2, in->errors[i].status);
  }
  lua_setfield(L, -2, "errors");
  lua_newtable(L);
  for (size_t i = 0; i < in->tool_count; i++) {
    lua_pushstring(L, in->tools[i]->short_name.data);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "tools");
}

// generation:integrations()
static int integrations(lua_State *L)
{
  const struct catalog *c = self(L);
  lua_newtable(L);
  for (size_t i = 0; i < c->integration_count; i++) {
    const struct integration *in = &c->integrations[i];
    lua_newtable(L);
    put_slice(L, "name", in->name);
    put_slice(L, "title", in->title);
    put_slice(L, "about", in->about);
    put_slice(L, "file", in->file);
    put_slice(L, "base", in->base);
    put_slice(L, "policy", in->policy->name);
    put_flag(L, "private", in->allow_private);
    put_flag(L, "insecure", in->insecure_tls);
    put_number(L, "index", in->index);
    put_number(L, "errors_slot", in->errors_slot);
    put_auth(L, &in->auth);
    put_lists(L, in);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

// generation:policies(): { name = { path = value } }
static int policies(lua_State *L)
{
  const struct catalog *c = self(L);
  lua_newtable(L);
  for (size_t i = 0; i < c->policy_count; i++) {
    lua_newtable(L);
    for (size_t k = 0; k < policy_field_count; k++) {
      put_number(L, policy_fields[k].path,
                 *policy_member(&c->policies[i], &policy_fields[k]));
    }
    lua_setfield(L, -2, c->policies[i].name.data);
  }
  return 1;
}

struct calling {
  uint32_t slot;
  char result[100];
};

static int call_slot(lua_State *L)
{
  struct calling *calling = lua_touserdata(L, 1);
  vm_push_function(vm_of(L), L, calling->slot);
  lua_callk(L, 0, 1, 0, NULL);
  snprintf(calling->result, sizeof(calling->result), "%s",
           luaL_tolstring(L, -1, NULL));
  return 0;
}

// generation:call(worker, slot): what the function returns without arguments,
// as text; or nil and the error
static int call(lua_State *L)
{
  struct loaded *loaded = luaL_checkudata(L, 1, TYPE);
  struct calling calling = {(uint32_t)luaL_checkinteger(L, 3), ""};
  lua_Integer worker = luaL_checkinteger(L, 2);
  struct error err;
  if (vm_protect(loaded->g->vms[worker - 1], call_slot, &calling, &err) == OK) {
    lua_pushstring(L, calling.result);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, err.message);
  return 2;
}

// --- memory ---

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

// allocated(): bytes that the process has from malloc
static int allocated(lua_State *L)
{
  size_t bytes = __sanitizer_get_current_allocated_bytes
                     ? __sanitizer_get_current_allocated_bytes()
                     : mallinfo2().uordblks;
  lua_pushinteger(L, (lua_Integer)bytes);
  return 1;
}

// fields(): the list of what a policy may say
static int fields(lua_State *L)
{
  lua_newtable(L);
  for (size_t i = 0; i < policy_field_count; i++) {
    const struct policy_field *f = &policy_fields[i];
    lua_newtable(L);
    put_number(L, "value", f->value);
    put_number(L, "min", f->min);
    put_number(L, "max", f->max);
    put_slice(L, "meaning", slice_of(f->meaning));
    lua_setfield(L, -2, f->path);
  }
  return 1;
}

int t_generation(lua_State *L)
{
  static const luaL_Reg functions[] = {{"load", load},
                                       {"allocated", allocated},
                                       {"policy_fields", fields},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"tools", tools},       {"offers", offers},
      {"lists", lists},       {"instructions", instructions},
      {"find", find},         {"integrations", integrations},
      {"policies", policies}, {"call", call},
      {"free", collect},      {NULL, NULL}};
  luaL_newmetatable(L, TYPE); // meta
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1); // -
  luaL_newlib(L, functions);
  return 1;
}
