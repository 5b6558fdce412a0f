// result.h -- what a call brought, as an MCP result of the client's revision.
//
//   JSON      structuredContent (spliced), and the same as text for clients
//             that only read that; values that are no objects have their own
//             member in the modern revision only
//   text      one text block
//   content   the blocks, in the forms that the revision knows
//   error     isError, one sentence for the model, and the details as
//             structuredContent, or in _meta where that would break a promise
//
// A body of a megabyte is copied once and escaped once, and not looked at
// otherwise. No secret leaves: what a tool brought is searched for them first.

#ifndef MCP_RESULT_H
#define MCP_RESULT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/secret.h"
#include "mcp/revision.h"
#include "script/call.h"

struct result_style {
  enum revision revision;
  const struct tool *tool;          // that was called
  struct slice server_info;         // JSON
  struct slice request_id;          // for the log's reader
  const struct secret_set *secrets; // NULL is fine
  bool with_trail;                  // in _meta
  struct slice task;                // legacy: related-task; absent if none
};

// Appends the result object.
void result_put(struct buf *out, const struct call_result *result,
                const struct result_style *style);

// For other results of calls: what must not leave is taken out of `r`, and a
// body that is not what it says becomes an error. `c`, zeroed, holds what `r`
// then points to.
struct result_cleaned {
  struct buf body, content, meta, message, details;
};
void result_clean(struct call_result *r, const struct secret_set *secrets,
                  struct result_cleaned *c);
void result_cleaned_finish(struct result_cleaned *c);
// Appends what is known of an error, as an object.
void result_put_error(struct buf *out, const struct call_result *r,
                      struct slice request_id);

// The members that end a modern result, each with a comma before it:
// resultType and _meta, left open for more members of _meta.
void result_put_modern_tail(struct buf *out, struct slice server_info);

#endif
