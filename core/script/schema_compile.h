// schema_compile.h -- one compilation on its way; for schema_*.c alone.

#ifndef SCRIPT_SCHEMA_COMPILE_H
#define SCRIPT_SCHEMA_COMPILE_H

#include "script/schema_inside.h"

// Where in the document, for the message: properties.limit.minimum
struct place {
  const struct place *up;
  struct slice name; // absent for an element of an array
  size_t index;
};

struct reference { // a $ref that waits for its target
  struct reference *next;
  struct schema *from;
  struct slice text;
  struct slice path; // printed, because its place is gone by then
};

struct anchor {
  struct anchor *next;
  struct slice name;
  const struct schema *schema;
};

struct compile {
  struct schema_home *home;
  struct schema **by_node; // of home->doc; NULL: not a schema (yet)
  struct reference *references;
  struct anchor *anchors;
  struct slice id; // "$id" of the root
  enum error_code code;
  struct error *err;
};

// NULL when something is wrong; then it has been said.
struct schema *compile_node(struct compile *c, uint32_t node,
                            const struct place *at);
// Reads one keyword of `s`.
bool compile_keyword(struct compile *c, struct schema *s, struct slice name,
                     uint32_t value, const struct place *at);
// After the last keyword: do they make sense together?
bool compile_sense(struct compile *c, struct schema *s, const struct place *at);

// All return false. Only the first fault is kept.
bool compile_fail(struct compile *c, const struct place *at, const char *format,
                  ...) __attribute__((format(printf, 3, 4)));
bool compile_no_memory(struct compile *c);
struct slice compile_path(struct compile *c, const struct place *at);

// --- schema_ref.c ---
bool compile_references(struct compile *c);
bool compile_cycles(struct compile *c);
void compile_spread_defaults(struct compile *c);

#endif
