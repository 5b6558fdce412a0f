// bind_schema.c -- tide.schema: the words that arguments are described with.
//
// A word is a plain table: what the script said, and its kind. Nothing is
// checked here; script/schema reads them, and reports every fault with its
// path.

#include <lauxlib.h>
#include <stdbool.h>

#include "bind/bind.h"

#define WORD_TYPE "tide.Word"

static bool is_word(lua_State *L, int index)
{
  if (!lua_getmetatable(L, index)) return false; // meta
  luaL_getmetatable(L, WORD_TYPE);               // meta Word
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2); //
  return same;
}

// Copies the fields of the table at 1 into the word on the top.
static void copy_fields(lua_State *L)
{
  lua_pushnil(L);          // word nil
  while (lua_next(L, 1)) { // word key value
    lua_pushvalue(L, -2);  // word key value key
    lua_insert(L, -2);     // word key key value
    lua_rawset(L, -4);     // word key
  }
}

// Takes what the script gave: options, or one word or text as list(word).
static void take_argument(lua_State *L)
{
  if (lua_istable(L, 1) && !is_word(L, 1)) {
    copy_fields(L);
  } else if (!lua_isnoneornil(L, 1)) {
    lua_pushvalue(L, 1);   // word value
    lua_rawseti(L, -2, 1); // word
  }
}

// Upvalue: the kind.
static int make_word(lua_State *L)
{
  if (lua_gettop(L) > 1)
    return luaL_error(L, "a word takes one table, as in str { max = 100 }");
  lua_settop(L, 1);
  lua_createtable(L, 0, 4); // argument word
  take_argument(L);
  lua_pushvalue(L, lua_upvalueindex(1)); // argument word kind
  lua_setfield(L, -2, "kind");           // argument word
  luaL_setmetatable(L, WORD_TYPE);       // argument word
  return 1;
}

static void move_field(lua_State *L, const char *from, const char *to)
{
  if (lua_getfield(L, 1, from) == LUA_TNIL) { // argument schema value?
    lua_pop(L, 1);                            // argument schema
    return;
  }
  lua_pushnil(L);            // argument schema value nil
  lua_setfield(L, -3, from); // argument schema value
  lua_setfield(L, -2, to);   // argument schema
}

// raw { type = "string", ..., optional = true }: a schema of its own, from
// which our two words are taken; raw { [1] or schema = ... } and raw "text"
// are like the others.
static int make_raw(lua_State *L)
{
  lua_settop(L, 1);
  bool itself = lua_istable(L, 1) && lua_rawlen(L, 1) == 0 &&
                lua_getfield(L, 1, "schema") == LUA_TNIL;
  lua_settop(L, 1);
  if (!itself) return make_word(L);
  lua_newtable(L); // argument schema
  copy_fields(L);
  move_field(L, "about", "description");
  lua_getfield(L, 1, "optional");        // argument schema optional
  lua_pushnil(L);                        // argument schema optional nil
  lua_setfield(L, 2, "optional");        // argument schema optional
  lua_newtable(L);                       // argument schema optional word
  lua_insert(L, 2);                      // argument word schema optional
  lua_setfield(L, 2, "optional");        // argument word schema
  lua_setfield(L, 2, "schema");          // argument word
  lua_pushvalue(L, lua_upvalueindex(1)); // argument word kind
  lua_setfield(L, -2, "kind");           // argument word
  luaL_setmetatable(L, WORD_TYPE);       // argument word
  return 1;
}

void bind_schema_open(lua_State *L)
{
  static const char *const kinds[] = {"string", "integer", "number", "boolean",
                                      "list",   "map",     "object", NULL};
  luaL_newmetatable(L, WORD_TYPE);    // tide meta
  lua_pushboolean(L, 0);              // tide meta false
  lua_setfield(L, -2, "__metatable"); // tide meta
  lua_pop(L, 1);                      // tide
  lua_newtable(L);                    // tide schema
  for (int i = 0; kinds[i]; i++) {
    lua_pushstring(L, kinds[i]);       // tide schema kind
    lua_pushcclosure(L, make_word, 1); // tide schema fn
    lua_setfield(L, -2, kinds[i]);     // tide schema
  }
  lua_pushliteral(L, "raw");        // tide schema kind
  lua_pushcclosure(L, make_raw, 1); // tide schema fn
  lua_setfield(L, -2, "raw");       // tide schema
  lua_setfield(L, -2, "schema");    // tide
}
