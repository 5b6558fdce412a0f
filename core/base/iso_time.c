// iso_time.c -- the calendar.
//
// Days are counted in eras of 400 years, with years that begin in March, so
// that the leap day is the last of its year.

#include "base/iso_time.h"

#include <stdio.h>

#define DAY_S       86400
#define ERA_DAYS    146097
#define EPOCH_SHIFT 719468 // days from 0000-03-01 to 1970-01-01

struct date {
  int year, month, day;
};

static int64_t days_from_date(struct date d)
{
  int64_t y = d.month <= 2 ? d.year - 1 : d.year;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t year = y - era * 400; // of the era
  int64_t day = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
  return era * ERA_DAYS + year * 365 + year / 4 - year / 100 + day -
         EPOCH_SHIFT;
}

static struct date date_from_days(int64_t days)
{
  days += EPOCH_SHIFT;
  int64_t era = (days >= 0 ? days : days - ERA_DAYS + 1) / ERA_DAYS;
  int64_t d = days - era * ERA_DAYS;
  int64_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
  d -= 365 * y + y / 4 - y / 100;
  int64_t m = (5 * d + 2) / 153; // 0 is March
  struct date out = {.day = (int)(d - (153 * m + 2) / 5 + 1),
                     .month = (int)(m < 10 ? m + 3 : m - 9)};
  out.year = (int)(y + era * 400 + (out.month <= 2));
  return out;
}

static int days_in(int year, int month)
{
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return days[month - 1] + (month == 2 && leap);
}

bool iso_time_print(char out[ISO_TIME_MAX], int64_t ms)
{
  int64_t second = ms / 1000 - (ms % 1000 < 0), day = second / DAY_S;
  if (second % DAY_S < 0) day--;
  if (day < -EPOCH_SHIFT - 60 || day > 2932896) return false;
  unsigned rest = (unsigned)(second - day * DAY_S);
  unsigned milli = (unsigned)(ms - second * 1000) % 1000;
  struct date d = date_from_days(day);
  char fraction[8] = "";
  if (milli) snprintf(fraction, sizeof(fraction), ".%03u", milli);
  snprintf(out, ISO_TIME_MAX, "%04u-%02u-%02uT%02u:%02u:%02u%sZ",
           (unsigned)d.year % 10000, (unsigned)d.month % 100,
           (unsigned)d.day % 100, rest / 3600 % 24, rest / 60 % 60, rest % 60,
           fraction);
  return true;
}

// --- reading ---

struct cursor {
  const char *at, *end;
};

static bool take(struct cursor *c, const char *any_of)
{
  if (c->at == c->end || !*c->at || !strchr(any_of, *c->at)) return false;
  c->at++;
  return true;
}

// Exactly `digits` of them, within the bounds.
static bool number(struct cursor *c, int digits, int min, int max, int *value)
{
  *value = 0;
  for (; digits > 0; digits--) {
    if (c->at == c->end || *c->at < '0' || *c->at > '9') return false;
    *value = *value * 10 + (*c->at++ - '0');
  }
  return *value >= min && *value <= max;
}

static bool date(struct cursor *c, struct date *d)
{
  return number(c, 4, 0, 9999, &d->year) && take(c, "-") &&
         number(c, 2, 1, 12, &d->month) && take(c, "-") &&
         number(c, 2, 1, days_in(d->year, d->month), &d->day);
}

static bool fraction(struct cursor *c, int32_t *ns)
{
  int32_t unit = 100000000;
  const char *start = c->at;
  *ns = 0;
  for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
    *ns += (*c->at - '0') * unit;
    unit /= 10;
  }
  return c->at > start;
}

// Seconds to take away.
static bool zone(struct cursor *c, int *offset)
{
  int hours, minutes = 0;
  *offset = 0;
  if (c->at == c->end || take(c, "Zz")) return true;
  bool east = *c->at == '+';
  if (!take(c, "+-") || !number(c, 2, 0, 23, &hours)) return false;
  bool more = take(c, ":") || c->at < c->end;
  if (more && !number(c, 2, 0, 59, &minutes)) return false;
  *offset = (hours * 3600 + minutes * 60) * (east ? 1 : -1);
  return true;
}

static bool clock_time(struct cursor *c, int *seconds, int32_t *ns)
{
  int h, m, s = 0, offset;
  if (!number(c, 2, 0, 23, &h) || !take(c, ":") || !number(c, 2, 0, 59, &m))
    return false;
  if (take(c, ":")) {
    if (!number(c, 2, 0, 60, &s)) return false;
    if (take(c, ".,") && !fraction(c, ns)) return false;
  }
  if (!zone(c, &offset)) return false;
  *seconds = h * 3600 + m * 60 + s - offset;
  return true;
}

bool iso_time_parse(struct slice text, int64_t *seconds, int32_t *nanoseconds)
{
  if (!text.data) return false;
  struct cursor c = {text.data, text.data + text.len};
  struct date d;
  int rest = 0;
  *nanoseconds = 0;
  if (!date(&c, &d)) return false;
  if (take(&c, "Tt ") && !clock_time(&c, &rest, nanoseconds)) return false;
  *seconds = days_from_date(d) * DAY_S + rest;
  return c.at == c.end;
}
