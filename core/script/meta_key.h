// meta_key.h -- keys of _meta: "name", or "prefix/name", where the prefix is labels
// with dots ("com.example"), and must be nobody else's.

#ifndef SCRIPT_META_KEY_H
#define SCRIPT_META_KEY_H

#include "base/slice.h"

// What is wrong with it as a script's own key; NULL if nothing is.
const char *meta_key_fault(struct slice key);

#endif
