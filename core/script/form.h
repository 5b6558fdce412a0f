// form.h -- the fields that a user is asked to fill in.
//
// What a client can show is a small part of JSON Schema (elicitation: a flat
// object of texts, numbers, yes or no, one of a list, some of a list). A form is
// made from the schema that the words say: what goes to the client is cut down
// to what clients know, what comes back is checked against all of it. So a
// pattern is checked but not shown: say it in `about`.

#ifndef SCRIPT_FORM_H
#define SCRIPT_FORM_H

#include "base/arena.h"
#include "script/schema.h"

struct form {
  struct slice requested; // requestedSchema, in the arena
  struct schema *schema;
};

// `text` is an object schema (schema_from_lua). E_INVALID names the field that
// no client could show. Finish it also after an error.
enum error_code form_make(struct form *form, struct slice text,
                          struct arena *arena, struct error *err);
void form_finish(struct form *form); // a zeroed one is fine

// Checks the values and appends them with the defaults of absent ones.
enum error_code form_check(const struct form *form, const struct json_doc *doc,
                           uint32_t values, struct buf *out, struct error *err);

#endif
