// t_loop.c -- shows loop/ to the specs: a loop whose timers and deferred items
// do what a spec has told them beforehand, and a record of what ran when.

#include <lauxlib.h>
#include <stdlib.h>

#include "base/buf.h"
#include "loop/loop.h"

int t_loop(lua_State *L);

#define TYPE        "T.loop"
#define ITEMS_MAX   64
#define ACTIONS_MAX 8

enum op { OP_START, OP_START_AT, OP_STOP, OP_DEFER, OP_CANCEL, OP_HALT };
static const char *const op_names[] = {"start",  "start_at", "stop", "defer",
                                       "cancel", "halt",     NULL};

struct action {
  enum op op;
  unsigned target;
  uint64_t number;
};

// One timer and one deferred item with the same number.
struct item {
  struct lab *lab;
  struct timer timer;
  struct deferred deferred;
  struct action on_timer[ACTIONS_MAX], on_deferred[ACTIONS_MAX];
  size_t timer_actions, deferred_actions;
};

struct lab {
  struct loop *loop;
  struct buf record;
  struct item items[ITEMS_MAX];
};

static struct lab *check_lab(lua_State *L)
{
  struct lab *lab = luaL_checkudata(L, 1, TYPE);
  luaL_argcheck(L, lab->loop, 1, "closed");
  return lab;
}

static unsigned check_item(lua_State *L, int arg)
{
  lua_Integer i = luaL_checkinteger(L, arg);
  luaL_argcheck(L, i >= 1 && i <= ITEMS_MAX, arg, "1 to 64");
  return (unsigned)i - 1;
}

static void perform(struct lab *lab, struct action a)
{
  struct item *item = &lab->items[a.target];
  switch (a.op) {
  case OP_START: timer_start(&item->timer, a.number); break;
  case OP_START_AT: timer_start_at(&item->timer, a.number); break;
  case OP_STOP: timer_stop(&item->timer); break;
  case OP_DEFER: loop_defer(lab->loop, &item->deferred); break;
  case OP_CANCEL: deferred_cancel(&item->deferred); break;
  case OP_HALT: loop_stop(lab->loop); break;
  }
}

static void on_timer(struct timer *t, void *ctx)
{
  struct item *item = ctx;
  struct lab *lab = item->lab;
  (void)t;
  buf_printf(&lab->record, "t%d@%llu ", (int)(item - lab->items) + 1,
             (unsigned long long)loop_now(lab->loop));
  for (size_t i = 0; i < item->timer_actions; i++)
    perform(lab, item->on_timer[i]);
}

static void on_deferred(void *ctx)
{
  struct item *item = ctx;
  struct lab *lab = item->lab;
  buf_printf(&lab->record, "d%d@%llu ", (int)(item - lab->items) + 1,
             (unsigned long long)loop_now(lab->loop));
  for (size_t i = 0; i < item->deferred_actions; i++)
    perform(lab, item->on_deferred[i]);
}

static int push_lab(lua_State *L, struct loop *loop)
{
  if (!loop) return 0;
  struct lab *lab = lua_newuserdatauv(L, sizeof(*lab), 0); // lab
  *lab = (struct lab){.loop = loop};
  for (size_t i = 0; i < ITEMS_MAX; i++) {
    struct item *item = &lab->items[i];
    item->lab = lab;
    timer_init(&item->timer, loop, on_timer, item);
    deferred_init(&item->deferred, on_deferred, item);
  }
  luaL_setmetatable(L, TYPE);
  return 1;
}

// simulated([start_ns], [wall_ms]), real()
static int simulated(lua_State *L)
{
  uint64_t start = (uint64_t)luaL_optinteger(L, 1, 0);
  return push_lab(L, loop_new_simulated(start, luaL_optinteger(L, 2, 0)));
}

static int real(lua_State *L)
{
  return push_lab(L, loop_new());
}

static struct action check_action(lua_State *L, int first)
{
  return (struct action){
      .op = (enum op)luaL_checkoption(L, first, NULL, op_names),
      .target = lua_isnoneornil(L, first + 1) ? 0 : check_item(L, first + 1),
      .number = (uint64_t)luaL_optinteger(L, first + 2, 0),
  };
}

// act(op, item, number): at once
static int act(lua_State *L)
{
  struct lab *lab = check_lab(L);
  perform(lab, check_action(L, 2));
  return 0;
}

// on_timer(item, op, target, number), on_deferred(...): when that item runs
static int when_timer(lua_State *L)
{
  struct item *item = &check_lab(L)->items[check_item(L, 2)];
  luaL_argcheck(L, item->timer_actions < ACTIONS_MAX, 2, "too many actions");
  item->on_timer[item->timer_actions++] = check_action(L, 3);
  return 0;
}

static int when_deferred(lua_State *L)
{
  struct item *item = &check_lab(L)->items[check_item(L, 2)];
  luaL_argcheck(L, item->deferred_actions < ACTIONS_MAX, 2, "too many actions");
  item->on_deferred[item->deferred_actions++] = check_action(L, 3);
  return 0;
}

static int turn(lua_State *L)
{
  loop_turn(check_lab(L)->loop, lua_toboolean(L, 2));
  return 0;
}

static int run(lua_State *L)
{
  loop_run(check_lab(L)->loop);
  return 0;
}

static int run_until(lua_State *L)
{
  loop_run_until(check_lab(L)->loop, (uint64_t)luaL_checkinteger(L, 2));
  return 0;
}

static int now(lua_State *L)
{
  const struct loop *loop = check_lab(L)->loop;
  lua_pushinteger(L, (lua_Integer)loop_now(loop));   // now
  lua_pushinteger(L, loop_wall_ms(loop));            // now wall
  lua_pushinteger(L, (lua_Integer)loop_exact(loop)); // now wall exact
  return 3;
}

static int refresh(lua_State *L)
{
  loop_refresh(check_lab(L)->loop);
  return 0;
}

static int armed(lua_State *L)
{
  struct lab *lab = check_lab(L);
  lua_pushboolean(L, timer_armed(&lab->items[check_item(L, 2)].timer));
  return 1;
}

// next(): time or nil, number of armed timers
static int next(lua_State *L)
{
  const struct loop *loop = check_lab(L)->loop;
  uint64_t at = loop_next(loop);
  if (at == UINT64_MAX) {
    lua_pushnil(L); // nil
  } else {
    lua_pushinteger(L, (lua_Integer)at); // time
  }
  lua_pushinteger(L, (lua_Integer)loop_timers(loop)); // time timers
  return 2;
}

// record(): "t1@100 d2@100 ", and forgets it
static int record(lua_State *L)
{
  struct lab *lab = check_lab(L);
  lua_pushlstring(L, buf_slice(&lab->record).data, lab->record.len);
  buf_reset(&lab->record, 0);
  return 1;
}

static int close_lab(lua_State *L)
{
  struct lab *lab = luaL_checkudata(L, 1, TYPE);
  if (!lab->loop) return 0;
  for (size_t i = 0; i < ITEMS_MAX; i++)
    timer_stop(&lab->items[i].timer);
  loop_free(lab->loop);
  buf_finish(&lab->record);
  lab->loop = NULL;
  return 0;
}

static const luaL_Reg methods[] = {{"act", act},
                                   {"on_timer", when_timer},
                                   {"on_deferred", when_deferred},
                                   {"turn", turn},
                                   {"run", run},
                                   {"run_until", run_until},
                                   {"now", now},
                                   {"refresh", refresh},
                                   {"armed", armed},
                                   {"next", next},
                                   {"record", record},
                                   {"close", close_lab},
                                   {"__gc", close_lab},
                                   {NULL, NULL}};

int t_loop(lua_State *L)
{
  static const luaL_Reg functions[] = {
      {"simulated", simulated}, {"real", real}, {NULL, NULL}};
  luaL_newmetatable(L, TYPE);     // meta
  luaL_setfuncs(L, methods, 0);   // meta
  lua_pushvalue(L, -1);           // meta meta
  lua_setfield(L, -2, "__index"); // meta
  lua_pop(L, 1);                  //
  luaL_newlib(L, functions);      // T.loop
  return 1;
}
