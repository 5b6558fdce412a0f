// call_inside.h -- what the files of a call share; nobody else includes it.

#ifndef SCRIPT_CALL_INSIDE_H
#define SCRIPT_CALL_INSIDE_H

#include "loop/loop.h"
#include "script/call.h"
#include "script/task.h"

struct call {
  struct live live;
  const struct tool *tool;
  struct call *parent;  // NULL: the outermost
  lua_State *from;      // of the parent, that waits; NULL: of the VM
  uint32_t depth;       // 1: the outermost
  uint16_t number;      // of this call among the inner ones
  uint16_t inner_count; // of the outermost: inner calls so far
  struct slice principal, request_id;
  const struct json_doc *doc; // the arguments, complete with defaults
  uint32_t node;              // in doc; JSON_NONE and no doc: {}
  uint32_t slot, others;      // as call_options has them
  struct slice prepared;      // the same; in the arena
  struct json_doc own_doc;
  call_done_fn done;
  void *ctx;
  struct task_ticket ticket;
  bool *ended; // told by end(); set while a task is being started
  bool again;  // the handler failed while it was being started
  const struct call_listener *listener;
  bool has_progress; // told before
  double progress;
  uint32_t told; // notices
  struct timer timer;
  uint64_t deadline_ns;
  uint64_t stop_ns; // when the timer ends what runs
  struct list parts;
  uint32_t attempts;
  enum side_effect side_effect;
  bool falling_back;
  bool expired;          // the timer has fired
  bool suspended;        // to be replayed
  struct asking *asking; // of the outermost
  struct asking own_asking;
  uint32_t waits; // questions of it and its inner calls that are open
  uint64_t waits_since_ns;
  struct error first_error; // what led to the fallback
  struct slice first_details;
  struct slice degraded;
  int64_t age_ms;
  struct arena arena;
  struct buf out;     // the result, when it had to be written
  struct trail trail; // last: its steps need no clearing
};

// --- call_fallback.c ---

bool call_has_fallback(const struct tool *tool);
// Is this a failure that the fallback is for? Notes in the trail why not.
bool call_wants_fallback(struct call *c, const struct error *err);
// Pushes what led to the fallback. +1
void call_push_first_error(lua_State *L, struct call *c);
// The fallback has failed, broken, or (code OK) had nothing: `r` becomes what led
// to it.
void call_fallback_failed(struct call *c, struct call_result *r);

// --- call.c ---

void call_step(struct call *c, enum trail_kind kind, enum error_code code,
               int64_t a, struct slice label);

static inline struct loop *call_loop(const struct call *c)
{
  return vm_loop(c->live.vm);
}

// How long it has been waiting for its client now, which does not count.
static inline uint64_t call_waited_ns(const struct call *c)
{
  return c->waits ? loop_now(call_loop(c)) - c->waits_since_ns : 0;
}

#endif
