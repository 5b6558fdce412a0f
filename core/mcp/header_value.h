// header_value.h -- what Mcp-Name and Mcp-Param-* mean.
//
// A header cannot carry every string, so a value that could not stand there
// plainly comes as `=?base64?<base64 of its UTF-8>?=`. A value that lacks either
// mark is literal (section 3.3 of the digest).

#ifndef MCP_HEADER_VALUE_H
#define MCP_HEADER_VALUE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/slice.h"

// Without spaces and tabs around it.
struct slice header_value_trim(struct slice value);

// The value that is meant; decoded ones lie in `arena`. False for a marked value
// that is not strict base64 of UTF-8, or when out of memory.
bool header_value_decode(struct slice value, struct arena *arena,
                         struct slice *out);

#endif
