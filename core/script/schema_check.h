// schema_check.h -- one check on its way; for schema_check*.c alone.
//
// A check runs loud (it says what is wrong) or quiet (inside anyOf, oneOf, not,
// if and contains, where only yes or no counts). A value gives at most one
// fault, so that three faults are about three values.

#ifndef SCRIPT_SCHEMA_CHECK_H
#define SCRIPT_SCHEMA_CHECK_H

#include "script/schema_inside.h"

#define CHECK_FAULTS_MAX 3

struct check {
  const struct json_doc *doc;
  struct schema_budget budget;
  struct arena arena; // decoded strings, large sets
  unsigned quiet, faults, depth;
  size_t len; // of `message`
  char message[2 * ERROR_MESSAGE_MAX];
};

// Where a value is: the member of that name, or the element of that index.
struct check_at {
  const struct check_at *up;
  uint32_t name; // node of the member's name, JSON_NONE for an element
  uint32_t index;
};

bool check_node(struct check *c, const struct schema *s, uint32_t node,
                const struct check_at *at);
// The same, but without a word.
bool check_quietly(struct check *c, const struct schema *s, uint32_t node,
                   const struct check_at *at);

// May the check go on after a fault, to find another?
static inline bool check_goes_on(const struct check *c)
{
  return !c->quiet && c->faults < CHECK_FAULTS_MAX && c->budget.steps >= 0;
}

// --- schema_check_object.c, schema_check_array.c ---
bool check_object(struct check *c, const struct schema_object *o, uint32_t node,
                  const struct check_at *at);
bool check_array(struct check *c, const struct schema_array *a, uint32_t node,
                 const struct check_at *at);

// --- schema_check_say.c: all of them return false ---

// "<path> <text>"; also counts the fault.
bool check_fail(struct check *c, const struct check_at *at, const char *format,
                ...) __attribute__((format(printf, 3, 4)));
// "... (got <value>)"
bool check_fail_got(struct check *c, const struct check_at *at, uint32_t node,
                    const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool check_fail_type(struct check *c, const struct check_at *at, uint32_t node,
                     unsigned types);
bool check_fail_enum(struct check *c, const struct check_at *at, uint32_t node,
                     const struct schema *s);
bool check_fail_unknown(struct check *c, const struct check_at *at,
                        uint32_t name, const struct schema_object *o);
bool check_fail_missing(struct check *c, const struct check_at *at,
                        struct slice name);

#endif
