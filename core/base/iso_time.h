// iso_time.h -- points in time as ISO 8601 text. Years 0 to 9999, Gregorian.

#ifndef BASE_ISO_TIME_H
#define BASE_ISO_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define ISO_TIME_MAX 32

// "2026-11-20T09:15:02Z", or with ".113" when `ms` is no whole second;
// NUL-terminated. False outside of the years.
bool iso_time_print(char out[ISO_TIME_MAX], int64_t ms_since_1970);

// A date, or date and time: "2026-11-20", "2026-11-20T09:15Z",
// "2026-11-20T10:15:02.113+01:00". Without a zone it is UTC. A second 60 is
// the one after 59. False if it is anything else.
bool iso_time_parse(struct slice text, int64_t *seconds, int32_t *nanoseconds);

#endif
