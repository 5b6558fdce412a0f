// memory.h -- the one allocator of guard/.
//
// Memory on cache lines of its own, for what threads share (the primitives are
// aligned to 64) and for cached values. Not zeroed; free() ends it.

#ifndef GUARD_MEMORY_H
#define GUARD_MEMORY_H

#include <stdint.h>
#include <stdlib.h>

#include "base/fault.h"

#define GUARD_LINE 64

// NULL when out of memory.
static inline void *guard_memory(size_t size)
{
  if (fault_now() || size > SIZE_MAX - GUARD_LINE) return NULL;
  size = (size + GUARD_LINE - 1) & ~(size_t)(GUARD_LINE - 1);
  return aligned_alloc(GUARD_LINE, size);
}

#endif
