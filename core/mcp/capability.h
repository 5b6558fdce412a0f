// capability.h -- what a client says it can do.
//
// Modern clients say it with each request, legacy clients once, in initialize;
// then it rides in the sealed session. As bits, so that both are compared with
// what a method needs in one step.

#ifndef MCP_CAPABILITY_H
#define MCP_CAPABILITY_H

#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "mcp/rpc.h"

enum {
  CAPABILITY_ROOTS = 1u << 0,
  CAPABILITY_SAMPLING = 1u << 1,
  CAPABILITY_SAMPLING_TOOLS = 1u << 2,
  CAPABILITY_SAMPLING_CONTEXT = 1u << 3,
  CAPABILITY_ELICIT_FORM = 1u << 4,
  CAPABILITY_ELICIT_URL = 1u << 5,
  CAPABILITY_TASKS = 1u << 6, // the extension
  CAPABILITY_UI = 1u << 7     // MCP Apps
};

// Reads a ClientCapabilities object; JSON_NONE gives 0. An elicitation without
// modes means forms; members of the wrong type count as absent.
uint32_t capability_read(const struct json_doc *doc, uint32_t node);

// Appends {"requiredCapabilities":{...}} with what `missing` says.
void capability_put_required(struct buf *out, uint32_t missing);

// Fills `why` with -32021 that names what is missing; false.
bool capability_refuse(uint32_t missing, struct arena *arena,
                       struct refusal *why);

#endif
