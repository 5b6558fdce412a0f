// era.h -- modern or legacy, and is it served? Pure functions of bytes and
// headers: no socket, no script, no clock.
//
// The body decides the era, the version header is only the tie-breaker (table
// 1.4 of the digest, rows b to m). A modern request then climbs the ladder; the
// first rung that fails is what the client is told. The rungs 1 (the envelope)
// and 9 (params) stand in envelope.h and in the methods.
//
// Decided here, where the digest leaves it open:
// - Notifications need no header; one that is there must agree.
// - On stdio there are no headers (fields->none): rungs 2, 5 and 8 always hold.
// - A tools/call whose body has no name is left to rung 9: there is nothing to
//   compare the header with.

#ifndef MCP_ERA_H
#define MCP_ERA_H

#include <stdbool.h>

#include "base/arena.h"
#include "mcp/envelope.h"
#include "mcp/fields.h"
#include "mcp/method.h"
#include "mcp/revision.h"

// Does the version header name a modern revision?
bool era_header_is_modern(const struct fields *fields);

// Rows f to m, for one message. False: refused.
bool era_classify(const struct fields *fields, const struct envelope *env,
                  enum era *era, struct refusal *why);

// Rows c and d: an array may not be empty, nor hold a modern message, nor come
// under a modern header.
bool era_check_batch(const struct fields *fields, const struct json_doc *doc,
                     struct refusal *why);

// A modern message on the ladder.
struct climb {
  const struct fields *fields;
  const struct envelope *env;
  const struct method_table *methods; // that are served
  struct arena *arena;                // for decoded values and `why->data`
  // What it brings up:
  uint32_t capabilities; // of the client (mcp/capability.h)
  const struct method *method;
};

// Rungs 2 to 7 for a request; for a notification those of them that apply.
bool era_climb(struct climb *c, struct refusal *why);

#endif
