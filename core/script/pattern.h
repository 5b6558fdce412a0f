// pattern.h -- Lua's patterns, with a budget.
//
// The same language as string.find and its kin in Lua 5.4, with the same
// messages, but a match that takes too many steps is stopped as any other code
// of a script: Lua's own matcher can go back and forth for years inside of one
// call, where no hook sees it. A spec compares the two.

#ifndef SCRIPT_PATTERN_H
#define SCRIPT_PATTERN_H

#include <lua.h>
#include <stddef.h>

#include "base/slice.h"

#define PATTERN_CAPTURES 32
#define CAPTURE_OPEN     ((ptrdiff_t)-1) // begun, not ended
#define CAPTURE_POSITION ((ptrdiff_t)-2) // "()"

struct pattern_capture {
  const char *start;
  ptrdiff_t len;
};

struct pattern {
  lua_State *L;
  const char *subject, *subject_end;
  const char *pattern, *pattern_end;
  unsigned steps, depth;
  int count; // of captures
  struct pattern_capture captures[PATTERN_CAPTURES];
};

// Borrows both; `pattern` without a '^' in front, and a NUL stands behind it.
void pattern_init(struct pattern *m, lua_State *L, struct slice subject,
                  struct slice pattern);

// Behind the match that begins at `at`, NULL if there is none. Raises for a
// malformed pattern and when the budget is used up.
const char *pattern_match(struct pattern *m, const char *at);

// Pushes capture i of the last match; without captures, 0 is all of it. +1
void pattern_push(struct pattern *m, int i, const char *from, const char *to);
// All captures; all of the match if there are none and `from` is given. How
// many. +n
int pattern_push_all(struct pattern *m, const char *from, const char *to);

// Puts find, match, gmatch and gsub in place of Lua's into the table on the
// top. -0 +0
void pattern_open(lua_State *L);

#endif
