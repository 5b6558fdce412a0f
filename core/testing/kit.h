// kit.h -- what the files of the kit share.
//
//   kit.c            the module, a kit's life, its log
//   kit_run.c        letting time go by
//   kit_cache.c      what is kept, and shared
//   kit_changes.c    what scripts say has changed
//   kit_call.c       calls: started, ended
//   kit_fields.c     what can be seen of them
//   kit_upstream.c   rules for the upstream, and what it was asked
//   kit_ask.c        the user who answers
//   kit_behaviour.c  one behaviour, from a Lua table
//   net/scripted.c   the transport that does it
//
// A kit is a userdata with two user values: the Lua functions that behave in
// place of a table, and what one of them raised. A call is C memory of its own,
// in the kit's list while it runs, so that nothing depends on when Lua collects
// what; its userdata points at it and keeps the kit.
//
// Whatever C memory a function needs while Lua may raise hangs off the kit or
// the call (`text`, `scratch`), so that a raise loses nothing.

#ifndef TESTING_KIT_H
#define TESTING_KIT_H

#include <lauxlib.h>

#include "base/list.h"
#include "bind/bind.h"
#include "guard/fetch.h"
#include "guard/shed.h"
#include "guard/upstream.h"
#include "loop/clock.h"
#include "loop/mailbox.h"
#include "net/scripted.h"
#include "script/call.h"
#include "script/replay.h"

#define KIT_TYPE    "tidegate.testing.Kit"
#define CALL_TYPE   "tidegate.testing.Call"
#define KIT_AT_WORK "the kit is at work: an upstream's function can only answer"
// The loop's time when a kit is made.
#define KIT_START_NS (1000 * NS_PER_S)

enum {
  KIT_FUNCTIONS = 1,
  KIT_RAISED,
  KIT_ANSWERS,
  KIT_QUESTIONS,
  KIT_USER_VALUES = KIT_QUESTIONS
};

struct kit {
  struct loop *loop;
  struct scripted *upstream;
  struct upstream_set *upstreams;
  struct fetch_shared *fetches;
  size_t cache_bytes;
  struct prng chance;
  struct shed shed; // of kit:late()
  struct live live;
  struct log *log;
  int log_fd;
  struct secret_set *secrets;
  struct bind_env bind;
  struct arena arena; // lives as long as the kit
  struct header *secret_values, *env_values;
  size_t secret_count, env_count;
  struct announcer announcer;
  struct buf changes; // a line each
  struct list calls;  // that run
  uint64_t call_count;
  bool closed;

  lua_State *L; // of the method that runs the engine now; else NULL
  int self;     // the kit's index there
  bool raised;  // a behaviour's function raised: KIT_RAISED

  struct buf text;      // scratch
  struct arena scratch; // scratch
  struct arena asked;   // scratch while a behaviour's function runs
};

// --- kit.c ---

// The kit at index 1; raises if it is closed.
struct kit *kit_check(lua_State *L);
// The same; raises also if the engine runs, that is, a behaviour's function
// asks.
struct kit *kit_check_idle(lua_State *L);

// --- kit_run.c ---

// Around everything that runs the engine: `self` is the kit's index on L. Leave
// raises what a behaviour's function raised.
void kit_enter(lua_State *L, struct kit *kit, int self);
void kit_leave(lua_State *L, struct kit *kit);

// Lets time go by until *done (if given) or `until_ns`, between enter and
// leave. NULL, or why it cannot go on.
const char *kit_run(struct kit *kit, const bool *done, uint64_t until_ns);

int kit_advance(lua_State *L);
int kit_now_ms(lua_State *L);
int kit_quiet(lua_State *L);
int kit_late(lua_State *L);
int kit_memory(lua_State *L);
int kit_starve(lua_State *L);

// --- kit_cache.c ---

int kit_cache(lua_State *L);

// --- kit_changes.c ---

void kit_listen(struct kit *kit); // from now on
int kit_changes(lua_State *L);

// --- kit_call.c ---

void kit_open_calls(lua_State *L); // makes the type. -0 +0
// Cancels what runs.
void kit_end_calls(struct kit *kit);
// There are other answers now for what waits for one.
void kit_ask_again(struct kit *kit);

int kit_start(lua_State *L);
int kit_call(lua_State *L);
int kit_task(lua_State *L);
int kit_read(lua_State *L);
int kit_prompt(lua_State *L);

// --- kit_ask.c ---

// The client of one call: answers as kit:answer() says.
struct kit_client {
  struct kit *kit;
  bool parks; // the call waits for its answers, as in legacy MCP
  unsigned can;
  struct replay replay;
  struct asker parked;
  struct list open;       // questions that are parked
  struct list unanswered; // and that nobody has answered when it was asked
  struct deferred turn;
  void (*suspend)(struct kit_client *c);
  struct arena arena;
};

void kit_client_init(struct kit_client *c, struct kit *kit);
void kit_client_finish(struct kit_client *c);
struct asker *kit_client_asker(struct kit_client *c);
void kit_client_ask_again(struct kit_client *c); // what nobody answered
// The call was suspended: is everything answered, so that it can be replayed?
bool kit_client_answers(struct kit_client *c);

int kit_answer(lua_State *L);
int kit_questions(lua_State *L);

// --- kit_upstream.c ---

int kit_upstream(lua_State *L);
int kit_requests(lua_State *L);
int kit_clear(lua_State *L);

// --- kit_behaviour.c ---

// Reads { status =, headers =, json = or body =, delay_ms =, body_ms =,
// hang = true } or { fail = "reset", sent = true }, where fail is an end of
// http_client.h. Texts are kept in `arena`. Raises for anything else.
void kit_read_behaviour(lua_State *L, int index, struct arena *arena,
                        struct behaviour *out);

// --- what several need ---

void kit_set_slice(lua_State *L, const char *name, struct slice s); // -0 +0
// Raises unless all keys of the table are among `names`, which ends in NULL.
void kit_check_keys(lua_State *L, int index, const char *what,
                    const char *const *names);
// Pushes the value that JSON text stands for, or nil. +1
void kit_push_json(lua_State *L, struct slice text, struct arena *scratch);

#endif
