// header.h -- a field of an HTTP message.

#ifndef NET_HEADER_H
#define NET_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct header {
  struct slice name, value;
};

// The value of the first field of that name (case does not matter), absent if
// there is none.
struct slice header_get(const struct header *headers, size_t n,
                        const char *name);
size_t header_count(const struct header *headers, size_t n, const char *name);

// A token of RFC 9110; a value without CR, LF, NUL and other controls (tab is
// fine), at most 8 KiB. What a script gives must pass before it is sent.
bool header_name_ok(struct slice name);
bool header_value_ok(struct slice value);

#endif
