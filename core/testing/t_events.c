// t_events.c -- shows mcp/events to the specs. Sessions are strings of at most
// 16 bytes; a stream is named by its event 0.

#include <string.h>

#include "mcp/events.h"
#include "testing/t_base.h"

int t_events(lua_State *L);

#define STORE  "T.events"
#define READER "T.events.reader"

struct lab {
  struct event_store *store;
  struct loop *loop;
  struct mailbox *mailbox;
};

struct reading {
  struct event_reader *reader;
  lua_Integer woken;
};

static size_t limit(lua_State *L, const char *name)
{
  lua_getfield(L, 1, name); // options ... value
  lua_Integer n = luaL_optinteger(L, -1, 0);
  lua_pop(L, 1);
  return (size_t)n;
}

// store{ stream_bytes=, session_bytes=, total_bytes=, session_streams=, ... }
static int store(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  struct lab *lab = lua_newuserdatauv(L, sizeof(*lab), 0); // options lab
  *lab = (struct lab){0};
  luaL_setmetatable(L, STORE);
  lab->loop = loop_new_simulated(1, 1);
  lab->mailbox = mailbox_new(lab->loop);
  lab->store = event_store_new((struct event_limits){
      limit(L, "stream_bytes"), limit(L, "session_bytes"),
      limit(L, "total_bytes"), (uint32_t)limit(L, "session_streams"),
      (uint32_t)limit(L, "total_streams"), (uint32_t)limit(L, "keep_ms")});
  if (!lab->store) return luaL_error(L, "out of memory");
  return 1;
}

// Readers keep their store alive, so they are gone already.
static int store_free(lua_State *L)
{
  struct lab *lab = luaL_checkudata(L, 1, STORE);
  mailbox_free(lab->mailbox);
  event_store_free(lab->store);
  if (lab->loop) loop_free(lab->loop);
  *lab = (struct lab){0};
  return 0;
}

static struct lab *check_lab(lua_State *L)
{
  struct lab *lab = luaL_checkudata(L, 1, STORE);
  luaL_argcheck(L, lab->store, 1, "already freed");
  return lab;
}

static void check_session(lua_State *L, int arg, unsigned char *id)
{
  struct slice text = t_slice(L, arg);
  luaL_argcheck(L, text.len <= EVENTS_ID_LEN, arg, "at most 16 bytes");
  memset(id, 0, EVENTS_ID_LEN);
  memcpy(id, text.data, text.len);
}

static struct event_place check_place(lua_State *L, int arg)
{
  struct event_place place;
  luaL_argcheck(L, event_name_parse(t_slice(L, arg), &place), arg, "no name");
  return place;
}

static void push_name(lua_State *L, const struct event_place *place)
{
  char name[EVENTS_NAME_MAX];
  lua_pushlstring(L, name, event_name(place, name));
}

// lab:open(session, kind, now): the name of event 0, nothing if it cannot be
static int lab_open(lua_State *L)
{
  static const char *const kinds[] = {"answer", "own", NULL};
  struct lab *lab = check_lab(L);
  unsigned char id[EVENTS_ID_LEN];
  struct event_place place;
  check_session(L, 2, id);
  enum event_kind kind = (enum event_kind)luaL_checkoption(L, 3, NULL, kinds);
  if (!event_stream_open(lab->store, id, kind, &place, luaL_checkinteger(L, 4)))
    return 0;
  push_name(L, &place);
  return 1;
}

// lab:add(stream, data, now): number, taken
static int lab_add(lua_State *L)
{
  struct lab *lab = check_lab(L);
  struct event_place place = check_place(L, 2);
  struct event_added added = event_stream_add(
      lab->store, place.stream, t_slice(L, 3), luaL_checkinteger(L, 4));
  lua_pushinteger(L, (lua_Integer)added.number);
  lua_pushboolean(L, added.taken);
  return 2;
}

static int lab_finish(lua_State *L)
{
  struct lab *lab = check_lab(L);
  struct event_place place = check_place(L, 2);
  event_stream_end(lab->store, place.stream, luaL_checkinteger(L, 3));
  return 0;
}

static int lab_unread(lua_State *L)
{
  struct lab *lab = check_lab(L);
  struct event_place place = check_place(L, 2);
  lua_pushinteger(L, event_stream_unread_ms(lab->store, place.stream,
                                            luaL_checkinteger(L, 3)));
  return 1;
}

static int lab_end_session(lua_State *L)
{
  unsigned char id[EVENTS_ID_LEN];
  check_session(L, 2, id);
  event_session_end(check_lab(L)->store, id);
  return 0;
}

static int lab_sweep(lua_State *L)
{
  lua_pushboolean(
      L, event_store_sweep(check_lab(L)->store, luaL_checkinteger(L, 2)));
  return 1;
}

static void set(lua_State *L, const char *name, size_t n)
{
  lua_pushinteger(L, (lua_Integer)n);
  lua_setfield(L, -2, name);
}

static int lab_counts(lua_State *L)
{
  struct event_counts c = event_store_counts(check_lab(L)->store);
  lua_newtable(L);
  set(L, "streams", c.streams);
  set(L, "sessions", c.sessions);
  set(L, "events", c.events);
  set(L, "bytes", c.bytes);
  return 1;
}

// Delivers what was posted.
static int lab_turn(lua_State *L)
{
  loop_turn(check_lab(L)->loop, false);
  return 0;
}

// --- readers ---

static void on_wake(void *ctx)
{
  struct reading *r = ctx;
  r->woken++;
}

// lab:reader(session, name or nil): a reader, or why not
static int lab_reader(lua_State *L)
{
  static const char *const verdicts[] = {"found", "unknown", "forgotten",
                                         "busy",  "full",    "no memory"};
  struct lab *lab = check_lab(L);
  unsigned char id[EVENTS_ID_LEN];
  check_session(L, 2, id);
  lua_settop(L, 3);
  struct reading *r = lua_newuserdatauv(L, sizeof(*r), 1); // ... reading
  *r = (struct reading){0};
  luaL_setmetatable(L, READER);
  lua_pushvalue(L, 1); // ... reading lab
  lua_setiuservalue(L, -2, 1);
  struct event_wake wake = {lab->mailbox, on_wake, r};
  enum event_verdict v =
      lua_isnil(L, 3)
          ? event_reader_own(lab->store, id, wake, &r->reader)
          : event_reader_new(lab->store, id, t_slice(L, 3), wake, &r->reader);
  if (v != EVENTS_FOUND) lua_pushstring(L, verdicts[v]);
  return 1;
}

static struct reading *check_reading(lua_State *L)
{
  struct reading *r = luaL_checkudata(L, 1, READER);
  luaL_argcheck(L, r->reader, 1, "already freed");
  return r;
}

// reader:next(): "given", data, name; or "later"; or "over"
static int reader_next(lua_State *L)
{
  struct reading *r = check_reading(L);
  struct buf data = {0};
  struct event_place place;
  enum event_next next = event_reader_next(r->reader, &data, &place);
  if (next != EVENT_GIVEN) {
    lua_pushstring(L, next == EVENT_LATER ? "later" : "over");
    return 1;
  }
  lua_pushliteral(L, "given");
  lua_pushlstring(L, buf_slice(&data).data, data.len);
  push_name(L, &place);
  buf_finish(&data);
  return 3;
}

static int reader_woken(lua_State *L)
{
  lua_pushinteger(L, check_reading(L)->woken);
  return 1;
}

static int reader_free(lua_State *L)
{
  struct reading *r = luaL_checkudata(L, 1, READER);
  event_reader_free(r->reader, luaL_optinteger(L, 2, 0));
  r->reader = NULL;
  return 0;
}

// parse(name): the same name again, or nothing
static int parse(lua_State *L)
{
  struct event_place place;
  if (!event_name_parse(t_slice(L, 1), &place)) return 0;
  push_name(L, &place);
  return 1;
}

int t_events(lua_State *L)
{
  static const luaL_Reg store_methods[] = {{"open", lab_open},
                                           {"add", lab_add},
                                           {"finish", lab_finish},
                                           {"unread", lab_unread},
                                           {"sweep", lab_sweep},
                                           {"end_session", lab_end_session},
                                           {"counts", lab_counts},
                                           {"turn", lab_turn},
                                           {"reader", lab_reader},
                                           {"__gc", store_free},
                                           {NULL, NULL}};
  static const luaL_Reg reader_methods[] = {{"next", reader_next},
                                            {"woken", reader_woken},
                                            {"free", reader_free},
                                            {"__gc", reader_free},
                                            {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"store", store}, {"parse", parse}, {NULL, NULL}};
  luaL_newmetatable(L, STORE);
  luaL_setfuncs(L, store_methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  luaL_newmetatable(L, READER);
  luaL_setfuncs(L, reader_methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 2);
  luaL_newlib(L, functions);
  return 1;
}
