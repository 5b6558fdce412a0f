// task.c -- a pool of coroutines and the tickets to wake them.
//
// Each start and each wait takes a number from the pool's counter; a ticket
// remembers it, and a ticket whose number is not the task's is spent. Tasks
// are reused and freed only with the pool, so that a stale ticket still points
// at memory.
//
// A coroutine is used again only when its function returned: one that ended by
// an error may have variables to be closed, whose code must not run any more,
// and one that the hook stopped would never be looked after again (Lua keeps
// hooks off in a coroutine that died inside of one).

#include "script/task.h"

#include <assert.h>
#include <lauxlib.h>
#include <stdlib.h>

#include "base/fault.h"
#include "script/allowance.h"
#include "script/fault.h"
#include "script/vm_inside.h"

#define START_COST     2000 // ns; see allowance_charge()
#define LOG_TEXT_KEEP  4096
#define COROUTINE_ROOM LUA_MINSTACK
#define IDLE_MAX       128 // coroutines that are kept for later
#define TASK_DEPTH_MAX 32

enum task_state { TASK_FREE, TASK_RUNNING, TASK_WAITING };

struct task {
  struct lane lane;
  struct task_pool *pool;
  struct task *next_free, *next_all;
  lua_State *L; // anchored in the registry under the address of the task
  enum task_state state;
  unsigned depth; // tasks around it
  uint64_t path;  // where it was started, for task_ordinal()
  uint64_t steps; // of it so far: tasks started, ordinals given
  uint64_t start_number;
  uint64_t wait_number; // 0: no ticket to wake it is out
  int early;            // values of an answer before the yield, else -1
  void *owner;
  task_done_fn done;
  void *done_ctx;
  task_cancel_fn cancel;
  void *wait;
};

struct task_pool {
  struct vm *vm;
  lua_State *L;
  lua_State *spare; // tells of a failure when there is no memory for a task
  struct task_limits limits;
  struct task *all, *free;
  uint64_t counter;
  uint32_t running, idle; // idle: free ones with a coroutine
  bool closing;
  struct buf log_text;
};

// --- the pool ---

// Gives the task a new coroutine in place of the one it may have.
static void renew(struct task *t)
{
  lua_State *L = t->pool->L;
  lua_checkstack(L, 4);
  t->L = lua_newthread(L); // thread
  lane_set(t->L, &t->lane);
  lua_rawsetp(L, LUA_REGISTRYINDEX, t); //
  allowance_arm(&t->lane, t->L);
  t->lane.killed = false;
}

struct task_pool *task_pool_new(struct vm *vm, lua_State *L,
                                struct task_limits limits)
{
  struct task_pool *pool = fault_now() ? NULL : calloc(1, sizeof(*pool));
  if (!pool) return NULL;
  pool->vm = vm;
  pool->L = L;
  pool->limits = limits;
  pool->spare = lua_newthread(L);          // thread
  lua_rawsetp(L, LUA_REGISTRYINDEX, pool); //
  return pool;
}

void task_pool_free(struct task_pool *pool)
{
  if (!pool) return;
  pool->closing = true;
  for (struct task *t = pool->all; t; t = t->next_all)
    task_cancel((struct task_ticket){t, t->start_number}, E_CANCELLED);
  for (struct task *t = pool->all, *next; t; t = next) {
    next = t->next_all;
    assert(t->state == TASK_FREE);
    free(t);
  }
  buf_finish(&pool->log_text);
  free(pool);
}

uint32_t task_running(const struct task_pool *pool)
{
  return pool->running;
}

struct slice task_failure_text(const struct task_pool *pool)
{
  const struct buf *text = &pool->log_text;
  return text->len ? buf_slice(text) : (struct slice){NULL, 0};
}

static struct task *take(struct task_pool *pool)
{
  struct task *t = pool->free;
  if (t) {
    pool->free = t->next_free;
    if (t->L) {
      pool->idle--;
    } else {
      renew(t);
    }
    return t;
  }
  t = fault_now() ? NULL : calloc(1, sizeof(*t));
  if (!t) return NULL;
  t->pool = pool;
  t->lane.vm = pool->vm;
  t->lane.task = t;
  renew(t);
  t->next_all = pool->all;
  pool->all = t;
  return t;
}

// --- the end of a task ---

// Undoes a wait whose answer nobody will take.
static void undo_wait(struct task *t)
{
  if (!t->wait_number) return;
  t->wait_number = 0;
  t->cancel(t->wait);
}

// Keeps the task for another, and its coroutine unless there are many.
static void give_back(struct task *t)
{
  struct task_pool *pool = t->pool;
  t->next_free = pool->free;
  pool->free = t;
  if (pool->idle < IDLE_MAX) {
    pool->idle++;
    lua_settop(t->L, 0);
    return;
  }
  t->L = NULL;
  lua_pushnil(pool->L);                       // nil
  lua_rawsetp(pool->L, LUA_REGISTRYINDEX, t); //
}

// What `done` is to see is on t->L, and nothing else.
static void report(struct task *t, enum error_code code)
{
  struct task_pool *pool = t->pool;
  t->state = TASK_FREE;
  t->start_number = 0;
  pool->running--;
  t->done(t->done_ctx, t->L, code);
  buf_reset(&pool->log_text, LOG_TEXT_KEEP);
  give_back(t);
}

// Ends it with an error object of `code`, on a new coroutine.
static void report_code(struct task *t, enum error_code code)
{
  struct error err;
  error_set(&err, code, "%s", error_sentence(code));
  renew(t);
  fault_push(t->L, &err); // object
  report(t, code);
}

static enum error_code code_on_top(lua_State *L)
{
  struct error err;
  return fault_read(L, -1, &err) ? err.code : E_SCRIPT;
}

// The hook stopped it, or there was no memory: `reason` for the log.
static void report_limit(struct task *t, const char *reason)
{
  fault_trace(t->pool->L, t->L, reason, &t->pool->log_text);
  report_code(t, E_SCRIPT_LIMIT);
}

// It raised the value on the top of its stack.
static void report_raised(struct task *t)
{
  struct task_pool *pool = t->pool;
  lua_State *dead = t->L;
  lua_checkstack(pool->L, 4);
  lua_rawgetp(pool->L, LUA_REGISTRYINDEX, t); // dead
  renew(t);
  lua_xmove(dead, t->L, 1);
  fault_wrap_from(t->L, dead, &pool->log_text);
  lua_pop(pool->L, 1); //
  report(t, code_on_top(t->L));
}

static void report_failure(struct task *t, int status, const char *over)
{
  lua_State *L = t->pool->L;
  undo_wait(t);
  if (t->lane.killed) {
    report_limit(t, over);
  } else if (status == LUA_ERRMEM) {
    report_limit(t, "not enough memory");
    lua_gc(L, LUA_GCCOLLECT);
  } else if (status == LUA_YIELD) { // by something that is no binding
    report_code(t, E_INTERNAL);
  } else {
    report_raised(t);
  }
}

// --- running ---

static lua_State *running_in(const struct vm *vm)
{
  return vm->run ? vm->run->L : NULL;
}

static void settle(struct task *t, int status, const char *over)
{
  if (status == LUA_YIELD && t->state == TASK_WAITING) return;
  t->state = TASK_RUNNING;
  if (status == LUA_OK && !t->lane.killed) {
    undo_wait(t);
    report(t, OK);
  } else {
    report_failure(t, status, over);
  }
}

// While it is settled the run stays the innermost, so that what `done` starts
// shares its budget, but counts as started from outside.
static void resume(struct task *t, int nargs)
{
  struct vm *vm = t->pool->vm;
  bool lenient = vm->lenient;
  lua_State *from = running_in(vm);
  struct run run;
  int nresults = 0;

  t->state = TASK_RUNNING;
  t->early = -1;
  run_begin(&run, &t->lane, t->L, t->owner);
  vm->lenient = false;
  int status = lua_resume(t->L, from, nargs, &nresults);
  vm->lenient = true;
  run.L = from;
  settle(t, status, run.allowance->over);
  run_end(&run, &t->lane);
  vm->lenient = lenient;
}

static void begin(struct task *t, void *owner, task_done_fn done, void *ctx)
{
  t->state = TASK_RUNNING;
  t->owner = owner;
  t->done = done;
  t->done_ctx = ctx;
  t->start_number = ++t->pool->counter;
  t->wait_number = 0;
  t->pool->running++;
}

// There is no memory for a task.
static void tell_no_memory(struct task_pool *pool, task_done_fn done, void *ctx)
{
  struct error err;
  error_set(&err, E_NO_MEMORY, "%s", error_sentence(E_NO_MEMORY));
  lua_settop(pool->spare, 0);
  fault_push(pool->spare, &err); // object
  done(ctx, pool->spare, E_NO_MEMORY);
  lua_settop(pool->spare, 0); //
}

// Why this task may not start; NULL if it may.
static const char *refusal(const struct task *t)
{
  if (t->pool->running > t->pool->limits.max_tasks)
    return "too many tasks run at once";
  return t->depth > TASK_DEPTH_MAX ? "tasks are nested too deeply" : NULL;
}

// Ends a task before it has begun.
static void refuse(struct task *t, enum error_code code, const char *why)
{
  buf_puts(&t->pool->log_text, why);
  report_code(t, code);
}

static void start(struct task *t, lua_State *from, int nargs)
{
  const char *why = refusal(t);
  bool room = lua_checkstack(t->L, nargs + COROUTINE_ROOM);
  if (!why && room && !t->pool->closing) {
    lua_xmove(from, t->L, nargs + 1);
    resume(t, nargs);
    return;
  }
  lua_pop(from, nargs + 1);
  if (why) {
    refuse(t, E_SCRIPT_LIMIT, why);
  } else {
    report_code(t, room ? E_CANCELLED : E_NO_MEMORY);
  }
}

// --- where it stands ---

static struct task *running_task(lua_State *L)
{
  struct task *t = lane_of(L)->task;
  return t && t->state == TASK_RUNNING && t->L == L ? t : NULL;
}

// splitmix64, of the path and the step.
static uint64_t mix(uint64_t path, uint64_t step)
{
  uint64_t z = path + step * UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

static uint64_t next_step(struct task *t)
{
  return mix(t->path, ++t->steps);
}

uint64_t task_ordinal(lua_State *L)
{
  struct task *t = running_task(L);
  assert(t);
  return next_step(t);
}

// --- starting ---

// Does the one who starts it go on only when it waits or has ended?
static bool is_nested(const struct vm *vm, lua_State *from)
{
  return running_in(vm) == from && lane_of(from)->task;
}

// A wait of the one around it ends when it ends, and so on: that is a chain of
// calls in C, so there must be an end to it.
static unsigned depth_in(lua_State *from)
{
  const struct task *outer = lane_of(from)->task;
  return outer ? outer->depth + 1 : 0;
}

struct task_ticket task_start(struct task_pool *pool, lua_State *from,
                              int nargs, void *owner, task_done_fn done,
                              void *ctx)
{
  allowance_charge(from, START_COST);
  bool lenient = pool->vm->lenient;
  pool->vm->lenient = true;
  struct task_ticket ticket = {NULL, 0};
  struct task *t = take(pool);
  if (t) {
    begin(t, owner, done, ctx);
    t->depth = depth_in(from);
    t->path = t->depth ? next_step(lane_of(from)->task) : 1;
    t->steps = 0;
    t->lane.nested = is_nested(pool->vm, from);
    ticket = (struct task_ticket){t, t->start_number};
    start(t, from, nargs);
    t->lane.nested = false;
  } else {
    lua_pop(from, nargs + 1);
    tell_no_memory(pool, done, ctx);
  }
  pool->vm->lenient = lenient;
  return ticket;
}

// --- waiting ---

void task_check(lua_State *L, const char *what)
{
  struct task *t = running_task(L);
  if (!t)
    luaL_error(L,
               "%s waits, and nothing can wait while a script is loaded or "
               "upstream.classify is asked",
               what);
  if (!lua_isyieldable(L))
    luaL_error(L,
               "%s waits, and nothing can wait inside a sort or gsub callback",
               what);
  if (t->lane.killed) luaL_error(L, "%s: too late", what);
}

bool task_inside(lua_State *L)
{
  return running_task(L) != NULL;
}

void *task_owner(lua_State *L)
{
  const struct task *t = running_task(L);
  return t ? t->owner : NULL;
}

struct task_ticket task_wait(lua_State *L, task_cancel_fn cancel, void *wait)
{
  task_check(L, "this");
  struct task *t = lane_of(L)->task;
  undo_wait(t); // of a binding that raised before it yielded
  t->cancel = cancel;
  t->wait = wait;
  t->early = -1;
  t->wait_number = ++t->pool->counter;
  return (struct task_ticket){t, t->wait_number};
}

static int after_wait(lua_State *L, int status, lua_KContext base)
{
  (void)status;
  return lua_gettop(L) - (int)base;
}

int task_yield(lua_State *L)
{
  struct task *t = running_task(L);
  assert(t);
  if (t->early >= 0) return t->early;
  assert(t->wait_number);
  t->state = TASK_WAITING;
  return lua_yieldk(L, 0, lua_gettop(L), after_wait);
}

int task_yield_then(lua_State *L, lua_KFunction then, lua_KContext ctx)
{
  struct task *t = running_task(L);
  assert(t);
  if (t->early >= 0) return then(L, LUA_YIELD, ctx);
  assert(t->wait_number);
  t->state = TASK_WAITING;
  return lua_yieldk(L, 0, ctx, then);
}

int task_call(lua_State *L, int nargs, lua_KFunction then, lua_KContext ctx)
{
  lua_callk(L, nargs, LUA_MULTRET, ctx, then);
  return then(L, LUA_OK, ctx);
}

int task_try(lua_State *L, int nargs, lua_KFunction then, lua_KContext ctx)
{
  return then(L, lua_pcallk(L, nargs, LUA_MULTRET, 0, ctx, then), ctx);
}

static struct task *redeem(struct task_ticket ticket)
{
  struct task *t = ticket.task;
  if (!t || !ticket.number || t->wait_number != ticket.number) return NULL;
  return t;
}

lua_State *task_stack(struct task_ticket ticket)
{
  struct task *t = redeem(ticket);
  return t ? t->L : NULL;
}

bool task_wake(struct task_ticket ticket, int nresults)
{
  struct task *t = redeem(ticket);
  if (!t) return false;
  t->wait_number = 0;
  if (t->state == TASK_RUNNING) {
    t->early = nresults;
  } else {
    resume(t, nresults);
  }
  return true;
}

bool task_cancel(struct task_ticket ticket, enum error_code code)
{
  struct task *t = ticket.task;
  if (!t || !ticket.number || t->state != TASK_WAITING) return false;
  if (t->wait_number != ticket.number && t->start_number != ticket.number)
    return false;
  struct vm *vm = t->pool->vm;
  bool lenient = vm->lenient;
  vm->lenient = true;
  t->state = TASK_RUNNING; // its tickets are spent from here on
  undo_wait(t);
  report_code(t, code);
  vm->lenient = lenient;
  return true;
}
