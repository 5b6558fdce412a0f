// convert.c -- JSON to Lua values, and the marks that the way back looks for.

#include "script/convert.h"

#include <lauxlib.h>

#include "script/convert_inside.h"

static const char array_key; // its address: the metatable of arrays
const char convert_hook_key; // its address: the hook in a metatable

// --- JSON to Lua: the nodes lie in document order ---

struct push {
  const struct json_doc *doc;
  struct arena *arena;
  uint32_t at; // next node
};

static void push_value(lua_State *L, struct push *p);

static void push_number(lua_State *L, const struct push *p, uint32_t node)
{
  int64_t integer;
  double value = 0;
  if (json_int(p->doc, node, &integer)) {
    lua_pushinteger(L, integer);
    return;
  }
  json_double(p->doc, node, &value);
  lua_pushnumber(L, value);
}

static void push_string(lua_State *L, const struct push *p, uint32_t node)
{
  const struct json_node *n = &p->doc->nodes[node];
  struct slice s = {p->doc->text.data + n->start + 1, n->end - n->start - 2};
  if (n->escaped) s = json_string(p->doc, node, p->arena);
  if (!s.data) luaL_error(L, "not enough memory");
  lua_pushlstring(L, s.data, s.len);
}

// What a count of the input may make Lua allocate ahead.
static int room_for(uint32_t count)
{
  return count < 1u << 20 ? (int)count : 1 << 20;
}

static void push_array(lua_State *L, struct push *p, uint32_t count)
{
  lua_createtable(L, room_for(count), 0); // array
  if (!count) convert_mark_array(L);
  for (uint32_t i = 1; i <= count; i++) {
    push_value(L, p);      // array value
    lua_rawseti(L, -2, i); // array
  }
}

static void push_object(lua_State *L, struct push *p, uint32_t count)
{
  lua_createtable(L, 0, room_for(count)); // object
  for (uint32_t i = 0; i < count; i++) {
    push_string(L, p, p->at++); // object name
    push_value(L, p);           // object name value
    lua_rawset(L, -3);          // object
  }
}

static void push_value(lua_State *L, struct push *p)
{
  uint32_t node = p->at++;
  const struct json_node *n = &p->doc->nodes[node];
  luaL_checkstack(L, 6, NULL);
  switch ((enum json_type)n->type) {
  case JSON_NULL: lua_pushlightuserdata(L, NULL); break;
  case JSON_FALSE: lua_pushboolean(L, 0); break;
  case JSON_TRUE: lua_pushboolean(L, 1); break;
  case JSON_NUMBER: push_number(L, p, node); break;
  case JSON_STRING: push_string(L, p, node); break;
  case JSON_ARRAY: push_array(L, p, n->count); break;
  case JSON_OBJECT: push_object(L, p, n->count); break;
  }
}

void convert_push(lua_State *L, const struct json_doc *doc, uint32_t node,
                  struct arena *arena)
{
  struct push p = {doc, arena, node};
  push_value(L, &p);
}

// --- marks ---

void convert_set_hook(lua_State *L, convert_hook_fn hook)
{
  lua_pushcfunction(L, (lua_CFunction)(void (*)(void))hook); // meta fn
  lua_rawsetp(L, -2, &convert_hook_key);                     // meta
}

// The metatable is made with the first array of a VM.
void convert_mark_array(lua_State *L)
{
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key) != LUA_TTABLE) { // t nil
    lua_pop(L, 1);                                                   // t
    lua_createtable(L, 0, 1);                                        // t meta
    lua_pushboolean(L, 0);                         // t meta false
    lua_setfield(L, -2, "__metatable");            // t meta
    lua_pushvalue(L, -1);                          // t meta meta
    lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key); // t meta
  }
  lua_setmetatable(L, -2); // t
}

bool convert_is_array(lua_State *L, int index)
{
  if (!lua_getmetatable(L, index)) return false; // meta
  lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key); // meta mark
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2); //
  return same;
}
