// budget.c -- the count hook and what it counts.

#include "script/budget.h"

#include <lauxlib.h>

#include "loop/clock.h"
#include "script/vm_inside.h"

#define HOOK_EACH    10000 // instructions; about 100 us
#define LOOK_BYTES   (2u * 1024 * 1024)
#define BYTES_PER_OP 64 // copying them takes about as long as an instruction
#define NS_PER_OP    10

static const char too_long[] = "it ran too long without waiting";
static const char too_much[] = "it ran too many instructions without waiting";

static void charge(struct budget *b, uint64_t instructions)
{
  b->left = b->left > instructions ? b->left - instructions : 0;
  if (!b->left && !b->over) b->over = too_much;
}

static bool late(const struct vm *vm, const struct budget *b)
{
  return b->end_ns && loop_exact(vm->loop) >= b->end_ns;
}

static void on_count(lua_State *L, lua_Debug *ar);

// lua_sethook() is made to be called at any time, also from the allocator.
static void set_hook(struct lane *lane, lua_State *L, int count)
{
  lane->count = count;
  lua_sethook(L, on_count, LUA_MASKCOUNT, count);
}

static void on_count(lua_State *L, lua_Debug *ar)
{
  (void)ar;
  struct lane *lane = lane_of(L);
  struct budget *b = lane->budget;
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
  if (lane->count != HOOK_EACH) set_hook(lane, L, HOOK_EACH);
}

void budget_arm(struct lane *lane, lua_State *L)
{
  set_hook(lane, L, HOOK_EACH);
}

static void budget_begin(struct budget *b, const struct vm *vm)
{
  const struct task_limits *limits = &vm->options.task;
  *b = (struct budget){.left = limits->slice_instructions};
  if (!vm->loop || loop_simulated(vm->loop)) return;
  b->end_ns = loop_exact(vm->loop) + limits->slice_ms * NS_PER_MS;
}

void run_begin(struct run *run, struct lane *lane, lua_State *L, void *owner)
{
  struct vm *vm = lane->vm;
  struct run *outer = vm->run;
  run->outer = outer;
  run->L = L;
  run->owner = owner;
  run->budget = outer && outer->owner == owner ? outer->budget : &run->own;
  if (run->budget == &run->own) budget_begin(&run->own, vm);
  lane->budget = run->budget;
  vm->run = run;
  if (run->budget->over) set_hook(lane, L, 1);
}

void run_end(struct run *run, struct lane *lane)
{
  lane->budget = NULL;
  lane->vm->run = run->outer;
}

// Looks at the budget at the next instruction instead of in 10,000.
static void look_soon(struct vm *vm)
{
  struct run *run = vm->run;
  set_hook(lane_of(run->L), run->L, 1);
}

void budget_charge_bytes(struct vm *vm, size_t bytes)
{
  if (!vm->run || vm->lenient) return;
  struct budget *b = vm->run->budget;
  b->fresh += bytes;
  if (b->fresh < LOOK_BYTES) return;
  charge(b, b->fresh / BYTES_PER_OP);
  b->fresh = 0;
  look_soon(vm);
}

void budget_charge(lua_State *L, size_t work)
{
  struct vm *vm = lane_of(L)->vm;
  if (vm->run) budget_charge_bytes(vm, work / NS_PER_OP * BYTES_PER_OP);
}

bool budget_left(lua_State *L, size_t work)
{
  struct lane *lane = lane_of(L);
  budget_charge(L, work);
  struct budget *b = lane->budget;
  if (!b) return true;
  if (!b->over && late(lane->vm, b)) b->over = too_long;
  if (!b->over) return true;
  lane->killed = true; // whatever the caller raises now is because of this
  look_soon(lane->vm);
  return false;
}
