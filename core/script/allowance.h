// allowance.h -- what a run of a script may use before it must wait or end.
//
// A run has a number of instructions and, in a real loop, a time. A count hook
// looks after both; memory that is allocated counts as instructions too, and
// brings the hook forward, since one instruction can copy megabytes. Once a
// budget is used up the hook is set to every instruction and raises each time,
// so that no pcall can hold it.
//
// For bindings that do work in proportion to a length without allocating.

#ifndef SCRIPT_ALLOWANCE_H
#define SCRIPT_ALLOWANCE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

// Counts `work` (about nanoseconds) against what L's run may use. When that is
// too much, the script is stopped at its next instruction. Does not raise.
void allowance_charge(lua_State *L, size_t work);

// The same in the middle of a long piece of work: false if it must stop now, by
// raising anything.
bool allowance_left(lua_State *L, size_t work);

#endif
