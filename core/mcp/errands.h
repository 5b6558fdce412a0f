// errands.h -- inside mcp/: tools/call that becomes a task of the protocol.
//
//   errand.h      the store: what there is, for all workers
//   errand_run    the calls of errands that run on this worker
//   errand_asker  what they ask their client
//   errand_put    as JSON, in both dialects: the extension of the modern era and
//                 the core tasks of 2025-11-25
//   errand_result tasks/result of 2025-11-25, which waits, and asks
//   errands       the other methods tasks/..., and who is told of changes

#ifndef MCP_ERRANDS_H
#define MCP_ERRANDS_H

#include "mcp/errand.h"
#include "mcp/serve.h"
#include "script/ask.h"

// --- errand_run.c ---

void errands_init(struct mcp_server *s);
// Cancels all that run here: the process is about to end.
void errands_stop(struct mcp_server *s);
// The same, and then the streams end, once they have told of it.
void errands_drain(struct mcp_server *s);
void errands_finish(struct mcp_server *s);

// Is the call that the job asks for one? Sets job->as_errand. False: refused,
// since it can only be one, or cannot be.
bool errand_decide(struct job *job, struct refusal *why);
// Begins it, and answers the job with its task.
void errand_start(struct job *job, struct call_options *options);

// Is there a task of that id for whoever asks?
bool errand_exists(const struct job *job, struct slice id);
// Has each change of a task of the modern era go to those that listen. Keeps.
void errands_publish(struct errand_store *store, struct hub *hub);

// Does any tool run on? Else there are no tasks to speak of.
bool errands_served(const struct mcp_server *s);

// --- errand_asker.c: what its handler asks becomes input_required ---

struct errand_asker {
  struct asker asker;
  struct errand *errand;
  const struct mcp_server *server;
  unsigned can;     // ASK_NEEDS_*
  struct list open; // questions
  uint32_t again;   // asked again, since the answer was wrong
};
// `can`: what of ASK_NEEDS_* its client can.
void errand_asker_init(struct errand_asker *a, struct errand *e,
                       const struct mcp_server *s, unsigned can);
// An answer has come. The errand may be over when this returns.
void errand_asker_answer(struct errand_asker *a,
                         const struct errand_answer *answer);

// Has subscribers hear of it as it is now.
void errand_tell(const struct job *job, struct slice id);

struct errand_key errand_key_of(const struct job *job, struct slice id);
// There is no such task, whatever the reason.
void errand_refuse_unknown(struct job *job);
// The id that the params name. False: the job was answered.
bool errand_read_id(struct job *job, struct errand_key *key);

// --- errand_put.c ---

// The members of a task, without braces.
void errand_put(struct buf *out, const struct errand_view *v);
// And what is behind its status, each with a comma before it; modern.
void errand_put_details(struct buf *out, const struct errand_view *v);

#endif
