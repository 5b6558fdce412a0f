// convert_put.c -- Lua values to JSON.
//
// Nothing here may raise, so nothing here may allocate in Lua: the names of an
// object are found with lua_next(), which pushes the strings that are there,
// and stay on the stack while they are sorted and looked up.

#include <math.h>
#include <stdlib.h>

#include "base/fault.h"
#include "script/convert.h"
#include "script/convert_inside.h"

#define FEW_NAMES 32 // that are sorted without memory of their own

// Where we are, from the inside out.
struct place {
  const struct place *up; // NULL: the whole value
  const void *table;      // that holds the value
  struct slice name;      // absent: `index`
  lua_Integer index;
};

struct put {
  lua_State *L;
  struct buf *out;
  struct error *err;
};

static enum error_code put_value(struct put *p, int index,
                                 const struct schema *schema,
                                 const struct place *at, unsigned depth);

// --- refusing ---

static void put_place(struct buf *path, const struct place *at)
{
  if (!at) return;
  put_place(path, at->up);
  if (!at->name.data) {
    buf_printf(path, "[%lld]", (long long)at->index);
    return;
  }
  if (path->len) buf_putc(path, '.');
  json_put_escaped(path, at->name);
}

static enum error_code refuse(struct put *p, const struct place *at,
                              const char *reason)
{
  struct buf path = {0};
  put_place(&path, at);
  if (path.len) buf_puts(&path, ": ");
  error_set(p->err, E_INVALID, "%.*s%s", SLICE_ARG(buf_slice(&path)), reason);
  buf_finish(&path);
  return E_INVALID;
}

static enum error_code no_memory(struct put *p)
{
  return error_set(p->err, E_NO_MEMORY, "%s", error_sentence(E_NO_MEMORY));
}

static const char *cannot(int type)
{
  switch (type) {
  case LUA_TFUNCTION: return "a function cannot become JSON";
  case LUA_TTHREAD: return "a coroutine cannot become JSON";
  default: return "a userdata cannot become JSON";
  }
}

// --- simple values ---

static enum error_code put_number(struct put *p, int index,
                                  const struct place *at)
{
  if (lua_isinteger(p->L, index)) {
    json_put_int(p->out, lua_tointeger(p->L, index));
    return OK;
  }
  double value = lua_tonumber(p->L, index);
  if (isnan(value)) return refuse(p, at, "NaN cannot become JSON");
  if (isinf(value)) return refuse(p, at, "infinity cannot become JSON");
  json_put_double(p->out, value);
  return OK;
}

static enum error_code put_string(struct put *p, struct slice s,
                                  const struct place *at)
{
  if (!utf8_valid(s, NULL))
    return refuse(p, at,
                  "a string that is not UTF-8 cannot become JSON: use "
                  "tide.base64.encode");
  json_put_string(p->out, s);
  return OK;
}

static struct slice string_at(lua_State *L, int index)
{
  struct slice s;
  s.data = lua_tolstring(L, index, &s.len);
  return s;
}

// A userdata whose metatable knows how, or null.
static enum error_code put_other(struct put *p, int index,
                                 const struct place *at)
{
  lua_State *L = p->L;
  int type = lua_type(L, index);
  if (type == LUA_TLIGHTUSERDATA && !lua_touserdata(L, index)) {
    buf_puts(p->out, "null");
    return OK;
  }
  if (type != LUA_TUSERDATA || !lua_getmetatable(L, index)) // meta
    return refuse(p, at, cannot(type));
  lua_rawgetp(L, -1, &convert_hook_key); // meta hook?
  convert_hook_fn hook =
      (convert_hook_fn)(void (*)(void))lua_tocfunction(L, -1);
  lua_pop(L, 2); //
  if (!hook) return refuse(p, at, cannot(type));
  struct error err;
  enum error_code code = hook(L, index, p->out, &err);
  return code ? refuse(p, at, err.message) : OK;
}

// --- arrays ---

static enum error_code put_array(struct put *p, int table, lua_Integer n,
                                 const struct schema *schema,
                                 struct place *here, unsigned depth)
{
  const struct schema *item = schema ? schema_item(schema) : NULL;
  here->name = (struct slice){NULL, 0};
  buf_putc(p->out, '[');
  for (lua_Integer i = 1; i <= n; i++) {
    if (i > 1) buf_putc(p->out, ',');
    here->index = i;
    lua_rawgeti(p->L, table, i); // value
    enum error_code code = put_value(p, lua_gettop(p->L), item, here, depth);
    lua_pop(p->L, 1); //
    if (code) return code;
  }
  buf_putc(p->out, ']');
  return OK;
}

// --- objects ---

struct name {
  struct slice text;
  int index; // on the stack
};

static int compare_names(const void *a, const void *b)
{
  const struct slice x = ((const struct name *)a)->text;
  const struct slice y = ((const struct name *)b)->text;
  int order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
  if (order) return order;
  return x.len < y.len ? -1 : x.len > y.len;
}

static bool sorted(const struct name *names, size_t n)
{
  for (size_t i = 1; i < n; i++)
    if (compare_names(&names[i - 1], &names[i]) > 0) return false;
  return true;
}

// Pushes the n names of the table. +n
static void gather(lua_State *L, int table, struct name *names)
{
  int i = 0;
  lua_pushnil(L);              // ... nil
  while (lua_next(L, table)) { // ... name value
    int at = lua_gettop(L) - 1;
    names[i++] = (struct name){string_at(L, at), at};
    lua_pop(L, 1);        // ... name
    lua_pushvalue(L, -1); // ... name name
  }
}

static enum error_code put_members(struct put *p, int table,
                                   const struct schema *schema,
                                   struct place *here, unsigned depth,
                                   const struct name *names, size_t n)
{
  buf_putc(p->out, '{');
  for (size_t i = 0; i < n; i++) {
    here->name = names[i].text;
    if (i) buf_putc(p->out, ',');
    enum error_code code = put_string(p, names[i].text, here);
    if (code) return code;
    buf_putc(p->out, ':');
    const struct schema *member =
        schema ? schema_property(schema, names[i].text) : NULL;
    lua_pushvalue(p->L, names[i].index); // name
    lua_rawget(p->L, table);             // value
    code = put_value(p, lua_gettop(p->L), member, here, depth);
    lua_pop(p->L, 1); //
    if (code) return code;
  }
  buf_putc(p->out, '}');
  return OK;
}

static enum error_code put_object(struct put *p, int table, size_t n,
                                  const struct schema *schema,
                                  struct place *here, unsigned depth)
{
  struct name few[FEW_NAMES], *names = few;
  int top = lua_gettop(p->L);
  if (n > (size_t)INT32_MAX / 2 || !lua_checkstack(p->L, (int)n + 8))
    return refuse(p, here->up, "too many members");
  if (n > FEW_NAMES) {
    names = fault_now() ? NULL : malloc(n * sizeof(*names));
    if (!names) return no_memory(p);
  }
  gather(p->L, table, names); // names...
  if (!sorted(names, n)) qsort(names, n, sizeof(*names), compare_names);
  enum error_code code = put_members(p, table, schema, here, depth, names, n);
  if (names != few) free(names);
  lua_settop(p->L, top); //
  return code;
}

// --- tables ---

// What the keys of a table are: how many of each kind.
struct keys {
  size_t names, indexes, others;
};

static struct keys count_keys(lua_State *L, int table, lua_Integer n)
{
  struct keys keys = {0, 0, 0};
  lua_pushnil(L);              // nil
  while (lua_next(L, table)) { // key value
    lua_pop(L, 1);             // key
    if (lua_type(L, -1) == LUA_TSTRING) {
      keys.names++;
      continue;
    }
    lua_Integer i = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
    if (i >= 1 && i <= n) {
      keys.indexes++;
    } else {
      keys.others++;
    }
  }
  return keys;
}

static bool holds(const struct place *at, const void *table)
{
  for (; at; at = at->up)
    if (at->table == table) return true;
  return false;
}

static enum error_code put_table(struct put *p, int table,
                                 const struct schema *schema,
                                 const struct place *at, unsigned depth)
{
  lua_State *L = p->L;
  struct place here = {at, lua_topointer(L, table), {NULL, 0}, 0};
  if (holds(at, here.table))
    return refuse(p, at, "a table that holds itself cannot become JSON");
  if (depth >= JSON_MAX_DEPTH) return refuse(p, at, "nested too deeply");
  lua_Integer n = (lua_Integer)lua_rawlen(L, table);
  struct keys keys = count_keys(L, table, n);
  bool whole = !keys.names && !keys.others && keys.indexes == (size_t)n;
  bool object = schema && schema_is_object(schema);
  bool array = !object && ((schema && schema_is_array(schema)) ||
                           convert_is_array(L, table));
  if (array && !whole) return refuse(p, at, "not a list without holes");
  if (array || (whole && n > 0 && !object))
    return put_array(p, table, n, schema, &here, depth + 1);
  if (keys.indexes || keys.others)
    return refuse(p, at,
                  "a table must have either names only or the keys 1 to n "
                  "only to become JSON");
  return put_object(p, table, keys.names, schema, &here, depth + 1);
}

static enum error_code put_value(struct put *p, int index,
                                 const struct schema *schema,
                                 const struct place *at, unsigned depth)
{
  lua_State *L = p->L;
  if (!lua_checkstack(L, 8)) return no_memory(p);
  switch (lua_type(L, index)) {
  case LUA_TNIL: buf_puts(p->out, "null"); return OK;
  case LUA_TBOOLEAN:
    buf_puts(p->out, lua_toboolean(L, index) ? "true" : "false");
    return OK;
  case LUA_TNUMBER: return put_number(p, index, at);
  case LUA_TSTRING: return put_string(p, string_at(L, index), at);
  case LUA_TTABLE: return put_table(p, index, schema, at, depth);
  default: return put_other(p, index, at);
  }
}

enum error_code convert_put(lua_State *L, int index,
                            const struct schema *schema, struct buf *out,
                            struct error *err)
{
  struct put p = {L, out, err};
  if (!lua_checkstack(L, 8)) return no_memory(&p);
  enum error_code code = put_value(&p, lua_absindex(L, index), schema, NULL, 0);
  if (!code && !buf_ok(out)) code = no_memory(&p);
  return code;
}
