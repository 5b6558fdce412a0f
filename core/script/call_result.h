// call_result.h -- what a handler returned, as the result of its call.

#ifndef SCRIPT_CALL_RESULT_H
#define SCRIPT_CALL_RESULT_H

#include <lua.h>

#include "base/arena.h"
#include "base/buf.h"
#include "script/call.h"

#define CONTENT_TYPE "tide.Content"
#define RESULT_TYPE  "tide.Result" // { value =, content =, meta = }

// Blocks of tide.content, or one?
bool call_result_is_content(lua_State *L, int index);

// Reads the handler's first result (index 1 of L) into `r`: form and body.
// What must be written is written into `out` or `arena`; a response's bytes are
// borrowed.
// Checks it against the tool's result schema. On any error `r->error` says what
// is wrong with it, and r->form is CALL_ERROR.
enum error_code call_result_read(lua_State *L, const struct tool *tool,
                                 struct buf *out, struct arena *arena,
                                 struct call_result *r);

// Reads the error object at `index` into r->error and r->details (JSON, in
// `arena`; left out when its `details` cannot become JSON).
void call_result_details(lua_State *L, int index, struct arena *arena,
                         struct call_result *r);

#endif
