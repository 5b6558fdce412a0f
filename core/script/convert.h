// convert.h -- JSON to Lua values and back.
//
// Objects and arrays become tables, strings strings, null the light userdata
// NULL (tide.json.null, the same as cjson.null). Numbers written as integers
// that fit become Lua integers, others floats: so ids print as they came.
// On the way out a table is an array if the schema says so, or if it has only
// keys 1..n with n > 0, or if it came in as an empty array (its metatable is
// marked); else an object with its names sorted, so that output is
// deterministic. Mixed or sparse tables, strings that are not UTF-8, functions,
// NaN and infinities, cycles, depth over 64, more than a million values or 16
// MiB, and userdata without a hook are refused with the path, below what the caller calls it: "items[3].when: a
// function cannot become JSON".

#ifndef SCRIPT_CONVERT_H
#define SCRIPT_CONVERT_H

#include <lua.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "script/schema.h"

// Pushes the value of `node`. +1. Raises only "not enough memory". Uses `arena`
// for decoded strings.
void convert_push(lua_State *L, const struct json_doc *doc, uint32_t node,
                  struct arena *arena);

// Appends the value at `index` as JSON. `schema` (may be NULL) decides arrays.
// Does not raise (raw access only, no metamethods); E_INVALID, E_NO_MEMORY.
enum error_code convert_put(lua_State *L, int index,
                            const struct schema *schema, struct buf *out,
                            struct error *err);

// How a userdata becomes JSON: set on the metatable on the top (-0 +0). The hook
// appends one JSON value; it must not raise.
typedef enum error_code (*convert_hook_fn)(lua_State *L, int index,
                                           struct buf *out, struct error *err);
void convert_set_hook(lua_State *L, convert_hook_fn hook);

// Marks the table on the top as an array even when it is empty. -0 +0
void convert_mark_array(lua_State *L);

#endif
