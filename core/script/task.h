// task.h -- one run of a Lua function, that may wait for the loop.
//
// A task is a coroutine and the C that waits for it. A binding that must
// wait takes a ticket and yields; when its answer comes it redeems the
// ticket. A ticket is good once: redeemed twice, or after the task ended,
// it is refused. That is what keeps a late answer out of the next call.
//
//   C: task_start() -> binding: task_wait() ... loop ... task_wake() -> done
//
// Lua runs only through here (and vm_load, vm_protect). A slice -- one run
// without waiting -- has an instruction budget and a time budget; once over,
// every instruction raises, so that no pcall in the script can hold it, and
// the task ends with E_SCRIPT_LIMIT. How long a task may take in all is its
// call's deadline: the owner cancels it. Loading a script may take three
// seconds.
//
// A task belongs to an owner (the call); tasks started by tide.all share it.

#ifndef SCRIPT_TASK_H
#define SCRIPT_TASK_H

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

struct task_pool; // the coroutines of one lua_State; not thread-safe
struct task;
struct vm;

struct task_limits {
  uint64_t slice_instructions; // default 20,000,000 (about 0.3 s)
  uint32_t slice_ms;           // default 500; not in a simulated loop
  uint32_t max_tasks;          // of one VM at once; default 10,000
};

struct task_ticket {
  struct task *task;
  uint64_t number;
};

// Called exactly once, from the loop or from inside task_start(). On OK the
// results are on `L`, from index 1 to the top; else exactly one value is on L:
// an error object (script/fault.h), whatever the script raised.
typedef void (*task_done_fn)(void *ctx, lua_State *L, enum error_code code);

// Undo a wait that will not be answered: stop the timer, drop the request.
typedef void (*task_cancel_fn)(void *wait);

struct task_pool *task_pool_new(struct vm *vm, lua_State *L,
                                struct task_limits limits);
// Cancels the tasks that still wait. NULL is fine.
void task_pool_free(struct task_pool *pool);
uint32_t task_running(const struct task_pool *pool); // waiting ones included
// While `done` is told of a failure: what belongs in the log about it (what was
// raised, and the traceback); absent for an error object and for a cancelled
// task, which speak for themselves.
struct slice task_failure_text(const struct task_pool *pool);

// Runs the function and `nargs` arguments on top of `from`'s stack (any
// coroutine of the VM) and pops them. `done` may be called before this returns.
// A task that is started from the coroutine of another is nested in it, and in
// what that one's slice may still use; more than 32 deep is refused
// (E_SCRIPT_LIMIT).
// Keeps owner and ctx. Gives a ticket for task_cancel(); may already be spent.
struct task_ticket task_start(struct task_pool *pool, lua_State *from,
                              int nargs, void *owner, task_done_fn done,
                              void *ctx);

// Raises a Lua error unless L is a running task that may wait here: not while
// a script is loading, not inside sort, gsub or a finalizer. Bindings call it
// before they acquire anything. `what` is named in the message.
void task_check(lua_State *L, const char *what);
// Does a task run on L? If not, a script is being loaded.
bool task_inside(lua_State *L);
// The owner of the running task of L; NULL outside a task.
void *task_owner(lua_State *L);

// A number for this moment of the running task of L: another each time it is
// asked, another in each task of an owner, and yet the same when the same
// function runs again and starts and asks the same, whatever the order in which
// tasks side by side come to it.
uint64_t task_ordinal(lua_State *L);

// For bindings: the running task of L will wait. Keeps `wait` until the
// ticket is redeemed or cancelled; also when the binding raises before it has
// yielded, so `wait` must be ready to be cancelled. Follow it with `return
// task_yield(L)`. The answer may come before that (task_stack, task_wake): then
// the values that were pushed must be on the top when task_yield is called.
struct task_ticket task_wait(lua_State *L, task_cancel_fn cancel, void *wait);
int task_yield(lua_State *L);
// The same, but when the task is woken `then` makes the results, inside the
// coroutine, where it may raise; what the waker pushed is on top.
int task_yield_then(lua_State *L, lua_KFunction then, lua_KContext ctx);
// Calls the function and `nargs` arguments on the top; the callee may wait.
// `then` is called with all its results on the top (also when it did not wait).
int task_call(lua_State *L, int nargs, lua_KFunction then, lua_KContext ctx);
// The same, but what the callee raises comes to `then` too: its status is then
// above LUA_YIELD, and the error on the top.
int task_try(lua_State *L, int nargs, lua_KFunction then, lua_KContext ctx);

// The stack on which to push what the wait returns; NULL for a spent ticket.
lua_State *task_stack(struct task_ticket ticket);

// Goes on with the top `nresults` values. False for a spent ticket.
bool task_wake(struct task_ticket ticket, int nresults);

// Ends the task with `code` (E_CANCELLED, E_TIMEOUT). False for a spent ticket.
// A ticket of task_start() is good for this whenever the task waits; while it
// runs (a binding of its own asks) it cannot be cancelled: false.
bool task_cancel(struct task_ticket ticket, enum error_code code);

#endif
