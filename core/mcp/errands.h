// errands.h -- inside mcp/: tools/call that becomes a task of the protocol.
//
//   errand.h      the store: what there is, for all workers
//   errand_run    the calls of errands that run on this worker
//   errand_put    as JSON, in both dialects: the extension of the modern era and
//                 the core tasks of 2025-11-25
//   errands       the methods tasks/...

#ifndef MCP_ERRANDS_H
#define MCP_ERRANDS_H

#include "mcp/errand.h"
#include "mcp/serve.h"

// --- errand_run.c ---

void errands_init(struct mcp_server *s);
// Cancels all that run here: the process is about to end.
void errands_stop(struct mcp_server *s);
void errands_finish(struct mcp_server *s);

// Is the call that the job asks for one? Sets job->as_errand. False: refused,
// since it can only be one, or cannot be.
bool errand_decide(struct job *job, struct refusal *why);
// Begins it, and answers the job with its task.
void errand_start(struct job *job, struct call_options *options);

// Does any tool run on? Else there are no tasks to speak of.
bool errands_served(const struct mcp_server *s);

// --- errand_put.c ---

// The members of a task, without braces.
void errand_put(struct buf *out, const struct errand_view *v);
// And what is behind its status, each with a comma before it; modern.
void errand_put_details(struct buf *out, const struct errand_view *v);

#endif
