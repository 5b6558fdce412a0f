// slice.h -- a view of bytes that somebody else owns.
//
// A slice is never terminated by NUL and may hold NULs. An absent slice has
// `data == NULL`; an empty one has `data != NULL && len == 0`.

#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct slice {
  const char *data;
  size_t len;
};

// For string literals and other arrays of known size.
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
// For printf: "%.*s", SLICE_ARG(s)
#define SLICE_ARG(s) (int)(s).len, ((s).data ? (s).data : "")

// Borrows `z`; NULL gives the absent slice.
static inline struct slice slice_of(const char *z)
{
  return (struct slice){z, z ? strlen(z) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
  return a.len == b.len && (a.len == 0 || !memcmp(a.data, b.data, a.len));
}

// As bytes: below, at or above 0.
static inline int slice_order(struct slice a, struct slice b)
{
  size_t shorter = a.len < b.len ? a.len : b.len;
  int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
  if (order != 0) return order;
  return a.len < b.len ? -1 : a.len > b.len;
}

// Compares as ASCII without regard to case (HTTP field names).
static inline bool slice_eq_nocase(struct slice a, struct slice b)
{
  return a.len == b.len && (a.len == 0 || !strncasecmp(a.data, b.data, a.len));
}

static inline bool slice_begins(struct slice s, const char *z)
{
  size_t n = strlen(z);
  return s.len >= n && !memcmp(s.data, z, n);
}

static inline bool slice_is(struct slice s, const char *z)
{
  return slice_eq(s, slice_of(z));
}

#endif
