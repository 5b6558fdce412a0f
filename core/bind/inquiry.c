// inquiry.c -- see inquiry.h for the contract.

#include "bind/inquiry.h"

#include <assert.h>
#include <lauxlib.h>
#include <stdlib.h>

#include "base/fault.h"
#include "loop/clock.h"
#include "script/fault.h"
#include "script/vm.h"

static struct asking *asking_of(const struct inquiry *i)
{
  return call_asking(i->part.call);
}

static struct loop *loop_of(const struct inquiry *i)
{
  return vm_loop(call_live(i->part.call)->vm);
}

static void step(const struct inquiry *i, enum trail_kind kind,
                 enum error_code code, uint64_t since_ns)
{
  uint64_t now = loop_now(loop_of(i));
  trail_add(call_trail(i->part.call), now, kind, code,
            (int64_t)((now - since_ns) / NS_PER_MS), 0, i->q.key);
}

// --- the life ---

// It is open no longer: the call's time runs on.
static void close_question(struct inquiry *i)
{
  i->open = false;
  timer_stop(&i->timer);
  call_wait_for_client(i->part.call, false);
}

static void drop(struct inquiry *i, bool late)
{
  if (!i->open) return;
  struct asker *asker = asking_of(i)->asker;
  asker->ops->drop(asker, &i->q, late);
  close_question(i);
}

void inquiry_free(struct inquiry *i)
{
  drop(i, false);
  list_remove(&i->part.link);
  question_finish(&i->q);
  form_finish(&i->form);
  faults_finish(&i->faults);
  buf_finish(&i->text);
  buf_finish(&i->params);
  arena_finish(&i->arena);
  free(i);
}

static void on_call_end(struct call_part *part)
{
  inquiry_free(LIST_ITEM(part, struct inquiry, part));
}

static void on_settled(struct question *q)
{
  struct inquiry *i = LIST_ITEM(q, struct inquiry, q);
  step(i, TRAIL_ANSWERED, q->error.code, i->asked_ns);
  if (!i->open) return; // at once: nobody waits yet
  close_question(i);
  if (!i->waiting) return;
  i->waiting = false;
  task_wake(i->ticket, 0); // i may be gone from here on
}

static void on_timeout(struct timer *timer, void *ctx)
{
  (void)timer;
  struct inquiry *i = ctx;
  struct asker *asker = asking_of(i)->asker;
  asker->ops->drop(asker, &i->q, true);
  question_fail(&i->q, E_TIMEOUT, "nobody answered within %u s",
                i->q.timeout_s);
}

// --- making one ---

static void check_may_ask(lua_State *L, struct asking *a, const char *what)
{
  a->misused |= a->acts || a->open >= ASK_OPEN_MAX;
  if (a->acts)
    luaL_error(L,
               "%s: ask first, then act: this handler has sent a request that "
               "must not be sent twice, and a question makes it run again from "
               "its beginning. Move the question before the request; if twice "
               "does no harm, say idempotent = true in the request; if the "
               "service knows keys, upstream.idempotency gives it one",
               what);
  if (a->open >= ASK_OPEN_MAX)
    luaL_error(L, "%s: %d questions are open already", what, ASK_OPEN_MAX);
  if (a->total >= ASK_TOTAL_MAX)
    luaL_error(L, "%s: a call may ask %d times", what, ASK_TOTAL_MAX);
}

static bool is_key(struct slice key)
{
  for (size_t i = 0; i < key.len; i++) {
    char c = key.data[i];
    bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    if (!letter && !(c >= '0' && c <= '9') && (!c || !strchr("_.-", c)))
      return false;
  }
  return key.len > 0 && key.len <= ASK_KEY_MAX - 4;
}

static void read_key(lua_State *L, struct inquiry *i, const char *what)
{
  struct slice wanted = {0};
  if (lua_istable(L, 1) && lua_getfield(L, 1, "key") != LUA_TNIL) { // key
    if (lua_type(L, -1) == LUA_TSTRING)
      wanted.data = lua_tolstring(L, -1, &wanted.len);
    if (!wanted.data || !is_key(wanted))
      luaL_error(L, "%s: key is a name of 1 to %d of A-Z a-z 0-9 _ . -", what,
                 ASK_KEY_MAX - 4);
  }
  i->q.named = wanted.data;
  i->q.key = asking_name(asking_of(i), wanted);
  if (!i->q.key.data) luaL_error(L, "not enough memory");
  lua_settop(L, 1);
}

static void read_timeout(lua_State *L, struct inquiry *i, const char *what)
{
  i->q.timeout_s = ASK_TIMEOUT_S;
  if (!lua_istable(L, 1)) return;
  if (lua_getfield(L, 1, "timeout") != LUA_TNIL) { // timeout
    lua_Integer seconds = lua_tointeger(L, -1);
    if (!lua_isinteger(L, -1) || seconds < 1 || seconds > ASK_TIMEOUT_MAX_S)
      luaL_error(L, "%s: timeout is 1 to %d seconds, a whole number", what,
                 ASK_TIMEOUT_MAX_S);
    i->q.timeout_s = (uint32_t)seconds;
  }
  lua_settop(L, 1);
}

struct inquiry *inquiry_new(lua_State *L, const char *what)
{
  task_check(L, what);
  struct call *call = call_of(L, what);
  struct asking *a = call_asking(call);
  lua_settop(L, 1);
  check_may_ask(L, a, what);
  struct inquiry *i = fault_calloc(1, sizeof(*i));
  if (!i) {
    luaL_error(L, "not enough memory");
    return NULL;
  }
  a->total++;
  list_init(&i->q.link);
  i->q.on_settled = on_settled;
  i->part.stop = on_call_end;
  call_attach(call, &i->part);
  timer_init(&i->timer, loop_of(i), on_timeout, i);
  read_key(L, i, what);
  read_timeout(L, i, what);
  return i;
}

// --- asking ---

static int push_error(lua_State *L, struct inquiry *i)
{
  lua_pushnil(L);             // nil
  fault_push(L, &i->q.error); // nil err
  inquiry_free(i);
  return 2;
}

static int push_result(lua_State *L, struct inquiry *i)
{
  struct json_doc doc;
  struct question *q = &i->q;
  if (q->error.code != OK) return push_error(L, i);
  if (json_parse(&doc, buf_slice(&q->answer), (struct json_limits){0},
                 &i->arena, NULL) != OK)
    return luaL_error(L, "not enough memory");
  int n = i->push(L, i, &doc);
  inquiry_free(i);
  return n;
}

static int on_woken(lua_State *L, int status, lua_KContext ctx)
{
  (void)status;
  // A lua_KContext is an integer that can hold a pointer, by Lua's manual.
  return push_result(L, (struct inquiry *)(void *)ctx);
}

static void stop_waiting(void *wait)
{
  struct inquiry *i = wait;
  i->waiting = false;
  inquiry_free(i);
}

static int wait_for_answer(lua_State *L, struct inquiry *i)
{
  i->open = true;
  call_wait_for_client(i->part.call, true);
  i->ticket = task_wait(L, stop_waiting, i);
  i->waiting = true;
  if (!timer_start(&i->timer, (uint64_t)i->q.timeout_s * NS_PER_S))
    return luaL_error(L, "not enough memory");
  return task_yield_then(L, on_woken, (lua_KContext)(void *)i);
}

static int refuse(lua_State *L, struct inquiry *i, enum error_code code,
                  const char *why)
{
  i->q.error.retry_after_ms = -1;
  error_set(&i->q.error, code, "%s", why);
  step(i, TRAIL_ASK, code, i->asked_ns);
  return push_error(L, i);
}

static int refuse_lacking(lua_State *L, struct inquiry *i, unsigned missing)
{
  char text[128];
  asking_of(i)->lacked |= missing;
  snprintf(text, sizeof(text), "the client cannot do what is needed: %s",
           ask_need_name(missing));
  return refuse(L, i, E_UNSUPPORTED, text);
}

int inquiry_ask(lua_State *L, struct inquiry *i)
{
  struct asker *asker = asking_of(i)->asker;
  struct error err = {.retry_after_ms = -1};
  if (!buf_ok(&i->params)) return luaL_error(L, "not enough memory");
  if (i->params.len > ASK_PARAMS_MAX)
    return luaL_error(L, "a question has at most %d bytes", ASK_PARAMS_MAX);
  i->q.params = buf_slice(&i->params);
  i->asked_ns = loop_now(loop_of(i));
  if (!question_init(&i->q)) return luaL_error(L, "not enough memory");
  unsigned missing = asker ? asker->ops->lacks(asker, i->q.needs) : i->q.needs;
  if (missing) return refuse_lacking(L, i, missing);
  assert(asker); // each kind needs something of a client
  step(i, TRAIL_ASK, OK, i->asked_ns);
  enum error_code code = asker->ops->put(asker, &i->q, &err);
  if (code != OK) return refuse(L, i, code, err.message);
  return i->q.settled ? push_result(L, i) : wait_for_answer(L, i);
}
