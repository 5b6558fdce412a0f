// arguments.h -- what the bindings do alike with arguments and results.

#ifndef BIND_ARGUMENTS_H
#define BIND_ARGUMENTS_H

#include <lua.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

// A string or number, borrowed from the stack. Raises otherwise.
struct slice check_slice(lua_State *L, int arg);

// The same, or the bytes of a secret; `is_secret` (may be NULL) says which.
struct slice check_bytes(lua_State *L, int arg, bool *is_secret);

// Raises unless the argument is absent, or a table with no other keys than
// `names` (NULL-terminated). True if it is there.
bool check_options(lua_State *L, int arg, const char *const *names);

// Which of `names` (NULL-terminated) the value at `index` is; `what` says whose it
// is, as in "ctx.notify: level". Raises if it is none.
int check_choice(lua_State *L, int index, const char *what,
                 const char *const *names);

// Pushes what a buffer holds; raises if memory ran out while it was written. +1
void push_buf(lua_State *L, const struct buf *b);

// For `return push_failure(L, ...)`: nil and an error object. +2
int push_failure(lua_State *L, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
