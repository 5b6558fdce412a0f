// fault.h -- allocations that fail on purpose.
//
// A build with TIDEGATE_FAULTS asks fault_now() before it takes memory, so a
// spec can let the first, second, third ... allocation of an operation fail
// and see that nothing is lost, leaked or torn. Other builds contain nothing
// of it: the functions are constants that the compiler removes.
//
//   for (n = 0; ; n++) {
//     fault_fail_after(n);
//     ...the operation...
//     if (!fault_fired()) break; // it needs no more than n allocations
//   }
//
// One counter for the process, atomic: any thread may arm it or trip it.

#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>
#include <stdlib.h>

#ifdef TIDEGATE_FAULTS

// The next `n` allocations succeed, the one after them fails, and then all
// succeed again. A negative `n` turns it off.
void fault_fail_after(long n);

// Has the armed failure happened? Turns it off.
bool fault_fired(void);

// Must this allocation fail?
bool fault_now(void);

#else

static inline void fault_fail_after(long n)
{
  (void)n;
}

static inline bool fault_fired(void)
{
  return false;
}

static inline bool fault_now(void)
{
  return false;
}

#endif

// calloc() with a fault point.
static inline void *fault_calloc(size_t n, size_t size)
{
  return fault_now() ? NULL : calloc(n, size);
}

#endif
