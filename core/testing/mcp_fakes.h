// mcp_fakes.h -- an MCP server for specs: no sockets, no scripts.
//
// The world is a server with a catalog of tools whose calls wait until the spec
// finishes them, and outlets that record what left.

#ifndef TESTING_MCP_FAKES_H
#define TESTING_MCP_FAKES_H

#include "base/arena.h"
#include "mcp/serve.h"
#include "script/ask.h"
#include "script/form.h"
#include "testing/t_base.h"

#define WORLD_KEY       "a key of more than 16 bytes" // of all of them
#define WORLD_CALLS     64
#define WORLD_TOOLS     300
#define WORLD_QUESTIONS 400

struct call { // what script/call.h keeps opaque
  struct world *world;
  call_done_fn done;
  void *ctx;
  const struct call_listener *listener; // NULL is fine
  bool has_run;
  unsigned char run[RUN_ID_LEN];
  bool running;
  char cancelled_by[16];
  struct buf tool, arguments, request_id, principal, prepared;
  uint32_t slot;
  bool as_task;
  uint64_t deadline_ns;
  struct asker *asker;
  struct question *question; // the last; the world frees it
};

struct world {
  struct shed shed; // of `late`
  struct mcp_server *server;
  struct mcp_shared *shared; // own, or the other world's
  struct hub *hub;
  bool owns_shared; // and the hub
  struct loop *loop;
  struct mailbox *mailbox; // NULL unless asked for
  struct seal_ring *ring;
  struct secret_set *secrets;
  struct secret *secret;
  struct live live;
  struct generation generation;
  struct catalog catalog;
  struct policy policy; // of all tools
  struct call calls[WORLD_CALLS];
  unsigned call_count;
  struct t_question *questions[WORLD_QUESTIONS];
  unsigned question_count;
  bool at_once; // calls are done inside start, with an empty object
  bool refuses; // calls cannot be started
  struct arena arena;
};

// What a call of the world asks.
struct t_question {
  struct question q;
  struct call *call;
  struct form form;
  struct arena arena;
  bool open;
};

// --- mcp_asks.c ---

// The call asks no more.
void t_drop_questions(struct call *call);
void t_free_questions(struct world *w);
int t_world_ask(lua_State *L);
int t_world_question(lua_State *L);
int t_world_drop(lua_State *L);
int t_world_claim(lua_State *L);
int t_world_state(lua_State *L);
int t_ask_digest(lua_State *L);

// What left through one outlet.
struct answer {
  bool ended, streamed, fault_fired;
  bool slow, lasts;     // it takes nothing; a stream that lasts
  struct slice message; // is overwritten then, since it would be freed
  bool left;            // its stream is over, the request is not
  int status;
  struct buf headers, body; // "name: value\n"
  void (*on_gone)(void *ctx);
  void *gone_ctx;
  void (*on_drain)(void *ctx);
  void *drain_ctx;
  // The request, which must live as long.
  struct arena arena;
};

#define T_WORLD "T.mcp.world"

extern const struct luaL_Reg t_task_methods[]; // of worlds (mcp_questions.c)
extern const struct outlet_ops t_outlet_ops;
extern const struct runner t_runner;

void t_free_question(struct call *call);

// Reads { form=, body=, ... } at `index`.
struct call_result t_read_result(lua_State *L, int index);

// Functions of T.mcp that need no world. (mcp_pure.c)
int t_reply(lua_State *L);
int t_cursor(lua_State *L);
int t_header_value(lua_State *L);
int t_fail_after(lua_State *L);
int t_fired(lua_State *L);

#endif
