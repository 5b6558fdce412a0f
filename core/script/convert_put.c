// convert_put.c -- Lua values to JSON.
//
// Nothing here may raise, so nothing here may allocate in Lua: the names of an
// object are found with lua_next(), which pushes the strings that are there,
// and stay on the stack with their values while they are sorted and written.

#include <math.h>
#include <stdlib.h>

#include "base/fault.h"
#include "script/convert.h"
#include "script/convert_inside.h"

#define FEW_NAMES 32 // that are sorted without memory of their own
// A few tables that stand in each other many times are a small value and
// endless JSON.
#define MAX_BYTES  ((size_t)16 * 1024 * 1024)
#define MAX_VALUES 1000000

static const char mixed_keys[] = "a table must have either names only or the "
                                 "keys 1 to n only to become JSON";

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
  size_t begin; // of the JSON in `out`
  unsigned values;
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

static enum error_code put_array(struct put *p, int table,
                                 const struct schema *schema,
                                 struct place *here, unsigned depth)
{
  const struct schema *item = schema ? schema_item(schema) : NULL;
  lua_Integer n = (lua_Integer)lua_rawlen(p->L, table);
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
  int value; // index on the stack
};

// The members of an object while it is written; few need no memory.
struct members {
  size_t count, room;
  struct name *names; // `few`, or allocated
  struct name few[FEW_NAMES];
};

static int compare_names(const void *a, const void *b)
{
  const struct slice x = ((const struct name *)a)->text;
  const struct slice y = ((const struct name *)b)->text;
  int order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
  if (order) return order;
  return x.len < y.len ? -1 : x.len > y.len;
}

static void sort_few(struct name *names, size_t n)
{
  for (size_t i = 1; i < n; i++) {
    struct name moved = names[i];
    size_t at = i;
    for (; at > 0 && compare_names(&names[at - 1], &moved) > 0; at--)
      names[at] = names[at - 1];
    names[at] = moved;
  }
}

static void sort_names(struct members *m)
{
  if (m->count <= FEW_NAMES) {
    sort_few(m->names, m->count);
  } else {
    qsort(m->names, m->count, sizeof(*m->names), compare_names);
  }
}

static bool more_room(struct members *m)
{
  size_t room = m->room * 4, size = room * sizeof(*m->names);
  struct name *old = m->names == m->few ? NULL : m->names;
  struct name *names = fault_now() ? NULL : realloc(old, size);
  if (!names) return false;
  if (!old) memcpy(names, m->few, sizeof(m->few));
  m->names = names;
  m->room = room;
  return true;
}

// Leaves each name and its value on the stack. +2n
static enum error_code gather(struct put *p, int table, struct members *m,
                              const struct place *at)
{
  lua_State *L = p->L;
  lua_pushnil(L);              // ... nil
  while (lua_next(L, table)) { // ... name value
    if (lua_type(L, -2) != LUA_TSTRING) return refuse(p, at, mixed_keys);
    if (m->count == m->room && !more_room(m)) return no_memory(p);
    if (!lua_checkstack(L, 8)) return refuse(p, at, "too many members");
    int value = lua_gettop(L);
    m->names[m->count++] = (struct name){string_at(L, value - 1), value};
    lua_pushvalue(L, -2); // ... name value name
  }
  return OK;
}

static enum error_code put_members(struct put *p, const struct members *m,
                                   const struct schema *schema,
                                   struct place *here, unsigned depth)
{
  buf_putc(p->out, '{');
  for (size_t i = 0; i < m->count; i++) {
    struct slice name = m->names[i].text;
    here->name = name;
    if (i) buf_putc(p->out, ',');
    enum error_code code = put_string(p, name, here);
    if (code) return code;
    buf_putc(p->out, ':');
    const struct schema *inner = schema ? schema_property(schema, name) : NULL;
    code = put_value(p, m->names[i].value, inner, here, depth);
    if (code) return code;
  }
  buf_putc(p->out, '}');
  return OK;
}

static enum error_code put_object(struct put *p, int table,
                                  const struct schema *schema,
                                  struct place *here, unsigned depth)
{
  struct members m;
  int top = lua_gettop(p->L);
  m.count = 0;
  m.room = FEW_NAMES;
  m.names = m.few;
  enum error_code code = gather(p, table, &m, here->up); // names and values...
  if (!code) {
    sort_names(&m);
    code = put_members(p, &m, schema, here, depth);
  }
  if (m.names != m.few) free(m.names);
  lua_settop(p->L, top); //
  return code;
}

// --- tables ---

// Are the keys of a table exactly 1 to n?
static bool is_whole(lua_State *L, int table, lua_Integer n)
{
  lua_Integer count = 0;
  lua_pushnil(L);              // nil
  while (lua_next(L, table)) { // key value
    lua_pop(L, 1);             // key
    lua_Integer i = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
    if (i < 1 || i > n) {
      lua_pop(L, 1); //
      return false;
    }
    count++;
  }
  return count == n;
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
  bool object = schema && schema_is_object(schema);
  bool array = !object && ((schema && schema_is_array(schema)) ||
                           convert_is_array(L, table));
  lua_Integer n = (lua_Integer)lua_rawlen(L, table);
  if (object || (!array && n == 0))
    return put_object(p, table, schema, &here, depth + 1);
  if (is_whole(L, table, n))
    return put_array(p, table, schema, &here, depth + 1);
  return refuse(p, at, array ? "not a list without holes" : mixed_keys);
}

static enum error_code check_size(struct put *p)
{
  p->values++;
  if (p->out->len - p->begin > MAX_BYTES)
    return refuse(p, NULL, "more than 16 MiB of JSON");
  if (p->values > MAX_VALUES)
    return refuse(p, NULL, "more than 1,000,000 values");
  return OK;
}

static enum error_code put_value(struct put *p, int index,
                                 const struct schema *schema,
                                 const struct place *at, unsigned depth)
{
  lua_State *L = p->L;
  if (!lua_checkstack(L, 8)) return no_memory(p);
  enum error_code code = check_size(p);
  if (code) return code;
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
  struct put p = {.L = L, .out = out, .err = err, .begin = out->len};
  if (!lua_checkstack(L, 8)) return no_memory(&p);
  enum error_code code = put_value(&p, lua_absindex(L, index), schema, NULL, 0);
  if (!code && !buf_ok(out)) code = no_memory(&p);
  return code;
}
