// mcp_questions.c -- what the calls of a world ask, and what became of tasks.

#include <stdlib.h>

#include "mcp/errand.h"
#include "testing/mcp_fakes.h"

static struct call *check_call(lua_State *L)
{
  struct world *w = luaL_checkudata(L, 1, T_WORLD);
  lua_Integer i = luaL_checkinteger(L, 2);
  luaL_argcheck(L, i >= 1 && i <= w->call_count, 2, "no such call");
  return &w->calls[i - 1];
}

static void on_settled(struct question *q)
{
  (void)q; // world:asked() looks
}

void t_free_question(struct call *call)
{
  struct question *q = call->question;
  if (!q) return;
  call->question = NULL;
  if (!q->settled && q->link.next != &q->link)
    call->asker->ops->drop(call->asker, q, false);
  question_finish(q);
  free(q);
}

// world:ask(i, key): the handler asks for the client's roots. True, or nil and
// why not.
static int ask(lua_State *L)
{
  struct call *call = check_call(L);
  struct error err = {.retry_after_ms = -1};
  luaL_argcheck(L, call->asker, 2, "there is nobody to ask");
  t_free_question(call);
  struct question *q = call->question = calloc(1, sizeof(*q));
  if (!q) return luaL_error(L, "out of memory");
  *q = (struct question){.kind = ASK_ROOTS,
                         .needs = ASK_NEEDS_ROOTS,
                         .key = arena_copy(&call->world->arena, t_slice(L, 3)),
                         .params = SLICE("{}"),
                         .timeout_s = 60,
                         .on_settled = on_settled};
  list_init(&q->link);
  question_init(q);
  bool lacks = call->asker->ops->lacks(call->asker, q->needs);
  if (lacks) error_set(&err, E_UNSUPPORTED, "it cannot");
  if (!lacks && call->asker->ops->put(call->asker, q, &err) == OK) {
    lua_pushboolean(L, true);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, err.message);
  return 2;
}

// world:asked(i): whether there is an answer, and what it or the error is.
static int asked(lua_State *L)
{
  const struct question *q = check_call(L)->question;
  luaL_argcheck(L, q, 2, "it asks nothing");
  struct slice answer = buf_slice(&q->answer);
  lua_pushboolean(L, q->settled);
  if (q->error.code == OK)
    lua_pushlstring(L, answer.data, answer.len);
  else
    lua_pushstring(L, q->error.message);
  return 2;
}

// world:unask(i): the handler does not wait any more.
static int unask(lua_State *L)
{
  t_free_question(check_call(L));
  return 0;
}

// world:tasks(): { count=, running=, bytes= } of what is kept.
static int tasks(lua_State *L)
{
  struct world *w = luaL_checkudata(L, 1, T_WORLD);
  struct errand_stats stats = errand_stats(mcp_shared_errands(w->shared));
  lua_newtable(L); // t
  lua_pushinteger(L, stats.count);
  lua_setfield(L, -2, "count");
  lua_pushinteger(L, stats.running);
  lua_setfield(L, -2, "running");
  lua_pushinteger(L, (lua_Integer)stats.bytes);
  lua_setfield(L, -2, "bytes");
  return 1;
}

const struct luaL_Reg t_task_methods[] = {{"ask", ask},
                                          {"asked", asked},
                                          {"unask", unask},
                                          {"tasks", tasks},
                                          {NULL, NULL}};
