// hints.c -- see hints.h for the contract.

#include "guard/hints.h"

#include <string.h>

#include "guard/retry_after.h"

#define DATE_DIGITS 10

enum wanted {
  RETRY_AFTER,
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
    [RATELIMIT] = NAME("ratelimit"),
    [POLICY] = NAME("ratelimit-policy"),
    [LIMIT] = NAME("ratelimit-limit"),
    [REMAINING] = NAME("ratelimit-remaining"),
    [RESET] = NAME("ratelimit-reset"),
    [X_LIMIT] = NAME("x-ratelimit-limit"),
    [X_REMAINING] = NAME("x-ratelimit-remaining"),
    [X_RESET] = NAME("x-ratelimit-reset"),
};

// Of the names only these begin so; Date is looked for when it is needed.
static bool may_be_wanted(const char *line, const char *end)
{
  if (end - line < 4) return false;
  char c = *line | ' ';
  return c == 'r' || (c == 'x' && (line[2] | ' ') == 'r');
}

static void note(const struct header *field, struct slice found[WANTED])
{
  for (size_t i = 0; i < WANTED; i++)
    if (!found[i].data && slice_eq_nocase(field->name, names[i]))
      found[i] = field->value;
}

// The first of each name. Most lines are passed over by their first letter.
static bool find(const struct http_answer *answer, struct slice found[WANTED])
{
  const char *head = answer->head.data, *end = head + answer->head.len;
  bool any = false;
  for (const char *line = head; line < end;) {
    struct header field;
    size_t at = (size_t)(line - head);
    if (may_be_wanted(line, end) && http_answer_next(answer, &at, &field)) {
      if (!any) memset(found, 0, WANTED * sizeof(*found));
      any = true;
      note(&field, found);
    }
    line = memchr(line, '\n', (size_t)(end - line));
    line = line ? line + 1 : end;
  }
  return any;
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
  struct slice found[WANTED];
  struct hints hints = {.retry_after_ms = -1};
  if (!find(answer, found)) return hints;
  hints.quota = quota_of(found, wall_ms);
  if (found[RETRY_AFTER].data)
    hints.retry_after_ms = retry_after_ms(
        found[RETRY_AFTER], http_answer_header(answer, "date"), wall_ms);
  return hints;
}
