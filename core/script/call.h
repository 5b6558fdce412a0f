// call.h -- one call of a handler: arguments in, result or error out. A tool's
// handler mostly; a resource, a prompt and a completion are called the same way.
//
// A call owns everything that it needs -- arena, trail, exchanges, responses,
// its hold on the VM -- and gives it all back when it ends. It checks the
// arguments, runs the handler as a task under the policy's deadline, runs the
// fallback if there is one and the handler failed, checks the result where the
// tool declares one, and calls `done` exactly once: with a result, an error, or
// (inline, from call_cancel) E_CANCELLED. `done` may run inside call_start().
//
// The fallback is for failures of the service, never for an answer that says no,
// nor for a caller who left; nor, unless the tool says so, when something may
// have been done already. What it gives is marked as degraded; when it fails
// too, the error is the one that led to it. A call made in a fallback has none.
//
// A handler may call another tool: an inner call, with the caller's principal
// and request id, at most until the caller's deadline, cancelled with it. Its
// attempts and what it may have done count for the caller as well, and its
// steps go into the caller's trail when it ends.
//
// What the handler returns: a table or a response becomes JSON (a response's
// bytes are spliced, not decoded), a string text, blocks of tide.content
// content; nil with anything behind it is an error. Where the tool declares a
// result, it must be a value that keeps to it: no text, no content. A resource
// may be bytes, and where nothing is returned there is none of that URI.
// For the worker's thread.

#ifndef SCRIPT_CALL_H
#define SCRIPT_CALL_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/list.h"
#include "base/trail.h"
#include "script/ask.h"
#include "script/generation.h"

struct call;

#define CALL_DEPTH_MAX 8 // calls in calls, the outermost counted

// How far a handler is. `progress` grows; a total may be known.
struct call_progress {
  double progress, total;
  bool has_total;
  struct slice message; // absent if none
};

// How grave what it tells its client is; MCP's words, the last is NULL.
enum note_level {
  NOTE_DEBUG,
  NOTE_INFO,
  NOTE_NOTICE,
  NOTE_WARNING,
  NOTE_ERROR,
  NOTE_CRITICAL,
  NOTE_ALERT,
  NOTE_EMERGENCY,
  NOTE_LEVELS
};
extern const char *const note_names[NOTE_LEVELS + 1];

// Whoever wants to hear while the call runs; ctx is that of done. Called from
// inside the handler: may not cancel the call.
struct call_listener {
  void (*progress)(void *ctx, const struct call_progress *p);
  void (*note)(void *ctx, enum note_level level, struct slice logger,
               struct slice data); // data: JSON
  // May the client's connection go, so that it comes back in `retry_ms` for the
  // answer? False: it would not. NULL: never.
  bool (*detach)(void *ctx, uint32_t retry_ms);
};

struct call_options {
  const struct tool *tool;    // of live->generation
  const struct json_doc *doc; // borrowed until call_start() returns
  uint32_t arguments;         // node, or JSON_NONE for none
  // Another function of that script, (ctx, arguments, others): its arguments are
  // not checked, but for the tool's prepare(ctx, arguments), whose result is JSON
  // of any type. 0: the tool's own.
  uint32_t slot;
  uint32_t others;         // node of doc
  struct slice prepared;   // JSON that run gets behind its arguments
  bool acted;              // by prepare, as call_result says
  bool as_task;            // under the policy's task.deadline_ms
  struct slice principal;  // "anonymous" until there is inbound auth
  struct slice request_id; // shown to the agent and in the log
  uint64_t deadline_ns;    // 0: by the policy; else whichever is earlier
  const struct call_listener *listener; // keeps; NULL: nobody listens
  // An inner call: whose handler makes it (keeps; attach something that cancels
  // it), and the coroutine that waits for it, with room for 4 values. Principal,
  // request id and listener are then the caller's.
  struct call *parent;
  lua_State *from;
  struct asker *asker; // keeps; NULL: there is nobody to ask (script/ask.h)
  // RUN_ID_LEN bytes, of the run that this one replays. NULL: a new one.
  const unsigned char *run;
};

enum call_form {
  CALL_JSON,    // `body` is JSON of any type
  CALL_TEXT,    // `body` is UTF-8 text
  CALL_CONTENT, // `body` is a JSON array of MCP content blocks (modern form)
  CALL_ERROR,   // `error` and what follows it
  CALL_BYTES    // `body` is a resource that is no text
};

struct call_result {
  enum call_form form;
  struct slice body; // lives until done returns
  bool body_checked; // known to be valid JSON
  // tide.content.result: blocks for those that do not read the value, as
  // CALL_CONTENT has them, and an object for _meta; absent if not said.
  struct slice content, meta;
  struct error error;
  struct slice details; // JSON object; absent if none
  uint32_t attempts;    // on the wire, over all exchanges
  enum side_effect side_effect;
  // Not what was asked for but the next best; absent if it is. "fallback",
  // "static", or what call_degrade() was told ("cache"). How old; -1: not known.
  struct slice degraded;
  int64_t age_ms;
  // call_suspend() ended it: a question is open. `form` is CALL_ERROR.
  bool suspended;
  bool acted;               // it has sent what must not be sent twice
  unsigned lacked;          // what the client cannot do but was to: ASK_NEEDS_*
  const unsigned char *run; // NULL: nobody has asked for it
  const struct trail *trail;
};

typedef void (*call_done_fn)(void *ctx, struct call *call,
                             const struct call_result *result);

// Keeps ctx. NULL (and done is not called) only when out of memory.
// Otherwise the pointer is good until done has been called.
struct call *call_start(const struct live *live,
                        const struct call_options *options, call_done_fn done,
                        void *ctx);
// The client left or cancelled: stops what runs; done comes inline.
// `by` goes into the trail ("client", "shutdown").
void call_cancel(struct call *call, const char *by);
// It has asked something, and will be replayed with the answer: done comes
// inline, `suspended`. From the loop, not from inside the handler.
void call_suspend(struct call *call);

// --- for bindings: what a running handler may use of its call ---

// Something that belongs to the call and must be given back when it ends. Link
// it with call_attach(); unlink with list_remove() when it is over sooner.
struct call_part {
  struct list link;
  struct call *call;
  void (*stop)(struct call_part *part); // unlinks itself
};

void call_attach(struct call *call, struct call_part *part);
// The call of the running task of L; raises a Lua error outside of one. `what`
// is named in the message.
struct call *call_of(lua_State *L, const char *what);
const struct tool *call_tool(const struct call *call);
const char *call_kind(const struct call *call); // "tool", for messages
const struct live *call_live(const struct call *call);
struct arena *call_arena(struct call *call);
struct trail *call_trail(struct call *call);
struct slice call_principal(const struct call *call);
struct slice call_request_id(const struct call *call);
// Does its fallback run?
bool call_falls_back(const struct call *call);
uint64_t call_deadline(const struct call *call); // loop time
uint32_t call_depth(const struct call *call);    // 1: the outermost
// Is what is stopped now stopped because the call's time is over?
bool call_expired(const struct call *call);
// To the listener, if there is one. At most a thousand in a call; progress that
// does not grow is not told.
void call_tell_progress(struct call *call, const struct call_progress *p);
void call_tell(struct call *call, enum note_level level, struct slice json);
// What it returns will not be what was asked for: `source` is one of a few
// words and kept as a pointer; age_ms -1 if not known. The first one stays.
void call_degrade(struct call *call, struct slice source, int64_t age_ms);
// What it asks its client; never NULL.
struct asking *call_asking(struct call *call);
// A question is open, or (false) no longer: the deadline stands still meanwhile.
void call_wait_for_client(struct call *call, bool waits);
bool call_detach(struct call *call, uint32_t retry_ms);
// Counts an attempt and remembers the worst that may have happened.
void call_note_attempt(struct call *call, enum side_effect effect);

#endif
