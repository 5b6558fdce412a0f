// t_vm.c -- a VM inside the spec's Lua state, with a loop that is simulated
// unless asked otherwise.
//
//   local vm = T.vm.new { memory = 2^20, instructions = 1e6, real = false }
//   local task = vm:start("return function(a) return lab.wait(1) + a end", 2)
//   vm:wake(1, 40)          -- task.done, task.code, task[1] == 42
//
// Scripts find `tide`, with the variables and secrets that the spec gives in
// `env` and `secrets`; and `lab`: wait(i) waits until the spec calls vm:wake(i, ...);
// early(i, v) is answered before it yields; torn(i) raises after it has taken
// its ticket; nested(f) runs f as a task of its own, at once; cancel(i) cancels
// the task that the spec has aimed at with vm:aim(i, task); ordinal() is the
// task's next; collect() collects.

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "bind/bind.h"
#include "script/vm.h"
#include "testing/copy.h"

int t_vm(lua_State *L);

#define TYPE      "T.vm"
#define SLOTS     1024
#define MS        UINT64_C(1000000)
#define START_NS  (1000 * MS)
#define START_MS  1700000000000
#define LOAD_ROOM 64

struct slot {
  struct task_ticket ticket;
  struct task_ticket target;
  unsigned cancels;
};

struct lab {
  lua_State *spec; // the spec's state, while it is in one of our functions
  struct vm *vm;
  struct loop *loop;
  struct log *log;
  int log_fd;
  struct bind_env env;
  unsigned idle; // times that on_idle was told
  struct slot slots[SLOTS];
};

struct started {
  struct lab *lab;
  int ref; // the spec's table
  struct task_ticket ticket;
};

static struct lab *check_lab(lua_State *L)
{
  struct lab *lab = luaL_checkudata(L, 1, TYPE);
  luaL_argcheck(L, lab->vm, 1, "closed");
  lab->spec = L;
  return lab;
}

// --- `lab`, as scripts see it ---

static struct lab *lab_of(lua_State *L)
{
  return lua_touserdata(L, lua_upvalueindex(1));
}

static struct slot *check_slot(lua_State *L, struct lab *lab, int arg)
{
  lua_Integer i = luaL_checkinteger(L, arg);
  luaL_argcheck(L, i >= 0 && i < SLOTS, arg, "0 to 1023");
  return &lab->slots[i];
}

static void on_cancel(void *wait)
{
  struct slot *slot = wait;
  slot->cancels++;
}

static int lab_wait(lua_State *L)
{
  task_check(L, "lab.wait");
  struct slot *slot = check_slot(L, lab_of(L), 1);
  slot->ticket = task_wait(L, on_cancel, slot);
  return task_yield(L);
}

static int lab_early(lua_State *L)
{
  struct slot *slot = check_slot(L, lab_of(L), 1);
  slot->ticket = task_wait(L, on_cancel, slot);
  lua_State *stack = task_stack(slot->ticket);
  luaL_argcheck(L, stack == L, 1, "another stack");
  lua_pushvalue(L, 2);
  luaL_argcheck(L, task_wake(slot->ticket, 1), 1, "not woken");
  return task_yield(L);
}

static int lab_torn(lua_State *L)
{
  struct slot *slot = check_slot(L, lab_of(L), 1);
  slot->ticket = task_wait(L, on_cancel, slot);
  return luaL_error(L, "torn");
}

static void on_nested(void *ctx, lua_State *L, enum error_code code)
{
  (void)L;
  *(enum error_code *)ctx = code;
}

// The code with which it ended; it must not wait.
static int lab_nested(lua_State *L)
{
  enum error_code code = ERROR_CODES;
  lua_settop(L, 1);
  task_start(vm_tasks(vm_of(L)), L, 0, task_owner(L), on_nested, &code);
  luaL_argcheck(L, code != ERROR_CODES, 1, "it waits");
  lua_pushstring(L, error_name(code));
  return 1;
}

static int lab_cancel(lua_State *L)
{
  struct slot *slot = check_slot(L, lab_of(L), 1);
  lua_pushboolean(L, task_cancel(slot->target, E_CANCELLED));
  return 1;
}

static int lab_ordinal(lua_State *L)
{
  task_check(L, "lab.ordinal");
  lua_pushinteger(L, (lua_Integer)task_ordinal(L));
  return 1;
}

static int lab_collect(lua_State *L)
{
  lua_gc(L, LUA_GCCOLLECT);
  return 0;
}

static void open_lab(lua_State *L, void *ctx)
{
  static const luaL_Reg functions[] = {
      {"wait", lab_wait},       {"early", lab_early},
      {"torn", lab_torn},       {"nested", lab_nested},
      {"cancel", lab_cancel},   {"ordinal", lab_ordinal},
      {"collect", lab_collect}, {NULL, NULL}};
  luaL_newlibtable(L, functions); // env lab
  lua_pushlightuserdata(L, ctx);  // env lab ctx
  luaL_setfuncs(L, functions, 1); // env lab
  lua_setfield(L, -2, "lab");     // env
  bind_open(L, &((struct lab *)ctx)->env);
}

// --- making one ---

static lua_Integer option(lua_State *L, const char *name)
{
  lua_getfield(L, 1, name); // value
  lua_Integer value = luaL_optinteger(L, -1, 0);
  lua_pop(L, 1); //
  return value;
}

static bool flag(lua_State *L, const char *name)
{
  bool value = lua_getfield(L, 1, name) != LUA_TNIL && lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

// The field `name` of the spec's table `table`; NULL if it is not there. The
// options are at 1 while the VM is made, then kept by the lab.
static const char *given(struct lab *lab, const char *table, struct slice name)
{
  lua_State *L = lab->spec;
  const char *text = NULL;
  if (lua_type(L, 1) == LUA_TTABLE) {
    lua_pushvalue(L, 1); // options
  } else {
    lua_getiuservalue(L, 1, 1); // options
  }
  if (lua_getfield(L, -1, table) == LUA_TTABLE) { // options table
    lua_pushlstring(L, name.data, name.len);      // options table name
    lua_gettable(L, -2);                          // options table text
    text = lua_tostring(L, -1);
    lua_pop(L, 1); // options table
  }
  lua_pop(L, 2); //
  return text;
}

static struct secret *find_secret(void *ctx, struct slice name, char *hint,
                                  size_t hint_size)
{
  struct lab *lab = ctx;
  const char *value = given(lab, "secrets", name);
  if (value) return secret_new(lab->env.secrets, slice_of(value));
  snprintf(hint, hint_size, "it in the spec");
  return NULL;
}

static const char *find_env(void *ctx, struct slice name)
{
  return given(ctx, "env", name);
}

static int64_t log_time(void *ctx)
{
  struct lab *lab = ctx;
  return loop_wall_ms(lab->loop);
}

static void open_log(lua_State *L, struct lab *lab)
{
  lab->log_fd = memfd_create("log", MFD_CLOEXEC);
  if (lab->log_fd < 0) luaL_error(L, "no memory file");
  lab->log = log_new((struct log_options){.fd = lab->log_fd,
                                          .level = LOG_DEBUG,
                                          .clock = log_time,
                                          .clock_ctx = lab});
}

// The spec gives the files as a table: modules["a.lua.x"] is what a.lua
// requires as "x".
static enum error_code read_module(void *ctx, struct slice script,
                                   struct slice name, struct vm_module *module,
                                   struct error *err)
{
  struct lab *lab = ctx;
  char key[128];
  snprintf(key, sizeof(key), "%.*s.%.*s", SLICE_ARG(script), SLICE_ARG(name));
  const char *found = given(lab, "modules", slice_of(key));
  if (!found) return error_set(err, E_NOT_FOUND, "there is no such file");
  buf_puts(&module->text, found);
  buf_printf(&module->file, "%s.lua", name.data);
  return OK;
}

static int vm_create(lua_State *L)
{
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_newtable(L);
    lua_replace(L, 1);
  }
  struct lab *lab = lua_newuserdatauv(L, sizeof(*lab), 1); // options lab
  memset(lab, 0, sizeof(*lab));
  luaL_setmetatable(L, TYPE);
  lab->spec = L;
  lua_pushvalue(L, 1);        // options lab options
  lua_setiuservalue(L, 2, 1); // options lab
  lab->loop =
      flag(L, "real") ? loop_new() : loop_new_simulated(START_NS, START_MS);
  open_log(L, lab);
  lab->env = (struct bind_env){.secrets = secret_set_new(),
                               .find_secret = find_secret,
                               .find_env = find_env,
                               .find_ctx = lab,
                               .log = lab->log,
                               .seed = (uint64_t)option(L, "seed")};
  lua_getfield(L, 1, "modules"); // options lab modules
  struct vm_options o = {
      .max_memory = (size_t)option(L, "memory"),
      .task = {.slice_instructions = (uint64_t)option(L, "instructions"),
               .slice_ms = (uint32_t)option(L, "slice_ms"),
               .max_tasks = (uint32_t)option(L, "max_tasks")},
      .open_api = open_lab,
      .api_ctx = lab,
      .read_module = lua_istable(L, -1) ? read_module : NULL,
      .module_ctx = lab,
      .seed = (uint64_t)option(L, "seed"),
  };
  lua_pop(L, 1); // options lab
  lab->vm = vm_new(o);
  if (!lab->vm) return 0;
  if (!flag(L, "detached")) vm_attach(lab->vm, lab->loop, lab->log);
  return 1;
}

static int vm_close(lua_State *L)
{
  struct lab *lab = luaL_checkudata(L, 1, TYPE);
  lab->spec = L;
  vm_free(lab->vm);
  lab->vm = NULL;
  if (!lab->loop) return 0;
  log_free(lab->log);
  close(lab->log_fd);
  secret_set_free(lab->env.secrets);
  loop_free(lab->loop);
  lab->loop = NULL;
  return 0;
}

// --- chunks ---

static int push_error(lua_State *L, const struct error *err)
{
  lua_pushnil(L);
  lua_pushstring(L, error_name(err->code));
  lua_pushstring(L, err->message);
  return 3;
}

// vm:load(text [, name]): the result, or nil, code, message
static int vm_run_chunk(lua_State *L)
{
  struct lab *lab = check_lab(L);
  struct slice text, name = slice_of(luaL_optstring(L, 3, "test.lua"));
  text.data = luaL_checklstring(L, 2, &text.len);
  struct error err;
  if (vm_load(lab->vm, name, text, &err)) return push_error(L, &err);
  copy_value(vm_state(lab->vm), -1, L);
  lua_pop(vm_state(lab->vm), 1);
  return 1;
}

static int raise_it(lua_State *L)
{
  return luaL_error(L, "walked into %s", (const char *)lua_touserdata(L, 1));
}

static int vm_walk(lua_State *L)
{
  struct lab *lab = check_lab(L);
  struct error err;
  char what[] = "a wall";
  vm_protect(lab->vm, raise_it, what, &err);
  return push_error(L, &err);
}

// --- tasks ---

static void on_done(void *ctx, lua_State *S, enum error_code code)
{
  struct started *started = ctx;
  lua_State *L = started->lab->spec;
  luaL_checkstack(L, LOAD_ROOM, NULL);
  lua_rawgeti(L, LUA_REGISTRYINDEX, started->ref); // task
  if (lua_getfield(L, -1, "done") != LUA_TNIL) luaL_error(L, "done twice");
  lua_pop(L, 1); // task
  lua_pushstring(L, error_name(code));
  lua_setfield(L, -2, "code"); // task
  for (int i = 1; i <= lua_gettop(S); i++) {
    copy_value(S, i, L);   // task value
    lua_rawseti(L, -2, i); // task
  }
  struct slice text = task_failure_text(vm_tasks(started->lab->vm));
  if (text.data) lua_pushlstring(L, text.data, text.len);
  if (text.data) lua_setfield(L, -2, "log"); // task
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, "done"); // task
  lua_pop(L, 1);
  luaL_unref(L, LUA_REGISTRYINDEX, started->ref);
  started->ref = LUA_NOREF;
}

// Loads the chunk and leaves its function on the VM's stack.
static void load_function(lua_State *L, struct lab *lab)
{
  struct slice text;
  text.data = luaL_checklstring(L, 2, &text.len);
  struct error err;
  if (vm_load(lab->vm, SLICE("test.lua"), text, &err))
    luaL_error(L, "%s", err.message);
  if (!lua_isfunction(vm_state(lab->vm), -1)) luaL_error(L, "no function");
}

// vm:start(text, ...): the chunk returns a function, which runs with the rest.
// Gives a table that gets done, code and the results, once it ends.
static int vm_start(lua_State *L)
{
  struct lab *lab = check_lab(L);
  int nargs = lua_gettop(L) - 2;
  load_function(L, lab);
  lua_State *S = vm_state(lab->vm);
  for (int i = 1; i <= nargs; i++)
    copy_value(L, i + 2, S);
  struct started *started = lua_newuserdatauv(L, sizeof(*started), 0);
  lua_newtable(L);                // started task
  lua_insert(L, -2);              // task started
  lua_pushvalue(L, -1);           // task started started
  lua_setfield(L, -3, "started"); // task started
  lua_pushvalue(L, -2);           // task started task
  started->lab = lab;
  started->ref = luaL_ref(L, LUA_REGISTRYINDEX); // task started
  started->ticket = (struct task_ticket){0};
  lua_pop(L, 1); // task
  started->ticket =
      task_start(vm_tasks(lab->vm), S, nargs, NULL, on_done, started);
  return 1;
}

// vm:cancel(task [, code])
static int vm_cancel(lua_State *L)
{
  check_lab(L);
  enum error_code code = E_CANCELLED;
  error_parse(slice_of(luaL_optstring(L, 3, "cancelled")), &code);
  lua_getfield(L, 2, "started");
  struct started *started = lua_touserdata(L, -1);
  lua_pushboolean(L, task_cancel(started->ticket, code));
  return 1;
}

// vm:wake(i, ...): false if the ticket was spent
static int vm_wake(lua_State *L)
{
  struct lab *lab = check_lab(L);
  struct slot *slot = check_slot(L, lab, 2);
  int n = lua_gettop(L) - 2;
  lua_State *S = task_stack(slot->ticket);
  for (int i = 1; S && i <= n; i++)
    copy_value(L, i + 2, S);
  lua_pushboolean(L, task_wake(slot->ticket, n));
  return 1;
}

static int vm_aim(lua_State *L)
{
  struct lab *lab = check_lab(L);
  lua_getfield(L, 3, "started");
  check_slot(L, lab, 2)->target =
      ((struct started *)lua_touserdata(L, -1))->ticket;
  return 0;
}

static int vm_cancels(lua_State *L)
{
  struct lab *lab = check_lab(L);
  lua_pushinteger(L, check_slot(L, lab, 2)->cancels);
  return 1;
}

// --- the rest ---

static int vm_advance(lua_State *L)
{
  struct lab *lab = check_lab(L);
  uint64_t ms = (uint64_t)luaL_checkinteger(L, 2);
  loop_run_until(lab->loop, loop_now(lab->loop) + ms * MS);
  return 0;
}

static void on_vm_idle(struct vm *vm, void *ctx)
{
  (void)vm;
  ((struct lab *)ctx)->idle++;
}

// vm:hold(), vm:release(), vm:retire(): how often it was told to be idle
static int vm_holding(lua_State *L)
{
  static const char *const verbs[] = {"hold", "release", "retire", NULL};
  struct lab *lab = check_lab(L);
  switch (luaL_checkoption(L, 2, NULL, verbs)) {
  case 0: vm_hold(lab->vm); break;
  case 1: vm_release(lab->vm); break;
  case 2: vm_retire(lab->vm, on_vm_idle, lab); break;
  }
  lua_pushinteger(L, lab->idle);
  return 1;
}

// vm:function_by_slot(text): what the chunk's function gives, kept as number 7.
static int vm_slot(lua_State *L)
{
  struct lab *lab = check_lab(L);
  load_function(L, lab);
  vm_set_function(lab->vm, 7);
  vm_push_function(lab->vm, vm_state(lab->vm), 7);
  enum error_code code = ERROR_CODES;
  task_start(vm_tasks(lab->vm), vm_state(lab->vm), 0, NULL, on_nested, &code);
  lua_pushstring(L, error_name(code));
  return 1;
}

// vm:state(): memory, tasks that run, values on the main stack
static int vm_figures(lua_State *L)
{
  struct lab *lab = check_lab(L);
  lua_pushinteger(L, (lua_Integer)vm_memory(lab->vm));
  lua_pushinteger(L, task_running(vm_tasks(lab->vm)));
  lua_pushinteger(L, lua_gettop(vm_state(lab->vm)));
  return 3;
}

// vm:log(): all lines so far
static int vm_read_log(lua_State *L)
{
  struct lab *lab = check_lab(L);
  luaL_Buffer text;
  log_flush(lab->log);
  luaL_buffinit(L, &text);
  off_t at = 0;
  for (;;) {
    char *room = luaL_prepbuffer(&text);
    ssize_t n = pread(lab->log_fd, room, LUAL_BUFFERSIZE, at);
    if (n <= 0) break;
    luaL_addsize(&text, (size_t)n);
    at += n;
  }
  luaL_pushresult(&text);
  return 1;
}

static int vm_collect(lua_State *L)
{
  lua_gc(vm_state(check_lab(L)->vm), LUA_GCCOLLECT);
  return 0;
}

int t_vm(lua_State *L)
{
  static const luaL_Reg methods[] = {
      {"load", vm_run_chunk},  {"walk", vm_walk},
      {"start", vm_start},     {"cancel", vm_cancel},
      {"wake", vm_wake},       {"aim", vm_aim},
      {"cancels", vm_cancels}, {"advance", vm_advance},
      {"holding", vm_holding}, {"slot", vm_slot},
      {"figures", vm_figures}, {"collect", vm_collect},
      {"log", vm_read_log},    {"close", vm_close},
      {"__gc", vm_close},      {NULL, NULL}};
  luaL_newmetatable(L, TYPE);      // meta
  luaL_setfuncs(L, methods, 0);    // meta
  lua_pushvalue(L, -1);            // meta meta
  lua_setfield(L, -2, "__index");  // meta
  lua_pop(L, 1);                   //
  lua_newtable(L);                 // t
  lua_pushcfunction(L, vm_create); // t fn
  lua_setfield(L, -2, "new");      // t
  return 1;
}
