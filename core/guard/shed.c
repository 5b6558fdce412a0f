// shed.c -- see shed.h for the contract.

#include "guard/shed.h"

#define MS     UINT64_C(1000000)
#define WEIGHT 8 // a sample is an eighth of the average: 80 ms of memory

void shed_init(struct shed *s, uint64_t now_ns)
{
  *s = (struct shed){.changed_ns = now_ns};
}

void shed_options_default(struct shed_options *o)
{
  *o = (struct shed_options){{20 * MS, 50 * MS, 100 * MS}, 1000 * MS};
}

static uint32_t level_for(const struct shed_options *o, uint64_t lag_ns)
{
  uint32_t level = 0;
  while (level < SHED_LEVELS && lag_ns > o->lag_ns[level])
    level++;
  return level;
}

static void enter(struct shed *s, uint32_t level, uint64_t now_ns)
{
  s->went_up = level > s->lag_level;
  s->lag_level = level;
  s->changed_ns = now_ns;
}

static void adjust(struct shed *s, const struct shed_options *o,
                   uint64_t now_ns)
{
  uint32_t wanted = level_for(o, s->lag_ns);
  bool held = now_ns < s->changed_ns + o->hold_ns;
  if (wanted > s->lag_level && (s->went_up || !held))
    enter(s, wanted, now_ns);
  else if (s->lag_level > 0 && !held &&
           s->lag_ns < o->lag_ns[s->lag_level - 1] / 2)
    enter(s, s->lag_level - 1, now_ns);
}

void shed_lag(struct shed *s, const struct shed_options *o, uint64_t lag_ns,
              uint64_t now_ns)
{
  if (lag_ns > UINT64_MAX / WEIGHT) lag_ns = UINT64_MAX / WEIGHT;
  s->lag_ns = s->lag_ns - s->lag_ns / WEIGHT + lag_ns / WEIGHT;
  if (lag_ns > s->worst_ns) s->worst_ns = lag_ns;
  adjust(s, o, now_ns);
}

void shed_memory(struct shed *s, uint64_t used, uint64_t most)
{
  uint64_t hundredth = most / 100;
  bool over_95 = most > 0 && used > most - 5 * hundredth;
  bool over_90 = most > 0 && used > most - 10 * hundredth;
  s->memory_level = over_95 ? 3 : over_90 ? 2 : 0;
}

uint32_t shed_level(const struct shed *s)
{
  return s->lag_level > s->memory_level ? s->lag_level : s->memory_level;
}

bool shed_admits(struct shed *s, enum shed_class c, bool is_retry)
{
  uint32_t class = (uint32_t)c + (is_retry && c < SHED_BACKGROUND);
  if (class + shed_level(s) <= SHED_BACKGROUND) return true;
  s->shed[c]++;
  return false;
}

uint32_t shed_retry_after_s(double unit)
{
  if (!(unit > 0)) return 1;
  return unit < 1 ? 1 + (uint32_t)(unit * 3) : 3;
}

uint64_t shed_take_worst(struct shed *s)
{
  uint64_t worst = s->worst_ns;
  s->worst_ns = 0;
  return worst;
}
