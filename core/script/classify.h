// classify.h -- what an integration's own function says that an answer means.
//
//   upstream.classify = function(res, outcome) ... return "throttled" end
//
// The guard asks it once for each attempt that was answered, between the wire and
// everybody who reads the outcome: retry, breaker, budgets, gate, cache. It runs
// outside of any task, on the loop, so it may not wait and has little time
// (100,000 instructions, 5 ms). `res` is a view of the answer, good until it
// returns; nothing is decoded that it does not look at. It says nothing, or one
// of the outcomes that an answer can have; what may be repeated is not its to say.
//
// Where it raises, loops or says something else, what the table says stands, and
// that is counted: one count for the service in the process, seen in the trail
// and, at most once a minute, in the log. The loader tries it on a few answers.
//
// A classifier belongs to its VM. For the worker's thread.

#ifndef SCRIPT_CLASSIFY_H
#define SCRIPT_CLASSIFY_H

#include <lua.h>

#include "base/trail.h"
#include "guard/outcome.h"
#include "script/catalog.h"
#include "script/vm.h"

struct classifier;

// NULL if the integration declares none. Raises when out of memory.
struct classifier *classifier_of(lua_State *L, const struct integration *in);

// For exchange_options: classify, classify_keep. ctx: the classifier
enum outcome classifier_ask(void *ctx, const struct http_answer *answer,
                            enum outcome by_table, struct trail *trail);
void classifier_keep(void *ctx, bool keep);

// What a trial has shown: NULL, or what is wrong with it. `vm` is being loaded.
// `sure`: it is wrong whatever answers come.
const char *classifier_try(struct vm *vm, uint32_t slot, bool *sure,
                           struct error *room);

#endif
