// fields.h -- the header fields that MCP reads, found in one pass.

#ifndef MCP_FIELDS_H
#define MCP_FIELDS_H

#include <stdbool.h>

#include "base/slice.h"
#include "net/header.h"

enum field {
  FIELD_VERSION, // MCP-Protocol-Version
  FIELD_METHOD,  // Mcp-Method
  FIELD_NAME,    // Mcp-Name
  FIELD_SESSION, // Mcp-Session-Id
  FIELD_CONTENT_TYPE,
  FIELD_HOST,
  FIELD_ORIGIN,
  FIELD_REQUEST_ID, // X-Request-Id
  FIELD_LAST_EVENT, // Last-Event-ID
  FIELDS
};

struct fields {
  struct slice value[FIELDS]; // without blanks around; absent if not there
  unsigned twice;             // bits 1 << field that came more than once
  bool accepts_json, accepts_sse;
  bool none; // the transport has none (stdio): nothing is compared with them
};

// Borrows the headers. No Accept field at all accepts anything (RFC 9110).
void fields_read(struct fields *f, const struct header *headers, size_t n);

static inline bool fields_twice(const struct fields *f, enum field field)
{
  return f->twice >> field & 1u;
}

// application/json, in any case, with any parameters?
bool fields_are_json(const struct fields *f);

#endif
