// uri_template.h -- "inv://items/{sku}{?lang}": which URIs does it describe, and
// what are the values in one? RFC 6570, as far as it can be read backwards.
//
//   {name}    one segment: no / ? #        {/name}  the same behind a slash
//   {+name}   anything                     {.name}  the same behind a dot
//   {?a,b}    parameters in any order, each optional; last in the template
//
// One name in each but the last, and something fixed between two of them, so
// that matching needs no search: a value is the shortest that lets the rest
// match. Values are percent-decoded. Immutable once read.

#ifndef SCRIPT_URI_TEMPLATE_H
#define SCRIPT_URI_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

struct uri_part {
  char kind;         // 'l' a literal, 's' {name}, else the operator: + / . ?
  struct slice text; // the literal, or the name (NUL-terminated)
};

struct uri_template {
  struct uri_part *parts; // parameters come last
  size_t count;
  size_t fixed; // how many of them are no parameters
};

// Everything lies in `arena`. E_INVALID says what cannot be read.
enum error_code uri_template_read(struct slice text, struct arena *arena,
                                  struct uri_template *t, struct error *err);

// Appends {"sku":"7"} when the URI matches; else `out` is as it was.
bool uri_template_match(const struct uri_template *t, struct slice uri,
                        struct buf *out);

#endif
