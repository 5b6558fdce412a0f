// arena.h -- memory that is freed all at once.
//
// One arena belongs to one call: what is needed until the call ends is taken
// from it and never freed piece by piece. Not thread-safe.

#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/slice.h"

struct arena_block;

struct arena {
  struct arena_block *block; // the newest block; a zeroed arena is empty
};

// Memory aligned for any type, zeroed; NULL if there is none.
void *arena_alloc(struct arena *a, size_t size);

// Copies, with a NUL behind (not counted). Absent slice if there is no memory.
struct slice arena_copy(struct arena *a, struct slice s);

// A formatted copy, NUL-terminated; absent if there is no memory.
struct slice arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Forgets everything; keeps one block of the usual size (4 KiB) for the next.
void arena_reset(struct arena *a);

// Frees everything. NULL and zeroed are fine.
void arena_finish(struct arena *a);

#endif
