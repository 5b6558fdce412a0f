// options_file.c -- tidegate.lua: a chunk that returns a table of options.

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>

#include "app/options.h"
#include "base/buf.h"
#include "script/vm.h"

#define FILE_MAX (1024 * 1024)

struct reading {
  struct options *o;
  const char *path;
  struct error *err;
  enum error_code code;
};

static enum error_code read_text(const char *path, bool must_exist,
                                 struct buf *text, struct error *err)
{
  FILE *file = fopen(path, "re");
  if (!file && errno == ENOENT && !must_exist) return OK;
  if (!file)
    return error_set(err, E_CONFIG, "%s: cannot be opened (%s)", path,
                     errno == ENOENT ? "there is no such file"
                                     : "check its permissions");
  char chunk[4096];
  size_t n;
  while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0 && text->len < FILE_MAX)
    buf_append(text, chunk, n);
  fclose(file);
  return buf_ok(text) ? OK : error_set(err, E_NO_MEMORY, "out of memory");
}

static enum error_code set_value(struct reading *r, lua_State *L,
                                 const struct option_row *row)
{
  char where[160];
  snprintf(where, sizeof(where), "%s: %s", r->path, row->name);
  int type = lua_type(L, -1);
  bool fits = row->kind == OPTION_FLAG     ? type == LUA_TBOOLEAN
              : row->kind == OPTION_NUMBER ? lua_isinteger(L, -1)
                                           : type == LUA_TSTRING;
  if (type == LUA_TNUMBER && !fits && row->kind == OPTION_NUMBER)
    return error_set(r->err, E_CONFIG, "%s: expected a whole number, got %g",
                     where, lua_tonumber(L, -1));
  if (!fits)
    return error_set(r->err, E_CONFIG, "%s: expected a %s, got a %s", where,
                     row->kind == OPTION_FLAG     ? "boolean"
                     : row->kind == OPTION_NUMBER ? "whole number"
                                                  : "string",
                     luaL_typename(L, -1));
  size_t len;
  const char *text = luaL_tolstring(L, -1, &len); // value text
  enum error_code code =
      option_set(r->o, row, (struct slice){text, len}, where, r->err);
  lua_pop(L, 1); // value
  return code;
}

static enum error_code set_list(struct reading *r, lua_State *L,
                                const struct option_row *row)
{
  struct option_list *list =
      (struct option_list *)(void *)((char *)r->o + row->offset);
  list->count = 0;
  if (!lua_istable(L, -1)) return set_value(r, L, row);
  enum error_code code = OK;
  lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= n && code == OK; i++) {
    lua_rawgeti(L, -1, i); // list item
    code = set_value(r, L, row);
    lua_pop(L, 1); // list
  }
  return code;
}

static enum error_code set_option(struct reading *r, lua_State *L)
{
  size_t len;
  if (lua_type(L, -2) != LUA_TSTRING)
    return error_set(r->err, E_CONFIG, "%s: keys are names of options",
                     r->path);
  const char *key = lua_tolstring(L, -2, &len);
  const struct option_row *row = option_find((struct slice){key, len});
  char near[96];
  if (!row)
    return error_set(
        r->err, E_CONFIG, "%s: %s: unknown option%s", r->path, key,
        option_suggestion((struct slice){key, len}, near, sizeof(near)));
  return row->kind == OPTION_LIST_OF ? set_list(r, L, row)
                                     : set_value(r, L, row);
}

static const char table_key; // its address: what the file returned

static int read_table(lua_State *L)
{
  struct reading *r = lua_touserdata(L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &table_key); // reading table
  if (!lua_istable(L, -1)) {
    r->code = error_set(r->err, E_CONFIG,
                        "%s: must return a table, as in return { workers = 2 }",
                        r->path);
    return 0;
  }
  for (lua_pushnil(L); r->code == OK && lua_next(L, -2); lua_pop(L, 1))
    r->code = set_option(r, L);
  return 0;
}

enum error_code options_read_file(struct options *o, const char *path,
                                  bool must_exist, struct error *err)
{
  struct buf text = {0};
  enum error_code code = read_text(path, must_exist, &text, err);
  struct vm *vm = NULL;
  if (code != OK || !text.data) goto out;
  vm = vm_new((struct vm_options){0});
  if (!vm) {
    code = error_set(err, E_NO_MEMORY, "out of memory");
    goto out;
  }
  code = vm_load(vm, slice_of(path), buf_slice(&text), err); // table
  if (code != OK) goto out;
  lua_rawsetp(vm_state(vm), LUA_REGISTRYINDEX, &table_key); //
  struct reading r = {o, path, err, OK};
  code = vm_protect(vm, read_table, &r, err);
  if (code == OK) code = r.code;
out:
  vm_free(vm);
  buf_finish(&text);
  return code;
}
