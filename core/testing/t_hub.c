// t_hub.c -- shows mcp/hub to the specs: workers' ports on one simulated loop.

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "mcp/hub.h"
#include "testing/t_base.h"

#define CREW      "T.hub"
#define PORTS_MAX 8
#define SUBS_MAX  64

int t_hub(lua_State *L);

struct crew;

struct ear {
  struct hub_sub sub;
  struct crew *crew;
  struct buf heard;     // "topic key payload\n"
  struct ear *will_end; // finished by this one's callback
};

struct crew {
  struct loop *loop;
  struct hub *hub;
  struct mailbox *boxes[PORTS_MAX];
  struct hub_port *ports[PORTS_MAX];
  struct ear ears[SUBS_MAX];
  unsigned workers, count;
};

static const char *const topics[] = {
    "tools", "prompts", "resources", "resource", "task", "session", NULL};

static struct crew *check(lua_State *L)
{
  return luaL_checkudata(L, 1, CREW);
}

static enum hub_topic check_topic(lua_State *L, int arg)
{
  int n = luaL_checkoption(L, arg, NULL, topics);
  return (enum hub_topic)n;
}

static struct slice opt_slice(lua_State *L, int arg)
{
  return lua_isnoneornil(L, arg) ? SLICE("") : t_slice(L, arg);
}

static void on_event(struct hub_sub *sub, const struct hub_event *e)
{
  struct ear *ear = LIST_ITEM(sub, struct ear, sub);
  buf_printf(&ear->heard, "%s %.*s %.*s\n", topics[e->topic], SLICE_ARG(e->key),
             SLICE_ARG(e->payload));
  if (ear->will_end) hub_sub_finish(&ear->will_end->sub);
}

// new(workers)
static int new (lua_State *L)
{
  unsigned n = (unsigned)luaL_checkinteger(L, 1);
  luaL_argcheck(L, n <= PORTS_MAX, 1, "at most 8");
  struct crew *c = lua_newuserdatauv(L, sizeof(*c), 0);
  memset(c, 0, sizeof(*c));
  luaL_setmetatable(L, CREW);
  c->workers = n;
  c->loop = loop_new_simulated(1, 1);
  c->hub = hub_new();
  for (unsigned i = 0; i < n; i++) {
    c->boxes[i] = mailbox_new(c->loop);
    c->ports[i] = hub_join(c->hub, c->boxes[i]);
  }
  return 1;
}

static struct ear *check_ear(lua_State *L, int arg)
{
  struct crew *c = check(L);
  lua_Integer i = luaL_checkinteger(L, arg);
  luaL_argcheck(L, i >= 1 && i <= c->count, arg, "no such subscriber");
  return &c->ears[i - 1];
}

// hub:sub(worker): its number
static int add(lua_State *L)
{
  struct crew *c = check(L);
  lua_Integer worker = luaL_checkinteger(L, 2);
  luaL_argcheck(L, c->count < SUBS_MAX, 2, "too many");
  struct ear *ear = &c->ears[c->count++];
  ear->crew = c;
  hub_sub_init(&ear->sub, c->ports[worker - 1], on_event);
  lua_pushinteger(L, c->count);
  return 1;
}

// hub:watch(sub, topic, key?, fail_after?): boolean
static int watch(lua_State *L)
{
  struct ear *ear = check_ear(L, 2);
  fault_fail_after((long)luaL_optinteger(L, 5, -1));
  bool good = hub_watch(&ear->sub, check_topic(L, 3), opt_slice(L, 4));
  fault_fired();
  lua_pushboolean(L, good);
  return 1;
}

// hub:unwatch(sub, topic, key?)
static int unwatch(lua_State *L)
{
  hub_unwatch(&check_ear(L, 2)->sub, check_topic(L, 3), opt_slice(L, 4));
  return 0;
}

// hub:finish(sub)
static int finish(lua_State *L)
{
  hub_sub_finish(&check_ear(L, 2)->sub);
  return 0;
}

// hub:will_end(sub, other): when the one hears something, the other is finished.
static int will_end(lua_State *L)
{
  check_ear(L, 2)->will_end = check_ear(L, 3);
  return 0;
}

// hub:publish(topic, key?, payload?, fail_after?): boolean
static int publish(lua_State *L)
{
  struct crew *c = check(L);
  fault_fail_after((long)luaL_optinteger(L, 5, -1));
  bool good =
      hub_publish(c->hub, check_topic(L, 2), opt_slice(L, 3), opt_slice(L, 4));
  fault_fired();
  lua_pushboolean(L, good);
  return 1;
}

// hub:turn(): delivers
static int turn(lua_State *L)
{
  loop_turn(check(L)->loop, false);
  return 0;
}

// hub:heard(sub): what it was told since it was asked last
static int heard(lua_State *L)
{
  return t_finish(L, &check_ear(L, 2)->heard);
}

// hub:leave(worker)
static int leave(lua_State *L)
{
  struct crew *c = check(L);
  lua_Integer i = luaL_checkinteger(L, 2) - 1;
  hub_leave(c->ports[i]);
  c->ports[i] = NULL;
  return 0;
}

// hub:stats(): published, coalesced, dropped
static int stats(lua_State *L)
{
  struct hub_stats s = hub_stats(check(L)->hub);
  lua_pushinteger(L, (lua_Integer)s.published); // published
  lua_pushinteger(L, (lua_Integer)s.coalesced); // published coalesced
  lua_pushinteger(L, (lua_Integer)s.dropped);   // published coalesced dropped
  return 3;
}

static int hub_gc(lua_State *L)
{
  struct crew *c = check(L);
  for (unsigned i = 0; i < c->count; i++) {
    hub_sub_finish(&c->ears[i].sub);
    buf_finish(&c->ears[i].heard);
  }
  for (unsigned i = 0; i < c->workers; i++)
    hub_leave(c->ports[i]);
  for (unsigned i = 0; i < c->workers; i++)
    mailbox_free(c->boxes[i]);
  hub_free(c->hub);
  loop_free(c->loop);
  memset(c, 0, sizeof(*c));
  return 0;
}

// made(fail_after): whether a hub and a port could be made
static int made(lua_State *L)
{
  struct loop *loop = loop_new_simulated(1, 1);
  struct mailbox *box = mailbox_new(loop);
  fault_fail_after((long)luaL_checkinteger(L, 1));
  struct hub *hub = hub_new();
  struct hub_port *port = hub ? hub_join(hub, box) : NULL;
  fault_fired();
  lua_pushboolean(L, port != NULL);
  hub_leave(port);
  hub_free(hub);
  mailbox_free(box);
  loop_free(loop);
  return 1;
}

int t_hub(lua_State *L)
{
  static const luaL_Reg methods[] = {
      {"sub", add},           {"watch", watch}, {"unwatch", unwatch},
      {"finish", finish},     {"turn", turn},   {"publish", publish},
      {"will_end", will_end}, {"heard", heard}, {"leave", leave},
      {"stats", stats},       {"__gc", hub_gc}, {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"new", new}, {"made", made}, {NULL, NULL}};
  luaL_newmetatable(L, CREW);     // meta
  luaL_setfuncs(L, methods, 0);   // meta
  lua_pushvalue(L, -1);           // meta meta
  lua_setfield(L, -2, "__index"); // meta
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
