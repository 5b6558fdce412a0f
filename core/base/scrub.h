// scrub.h -- finding any of many patterns in one pass (Wu and Manber, 1994).
//
// The search looks at the last three bytes of a window as long as the shortest
// pattern. A table tells how far from the end of any pattern's window these
// three can be: so far the window moves at once. Long secrets make it fast: on
// ordinary text a table look-up does for some 20 bytes.
//
// An index is immutable, owns its bytes and wipes them: safe for threads.

#ifndef BASE_SCRUB_H
#define BASE_SCRUB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

struct scrub;

// Copies; patterns under 3 bytes are left out. NULL when out of memory.
struct scrub *scrub_new(const struct slice *patterns, size_t n);
void scrub_free(struct scrub *s); // NULL is fine

// The first place in `text` at or behind `from` where a pattern begins, and the
// length of the longest that does; false if there is none.
bool scrub_find(const struct scrub *s, struct slice text, size_t from,
                size_t *at, size_t *len);

#endif
