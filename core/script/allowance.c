// allowance.c -- the count hook and what it counts.

#include "script/allowance.h"

#include <assert.h>
#include <lauxlib.h>

#include "loop/clock.h"
#include "script/vm_inside.h"

#define HOOK_MOST    10000 // instructions; about 100 us
#define HOOK_LEAST   50
#define HOOK_MEMORY  ((size_t)5000 * 1024 * 1024) // instructions x bytes
#define LOAD_NS      (3 * NS_PER_S)
#define LOOK_BYTES   (2u * 1024 * 1024)
#define BYTES_PER_OP 64 // copying them takes about as long as an instruction
#define NS_PER_OP    10

static const char too_long[] = "it ran too long without waiting";
static const char too_much[] = "it ran too many instructions without waiting";

static void charge(struct allowance *b, uint64_t instructions)
{
  b->left = b->left > instructions ? b->left - instructions : 0;
  if (!b->left && !b->over) b->over = too_much;
}

// A script is loaded before its VM has a loop. Nobody waits for that, but it must
// end: time of the processor will do, which a busy machine does not use up.
static uint64_t now_of(const struct vm *vm)
{
  return vm->loop ? loop_exact(vm->loop) : clock_cpu_ns();
}

static bool late(const struct vm *vm, const struct allowance *b)
{
  return b->end_ns && now_of(vm) >= b->end_ns;
}

static void on_count(lua_State *L, lua_Debug *ar);

// lua_sethook() is made to be called at any time, also from the allocator.
static void set_hook(struct lane *lane, lua_State *L, int count)
{
  lane->count = count;
  lua_sethook(L, on_count, LUA_MASKCOUNT, count);
}

// One instruction can walk all memory there is: compare two strings that fill
// it, or move every element of a table. So the more there is, the sooner the
// hook looks, and it comes in time also when each instruction does that.
static int hook_each(const struct vm *vm)
{
  size_t each = HOOK_MEMORY / (vm->memory + 1);
  if (each > HOOK_MOST) return HOOK_MOST;
  return each < HOOK_LEAST ? HOOK_LEAST : (int)each;
}

static void on_count(lua_State *L, lua_Debug *ar)
{
  (void)ar;
  struct lane *lane = lane_of(L);
  struct allowance *b = lane->allowance;
  charge(b, (uint64_t)lane->count);
  if (!b->over && late(lane->vm, b)) b->over = too_long;
  if (b->over) {
    lane->killed = true;
    set_hook(lane, L, 1);
    luaL_where(L, 0); // "github.lua:12: "
    lua_pushstring(L, b->over);
    lua_concat(L, 2);
    lua_error(L);
  }
  int each = hook_each(lane->vm);
  if (lane->count != each) set_hook(lane, L, each);
}

void allowance_arm(struct lane *lane, lua_State *L)
{
  set_hook(lane, L, hook_each(lane->vm));
}

static void allowance_begin(struct allowance *b, const struct vm *vm)
{
  const struct task_limits *limits = &vm->options.task;
  *b = (struct allowance){.left = limits->slice_instructions};
  if (vm->loop && loop_simulated(vm->loop)) return;
  b->end_ns = now_of(vm) + (vm->loop ? limits->slice_ms * NS_PER_MS : LOAD_NS);
}

void run_begin(struct run *run, struct lane *lane, lua_State *L, void *owner)
{
  struct vm *vm = lane->vm;
  struct run *outer = vm->run;
  run->outer = outer;
  run->L = L;
  run->owner = owner;
  bool shares = outer && (outer->owner == owner || lane->nested);
  run->allowance = shares ? outer->allowance : &run->own;
  if (run->allowance == &run->own) allowance_begin(&run->own, vm);
  lane->allowance = run->allowance;
  vm->run = run;
  if (run->allowance->over)
    set_hook(lane, L, 1);
  else if (lane->count > hook_each(vm)) // there was less memory in use
    set_hook(lane, L, hook_each(vm));
}

void allowance_narrow(struct run *run, const struct vm *vm,
                      struct vm_bounds bounds)
{
  struct allowance *b = &run->own;
  assert(run->allowance == b);
  b->left = bounds.instructions;
  if (b->end_ns) b->end_ns = now_of(vm) + bounds.ms * NS_PER_MS;
}

void run_end(struct run *run, struct lane *lane)
{
  lane->allowance = NULL;
  lane->vm->run = run->outer;
}

// Looks at the budget at the next instruction instead of in 10,000.
static void look_soon(struct vm *vm)
{
  struct run *run = vm->run;
  set_hook(lane_of(run->L), run->L, 1);
}

void allowance_charge_bytes(struct vm *vm, size_t bytes)
{
  if (!vm->run || vm->lenient) return;
  struct allowance *b = vm->run->allowance;
  b->fresh += bytes;
  if (b->fresh < LOOK_BYTES) return;
  charge(b, b->fresh / BYTES_PER_OP);
  b->fresh = 0;
  look_soon(vm);
}

void allowance_charge(lua_State *L, size_t work)
{
  struct vm *vm = lane_of(L)->vm;
  if (vm->run) allowance_charge_bytes(vm, work / NS_PER_OP * BYTES_PER_OP);
}

bool allowance_left(lua_State *L, size_t work)
{
  struct lane *lane = lane_of(L);
  allowance_charge(L, work);
  struct allowance *b = lane->allowance;
  if (!b) return true;
  if (!b->over && late(lane->vm, b)) b->over = too_long;
  if (!b->over) return true;
  lane->killed = true; // whatever the caller raises now is because of this
  look_soon(lane->vm);
  return false;
}
