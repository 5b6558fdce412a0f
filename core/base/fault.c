// fault.c -- the counter behind fault.h.
//
// The one mutable static of the engine: a fault must reach code that is handed
// nothing but a buffer, and it exists in test builds only.

#include "base/fault.h"

#ifdef TIDEGATE_FAULTS

#include <stdatomic.h>

#define OFF (-1L)

static atomic_long left = OFF;
static atomic_bool fired;

void fault_fail_after(long n)
{
  atomic_store(&fired, false);
  atomic_store(&left, n < 0 ? OFF : n);
}

bool fault_fired(void)
{
  bool was = atomic_exchange(&fired, false);
  atomic_store(&left, OFF);
  return was;
}

bool fault_now(void)
{
  long n = atomic_load(&left);
  while (n != OFF) {
    // zero steps to OFF: exactly one allocation sees it
    if (!atomic_compare_exchange_weak(&left, &n, n - 1)) continue;
    if (n > 0) return false;
    atomic_store(&fired, true);
    return true;
  }
  return false;
}

#else

// ISO C wants something in every file.
extern int fault_is_compiled_out;

#endif
