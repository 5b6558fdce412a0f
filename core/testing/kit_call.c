// kit_call.c -- calls of the kit: started, ended, looked at.

#include "testing/kit_call.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/explain.h"
#include "mcp/errand.h"
#include "mcp/nearest.h"
#include "script/convert.h"

#define CLIENT_WORDS "form, url, sample, tools, context or roots"

static void free_call(struct kit_call *c)
{
  buf_finish(&c->body);
  buf_finish(&c->details);
  buf_finish(&c->content);
  buf_finish(&c->meta);
  buf_finish(&c->text);
  arena_finish(&c->scratch);
  kit_client_finish(&c->client);
  free(c);
}

// --- running it ---

static void on_done(void *ctx, struct call *call, const struct call_result *r);
static void give_up(struct kit_call *c);

// False: out of memory. It may be done already.
static bool run_call(struct kit_call *c)
{
  c->options.deadline_ns = 0;
  if (c->deadline_ms)
    c->options.deadline_ns =
        loop_now(c->kit->loop) + (uint64_t)c->deadline_ms * NS_PER_MS;
  c->call = NULL;
  struct call *call = call_start(&c->kit->live, &c->options, on_done, c);
  if (!c->done) c->call = call;
  return c->done || call;
}

static void suspend(struct kit_client *client)
{
  call_suspend(LIST_ITEM(client, struct kit_call, client)->call);
}

static void on_again(void *ctx)
{
  struct kit_call *c = ctx;
  if (run_call(c)) return;
  struct call_result r = {.form = CALL_ERROR, .trail = &c->trail};
  error_set(&r.error, E_NO_MEMORY, "%s", error_sentence(E_NO_MEMORY));
  on_done(c, NULL, &r);
}

// --- as a task ---

static void on_progress(void *ctx, const struct call_progress *p)
{
  struct kit_call *c = ctx;
  struct buf text = {0};
  errand_put_progress(&text, p);
  snprintf(c->says, sizeof(c->says), "%.*s", SLICE_ARG(buf_slice(&text)));
  buf_finish(&text);
}

static void on_note(void *ctx, enum note_level level, struct slice logger,
                    struct slice data)
{
  (void)ctx, (void)level, (void)logger, (void)data;
}

static const struct call_listener task_listener = {.progress = on_progress,
                                                   .note = on_note};

// Its time is the policy's for tasks, and its questions wait.
static void become_task(struct kit_call *c)
{
  if (!c->task) return;
  c->options.as_task = true;
  c->options.listener = &task_listener;
  c->client.parks = true;
  c->options.asker = kit_client_asker(&c->client);
}

// --- the end ---

// The user has answered: it runs again, once this run has gone.
static bool goes_on(struct kit_call *c, const struct call_result *r)
{
  if (!r->suspended || !kit_client_answers(&c->client)) return false;
  c->call = NULL;
  loop_defer(c->kit->loop, &c->again);
  return true;
}

// What prepare brought goes to run, once prepare has gone.
static void begin_run(struct kit_call *c, const struct call_result *r)
{
  struct arena *arena = &c->client.arena;
  struct buf text = {0};
  if (r->form == CALL_TEXT)
    json_put_string(&text, r->body);
  else
    buf_add(&text, r->body);
  c->options.prepared = arena_copy(arena, buf_slice(&text));
  buf_finish(&text);
  c->options.acted = r->acted;
  c->prepares = false;
  c->begun = true;
  c->options.slot = 0;
  become_task(c);
  // What prepare was answered is used up; it does not run again here.
  c->client.replay.answers = c->client.replay.last_answer = NULL;
  replay_again(&c->client.replay);
  loop_defer(c->kit->loop, &c->again);
}

static void on_done(void *ctx, struct call *call, const struct call_result *r)
{
  struct kit_call *c = ctx;
  assert(!c->done && (!c->call || c->call == call));
  (void)call;
  if (goes_on(c, r)) return;
  c->call = NULL;
  if (c->prepares && r->form != CALL_ERROR) {
    begin_run(c, r);
    return;
  }
  c->done = c->begun = true;
  c->form = r->form;
  c->error = r->error;
  if (r->suspended)
    error_set(&c->error, E_TIMEOUT, "nobody answered (kit:answer says what)");
  c->attempts = r->attempts;
  c->side_effect = r->side_effect;
  c->age_ms = r->age_ms;
  snprintf(c->source, sizeof(c->source), "%.*s", SLICE_ARG(r->degraded));
  c->end_ns = loop_now(c->kit->loop);
  c->trail = *r->trail;
  buf_add(&c->body, r->body);
  if (r->details.data) buf_add(&c->details, r->details);
  if (r->content.data) buf_add(&c->content, r->content);
  if (r->meta.data) buf_add(&c->meta, r->meta);
  list_remove(&c->link);
  if (c->dropped) free_call(c);
}

void kit_end_calls(struct kit *kit)
{
  LIST_EACH (link, &kit->calls)
    give_up(LIST_ITEM(link, struct kit_call, link));
  assert(list_empty(&kit->calls));
}

// --- the beginning ---

static struct kit_call *push_call(lua_State *L, struct kit *kit,
                                  const struct tool *tool)
{
  struct kit_call **box = lua_newuserdatauv(L, sizeof(struct kit_call *), 1);
  *box = NULL; // ... call
  luaL_setmetatable(L, CALL_TYPE);
  struct kit_call *c = *box = calloc(1, sizeof(*c));
  if (!c) luaL_error(L, "not enough memory");
  list_init(&c->link);
  c->kit = kit;
  kit_client_init(&c->client, kit);
  c->client.suspend = suspend;
  deferred_init(&c->again, on_again, c);
  c->start_ns = loop_now(kit->loop);
  snprintf(c->tool, sizeof(c->tool), "%.*s", SLICE_ARG(tool->name));
  lua_pushvalue(L, 1);         // ... call kit
  lua_setiuservalue(L, -2, 1); // ... call
  return c;
}

// The arguments as the JSON text that a client would send. A string is taken
// for such a text, so that a spec can send what no table can say.
static void read_arguments(lua_State *L, struct kit_call *c)
{
  struct error err = {0};
  struct buf *text = &c->text;
  struct arena *arena = &c->client.arena;
  buf_puts(text, "{\"arguments\":");
  if (lua_isnoneornil(L, 3))
    buf_puts(text, "{}");
  else if (lua_type(L, 3) == LUA_TSTRING)
    buf_puts(text, lua_tostring(L, 3));
  else if (convert_put(L, 3, NULL, text, &err) != OK)
    luaL_error(L, "arguments: %s", err.message);
  buf_putc(text, '}');
  struct slice kept = arena_copy(arena, buf_slice(text));
  if (json_parse(&c->doc, kept, (struct json_limits){0}, arena, &err) != OK)
    luaL_error(L, "arguments: %s", err.message);
  c->options.doc = &c->doc;
  c->options.arguments = json_get(&c->doc, 0, "arguments");
}

// Which of `names` the value on the top is.
static int check_word(lua_State *L, const char *option, const char *words,
                      const char *const *names)
{
  const char *name = luaL_tolstring(L, -1, NULL); // text
  int i = 0;
  while (names[i] && strcmp(names[i], name))
    i++;
  if (!names[i])
    luaL_error(L, "options: %s is %s, not '%s'", option, words, name);
  lua_pop(L, 1); //
  return i;
}

// client = { "form", "sample" }: what it can do.
static void read_client(lua_State *L, struct kit_call *c)
{
  static const char *const needs[] = {"form",    "url",   "sample", "tools",
                                      "context", "roots", NULL};
  static const char *const eras[] = {"modern", "legacy", NULL};
  if (lua_getfield(L, 4, "client") != LUA_TNIL) { // list
    if (!lua_istable(L, -1))
      luaL_error(L, "options: client is a list, as { \"form\" }");
    c->client.can = 0;
    int n = (int)luaL_len(L, -1);
    for (int k = 1; k <= n; k++) {
      lua_rawgeti(L, -1, k); // list name
      c->client.can |= 1u << check_word(L, "client", CLIENT_WORDS, needs);
      lua_pop(L, 1); // list
    }
  }
  if (lua_getfield(L, 4, "era") != LUA_TNIL) // list era
    c->client.parks = check_word(L, "era", "modern or legacy", eras) == 1;
}

static struct slice text_option(lua_State *L, struct kit_call *c,
                                const char *name, const char *otherwise)
{
  lua_getfield(L, 4, name); // text
  return arena_copy(&c->client.arena,
                    slice_of(luaL_optstring(L, -1, otherwise)));
}

static void read_options(lua_State *L, struct kit_call *c, const char *id)
{
  static const char *const names[] = {"principal", "request_id", "deadline_ms",
                                      "client",    "era",        NULL};
  if (lua_isnil(L, 4)) {
    lua_newtable(L);
    lua_replace(L, 4);
  }
  luaL_checktype(L, 4, LUA_TTABLE);
  kit_check_keys(L, 4, "options", names);
  c->options.principal = text_option(L, c, "principal", "tester");
  c->options.request_id = text_option(L, c, "request_id", id);
  lua_getfield(L, 4, "deadline_ms");
  lua_Integer ms = luaL_optinteger(L, -1, 0);
  luaL_argcheck(L, ms >= 0 && ms <= INT32_MAX, 4, "deadline_ms");
  c->deadline_ms = (uint32_t)ms;
  read_client(L, c);
}

static const struct tool *check_tool(lua_State *L, const struct kit *kit)
{
  const char *name = luaL_checkstring(L, 2);
  const struct tool *tool =
      catalog_tool(kit->live.generation->catalog, slice_of(name));
  if (tool) return tool;
  tool = nearest_tool(kit->live.generation->catalog, slice_of(name));
  if (tool)
    luaL_error(L, "no tool '%s' (did you mean %s?)", name, tool->name.data);
  luaL_error(L, "no tool '%s'; a name is <integration>_<tool>", name);
  return NULL;
}

// From kit, tool, arguments, options: leaves the call on the top; until
// kit_leave() the kit is at work.
static struct kit_call *begin(lua_State *L, struct kit *kit,
                              const struct tool *tool, bool task)
{
  char id[32];
  snprintf(id, sizeof(id), "test-%llu", (unsigned long long)++kit->call_count);
  struct kit_call *c = push_call(L, kit, tool); // ... call
  c->options.tool = tool;
  c->task = task;
  read_options(L, c, id);
  read_arguments(L, c);
  for (size_t k = 0; k < RUN_ID_LEN; k++)
    c->run[k] = (unsigned char)prng_next(&kit->chance);
  c->options.run = c->run;
  c->options.asker = kit_client_asker(&c->client);
  c->options.slot = tool->prepare_slot;
  c->prepares = tool->prepare_slot != 0;
  c->begun = !c->prepares;
  if (c->begun) become_task(c);
  list_append(&kit->calls, &c->link);
  lua_pushvalue(L, 5);  // ... call
  kit_enter(L, kit, 1); // nothing raises from here on
  if (!run_call(c)) list_remove(&c->link);
  return c;
}

// Gives up what a behaviour's function has broken, so that its error is not
// followed by another.
static void give_up(struct kit_call *c)
{
  if (c->call) {
    call_cancel(c->call, "the test");
  } else if (!list_empty(&c->link) && !c->done) { // between two runs
    struct call_result r = {.form = CALL_ERROR, .trail = &c->trail};
    error_set(&r.error, E_CANCELLED, "%s", error_sentence(E_CANCELLED));
    deferred_cancel(&c->again);
    on_done(c, NULL, &r);
  }
}

// From kit, name, arguments, options. +1: the call
static int start(lua_State *L, struct kit *kit, const struct tool *tool,
                 bool task)
{
  struct kit_call *c = begin(L, kit, tool, task); // ... call
  bool lost = !c->done && list_empty(&c->link);
  if (kit->raised) give_up(c);
  kit_leave(L, kit);
  return lost ? luaL_error(L, "not enough memory") : 1;
}

/// kit:start(tool: string, arguments?: table|string, options?: table): call
/// Starts a call; kit:advance() makes it go on.
int kit_start(lua_State *L)
{
  struct kit *kit = kit_check_idle(L);
  lua_settop(L, 4);
  return start(L, kit, check_tool(L, kit), false);
}

// Lets time go by until it has ended. The kit is at `self`.
static void run_until(lua_State *L, struct kit_call *c, const bool *until,
                      int self)
{
  struct kit *kit = c->kit;
  kit_enter(L, kit, self);
  const char *why = kit_run(kit, until, UINT64_MAX);
  if (kit->raised || why) give_up(c);
  kit_leave(L, kit);
  if (why) luaL_error(L, "%s: %s", c->tool, why);
}

static void finish_call(lua_State *L, struct kit_call *c, int self)
{
  run_until(L, c, &c->done, self);
}

// The call on the top, which stays there.
static int finish_top(lua_State *L)
{
  struct kit_call **box = lua_touserdata(L, -1);
  finish_call(L, *box, 1);
  return 1;
}

/// kit:call(tool: string, arguments?: table|string, options?: table): call
/// Starts a call and lets time go by until it has ended.
int kit_call(lua_State *L)
{
  kit_start(L); // ... call
  return finish_top(L);
}

/// kit:task(tool: string, arguments?: table|string, options?: table): call
/// Begins a task as a client that knows tasks does: `prepare` is over, or has
/// failed, when this returns. kit:advance() makes it go on.
int kit_task(lua_State *L)
{
  struct kit *kit = kit_check_idle(L);
  lua_settop(L, 4);
  const struct tool *tool = check_tool(L, kit);
  if (tool->task == TASK_NEVER)
    return luaL_error(L, "%s does not run as a task: say task = \"optional\"",
                      tool->name.data);
  start(L, kit, tool, true); // ... call
  struct kit_call **box = lua_touserdata(L, -1);
  if (!(*box)->begun) run_until(L, *box, &(*box)->begun, 1);
  return 1;
}

void kit_ask_again(struct kit *kit)
{
  LIST_EACH (link, &kit->calls)
    kit_client_ask_again(&LIST_ITEM(link, struct kit_call, link)->client);
}

// --- what is offered besides tools ---

// The variables of a template take the place of arguments. -0 +1
static const struct offer *push_resource(lua_State *L, struct kit *kit,
                                         struct slice uri)
{
  const struct catalog *catalog = kit->live.generation->catalog;
  const struct offer *offer = catalog_offer(catalog, OFFER_RESOURCE, uri);
  buf_reset(&kit->text, 0);
  if (!offer) offer = catalog_template(catalog, uri, &kit->text);
  if (!offer) luaL_error(L, "no resource or template '%s'", uri.data);
  struct slice variables = buf_slice(&kit->text);
  if (variables.len > 0)
    lua_pushlstring(L, variables.data, variables.len); // ... variables
  else
    lua_pushnil(L); // ... nil
  return offer;
}

/// kit:read(uri: string, options?: table): call
/// Reads a resource, also one of a template, until that has ended.
int kit_read(lua_State *L)
{
  struct kit *kit = kit_check_idle(L);
  lua_settop(L, 3); // kit uri options
  const struct offer *offer =
      push_resource(L, kit, slice_of(luaL_checkstring(L, 2)));
  lua_insert(L, 3); // kit uri variables options
  start(L, kit, &offer->handler, false);
  return finish_top(L);
}

/// kit:prompt(name: string, arguments?: table|string, options?: table): call
/// Gets a prompt, until that has ended.
int kit_prompt(lua_State *L)
{
  struct kit *kit = kit_check_idle(L);
  lua_settop(L, 4);
  const char *name = luaL_checkstring(L, 2);
  const struct offer *offer = catalog_offer(kit->live.generation->catalog,
                                            OFFER_PROMPT, slice_of(name));
  if (!offer) return luaL_error(L, "no prompt '%s'", name);
  start(L, kit, &offer->handler, false);
  return finish_top(L);
}

// --- methods ---

static struct kit_call *check_call(lua_State *L)
{
  struct kit_call **box = luaL_checkudata(L, 1, CALL_TYPE);
  return *box;
}

// Raises if the engine runs.
static void check_idle(lua_State *L, const struct kit_call *c)
{
  if (!c->done && c->kit->L) luaL_error(L, KIT_AT_WORK);
}

/// call:cancel(): boolean
/// As when the client leaves; false if it had ended.
static int method_cancel(lua_State *L)
{
  struct kit_call *c = check_call(L);
  check_idle(L, c);
  lua_pushboolean(L, !c->done);
  give_up(c);
  return 1;
}

/// call:wait(): call
/// Lets time go by until it has ended.
static int method_wait(lua_State *L)
{
  struct kit_call *c = check_call(L);
  check_idle(L, c);
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, 1); // call kit
  if (!c->done) finish_call(L, c, 2);
  lua_settop(L, 1); // call
  return 1;
}

/// call:explain(): string
/// The trail, as `tidegate call` prints it.
static int method_explain(lua_State *L)
{
  struct kit_call *c = check_call(L);
  buf_reset(&c->text, 0);
  if (c->done) trail_print(&c->trail, &c->text);
  struct slice text = buf_slice(&c->text);
  lua_pushlstring(L, text.data, text.len);
  return 1;
}

/// call:timeline(): string
/// The trail in words, as `tidegate call --explain` prints it.
static int method_timeline(lua_State *L)
{
  struct kit_call *c = check_call(L);
  struct explained e = {
      &c->trail, slice_of(c->tool), {0}, c->attempts, c->side_effect};
  buf_reset(&c->text, 0);
  if (c->done) explain_print(&e, &c->text);
  struct slice text = buf_slice(&c->text);
  lua_pushlstring(L, text.data, text.len);
  return 1;
}

// --- the type ---

// A field is nil until the call has ended; a name that there is not raises.
static int call_index(lua_State *L)
{
  struct kit_call *c = check_call(L);
  const char *name = luaL_checkstring(L, 2);
  if (kit_push_field(L, c, name)) return 1;
  lua_pushvalue(L, 2); // call name name
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1; // call name fn
  return luaL_error(L, "a call has no field '%s'", name);
}

// What busted shows when an assertion fails.
static int call_tostring(lua_State *L)
{
  struct kit_call *c = check_call(L);
  if (!c->done)
    lua_pushfstring(L, "call of %s, running", c->tool);
  else if (c->form == CALL_ERROR)
    lua_pushfstring(L, "call of %s: %s: %s", c->tool, error_name(c->error.code),
                    c->error.message);
  else
    lua_pushfstring(L, "call of %s: ok", c->tool);
  return 1;
}

// A call that still runs goes on: what happens must not depend on when Lua
// collects.
static int call_gc(lua_State *L)
{
  struct kit_call *c = check_call(L);
  if (!c) return 0;
  if (c->done || list_empty(&c->link))
    free_call(c);
  else
    c->dropped = true;
  return 0;
}

void kit_open_calls(lua_State *L)
{
  static const luaL_Reg methods[] = {{"cancel", method_cancel},
                                     {"wait", method_wait},
                                     {"explain", method_explain},
                                     {"timeline", method_timeline},
                                     {NULL, NULL}};
  luaL_newmetatable(L, CALL_TYPE);     // meta
  luaL_newlib(L, methods);             // meta methods
  lua_pushcclosure(L, call_index, 1);  // meta index
  lua_setfield(L, -2, "__index");      // meta
  lua_pushcfunction(L, call_tostring); // meta fn
  lua_setfield(L, -2, "__tostring");   // meta
  lua_pushcfunction(L, call_gc);       // meta fn
  lua_setfield(L, -2, "__gc");         // meta
  lua_pop(L, 1);                       //
}
