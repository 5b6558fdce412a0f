// hints.c -- see hints.h for the contract.

#include "guard/hints.h"

#include "guard/retry_after.h"

#define DATE_DIGITS 10

enum wanted {
  RETRY_AFTER,
  DATE,
  RATELIMIT,
  POLICY,
  LIMIT,
  REMAINING,
  RESET,
  X_LIMIT,
  X_REMAINING,
  X_RESET,
  WANTED
};

#define NAME(z)                                                                \
  {                                                                            \
    (z), sizeof(z) - 1                                                         \
  }

static const struct slice names[WANTED] = {
    [RETRY_AFTER] = NAME("retry-after"),
    [DATE] = NAME("date"),
    [RATELIMIT] = NAME("ratelimit"),
    [POLICY] = NAME("ratelimit-policy"),
    [LIMIT] = NAME("ratelimit-limit"),
    [REMAINING] = NAME("ratelimit-remaining"),
    [RESET] = NAME("ratelimit-reset"),
    [X_LIMIT] = NAME("x-ratelimit-limit"),
    [X_REMAINING] = NAME("x-ratelimit-remaining"),
    [X_RESET] = NAME("x-ratelimit-reset"),
};

static bool may_be_wanted(struct slice name)
{
  if (name.len < 4) return false;
  char c = name.data[0];
  return c == 'r' || c == 'R' || c == 'x' || c == 'X' ||
         (name.len == 4 && (c == 'd' || c == 'D'));
}

// The first of each name.
static void find(const struct http_answer *answer, struct slice found[WANTED])
{
  struct header field;
  for (size_t at = 0; http_answer_next(answer, &at, &field);) {
    if (!may_be_wanted(field.name)) continue;
    for (size_t i = 0; i < WANTED; i++)
      if (!found[i].data && slice_eq_nocase(field.name, names[i]))
        found[i] = field.value;
  }
}

static struct ratelimit quota_of(const struct slice found[WANTED],
                                 int64_t wall_ms)
{
  bool plain = found[REMAINING].data != NULL;
  struct ratelimit_fields fields = {
      .ratelimit = found[RATELIMIT],
      .policy = found[POLICY],
      .limit = found[plain ? LIMIT : X_LIMIT],
      .remaining = found[plain ? REMAINING : X_REMAINING],
      .reset = found[plain ? RESET : X_RESET],
  };
  if (!fields.ratelimit.data && !fields.remaining.data)
    return (struct ratelimit){.known = false};
  fields.reset_is_epoch = fields.reset.len >= DATE_DIGITS;
  return ratelimit_read(&fields, wall_ms);
}

struct hints hints_read(const struct http_answer *answer, int64_t wall_ms)
{
  struct slice found[WANTED] = {{0}};
  find(answer, found);
  struct hints hints = {.retry_after_ms = -1,
                        .quota = quota_of(found, wall_ms)};
  if (found[RETRY_AFTER].data)
    hints.retry_after_ms =
        retry_after_ms(found[RETRY_AFTER], found[DATE], wall_ms);
  return hints;
}
