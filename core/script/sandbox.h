// sandbox.h -- what scripts see, and that they cannot change it.
//
// Each chunk has an environment of its own that is empty and read-only: behind
// it stands a table with what scripts may use. Reading a name that is not there
// raises, and so does assigning one: a script has locals only, and no two can
// reach each other. Libraries are read-only views too.
//
// Left out because they reach outside, run unseen or cannot be bounded: io,
// debug, load and its kin, coroutine, collectgarbage, rawset, string.dump, the
// rest of os. setmetatable refuses __gc: it would run outside of any task.
// xpcall runs its handler after the stack is unwound: an error that the budget
// raises would run a handler without a budget.

#ifndef SCRIPT_SANDBOX_H
#define SCRIPT_SANDBOX_H

#include <lua.h>
#include <stdbool.h>

#include "base/slice.h"

// Builds what all chunks see, once per VM. Raises. -0 +0
void sandbox_open(lua_State *L);

// Compiles text (never bytecode) as the function of a chunk with a new
// environment, whose `require` is the value on the top, if that is not nil.
// Raises what the compiler says. -1 +1
void sandbox_load(lua_State *L, struct slice name, struct slice text);

// The `require` for the chunks of one script; nil if the VM has no reader. +1
void sandbox_push_require(lua_State *L, struct slice script);

// Replaces the table on the top by a read-only view of it, the tables in it
// too. `name` ("tide.json") is used in messages. `strict`: reading a field that
// is not there raises, with a suggestion. Raises. -1 +1
void sandbox_freeze(lua_State *L, const char *name, bool strict);

// --- for sandbox.c: functions of the library that scripts get bounded ---

// The table on the top (a library just opened) gets ours in place of Lua's.
void sandbox_bound_string(lua_State *L);
void sandbox_bound_table(lua_State *L);
void sandbox_bound_utf8(lua_State *L);
// Adds setmetatable and xpcall to the table on the top.
void sandbox_bound_base(lua_State *L);
// Pushes { time, date } by the loop's wall clock.
void sandbox_push_os(lua_State *L);

#endif
