// vm.h -- one lua_State with counted memory, its sandbox and its tasks.
//
// A VM belongs to one generation and one worker. It is built on the loader
// thread, then used by its worker's thread alone. Memory is counted by its
// allocator; at the limit Lua collects and then raises "not enough memory" in
// the script that asked. The limit holds while a script runs: the engine, when
// it pushes an answer from the loop, is not protected and may go beyond.
// vm_hold() and vm_release() count the calls that run on it; the one who retired
// it is told when the count is zero.

#ifndef SCRIPT_VM_H
#define SCRIPT_VM_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "loop/loop.h"
#include "script/task.h"

struct vm;

// A file that a script requires: its text, and its name as shown to users.
struct vm_module {
  struct buf text, file;
};

struct vm_options {
  size_t max_memory;       // bytes; default 64 MiB
  struct task_limits task; // see task.h
  // Adds the API (`tide`) to the sandbox environment on the top of the stack;
  // given from above because script/ knows no product. -0 +0
  void (*open_api)(lua_State *L, void *ctx);
  void *api_ctx; // keeps
  // Reads the file behind `require "name"` in `script` (the name of the chunk)
  // into `module`, which is empty. NULL: there is no require. Called only while
  // a chunk is loaded.
  enum error_code (*read_module)(void *ctx, struct slice script,
                                 struct slice name, struct vm_module *module,
                                 struct error *err);
  void *module_ctx; // keeps
  uint64_t seed;    // of math.random; 0: from the kernel
};

// NULL when out of memory. No loop yet: see vm_attach().
struct vm *vm_new(struct vm_options options);
// No task may run. NULL is fine.
void vm_free(struct vm *vm);

// Binds the VM to its worker's loop and log, on the worker's thread, once.
void vm_attach(struct vm *vm, struct loop *loop, struct log *log);
struct loop *vm_loop(const struct vm *vm); // NULL until attached
int64_t vm_wall_ms(const struct vm *vm);   // of the loop, if there is one
struct log *vm_log(const struct vm *vm);

lua_State *vm_state(struct vm *vm);
struct vm *vm_of(lua_State *L); // the VM of any of its coroutines
struct task_pool *vm_tasks(struct vm *vm);
size_t vm_memory(const struct vm *vm); // bytes in use
size_t vm_memory_limit(const struct vm *vm);

// For bindings: an emptied buffer and an arena that belong to the VM, so that a
// raise loses nothing. Good until the next call of the same function: not
// across anything that runs a script.
struct buf *vm_buf(struct vm *vm);
struct arena *vm_arena(struct vm *vm);

void vm_hold(struct vm *vm);
void vm_release(struct vm *vm);
uint32_t vm_held(const struct vm *vm);
// `on_idle` is called once, from the loop (deferred), when nothing holds it.
void vm_retire(struct vm *vm, void (*on_idle)(struct vm *vm, void *ctx),
               void *ctx);

// Runs a chunk of text with the sandbox environment under the load budget
// (task_limits.slice_instructions), outside any task: waiting raises. On OK
// its one result is pushed (+1); else nothing is, and `err` says
// "github.lua:12: ..." with the code E_SCRIPT, E_SCRIPT_LIMIT or E_NO_MEMORY.
// `name` is the file as shown to users. Bytecode is refused.
enum error_code vm_load(struct vm *vm, struct slice name, struct slice text,
                        struct error *err);

// Calls `fn` with ctx in protected mode on the VM's main state; a raise becomes
// `err`. For engine code that walks what a chunk returned. Stack unchanged.
enum error_code vm_protect(struct vm *vm, int (*fn)(lua_State *L), void *ctx,
                           struct error *err);

// The same within narrower bounds, for a script's function that answers at once
// while others wait. `ms` does not count in a simulated loop.
struct vm_bounds {
  uint64_t instructions;
  uint32_t ms;
};
enum error_code vm_protect_within(struct vm *vm, struct vm_bounds bounds,
                                  int (*fn)(lua_State *L), void *ctx,
                                  struct error *err);

// Functions of scripts are kept by number, the same in each VM of a
// generation. Pops the function on the top (-1). `slot` is 1..
void vm_set_function(struct vm *vm, uint32_t slot);
// +1: the function. It must have been set.
void vm_push_function(struct vm *vm, lua_State *L, uint32_t slot);

#endif
