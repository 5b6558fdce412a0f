// deadline.c -- see deadline.h for the contract.

#include "guard/deadline.h"

#define MS          UINT64_C(1000000)
#define MARGIN_NS   (5 * MS)
#define SAMPLES     500
#define TIMEOUT_MIN 1000

static uint64_t least(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

uint64_t deadline_after(uint64_t now_ns, uint64_t ms)
{
  return ms <= (UINT64_MAX - now_ns) / MS ? now_ns + ms * MS : UINT64_MAX;
}

uint64_t deadline_lower(uint64_t deadline_ns, uint64_t other_ns)
{
  return least(deadline_ns, other_ns);
}

uint64_t deadline_left_ns(uint64_t deadline_ns, uint64_t now_ns)
{
  return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

uint64_t deadline_useful_ns(const struct latency_view *l)
{
  return l->p50_ns > DEADLINE_USEFUL_NS ? l->p50_ns : DEADLINE_USEFUL_NS;
}

uint32_t deadline_timeout_ms(const struct latency_view *l,
                             uint32_t configured_ms)
{
  if (l->count < SAMPLES) return configured_ms;
  uint64_t ms = l->p999_ns / MS + l->p999_ns / MS / 2;
  if (ms < TIMEOUT_MIN) ms = TIMEOUT_MIN;
  return (uint32_t)least(ms, configured_ms);
}

struct deadline_share deadline_attempt(uint64_t deadline_ns, uint64_t now_ns,
                                       uint32_t timeout_ms, uint64_t useful_ns)
{
  uint64_t left = deadline_left_ns(deadline_ns, now_ns);
  struct deadline_share share = {.useful = left >= useful_ns};
  uint64_t usable = left > DEADLINE_RESERVE_NS ? left - DEADLINE_RESERVE_NS : 0;
  share.cut = usable / MS < timeout_ms;
  share.ms = share.cut ? (uint32_t)(usable / MS) : timeout_ms;
  if (share.ms == 0) share.ms = 1;
  return share;
}

uint64_t deadline_queue_ns(uint64_t deadline_ns, uint64_t now_ns,
                           uint64_t most_ns)
{
  return least(most_ns, deadline_left_ns(deadline_ns, now_ns) / 4);
}

uint64_t deadline_limiter_ns(uint64_t deadline_ns, uint64_t now_ns,
                             uint64_t most_ns)
{
  return least(most_ns, deadline_left_ns(deadline_ns, now_ns) / 2);
}

uint64_t deadline_told_ms(uint64_t deadline_ns, uint64_t now_ns,
                          uint64_t median_ns)
{
  uint64_t margin = median_ns > MARGIN_NS ? median_ns : MARGIN_NS;
  uint64_t left = deadline_left_ns(deadline_ns, now_ns);
  return left > margin ? (left - margin) / MS : 0;
}
