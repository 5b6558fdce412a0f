// retry_after.c -- see retry_after.h for the contract.

#include "guard/retry_after.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <time.h>

#define DATE_MAX  64
#define YEAR_9999 INT64_C(253402300799) // its last second

static bool all_digits(struct slice s)
{
  for (size_t i = 0; i < s.len; i++)
    if (s.data[i] < '0' || s.data[i] > '9') return false;
  return s.len > 0;
}

static int64_t seconds_ms(struct slice s)
{
  int64_t ms = 0;
  for (size_t i = 0; i < s.len && ms < RETRY_AFTER_MAX_MS; i++)
    ms = ms * 10 + (s.data[i] - '0') * INT64_C(1000);
  return ms < RETRY_AFTER_MAX_MS ? ms : RETRY_AFTER_MAX_MS;
}

// curl_getdate() reads all three forms of RFC 9110; it wants a string.
static bool parse_date(struct slice s, int64_t *ms)
{
  char text[DATE_MAX];
  if (s.len == 0 || s.len >= sizeof(text)) return false;
  memcpy(text, s.data, s.len);
  text[s.len] = '\0';

  // curl_getdate() takes a year of any length; an HTTP date has four digits.
  time_t t = curl_getdate(text, NULL);
  if (t < 0 || t > YEAR_9999) return false;
  *ms = (int64_t)t * 1000;
  return true;
}

int64_t retry_after_ms(struct slice value, struct slice date, int64_t wall_ms)
{
  if (all_digits(value)) return seconds_ms(value);

  int64_t at, now;
  if (!parse_date(value, &at)) return -1;
  if (!parse_date(date, &now)) now = wall_ms;
  int64_t wait = at - now;
  if (wait < 0) return 0;
  return wait < RETRY_AFTER_MAX_MS ? wait : RETRY_AFTER_MAX_MS;
}
