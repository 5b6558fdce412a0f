// ask.h -- inside mcp/: how the calls of jobs ask their clients (script/ask.h).
//
// In the modern era a question ends the request with `input_required`; the
// retry, at whatever worker, replays the handler with what its sealed state
// says (rounds.c, ask_state.h). In legacy it is a request to the client on the
// stream of its own request, and the task waits (park.c, pending.h).
//
// What the client sees, each by the specification's text:
//
//   it cannot be asked            -32021 and 400 in the modern era; in legacy an
//                                 honest isError (a tool), else an error
//   state: forged, cut, foreign,  -32602; nothing runs
//   for another request, expired
//   state: sent twice             the same answer again; but a handler that acts
//                                 (an unsafe request) does so once per state, as
//                                 far as this process can know (ask_state_spend)
//   no answer, a bad one          modern: asked again; legacy: the handler's error
//   an answer that nobody waits   202, and nothing happens: it was too late, or
//   for, or that comes twice      the second; the protocol has no word for it
//
// A legacy client whose stream is cut may come back for it, and its question
// waits as long as its call does (away.c); one that cannot is gone, and so is its
// call, at once.

#ifndef MCP_ASK_H
#define MCP_ASK_H

#include "mcp/serve.h"

// Has the call ask the job's client: fills in asker and run. False: refused.
bool ask_begin(struct job *job, struct call_options *options,
               struct refusal *why);
// The call is over. True: the job was answered, for the call had asked.
bool ask_end(struct job *job, const struct call_result *result);

// Is what the call brings one client's own, because it was asked for it? Then
// nobody may keep it.
bool ask_was_answered(const struct job *job);

// --- modern: rounds.c ---

struct rounds;

struct rounds *rounds_new(struct job *job, struct refusal *why);
struct asker *rounds_asker(struct rounds *r);
const unsigned char *rounds_run(const struct rounds *r); // NULL: a first run
bool rounds_were_answered(const struct rounds *r);
// Answers the job: input_required.
void rounds_end(struct rounds *r, const struct call_result *result);

// --- legacy: park.c ---

struct park;

struct park *park_new(struct job *job);
struct asker *park_asker(struct park *p);
bool park_is_open(const struct park *p); // does a question wait?
// An answer that a client has posted.
void park_response(struct job *job);

// The client gave an error instead: the JSON object of it.
void question_refused(struct question *q, struct slice error);

// What the client of the job can be asked: ASK_NEEDS_*.
unsigned ask_can(const struct job *job);

// Appends the params of a question as an older revision wants them.
void downgrade_question(struct buf *out, enum ask_kind kind,
                        struct slice params, enum revision revision);
// The other way, for the answer: lists that were asked for as a text. False:
// there is nothing to change, `out` is as it was.
bool upgrade_answer(struct buf *out, struct slice params, struct slice answer);

#endif
