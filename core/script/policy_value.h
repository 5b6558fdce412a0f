// policy_value.h -- tide.policy.extend, for policies and for scripts.

#ifndef SCRIPT_POLICY_VALUE_H
#define SCRIPT_POLICY_VALUE_H

#include <lua.h>

// extend(base, more, ...): a copy of `base` with the settings of `more`, tables
// in tables included. None of them is changed.
int policy_value_extend(lua_State *L);

#endif
