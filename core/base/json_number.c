// json_number.c -- numbers, read and written, in no language but C's.
//
// The process may have any locale (a script's os.setlocale, a library), so
// nothing here uses it: strtod_l() and, for printing, uselocale().

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

// The C locale is a constant of glibc: this takes no memory and cannot fail,
// and there is nothing to free.
static locale_t c_locale(void)
{
  return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

// Digits only, behind an optional minus.
static bool read_int(struct slice s, int64_t *value)
{
  bool negative = s.data[0] == '-';
  int64_t n = 0; // built up below zero, where there is room for one more
  for (size_t i = negative; i < s.len; i++) {
    if (__builtin_mul_overflow(n, 10, &n)) return false;
    if (__builtin_sub_overflow(n, s.data[i] - '0', &n)) return false;
  }
  if (!negative && n == INT64_MIN) return false;
  *value = negative ? n : -n;
  return true;
}

bool json_int(const struct json_doc *d, uint32_t node, int64_t *value)
{
  if (json_type(d, node) != JSON_NUMBER || !d->nodes[node].integer) {
    return false;
  }
  return read_int(json_raw(d, node), value);
}

// strtod() wants an end; the text has none.
static bool read_double(struct slice s, double *value)
{
  char small[64];
  char *copy = s.len < sizeof(small) ? small : malloc(s.len + 1);
  if (!copy) return false;
  memcpy(copy, s.data, s.len);
  copy[s.len] = '\0';
  *value = strtod_l(copy, NULL, c_locale());
  if (copy != small) free(copy);
  return true;
}

#define EXACT_DIGITS 15 // every integer of so many digits is a double

bool json_double(const struct json_doc *d, uint32_t node, double *value)
{
  if (json_type(d, node) != JSON_NUMBER) return false;
  struct slice s = json_raw(d, node);
  int64_t n;
  bool minus_zero = s.len == 2 && s.data[0] == '-' && s.data[1] == '0';
  if (d->nodes[node].integer && s.len <= EXACT_DIGITS && !minus_zero &&
      read_int(s, &n)) {
    *value = (double)n;
    return true;
  }
  return read_double(s, value);
}

void json_put_int(struct buf *b, int64_t value)
{
  char out[24];
  char *end = out + sizeof(out), *p = end;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do {
    *--p = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest);
  if (value < 0) *--p = '-';
  buf_append(b, p, (size_t)(end - p));
}

#define DOUBLE_MAX 40 // more than "%.17g" can give

// The fewest digits that read back the same; 17 always do. 15 are exact for
// every spelling of so many digits, but the smallest numbers have fewer.
static void print_shortest(char out[DOUBLE_MAX], double value, locale_t c)
{
  int digits = fabs(value) < DBL_MIN ? 1 : 15;
  for (; digits <= 17; digits++) {
    snprintf(out, DOUBLE_MAX, "%.*g", digits, value);
    if (strtod_l(out, NULL, c) == value) return;
  }
}

void json_put_double(struct buf *b, double value)
{
  if (!isfinite(value)) {
    buf_puts(b, "null");
    return;
  }
  if (value == rint(value) && fabs(value) < 1e15 &&
      !(value == 0 && signbit(value))) {
    json_put_int(b, (int64_t)value);
    return;
  }
  char out[DOUBLE_MAX];
  locale_t c = c_locale(), before = uselocale(c);
  print_shortest(out, value, c);
  uselocale(before);
  buf_puts(b, out);
}
