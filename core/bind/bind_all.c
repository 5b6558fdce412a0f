// bind_all.c -- tide.all: functions side by side.
//
// Each function is a task of the same owner. The one who waits is the task
// that called; its stack holds the functions, the results and the errors, and
// is written to when a function ends. The record of the group is C memory of
// its own: a function may outlive the task that waits (one that runs while its
// call is cancelled), so the last one out frees it.

#include <lauxlib.h>
#include <stdlib.h>

#include "base/fault.h"
#include "bind/arguments.h"
#include "bind/bind.h"
#include "script/call.h"
#include "script/fault.h"
#include "script/vm.h"

#define FUNCTIONS_MAX 100

// Where things are on the stack of the task that waits.
enum {
  AT_FUNCTIONS = 1,
  AT_KEYS = 3,
  AT_RESULTS,
  AT_ERRORS,
  AT_TOP = AT_ERRORS
};

struct group;

struct member {
  struct group *group;
  struct task_ticket ticket; // good while it waits
};

struct group {
  lua_State *L; // of the task that waits
  struct vm *vm;
  void *owner;
  struct task_ticket ticket; // to wake it
  unsigned count, next, running, limit, failed;
  bool launching; // functions that end at once do not start others themselves
  bool over;      // nobody waits any more
  struct member members[];
};

// --- the end of one function ---

static void free_if_done(struct group *g)
{
  if (g->over && !g->running && !g->launching) free(g);
}

// table[keys[i]] = the value on the top of `from`, which is popped.
static void store(struct group *g, int table, unsigned i, lua_State *from)
{
  lua_rawgeti(g->L, AT_KEYS, i); // ... key
  lua_xmove(from, g->L, 1);      // ... key value
  lua_rawset(g->L, table);       // ...
}

// What was raised is for the log; the script gets the error object alone. The
// owner is the call, in specs nobody.
static void log_failure(const struct group *g, struct slice text)
{
  char room[512];
  if (!text.data || !text.len) return;
  log_value(room, sizeof(room), text);
  const struct call *call = g->owner;
  if (!call) {
    log_warn(vm_log(g->vm), "bind/all", "a function failed error=%s", room);
    return;
  }
  log_warn(vm_log(g->vm), "bind/all",
           "a function failed tool=%.*s req=%.*s error=%s",
           SLICE_ARG(call_tool(call)->name), SLICE_ARG(call_request_id(call)),
           room);
}

static void store_failure(struct group *g, unsigned i, lua_State *S)
{
  g->failed++;
  store(g, AT_ERRORS, i, S);
}

// `return nil, err` is a failure like a raised one; whatever `err` is, an error
// object is made of it.
static void store_returned(struct group *g, unsigned i, lua_State *S)
{
  struct buf text = {0};
  fault_wrap(S, &text);
  log_failure(g, buf_slice(&text));
  buf_finish(&text);
  store_failure(g, i, S);
}

static void store_outcome(struct group *g, unsigned i, lua_State *S,
                          enum error_code code)
{
  if (code) {
    log_failure(g, task_failure_text(vm_tasks(g->vm)));
    store_failure(g, i, S);
  } else if (lua_isnoneornil(S, 1) && !lua_isnoneornil(S, 2)) {
    lua_settop(S, 2);
    store_returned(g, i, S);
  } else {
    lua_settop(S, 1);
    store(g, AT_RESULTS, i, S);
  }
}

static void launch(struct group *g);

static void on_member_done(void *ctx, lua_State *S, enum error_code code)
{
  struct member *m = ctx;
  struct group *g = m->group;
  g->running--;
  if (!g->over) store_outcome(g, (unsigned)(m - g->members) + 1, S, code);
  if (!g->launching) launch(g);
}

// --- starting them ---

static void start_next(struct group *g)
{
  struct member *m = &g->members[g->next++];
  lua_rawgeti(g->L, AT_KEYS, g->next); // ... key
  lua_rawget(g->L, AT_FUNCTIONS);      // ... fn
  m->group = g;
  g->running++;
  m->ticket = task_start(vm_tasks(g->vm), g->L, 0, g->owner, on_member_done, m);
}

static void finish(struct group *g)
{
  lua_pushvalue(g->L, AT_RESULTS); // ... results
  if (g->failed) {
    lua_pushvalue(g->L, AT_ERRORS); // ... results errors
  } else {
    lua_pushnil(g->L); // ... results nil
  }
  g->over = true;
  struct task_ticket ticket = g->ticket;
  free_if_done(g);
  task_wake(ticket, 2);
}

static void launch(struct group *g)
{
  g->launching = true;
  while (!g->over && g->next < g->count && g->running < g->limit) {
    start_next(g);
  }
  g->launching = false;
  if (!g->over && !g->running) {
    finish(g);
  } else {
    free_if_done(g);
  }
}

// The one who waits is ended: so are all who run for it.
static void group_cancel(void *wait)
{
  struct group *g = wait;
  bool launching = g->launching;
  g->over = true;
  g->launching = true;
  for (unsigned i = 0; i < g->next; i++)
    task_cancel(g->members[i].ticket, E_CANCELLED);
  g->launching = launching;
  free_if_done(g);
}

// --- the call ---

struct key {
  struct slice name; // absent: `index`
  lua_Integer index;
};

// Indexes first, then names: each run starts them in the same order.
static int by_key(const void *a, const void *b)
{
  const struct key *x = a, *y = b;
  if (!x->name.data || !y->name.data) {
    if (x->name.data || y->name.data) return x->name.data ? 1 : -1;
    return x->index < y->index ? -1 : x->index > y->index;
  }
  size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
  int order = memcmp(x->name.data, y->name.data, len);
  return order ? order : (x->name.len < y->name.len ? -1 : 1);
}

// The key below the function on the top.
static struct key check_entry(lua_State *L)
{
  struct key key = {{NULL, 0}, 0};
  luaL_argcheck(L, lua_isfunction(L, -1), 1, "all values must be functions");
  if (lua_type(L, -2) == LUA_TSTRING) {
    key.name.data = lua_tolstring(L, -2, &key.name.len);
  } else {
    luaL_argcheck(L, lua_isinteger(L, -2), 1, "keys must be names or integers");
    key.index = lua_tointeger(L, -2);
  }
  return key;
}

// Pushes the list of the functions' keys. How many. +1
static unsigned push_keys(lua_State *L)
{
  struct key keys[FUNCTIONS_MAX];
  unsigned n = 0;
  lua_pushnil(L);                     // nil
  while (lua_next(L, AT_FUNCTIONS)) { // key fn
    luaL_argcheck(L, n < FUNCTIONS_MAX, 1, "at most 100 functions");
    keys[n++] = check_entry(L);
    lua_pop(L, 1); // key
  }
  qsort(keys, n, sizeof(*keys), by_key);
  lua_createtable(L, (int)n, 0); // list
  for (unsigned i = 0; i < n; i++) {
    if (keys[i].name.data) {
      lua_pushlstring(L, keys[i].name.data, keys[i].name.len); // list key
    } else {
      lua_pushinteger(L, keys[i].index); // list key
    }
    lua_rawseti(L, -2, i + 1); // list
  }
  return n;
}

static unsigned check_limit(lua_State *L)
{
  static const char *const names[] = {"concurrency", NULL};
  if (!check_options(L, 2, names)) return FUNCTIONS_MAX;
  lua_getfield(L, 2, "concurrency"); // ... n
  lua_Integer n = luaL_optinteger(L, -1, FUNCTIONS_MAX);
  lua_pop(L, 1); // ...
  luaL_argcheck(L, n >= 1, 2, "concurrency must be at least 1");
  return n < FUNCTIONS_MAX ? (unsigned)n : FUNCTIONS_MAX;
}

static struct group *group_new(lua_State *L, unsigned count, unsigned limit)
{
  size_t size = sizeof(struct group) + count * sizeof(struct member);
  struct group *g = fault_now() ? NULL : calloc(1, size);
  if (!g) return NULL;
  g->L = L;
  g->vm = vm_of(L);
  g->owner = task_owner(L);
  g->count = count;
  g->limit = limit;
  return g;
}

/// tide.all(functions: table, options?: { concurrency?: integer }):
///   results: table, errors: table?
/// Runs the functions of a list or map side by side and waits for all of them.
/// Each result and each error has the key of its function.
static int all(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  unsigned limit = check_limit(L);
  task_check(L, "tide.all");
  lua_settop(L, 2);
  unsigned n = push_keys(L); // functions options keys
  lua_newtable(L);           // functions options keys results
  lua_newtable(L);           // functions options keys results errors
  luaL_checkstack(L, 16, NULL);
  struct group *g = group_new(L, n, limit);
  if (!g) return luaL_error(L, "not enough memory");
  g->ticket = task_wait(L, group_cancel, g);
  launch(g); // g may be gone from here on
  return task_yield(L);
}

void bind_all_open(lua_State *L)
{
  lua_pushcfunction(L, all);  // tide fn
  lua_setfield(L, -2, "all"); // tide
}
