// param_headers.h -- arguments that clients repeat in headers.
//
// A property of a tool's arguments with "x-mcp-header": "Region" is repeated by
// HTTP clients as `Mcp-Param-Region`, so that something between can route by
// it. What is between must be able to trust that it is what the body says, so
// we compare (section 3.2 of the digest). The annotation is good on strings,
// integers and booleans that are reached through `properties` alone.

#ifndef MCP_PARAM_HEADERS_H
#define MCP_PARAM_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "mcp/rpc.h"
#include "net/header.h"

struct param_header {
  struct slice name; // "Mcp-Param-Region"
  uint32_t depth;    // of the path
  struct slice *path;
  struct param_header *next;
};

struct param_headers {
  struct param_header *first; // in the schema's order
  const char *fault;          // why an annotation was ignored; NULL if none was
};

// What is compared: the headers of a request with its body.
struct param_headers_of {
  const struct header *headers;
  size_t count;
  const struct json_doc *doc;
  struct arena *arena; // for decoded values
};

// Reads the annotations of a schema. Everything lies in `arena`; ignores what
// is not valid. False when out of memory.
bool param_headers_read(struct param_headers *list, struct slice schema,
                        struct arena *arena);

// Does each header say what the arguments say? False: 400 in `why`. A header
// without its argument is ignored, as is one that no property names.
bool param_headers_check(const struct param_headers *list,
                         const struct param_headers_of *request,
                         uint32_t arguments, struct refusal *why);

#endif
