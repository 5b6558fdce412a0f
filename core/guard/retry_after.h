// retry_after.h -- when a service says that we may come again.

#ifndef GUARD_RETRY_AFTER_H
#define GUARD_RETRY_AFTER_H

#include <stdint.h>

#include "base/slice.h"

#define RETRY_AFTER_MAX_MS (INT64_C(6) * 3600 * 1000) // as libcurl and urllib3

// Milliseconds from a Retry-After value: seconds, or an HTTP date (RFC 9110
// 5.6.7), which is measured against the `date` of the same answer if that can
// be read (so clocks that differ do no harm), else against `wall_ms`. A past
// date gives 0, more than six hours gives six hours, nonsense gives -1.
int64_t retry_after_ms(struct slice value, struct slice date, int64_t wall_ms);

#endif
