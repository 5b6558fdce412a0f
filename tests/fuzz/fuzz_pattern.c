// fuzz_pattern.c -- our matcher of patterns beside Lua's own.
//
// The input is a subject, a NUL and a pattern. Both find the same, or raise the
// same. Short inputs only, and none that ours stops: Lua's would not come back.

#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "script/pattern.h"
#include "script/vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SUBJECT_MAX 24
#define PATTERN_MAX 20

static void check(bool ok)
{
  if (!ok) abort();
}

struct input {
  struct slice subject, pattern;
  struct buf result;
};

// Writes what find(subject, pattern) gives, or raises.
static int run(lua_State *L, lua_CFunction find, struct input *in)
{
  lua_pushcfunction(L, find);
  lua_pushlstring(L, in->subject.data, in->subject.len);
  lua_pushlstring(L, in->pattern.data, in->pattern.len);
  int base = lua_gettop(L) - 3;
  lua_call(L, 2, LUA_MULTRET);
  for (int i = base + 1; i <= lua_gettop(L); i++) {
    size_t len;
    const char *text = luaL_tolstring(L, i, &len);
    buf_append(&in->result, text, len);
    buf_putc(&in->result, '\n');
    lua_pop(L, 1);
  }
  return 0;
}

static lua_CFunction find_in(lua_State *L, int index)
{
  lua_getfield(L, index, "find");
  lua_CFunction find = lua_tocfunction(L, -1);
  lua_pop(L, 1);
  return find;
}

static int run_ours(lua_State *L)
{
  lua_newtable(L);
  pattern_open(L);
  return run(L, find_in(L, -1), lua_touserdata(L, 1));
}

static int run_theirs(lua_State *L)
{
  luaL_requiref(L, "string", luaopen_string, 0);
  return run(L, find_in(L, -1), lua_touserdata(L, 1));
}

// The same engine, so that errors pass the same way.
static enum error_code outcome(int (*fn)(lua_State *L), struct input *in,
                               struct error *err)
{
  struct vm_options options = {.task.slice_instructions = 200000, .seed = 1};
  struct vm *vm = vm_new(options);
  buf_reset(&in->result, 0);
  enum error_code code = vm_protect(vm, fn, in, err);
  vm_free(vm);
  return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *text = (const char *)data;
  const char *end = memchr(text, '\0', size);
  if (!end) return 0;
  struct input in = {{text, (size_t)(end - text)},
                     {end + 1, size - (size_t)(end - text) - 1},
                     {0}};
  if (in.subject.len > SUBJECT_MAX || in.pattern.len > PATTERN_MAX) return 0;
  struct error ours, theirs;
  enum error_code code = outcome(run_ours, &in, &ours);
  if (code != E_SCRIPT_LIMIT) {
    struct buf found = in.result;
    in.result = (struct buf){0};
    check(code == outcome(run_theirs, &in, &theirs));
    if (code) check(!strcmp(ours.message, theirs.message));
    if (!code) check(slice_eq(buf_slice(&found), buf_slice(&in.result)));
    buf_finish(&found);
  }
  buf_finish(&in.result);
  return 0;
}
