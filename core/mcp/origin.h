// origin.h -- whom a browser may speak for.
//
// A web page can make its visitor's browser talk to a server on his machine
// (DNS rebinding), so each request must name a host that is ours, and one that
// comes from a page must come from a page that is allowed. Loopback names are
// always fine: no page of a stranger can have them. A unix socket has no name
// to check.

#ifndef MCP_ORIGIN_H
#define MCP_ORIGIN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/slice.h"
#include "mcp/fields.h"
#include "mcp/rpc.h"

struct origin_rules {
  const struct slice
      *hosts; // "gw.example.com" (any port), "gw:8443" (that one)
  size_t host_count;
  const struct slice *origins; // "https://app.example.com"
  size_t origin_count;
};

// 403 when not.
bool origin_check(const struct origin_rules *rules, const struct fields *fields,
                  bool unix_socket, struct refusal *why);

// Of the header names in `asked` (Access-Control-Request-Headers) those that a
// page may send, as a list in `arena`. Absent when out of memory.
struct slice origin_allowed_headers(struct slice asked, struct arena *arena);

#endif
