// log_line.h -- a script's message and fields as one log line.

#ifndef BIND_LOG_LINE_H
#define BIND_LOG_LINE_H

#include <lua.h>

#include "base/log.h"
#include "base/slice.h"

// Writes (message: string, fields?: table) at `arg` and behind it: the fields as
// key=value with their names in order, tables as JSON, then `tail` (absent, or
// more pairs), under the name of the script that calls. A NULL log, or one that
// is not on for the level, is fine. Raises for wrong arguments.
void log_line(lua_State *L, int arg, struct log *log, enum log_level level,
              struct slice tail);

#endif
