// call_inside.h -- what the files of a call share; nobody else includes it.

#ifndef SCRIPT_CALL_INSIDE_H
#define SCRIPT_CALL_INSIDE_H

#include "loop/loop.h"
#include "script/call.h"
#include "script/task.h"

struct call {
  struct live live;
  const struct tool *tool;
  struct slice principal, request_id;
  const struct json_doc *doc; // the arguments, complete with defaults
  uint32_t node;              // in doc; JSON_NONE and no doc: {}
  uint32_t slot, others;      // as call_options has them
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
  struct list parts;
  uint32_t attempts;
  enum side_effect side_effect;
  bool falling_back;
  bool expired;             // the timer has fired
  struct error first_error; // what led to the fallback
  struct arena arena;
  struct buf out;     // the result, when it had to be written
  struct trail trail; // last: its steps need no clearing
};

static inline struct loop *call_loop(const struct call *c)
{
  return vm_loop(c->live.vm);
}

#endif
