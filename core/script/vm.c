// vm.c -- the lua_State, its memory, and who holds it.

#include "script/vm.h"

#include <assert.h>
#include <lauxlib.h>
#include <stdlib.h>

#include "base/fault.h"
#include "loop/clock.h"
#include "script/fault.h"
#include "script/sandbox.h"
#include "script/vm_inside.h"

#define DEFAULT_MEMORY ((size_t)64 * 1024 * 1024)
#define BUF_KEEP       65536

static const char functions_key; // its address: slot -> function

// --- memory ---

// May the VM grow by so much now?
static bool granted(struct vm *vm, size_t more)
{
  if (!vm->run || vm->lenient) return true;
  if (vm->memory + more <= vm->options.max_memory) return !fault_now();
  allowance_charge_bytes(vm,
                         vm->memory); // Lua collects all of it, then asks again
  return false;
}

// Lua relies on shrinking never to fail; realloc() has no reason to.
static void *allocate(void *ud, void *block, size_t old, size_t size)
{
  struct vm *vm = ud;
  if (!block) old = 0; // then it says what kind of object is made
  if (!size) {
    free(block);
    vm->memory -= old;
    return NULL;
  }
  if (size > old && !granted(vm, size - old)) return NULL;
  void *moved = realloc(block, size);
  if (!moved) return NULL;
  vm->memory += size - old;
  if (size > old) allowance_charge_bytes(vm, size);
  return moved;
}

size_t vm_memory(const struct vm *vm)
{
  return vm->memory;
}

size_t vm_memory_limit(const struct vm *vm)
{
  return vm->options.max_memory;
}

// --- life ---

// Lua raised while the engine used it outside of a run. There the memory limit
// is off, so it is the machine that has no memory.
static int on_panic(lua_State *L)
{
  log_error(lane_of(L)->vm->log, "script/vm", "lua panic: out of memory");
  log_flush(lane_of(L)->vm->log);
  return 0; // Lua aborts
}

static void set_defaults(struct vm_options *o)
{
  if (!o->max_memory) o->max_memory = DEFAULT_MEMORY;
  if (!o->task.slice_instructions) o->task.slice_instructions = 20000000;
  if (!o->task.slice_ms) o->task.slice_ms = 500;
  if (!o->task.max_tasks) o->task.max_tasks = 10000;
}

static int open_all(lua_State *L)
{
  fault_open(L);
  lua_newtable(L);                                   // functions
  lua_rawsetp(L, LUA_REGISTRYINDEX, &functions_key); //
  sandbox_open(L);
  return 0;
}

struct vm *vm_new(struct vm_options options)
{
  struct vm *vm = fault_now() ? NULL : calloc(1, sizeof(*vm));
  if (!vm) return NULL;
  set_defaults(&options);
  vm->options = options;
  vm->lane.vm = vm;
  vm->L = lua_newstate(allocate, vm);
  if (!vm->L) {
    free(vm);
    return NULL;
  }
  lane_set(vm->L, &vm->lane);
  lua_atpanic(vm->L, on_panic);
  lua_pushcfunction(vm->L, open_all); // open_all
  bool ok = lua_pcall(vm->L, 0, 0, 0) == LUA_OK;
  vm->tasks = ok ? task_pool_new(vm, vm->L, vm->options.task) : NULL;
  if (vm->tasks) return vm;
  vm_free(vm);
  return NULL;
}

void vm_free(struct vm *vm)
{
  if (!vm) return;
  assert(!vm->run);
  task_pool_free(vm->tasks);
  if (vm->on_idle) deferred_cancel(&vm->idle);
  lua_close(vm->L);
  assert(vm->memory == 0);
  buf_finish(&vm->buf);
  arena_finish(&vm->arena);
  free(vm);
}

void vm_attach(struct vm *vm, struct loop *loop, struct log *log)
{
  assert(!vm->loop);
  vm->loop = loop;
  vm->log = log;
}

struct loop *vm_loop(const struct vm *vm)
{
  return vm->loop;
}

int64_t vm_wall_ms(const struct vm *vm)
{
  return vm->loop ? loop_wall_ms(vm->loop) : clock_wall_ms();
}

struct log *vm_log(const struct vm *vm)
{
  return vm->log;
}

lua_State *vm_state(struct vm *vm)
{
  return vm->L;
}

struct vm *vm_of(lua_State *L)
{
  return lane_of(L)->vm;
}

struct task_pool *vm_tasks(struct vm *vm)
{
  return vm->tasks;
}

struct buf *vm_buf(struct vm *vm)
{
  buf_reset(&vm->buf, BUF_KEEP);
  return &vm->buf;
}

struct arena *vm_arena(struct vm *vm)
{
  arena_reset(&vm->arena);
  return &vm->arena;
}

// --- who holds it ---

static void on_idle(void *ctx)
{
  struct vm *vm = ctx;
  if (vm->held) return; // held again meanwhile: the next release tells
  void (*told)(struct vm *, void *) = vm->on_idle;
  vm->on_idle = NULL;
  told(vm, vm->idle_ctx); // vm may be gone from here on
}

static void tell_when_idle(struct vm *vm)
{
  if (vm->on_idle && !vm->held) loop_defer(vm->loop, &vm->idle);
}

void vm_hold(struct vm *vm)
{
  vm->held++;
}

void vm_release(struct vm *vm)
{
  assert(vm->held > 0);
  vm->held--;
  tell_when_idle(vm);
}

uint32_t vm_held(const struct vm *vm)
{
  return vm->held;
}

void vm_retire(struct vm *vm, void (*told)(struct vm *vm, void *ctx), void *ctx)
{
  assert(vm->loop && !vm->on_idle);
  vm->on_idle = told;
  vm->idle_ctx = ctx;
  deferred_init(&vm->idle, on_idle, vm);
  tell_when_idle(vm);
}

// --- functions by number ---

void vm_set_function(struct vm *vm, uint32_t slot)
{
  lua_State *L = vm->L;
  assert(lua_isfunction(L, -1) && slot);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &functions_key); // fn functions
  lua_insert(L, -2);                                 // functions fn
  lua_rawseti(L, -2, slot);                          // functions
  lua_pop(L, 1);                                     //
}

void vm_push_function(struct vm *vm, lua_State *L, uint32_t slot)
{
  (void)vm;
  lua_checkstack(L, 2);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &functions_key); // functions
  lua_rawgeti(L, -1, slot);                          // functions fn
  lua_remove(L, -2);                                 // fn
  assert(lua_isfunction(L, -1));
}
