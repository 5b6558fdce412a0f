// announcer.h -- where a script's word goes that something it offers changed.
//
// Below mcp/, which tells the clients; so that a call can be made without any.

#ifndef SCRIPT_ANNOUNCER_H
#define SCRIPT_ANNOUNCER_H

#include "base/slice.h"

enum list_kind { LIST_TOOLS, LIST_PROMPTS, LIST_RESOURCES, LIST_KINDS };
extern const char *const list_names[LIST_KINDS + 1]; // the last is NULL

// On the thread of the call; neither waits nor calls back.
struct announcer {
  void (*changed)(void *ctx, enum list_kind list); // what the list shows
  void (*updated)(void *ctx, struct slice uri);    // what the resource holds
  void *ctx;                                       // keeps
};

#endif
