// json.h -- a validating JSON scanner that yields slices of the original, and
// a writer.
//
// json_parse() checks a whole text (RFC 8259: strict grammar, valid UTF-8, no
// lone surrogates in \u escapes, limits on depth and size) and lays out one
// flat array of nodes in document order. A container is followed by its
// contents; `next` jumps over them. Nothing is decoded: a node is a range of
// the original bytes, so numbers and unknown members keep their spelling.
// json_valid() does the same check without laying anything out; it is the hot
// path of a relayed body and must run near memory speed (8 bytes at a time
// through strings and over whitespace).
//
//   {"a":[1,2]}   0 object  next=5 count=1
//                 1 string  "a" (key)
//                 2 array   next=5 count=2
//                 3 number  1
//                 4 number  2
//
// Duplicate member names are kept; json_get() finds the first, and
// json_duplicate() reports whether an object has any.
// Not thread-safe; a document borrows its text and lives in the caller's arena.

#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

enum json_type {
  JSON_NULL,
  JSON_FALSE,
  JSON_TRUE,
  JSON_NUMBER,
  JSON_STRING,
  JSON_ARRAY,
  JSON_OBJECT
};

struct json_node {
  uint32_t start; // offset of the first byte (the quote of a string)
  uint32_t end;   // offset behind the last byte
  uint32_t next;  // index of the node behind this one and all its contents
  uint32_t count; // elements of an array, members of an object
  uint8_t type;   // enum json_type
  bool escaped;   // a string with a backslash in it
  bool integer;   // a number without fraction and exponent
};

#define JSON_MAX_DEPTH 64   // default; enough for any known client
#define JSON_DEPTH_CAP 1024 // the most that can be configured
#define JSON_MAX_BYTES (64u * 1024 * 1024) // offsets are 32 bits

struct json_limits {
  uint32_t max_depth; // 0 means JSON_MAX_DEPTH; at most JSON_DEPTH_CAP
  uint32_t max_nodes; // 0 means 1,000,000; member names count too
};

struct json_doc {
  struct slice text;
  const struct json_node *nodes; // [0] is the root
  uint32_t count;
};

// Index of a node that does not exist. Node 0 is the root, never a child.
#define JSON_NONE 0u

// Borrows `text` for the life of `doc`; nodes come from `arena`.
// E_INVALID with "line 1, column 9: expected ':' after a member name" and the
// like, E_TOO_LARGE for the limits, E_NO_MEMORY.
enum error_code json_parse(struct json_doc *doc, struct slice text,
                           struct json_limits limits, struct arena *arena,
                           struct error *err);

// The same check and messages, no nodes, no memory.
enum error_code json_valid(struct slice text, struct json_limits limits,
                           struct error *err);

// --- reading; all are O(members of that object) at most, none allocates
// unless it takes an arena ---

static inline enum json_type json_type(const struct json_doc *d, uint32_t node)
{
  return (enum json_type)d->nodes[node].type;
}

// The original bytes of a node, quotes included.
struct slice json_raw(const struct json_doc *d, uint32_t node);

// Value of the first member of that name, JSON_NONE if there is none or
// `object` is not an object. Names with escapes are compared decoded.
uint32_t json_get_slice(const struct json_doc *d, uint32_t object,
                        struct slice name);
static inline uint32_t json_get(const struct json_doc *d, uint32_t object,
                                const char *name)
{
  return json_get_slice(d, object, slice_of(name));
}

// Walks children: first = json_first(), then json_next() until JSON_NONE. In
// an object they alternate: name, value, name, value.
uint32_t json_first(const struct json_doc *d, uint32_t container);
uint32_t json_next(const struct json_doc *d, uint32_t container, uint32_t node);

// The first member name that has occurred before in that object, as it is
// spelled there, without its quotes; absent if there is none. Memory is used
// for a moment if the object has many members.
struct slice json_duplicate(const struct json_doc *d, uint32_t object);

// The decoded string: a slice of the text if there are no escapes, else a
// copy in `arena`. Absent if the node is no string or memory is out. May hold
// NULs (from \u0000).
struct slice json_string(const struct json_doc *d, uint32_t node,
                         struct arena *arena);

// True and the value if the node is a number written as an integer that fits.
bool json_int(const struct json_doc *d, uint32_t node, int64_t *value);
// True for any number; the nearest double (correctly rounded, locale-free).
bool json_double(const struct json_doc *d, uint32_t node, double *value);

// --- writing: appends to a buf; commas are the caller's (see json_sep) ---

// A string with its quotes; `s` must be UTF-8, each invalid byte becomes
// U+FFFD. Control characters, quote and backslash are escaped; nothing else
// is. Runs 8 bytes at a time: this is the second hot path of a relayed body.
void json_put_string(struct buf *b, struct slice s);
// The same without the quotes.
void json_put_escaped(struct buf *b, struct slice s);
// Appends the same JSON with the escapes that services write and nobody needs
// undone ("\/", "\u003c"), so that a string has one spelling, that of
// json_put_string(). False, and nothing is appended, if there are none.
bool json_plain(struct slice json, struct buf *out);
void json_put_int(struct buf *b, int64_t value);
// Shortest spelling that reads back as the same double; NaN and infinities
// become null. An integral value gets no ".0".
void json_put_double(struct buf *b, double value);
// Appends a comma unless the last byte is one of `{[,:` or the buffer is empty.
void json_sep(struct buf *b);
// json_sep, then "name": -- the name must need no escaping.
void json_put_name(struct buf *b, const char *name);

// Valid UTF-8? `at` (may be NULL) gets the offset of the first bad byte.
bool utf8_valid(struct slice s, size_t *at);

#endif
