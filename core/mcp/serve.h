// serve.h -- inside mcp/: the server, the request being answered, its messages.
//
// A request is an `exchange`; each message in it that wants an answer is a
// `job` (one, or up to fifty in a legacy batch). A handler answers its job
// exactly once, at once or later; with the last answer the exchange is over and
// its memory goes to the next one.
//
// Knows neither sockets nor scripts: answers leave through an outlet
// (reply.h), calls are made by a runner. For the worker's thread.

#ifndef MCP_SERVE_H
#define MCP_SERVE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/random.h"
#include "mcp/duplex.h"
#include "mcp/inbound.h"
#include "mcp/news.h"
#include "mcp/origin.h"
#include "mcp/reply.h"
#include "mcp/server.h"
#include "mcp/stream.h"
#include "mcp/tool_list.h"

// Who makes calls: script/call.h, or a spec.
struct runner {
  struct call *(*start)(const struct live *live,
                        const struct call_options *options, call_done_fn done,
                        void *ctx);
  void (*cancel)(struct call *call, const char *by);
  void (*suspend)(struct call *call);
};

struct mcp_server {
  struct mcp_server_options options; // with defaults filled in
  const struct runner *runner;
  struct mcp_shared *own_shared; // if none was given
  struct hub *own_hub;           // the same
  struct mailbox *own_mailbox;   // the same
  struct buf info;               // serverInfo, as JSON
  struct tool_list list;
  struct streams streams; // subscriptions
  struct pulse pulse;     // of all event streams
  struct list running;    // exchanges
  struct list spare;      // exchanges to use again
  struct list visitors;   // connections that came back (away.c)
  struct timer sweep;     // of what is kept for them
  struct list errands;    // that run here (errand_run.c)
  struct timer due;       // when the next errand's time is over
  struct timer farewell;  // of the streams, when the process ends
  struct news_table news;
  struct duplexes duplexes; // of HTTP+SSE
  uint32_t spares;
  uint64_t request_seed, request_count;
};

struct job {
  struct exchange *exchange;
  const struct envelope *env;
  const struct method *method;
  bool answered;
  bool cancelled;            // by the client, so that no answer is wanted
  bool quiet;                // the client does not read: no more notices
  const struct tool *tool;   // tools/call
  const struct offer *offer; // resources/read, prompts/get
  struct call *call;         // while it runs
  uint32_t calls_over;
  void (*answer)(struct job *job, const struct call_result *result);
  bool as_errand;          // the call runs on after the answer
  int64_t ttl_ms;          // that the client asked for; 0: it did not
  struct slice prepared;   // what came before it, JSON
  bool acted;              // what came before it: call_result.acted
  struct waiting *waiting; // tasks/result, while it waits
  // While something runs that can be stopped; the answer comes inside.
  void (*stop)(struct job *job, const char *by);
  struct inflight inflight; // legacy, with a session
  struct rounds *rounds;    // of questions, modern (ask.h)
  struct park *park;        // the same, legacy
};

struct exchange {
  struct list link;
  struct mcp_server *server;
  struct arena arena; // until the exchange ends
  struct inbound in;
  struct session *peer; // of a connection that is its own session; else NULL
  const struct header *headers;
  size_t header_count;
  struct reply reply;
  struct job *jobs;
  uint32_t open;    // jobs not answered, and 1 while they are being started
  uint32_t answers; // in `out`
  bool any_request;
  bool left;            // somebody else has the reply
  int status;           // of the answer; 200 unless it was refused
  struct timer absence; // legacy (away.c)
  bool gone;            // the client left
  struct buf out;       // the answer, or the answers of a batch
};

// --- the server ---

// As mcp_server_new(); keeps `runner`.
struct mcp_server *serve_new(const struct mcp_server_options *options,
                             const struct runner *runner);
void serve_free(struct mcp_server *s); // NULL is fine

// A request and where its answer goes. `message` must live until the outlet
// has ended the request.
void serve(struct mcp_server *s, const struct http_message *message,
           bool unix_socket, struct outlet outlet);

// A message that came without HTTP. `peer` is what the connection agreed on, and
// initialize writes it; its id names the connection. Both must live until the
// outlet has ended the request.
void serve_bare(struct mcp_server *s, struct slice message,
                struct session *peer, struct outlet outlet);

// Ends all subscriptions with their result; no other may begin. And the own
// streams of legacy sessions, and HTTP+SSE when nothing runs there any more.
void serve_end_streams(struct mcp_server *s);

// While something that may answer its last job is being begun.
void exchange_hold(struct exchange *ex);
void exchange_let_go(struct exchange *ex);
// Stops what runs for it; the answers come inside.
void exchange_stop(struct exchange *ex, const char *by);
// Ends a request of which no message runs: refused as in.why says.
void exchange_refuse(struct exchange *ex);
// The same without a word, the reply being somebody else's.
void exchange_drop(struct exchange *ex);
// 405, with what is allowed instead.
void exchange_refuse_method(struct exchange *ex, struct slice allow);
struct inbound_rules serve_rules(const struct mcp_server *s);

// --- legacy clients that go and come back (away.c) ---

void away_init(struct mcp_server *s);
void away_finish(struct mcp_server *s);
// Ends the sessions' own streams; those of answers end with the answer.
void away_end_visits(struct mcp_server *s);
// Looks for what has expired from time to time, while there is anything.
void away_sweep_soon(struct mcp_server *s);
// What is said to this client is kept from now on, if it can come back.
void away_prepare(struct exchange *ex);
// It waits for an answer.
void away_wait(struct exchange *ex);
// It left before the answer.
void away_gone(struct exchange *ex);
// Sends it away, if it will come back (in `retry_ms`) for the answer.
bool away_leave(struct exchange *ex, uint32_t retry_ms);
void away_end(struct exchange *ex); // the exchange ends
// GET: it comes back, or listens.
void away_return(struct exchange *ex);

// --- for handlers ---

// Begins the answer: append the result object, then job_end().
struct buf *job_begin(struct job *job);
void job_end(struct job *job);
// The answer is an error.
void job_refuse(struct job *job, const struct refusal *why);
// No answer at all: a cancelled legacy request.
void job_drop(struct job *job);

// The reply was copied by who answers it from now on: nothing more is said
// here. Not in a batch.
void job_leave(struct job *job);

void job_out_of_memory(struct job *job);

// Makes a call for the job; `answer` says what it brought, unless nobody wants
// to know any more. Fills in who asks. (calls.c)
void job_call(struct job *job, struct call_options *options,
              void (*answer)(struct job *job,
                             const struct call_result *result));
// So that notifications/cancelled finds it: `stop` is called.
void job_make_cancellable(struct job *job);
// The job's answer is that its call failed, as an error of the protocol.
void job_fail(struct job *job, const struct call_result *result);

// Who asks. There is no inbound auth yet.
static inline struct slice job_principal(const struct job *job)
{
  (void)job;
  return SLICE("anonymous");
}

static inline struct mcp_server *job_server(const struct job *job)
{
  return job->exchange->server;
}

static inline enum revision job_revision(const struct job *job)
{
  return job->exchange->in.revision;
}

static inline bool job_is_modern(const struct job *job)
{
  return job->exchange->in.era == ERA_MODERN;
}

// The catalog that is served now, NULL before the first generation.
const struct catalog *server_catalog(const struct mcp_server *s);

// A member of the params, JSON_NONE if there are none.
uint32_t job_param(const struct job *job, const char *name);

// A member that must be a string; absent with `why` filled otherwise.
struct slice job_string(const struct job *job, uint32_t object,
                        const char *name, struct refusal *why);
// Method not found: nothing of that kind is offered.
void job_refuse_method(struct job *job);

// Bad params, found by the method: in-band, so HTTP 200.
#define job_bad_params(why, ...)                                               \
  refuse(why, 200, RPC_INVALID_PARAMS, __VA_ARGS__)

// --- the methods (dispatch.c has the table) ---

extern const struct method_table method_requests, method_notifications;

void discover_run(struct job *job);
void initialize_run(struct job *job);
void ping_run(struct job *job);
void cancelled_run(struct job *job); // a notification
void tools_list_run(struct job *job);
bool tools_call_check(struct job *job, struct refusal *why);
void tools_call_run(struct job *job);
void resources_list_run(struct job *job);
void templates_list_run(struct job *job);
void resources_read_run(struct job *job);
void prompts_list_run(struct job *job);
void prompts_get_run(struct job *job);
void complete_run(struct job *job);
void listen_run(struct job *job);

void set_level_run(struct job *job);
void task_get_run(struct job *job);
void task_update_run(struct job *job);
void task_cancel_run(struct job *job);
void legacy_task_get_run(struct job *job);
void legacy_task_cancel_run(struct job *job);
void legacy_task_result_run(struct job *job);
void legacy_task_list_run(struct job *job);
void subscribe_run(struct job *job);
void unsubscribe_run(struct job *job);
void initialized_run(struct job *job); // a notification

// May a legacy client of that revision be told what it did not ask just then?
bool job_may_hear(const struct job *job, enum revision revision);
// There is no such resource.
void job_refuse_resource(struct job *job, struct slice uri);

// What handlers tell their clients on the way; ctx: the job. (notices.c)
extern const struct call_listener notices;
bool notice_level(struct slice name, enum note_level *level);

// Appends ttlMs and cacheScope of a list, with a comma before. (offers.c)
void server_put_hints(struct buf *out, const struct mcp_server *s,
                      enum cached_list list);
// How many of a kind are served. (offers.c)
size_t offers_count(const struct mcp_server *s, enum offer_kind kind);
bool offers_complete(const struct mcp_server *s); // any completion?
// Is there a list of this topic, so that it can change?
bool server_lists(const struct mcp_server *s, enum hub_topic topic);

#endif
