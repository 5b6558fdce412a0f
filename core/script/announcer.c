// announcer.c -- see announcer.h for the contract.

#include "script/announcer.h"

const char *const list_names[LIST_KINDS + 1] = {"tools", "prompts", "resources",
                                                NULL};
