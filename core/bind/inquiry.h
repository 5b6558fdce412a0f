// inquiry.h -- a question that a script is about to ask, and waits for.
//
// It lives on the heap and belongs to its call, so that a Lua error while it is
// being made leaks nothing: it ends with inquiry_free(), at the latest when the
// call ends.

#ifndef BIND_INQUIRY_H
#define BIND_INQUIRY_H

#include <lua.h>
#include <stdbool.h>

#include "script/call.h"
#include "script/faults.h"
#include "script/form.h"
#include "script/task.h"

struct inquiry {
  struct call_part part; // in its call's list until freed
  struct question q;
  struct arena arena;
  struct faults faults;
  struct buf text;   // scratch
  struct buf params; // of the question
  struct form form;
  struct timer timer;
  struct task_ticket ticket;
  uint64_t asked_ns;
  bool open;    // the asker has it
  bool waiting; // a task waits for it
  int (*push)(lua_State *L, struct inquiry *i, const struct json_doc *answer);
};

// Raises if nothing may be asked here: outside of a handler, after an unsafe
// request, too often. `what` is "ctx.ask". Also takes `key` and `timeout` of the
// options at 1, if that is a table.
struct inquiry *inquiry_new(lua_State *L, const char *what);
void inquiry_free(struct inquiry *i);

// Asks what is in `params` and returns what the binding returns: the results
// that `push` makes, or nil and an error. Waits.
int inquiry_ask(lua_State *L, struct inquiry *i);

#endif
