// schema.h -- what arguments and results must look like.
//
// Scripts say it in words -- str { pattern = "^%u+$" }, int { min = 1 } -- or
// in raw JSON Schema. Words are turned into JSON Schema 2020-12 text first;
// from there on there is one way: the text is compiled once per generation
// into a `struct schema` that checks JSON without Lua. Immutable, so every
// worker shares it.
//
// Supported of 2020-12: type, enum, const; minLength maxLength pattern format
// (date-time date time email uri uuid ipv4 ipv6 hostname); minimum maximum
// exclusiveMinimum exclusiveMaximum multipleOf; properties required
// additionalProperties patternProperties propertyNames minProperties
// maxProperties; items prefixItems contains minItems maxItems uniqueItems;
// minContains maxContains; allOf anyOf oneOf not if/then/else; $ref into the
// same document ("#/...", "#anchor"), $defs, definitions; annotations (title,
// description, default, examples, deprecated, readOnly, writeOnly,
// contentEncoding, contentMediaType, $comment, $schema, x-*) are kept, other
// formats too. Any other keyword, an external $ref, a cyclic $ref without
// progress, a default that does not fit: refused with its path. One thing is
// stricter: a declared property may be given once only.

#ifndef SCRIPT_SCHEMA_H
#define SCRIPT_SCHEMA_H

#include <lua.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

struct schema;

// Compiles JSON Schema text (borrowed). Everything lives in a heap of its own.
// E_INVALID with the path in the message.
enum error_code schema_compile(struct slice text, struct schema **schema,
                               struct error *err);
void schema_free(struct schema *s); // NULL is fine

// The text it was compiled from, compact, in the author's order.
struct slice schema_text(const struct schema *s);

// Checks a value. E_INVALID with one sentence that a model can act on: "limit
// must be at most 100 (got 250)", "state must be one of open, closed",
// "unknown argument stat (did you mean state?)". Up to three faults are joined
// with "; ". Work is bounded (E_INVALID "too complicated to check").
enum error_code schema_check(const struct schema *s, const struct json_doc *doc,
                             uint32_t node, struct error *err);

// Adds the defaults of absent properties (top level and nested objects that are
// present). Appends the completed JSON to `out`; untouched when there is
// nothing to add: returns false and `out` is as it was.
bool schema_complete(const struct schema *s, const struct json_doc *doc,
                     uint32_t node, struct buf *out);

// Does the schema say that this is an array (or an object)? For convert.
bool schema_is_array(const struct schema *s);
bool schema_is_object(const struct schema *s);
const struct schema *schema_property(const struct schema *s, struct slice name);
const struct schema *schema_item(const struct schema *s);

// Words: the value at `index` (a table of fields as in `args = {...}`, or one
// word) becomes JSON Schema text at the end of `out`. `faults` collects every
// fault with its path below `path` ("tools.list_issues.args.limit: max is below
// min"). May raise "not enough memory".
struct faults;
bool schema_from_lua(lua_State *L, int index, struct slice path,
                     struct buf *out, struct faults *faults);

#endif
