// schema_inside.h -- the compiled form; for schema_*.c alone.
//
// A schema is a node; each holds pointers only to the groups of keywords that
// it uses, so that an `{"type":"string"}` costs one comparison. All nodes of
// one document live in the arena of their home, which the root frees.

#ifndef SCRIPT_SCHEMA_INSIDE_H
#define SCRIPT_SCHEMA_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "script/schema.h"

enum {
  TYPE_NULL = 1,
  TYPE_BOOLEAN = 2,
  TYPE_INTEGER = 4,
  TYPE_FRACTION = 8, // numbers that are no integers
  TYPE_STRING = 16,
  TYPE_ARRAY = 32,
  TYPE_OBJECT = 64,
  TYPE_NUMBER = TYPE_INTEGER | TYPE_FRACTION,
  TYPE_ANY = 127
};

#define NO_LIMIT UINT64_MAX

// A regular expression in two forms: as it is, and one that counts its steps.
struct schema_regex {
  struct schema_regex *next; // all of a home
  void *quick, *counted;     // pcre2_code
  bool anchored;             // can match at the start only
  uint32_t weight;           // what one step may cost, see schema_regex.c
  struct slice source;
};

struct schema_format {
  const char *name;
  bool (*fits)(struct slice s);
  const char *meaning; // "a date such as 2026-11-20"
};

struct schema_bound {
  bool set, integer;
  int64_t i;
  double d;
  struct slice raw; // as the author wrote it
};

struct schema_number {
  struct schema_bound min, max, above, below, multiple;
};

struct schema_string {
  uint64_t min, max;
  const struct schema_regex *pattern;
  const struct schema_format *format;
};

struct schema_array {
  const struct schema *items, **prefix, *contains;
  size_t prefix_count;
  uint64_t min, max, min_contains, max_contains;
  bool unique;
};

struct schema_property {
  struct slice name;           // NUL-terminated
  const struct schema *schema; // NULL: only required
  bool required;
};

struct schema_pattern_property {
  const struct schema_regex *regex;
  const struct schema *schema;
};

struct schema_object {
  struct schema_property *properties;
  uint32_t count, required, hash_mask;
  uint32_t *hash; // index + 1 of a property, 0 for none
  struct schema_pattern_property *patterns;
  size_t pattern_count;
  const struct schema *additional, *names; // NULL: anything goes
  uint64_t min, max;
};

struct schema_list {
  const struct schema **each;
  size_t count;
};

struct schema_logic {
  const struct schema *ref, *not_this, *when, *then, *otherwise;
  struct schema_list all, any, one;
};

struct schema {
  struct schema_home *home;
  uint32_t node;         // of home->doc
  uint32_t default_node; // JSON_NONE: none
  uint32_t values_node;  // array of `enum`
  uint32_t const_node;
  uint8_t types;
  bool never;        // `false`
  bool has_defaults; // here or below
  uint8_t visit;     // for walks while it is compiled
  struct schema_number *number;
  struct schema_string *string;
  struct schema_array *array;
  struct schema_object *object;
  struct schema_logic *logic;
};

struct schema_home {
  struct arena arena;
  struct json_doc doc; // of the compact text
  struct schema *root;
  struct schema_regex *regexes;
};

// --- schema_format.c ---
const struct schema_format *schema_format_find(struct slice name);
extern const char *const schema_format_names[];
extern const size_t schema_format_count;

// --- schema_regex.c ---

// What a check may still spend, so that no input can hold the worker.
struct schema_budget {
  int64_t steps; // about 20 ns each; below 0: spent
  int quick;     // regexes that may still run without counting
};

struct schema_regex *schema_regex_new(struct schema_home *home,
                                      struct slice source, struct error *err);
void schema_regex_free(struct schema_regex *regex); // and all behind it
// False when it does not match or the budget is spent; see budget->steps.
bool schema_regex_match(const struct schema_regex *regex, struct slice text,
                        struct schema_budget *budget);

// --- schema_value.c ---

// Are two JSON values the same? 1 and 1.0 are, the order of members is not
// looked at. `arena` for decoded strings.
bool schema_value_same(const struct json_doc *a, uint32_t x,
                       const struct json_doc *b, uint32_t y,
                       struct arena *arena);
// Equal values have equal hashes.
uint64_t schema_value_hash(const struct json_doc *d, uint32_t node,
                           struct arena *arena);
unsigned schema_value_type(const struct json_doc *d, uint32_t node); // TYPE_*
// Exact for up to 18 digits and an exponent within +-400.
bool schema_value_multiple(const struct json_doc *d, uint32_t node,
                           const struct schema_bound *of);
// Characters of a string node, escapes as what they mean.
uint64_t schema_value_length(const struct json_doc *d, uint32_t node);

// --- schema_check.c, schema_compile.c ---

// The property of that name, NULL if there is none.
struct schema_property *schema_object_find(const struct schema_object *o,
                                           struct slice name);
bool schema_object_index(struct schema_object *o, struct arena *arena);
// The schema that says something of its own: behind $ref.
const struct schema *schema_target(const struct schema *s);

#endif
