// backoff.c -- see backoff.h for the contract.

#include "guard/backoff.h"

#define MS UINT64_C(1000000)

uint64_t backoff_bound_ns(uint64_t base_ns, uint64_t cap_ns, uint32_t n)
{
  uint32_t doublings = n > 0 ? n - 1 : 0;
  if (base_ns == 0) return 0;
  // shifting the cap down cannot overflow, shifting the base up can
  if (doublings >= 64 || base_ns > cap_ns >> doublings) return cap_ns;
  return base_ns << doublings;
}

uint64_t backoff_ns(uint64_t bound_ns, double unit)
{
  if (!(unit > 0)) return 0; // NaN too
  if (unit >= 1) return bound_ns;
  return (uint64_t)(unit * (double)bound_ns);
}

uint64_t backoff_hinted_ns(uint64_t wait_ns, int64_t hint_ms)
{
  if (hint_ms < 0) return wait_ns;
  uint64_t hint = (uint64_t)hint_ms;
  uint64_t most = wait_ns + BACKOFF_HINT_OVER_NS;
  if (hint > most / MS) return most;
  return hint * MS > wait_ns ? hint * MS : wait_ns;
}
