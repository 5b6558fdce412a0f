// method.h -- a row of the table of methods.
//
// A feature is added by adding rows and a file with their handlers; nothing
// else in the dispatcher knows a method by name.

#ifndef MCP_METHOD_H
#define MCP_METHOD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "mcp/revision.h"
#include "mcp/rpc.h"

struct job; // one message being served (serve.h)

enum {
  METHOD_LEGACY = 1u << 0, // served to legacy clients
  METHOD_MODERN = 1u << 1, // served to modern ones
  METHOD_WORK = 1u << 2,   // runs a script: refused when there is too much
  METHOD_ASKS = 1u << 3    // its calls may ask the client
};

struct method {
  struct slice name;
  unsigned flags;
  uint32_t needs; // capabilities the client must have declared
  // Rung 8, modern only: headers that depend on what the params name. NULL is
  // fine. False: refused.
  bool (*check)(struct job *job, struct refusal *why);
  // Answers now or later, exactly once (serve.h). For a notification: acts on
  // it and answers nothing.
  void (*run)(struct job *job);
};

struct method_table {
  const struct method *rows;
  size_t count;
};

// NULL when there is none of that name for that era.
const struct method *method_find(const struct method_table *table,
                                 struct slice name, enum era era);

#endif
