// t_bulkhead.c -- shows guard/bulkhead and guard/adaptive to the specs.

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "guard/adaptive.h"
#include "guard/bulkhead.h"
#include "testing/t_fields.h"

#define TYPE     "T.bulkhead"
#define WAITER   "T.bulkhead.waiter"
#define ADAPTIVE "T.adaptive"

int t_bulkhead(lua_State *L);

struct box {
  struct bulkhead bulkhead;
  struct bulkhead_options options;
};

struct person {
  struct bulkhead_waiter waiter;
  unsigned granted; // how often
};

// new { limit=, queue_max=, long_ns=, short_ns=, standing_ns= }, now_ns
static int new (lua_State *L)
{
  struct bulkhead_options options = {
      .queue_max = (uint32_t)t_integer(L, 1, "queue_max", 64),
      .wait = {
          .long_ns = (uint64_t)t_integer(L, 1, "long_ns", CODEL_LONG_NS),
          .short_ns = (uint64_t)t_integer(L, 1, "short_ns", CODEL_SHORT_NS),
          .standing_ns =
              (uint64_t)t_integer(L, 1, "standing_ns", CODEL_STANDING_NS),
      }};
  uint32_t limit = (uint32_t)t_integer(L, 1, "limit", 64);
  uint64_t now = (uint64_t)luaL_optinteger(L, 2, 0);
  struct box *b = t_new(L, sizeof(*b), TYPE); // bulkhead
  b->options = options;
  bulkhead_init(&b->bulkhead, limit, now);
  return 1;
}

static void on_grant(struct bulkhead_waiter *w)
{
  ((struct person *)(void *)w)->granted++;
}

static int waiter(lua_State *L)
{
  struct person *p = lua_newuserdatauv(L, sizeof(*p), 0); // waiter
  *p = (struct person){.waiter.grant = on_grant};
  luaL_setmetatable(L, WAITER);
  return 1;
}

// enter(waiter, now_ns, deadline_ns[, tenant]): answer, the deadline as it is
static int enter(lua_State *L)
{
  static const char *const answers[] = {"go", "wait", "full"};
  struct box *b = t_self(L, TYPE);
  struct person *p = luaL_checkudata(L, 2, WAITER);
  uint64_t now = (uint64_t)luaL_checkinteger(L, 3);
  p->waiter.deadline_ns = (uint64_t)luaL_optinteger(L, 4, INT64_MAX);
  p->waiter.tenant = (uint32_t)luaL_optinteger(L, 5, 0);
  p->granted = 0;
  lua_pushstring(
      L, answers[bulkhead_enter(&b->bulkhead, &b->options, &p->waiter, now)]);
  lua_pushinteger(L, (lua_Integer)p->waiter.deadline_ns);
  return 2;
}

static int leave(lua_State *L)
{
  static const char *const exits[] = {"nothing", "left", "released"};
  struct box *b = t_self(L, TYPE);
  struct person *p = luaL_checkudata(L, 2, WAITER);
  lua_pushstring(L, exits[bulkhead_exit(&b->bulkhead, &b->options, &p->waiter,
                                        (uint64_t)luaL_checkinteger(L, 3))]);
  return 1;
}

static int resize(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  bulkhead_resize(&b->bulkhead, &b->options, (uint32_t)luaL_checkinteger(L, 2),
                  (uint64_t)luaL_checkinteger(L, 3));
  return 0;
}

// How often a waiter was granted a slot since it entered.
static int granted(lua_State *L)
{
  struct person *p = luaL_checkudata(L, 1, WAITER);
  lua_pushinteger(L, p->granted);
  return 1;
}

// counts(): in flight, queued, high water, refused, timed out, handed over
static int counts(lua_State *L)
{
  struct box *b = t_self(L, TYPE);
  struct bulkhead *k = &b->bulkhead;
  lua_pushinteger(L, bulkhead_in_flight(k));
  lua_pushinteger(L, bulkhead_queued(k));
  lua_pushinteger(L, k->high_water);
  lua_pushinteger(L, (lua_Integer)k->full);
  lua_pushinteger(L, (lua_Integer)k->timed_out);
  lua_pushinteger(L, (lua_Integer)k->handed_over);
  return 6;
}

// --- adaptive ---

struct learner {
  struct adaptive adaptive;
  struct adaptive_options options;
};

// adaptive { initial=, least=, most=, window_ns=, samples=, slow_ns= }, now_ns
static int adaptive(lua_State *L)
{
  struct adaptive_options options = {
      .initial = (uint32_t)t_integer(L, 1, "initial", ADAPTIVE_INITIAL),
      .least = (uint32_t)t_integer(L, 1, "least", ADAPTIVE_LEAST),
      .most = (uint32_t)t_integer(L, 1, "most", 64),
      .window_ns = (uint64_t)t_integer(L, 1, "window_ns", ADAPTIVE_WINDOW_NS),
      .samples = (uint32_t)t_integer(L, 1, "samples", ADAPTIVE_SAMPLES),
      .slow_ns = (uint64_t)t_integer(L, 1, "slow_ns", 0),
  };
  uint64_t now = (uint64_t)luaL_optinteger(L, 2, 0);
  struct learner *l = t_new(L, sizeof(*l), ADAPTIVE); // learner
  l->options = options;
  adaptive_init(&l->adaptive, &l->options, now);
  return 1;
}

static const char *const verdicts[] = {"none", "fine", "drop", NULL};

// sample(verdict, elapsed_ns, in_flight, now_ns): the limit
static int sample(lua_State *L)
{
  struct learner *l = t_self(L, ADAPTIVE);
  struct adaptive_sample s = {
      (enum adaptive_verdict)luaL_checkoption(L, 2, NULL, verdicts),
      (uint64_t)luaL_checkinteger(L, 3), (uint32_t)luaL_checkinteger(L, 4)};
  lua_pushinteger(L, adaptive_record(&l->adaptive, &l->options, &s,
                                     (uint64_t)luaL_checkinteger(L, 5)));
  return 1;
}

// judge(outcome, status, slow)
static int judge(lua_State *L)
{
  const char *name = luaL_checkstring(L, 1);
  for (int o = 0; o < OUTCOMES; o++) {
    if (strcmp(name, outcome_name((enum outcome)o)) != 0) continue;
    lua_pushstring(
        L,
        verdicts[adaptive_judge((enum outcome)o, (int)luaL_optinteger(L, 2, 0),
                                lua_toboolean(L, 3))]);
    return 1;
  }
  return luaL_error(L, "no outcome %s", name);
}

int t_bulkhead(lua_State *L)
{
  static const luaL_Reg methods[] = {{"enter", enter},
                                     {"exit", leave},
                                     {"resize", resize},
                                     {"counts", counts},
                                     {NULL, NULL}};
  static const luaL_Reg waiters[] = {{"granted", granted}, {NULL, NULL}};
  static const luaL_Reg learners[] = {{"sample", sample}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"new", new},
                                       {"waiter", waiter},
                                       {"adaptive", adaptive},
                                       {"judge", judge},
                                       {NULL, NULL}};
  t_type(L, TYPE, methods);
  t_type(L, WAITER, waiters);
  t_type(L, ADAPTIVE, learners);
  luaL_newlib(L, functions);
  return 1;
}
