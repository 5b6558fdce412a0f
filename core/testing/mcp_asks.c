// mcp_asks.c -- calls of a world (mcp_fakes.h) that ask their client.

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "mcp/ask_state.h"
#include "testing/mcp_fakes.h"

#define WORLD "T.mcp.world"

static void on_settled(struct question *q)
{
  LIST_ITEM(q, struct t_question, q)->open = false;
}

static void free_question(struct t_question *t)
{
  question_finish(&t->q);
  form_finish(&t->form);
  arena_finish(&t->arena);
  free(t);
}

static void drop(struct t_question *t, bool late)
{
  if (!t->open) return;
  t->open = false;
  t->call->asker->ops->drop(t->call->asker, &t->q, late);
}

void t_drop_questions(struct call *call)
{
  struct world *w = call->world;
  for (unsigned i = 0; i < w->question_count; i++)
    if (w->questions[i]->call == call) drop(w->questions[i], false);
}

void t_free_questions(struct world *w)
{
  for (unsigned i = 0; i < w->question_count; i++)
    free_question(w->questions[i]);
  w->question_count = 0;
}

static struct world *check_world(lua_State *L)
{
  return luaL_checkudata(L, 1, WORLD);
}

static struct call *check_call(lua_State *L, struct world *w)
{
  lua_Integer i = luaL_checkinteger(L, 2);
  luaL_argcheck(L, i >= 1 && i <= w->call_count, 2, "no such call");
  return &w->calls[i - 1];
}

static struct t_question *check_question(lua_State *L)
{
  struct world *w = check_world(L);
  lua_Integer i = luaL_checkinteger(L, 2);
  luaL_argcheck(L, i >= 1 && i <= w->question_count, 2, "no such question");
  return w->questions[i - 1];
}

static struct slice copy(lua_State *L, const char *name, const char *otherwise,
                         struct arena *arena)
{
  lua_getfield(L, 3, name); // ... text
  struct slice s = slice_of(otherwise);
  if (!lua_isnil(L, -1)) s = t_slice(L, -1);
  s = arena_copy(arena, s);
  lua_pop(L, 1);
  return s;
}

static void read_question(lua_State *L, struct t_question *t)
{
  static const char *const kinds[] = {"form", "url", "sample", "roots", NULL};
  static const unsigned needs[] = {ASK_NEEDS_FORM, ASK_NEEDS_URL,
                                   ASK_NEEDS_SAMPLING, ASK_NEEDS_ROOTS};
  struct error err;
  lua_getfield(L, 3, "kind"); // ... kind
  t->q.kind = (enum ask_kind)luaL_checkoption(L, -1, "form", kinds);
  t->q.needs = needs[t->q.kind];
  t->q.key = copy(L, "key", "ask_1", &t->arena);
  t->q.params = copy(L, "params", "{}", &t->arena);
  struct slice fields =
      copy(L, "fields", "{\"type\":\"object\",\"properties\":{}}", &t->arena);
  if (form_make(&t->form, fields, &t->arena, &err) != OK)
    luaL_error(L, "fields: %s", err.message);
  t->q.form = &t->form;
  lua_getfield(L, 3, "timeout"); // ... kind timeout
  t->q.timeout_s = (uint32_t)luaL_optinteger(L, -1, ASK_TIMEOUT_S);
  lua_getfield(L, 3, "named"); // ... kind timeout named
  t->q.named = lua_toboolean(L, -1);
  t->q.on_settled = on_settled;
  question_init(&t->q);
}

// world:put(call, { kind=, key=, named=, params=, fields=, timeout=,
// fail_after= }): number, or nil and why not.
int t_world_ask(lua_State *L)
{
  struct world *w = check_world(L);
  struct call *call = check_call(L, w);
  luaL_argcheck(L, call->running && call->asker, 2, "it cannot ask");
  luaL_argcheck(L, w->question_count < WORLD_QUESTIONS, 2, "too many");
  struct t_question *t = calloc(1, sizeof(*t));
  w->questions[w->question_count++] = t;
  list_init(&t->q.link);
  t->call = call;
  read_question(L, t);
  struct error err = {0};
  const struct asker_ops *ops = call->asker->ops;
  if (ops->lacks(call->asker, t->q.needs)) {
    lua_pushnil(L);
    lua_pushliteral(L, "lacks");
    return 2;
  }
  t->open = true;
  lua_getfield(L, 3, "fail_after"); // ... n
  fault_fail_after((long)luaL_optinteger(L, -1, -1));
  enum error_code code = ops->put(call->asker, &t->q, &err);
  fault_fired();
  if (code != OK) {
    t->open = false;
    lua_pushnil(L);
    lua_pushstring(L, err.message);
    return 2;
  }
  lua_pushinteger(L, w->question_count);
  return 1;
}

// world:question(number): { open=, code=, message=, answer= }
int t_world_question(lua_State *L)
{
  const struct t_question *t = check_question(L);
  lua_newtable(L); // ... t
  lua_pushboolean(L, t->open);
  lua_setfield(L, -2, "open"); // ... t
  if (!t->q.settled) return 1;
  lua_pushstring(L, error_name(t->q.error.code));
  lua_setfield(L, -2, "code"); // ... t
  lua_pushstring(L, t->q.error.message);
  lua_setfield(L, -2, "message"); // ... t
  lua_pushlstring(L, t->q.answer.data ? t->q.answer.data : "", t->q.answer.len);
  lua_setfield(L, -2, "answer"); // ... t
  return 1;
}

// world:give_up(number): its time is over.
int t_world_drop(lua_State *L)
{
  drop(check_question(L), true);
  return 0;
}

// world:claim(call): may it act?
int t_world_claim(lua_State *L)
{
  struct call *call = check_call(L, check_world(L));
  const struct asker_ops *ops = call->asker->ops;
  lua_pushboolean(L, !ops->claim || ops->claim(call->asker));
  return 1;
}

// world:state(principal, params as JSON, expires_ms): what this server would
// have sealed for a tools/call.
int t_world_state(lua_State *L)
{
  struct world *w = check_world(L);
  struct ask_state state = {.round = 1,
                            .principal = t_slice(L, 2),
                            .expires_ms = luaL_checkinteger(L, 4)};
  lua_settop(L, 4);
  lua_pushcfunction(L, t_ask_digest); // ... fn
  lua_pushliteral(L, "tools/call");   // ... fn method
  lua_pushvalue(L, 3);                // ... fn method params
  lua_call(L, 2, 1);                  // ... digest
  memcpy(state.request, lua_tostring(L, -1), SHA256_LEN);
  struct buf out = {0};
  bool good = ask_state_seal(w->ring, &state, &out);
  lua_pushlstring(L, good ? out.data : "", good ? out.len : 0);
  buf_finish(&out);
  return 1;
}

// digest(method, params as JSON): the digest of a request.
int t_ask_digest(lua_State *L)
{
  unsigned char out[SHA256_LEN];
  struct arena arena = {0};
  struct json_doc doc;
  struct buf text = {0};
  buf_puts(&text, "{\"p\":");
  buf_add(&text, t_slice(L, 2));
  buf_putc(&text, '}');
  bool good =
      json_parse(&doc, buf_slice(&text), (struct json_limits){0}, &arena,
                 NULL) == OK &&
      ask_request_digest(&doc, t_slice(L, 1), json_get(&doc, 0, "p"), out);
  arena_finish(&arena);
  buf_finish(&text);
  if (!good) return luaL_error(L, "not JSON");
  lua_pushlstring(L, (const char *)out, SHA256_LEN);
  return 1;
}
