// vm_inside.h -- what the files of script/ share about a VM; nobody else
// includes it.
//
// Each coroutine finds its lane through lua_getextraspace(). A run is one
// stay inside Lua; runs nest when a task starts another from a binding. The
// allocator and the hook look at the innermost run only. `lenient` is set
// while the engine itself uses a lua_State between runs: it is not protected
// there, so nothing may raise, so the memory limit is off.

#ifndef SCRIPT_VM_INSIDE_H
#define SCRIPT_VM_INSIDE_H

#include <lua.h>

#include "base/buf.h"
#include "loop/loop.h"
#include "script/vm.h"

struct allowance {
  uint64_t left;    // instructions
  uint64_t end_ns;  // loop_exact() time; 0: no limit in time
  size_t fresh;     // bytes allocated and not yet charged
  const char *over; // why it is used up; NULL while it is not
};

struct lane {
  struct vm *vm;
  struct task *task;           // NULL: the main state
  struct allowance *allowance; // of the run that goes on here, else NULL
  int count;                   // what the hook is set to
  bool killed;                 // the hook has raised
  bool nested;                 // started by what runs, so shares its budget
};

struct run {
  struct run *outer;
  lua_State *L; // what runs; while it is settled, what it was started from
  void *owner;
  struct allowance *allowance; // its own, or that of the run around it
  struct allowance own;
};

struct vm {
  struct vm_options options;
  lua_State *L;
  struct lane lane; // of the main state
  struct task_pool *tasks;
  struct loop *loop;
  struct log *log;
  struct run *run; // the innermost
  bool lenient;
  size_t memory;
  struct buf buf;     // vm_buf()
  struct arena arena; // vm_arena()
  uint32_t held;
  struct deferred idle;
  void (*on_idle)(struct vm *vm, void *ctx);
  void *idle_ctx;
};

static inline struct lane *lane_of(lua_State *L)
{
  return *(struct lane **)lua_getextraspace(L);
}

static inline void lane_set(lua_State *L, struct lane *lane)
{
  *(struct lane **)lua_getextraspace(L) = lane;
}

// --- allowance.c ---

// Begins a run of `lane` on L. It shares the budget of the run around it if
// that has the same owner or started it: starting tasks is no way to get more.
void run_begin(struct run *run, struct lane *lane, lua_State *L, void *owner);
void run_end(struct run *run, struct lane *lane);
// Gives a run of its own less than the VM's limits.
void allowance_narrow(struct run *run, const struct vm *vm,
                      struct vm_bounds bounds);
// Sets the hook of a coroutine that has none yet.
void allowance_arm(struct lane *lane, lua_State *L);
// For the allocator: `bytes` were allocated, or collected over.
void allowance_charge_bytes(struct vm *vm, size_t bytes);

// --- fault.c ---

void fault_open(lua_State *L); // makes the metatable. -0 +0
// Lua's own words for having used too much?
bool fault_is_limit(const char *text);
// fault_wrap() with the traceback of another coroutine.
void fault_wrap_from(lua_State *L, lua_State *traced, struct buf *log_text);
// Writes "reason" and the traceback of `traced`.
void fault_trace(lua_State *L, lua_State *traced, const char *reason,
                 struct buf *log_text);

#endif
