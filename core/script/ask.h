// ask.h -- what a running handler asks its client, in the middle of a call.
//
// `local answer = ctx.ask { ... }` is one straight line in a script. Below it a
// `question` goes to whoever can reach the client, an `asker`, and the task
// waits. There are several, because the protocols differ:
//
//   replay.h       modern MCP: the call ends, its answers are recorded, and the
//                  handler runs again from its beginning with them
//   mcp/park.c     legacy MCP: the task waits, the question is a request to the
//                  client on the call's own stream
//   (a task of the Tasks extension waits as well; so do calls in the kit)
//
// Why a handler is replayed rather than kept. Modern requests are independent:
// the retry may reach another worker, another replica, or never come. A task
// that waits could be woken only where it is, would hold its VM and generation
// for as long as a human thinks, and must be given up some day by guessing. All
// that a replay needs travels with the client, sealed: nothing is remembered,
// so nothing has to be bounded, expired, routed or cleaned up. Its price is what
// a handler must keep to:
//
// - Ask first, then act. What was done before a question is done again in each
//   replay. Reading again is harmless, so is an idempotent request. A request
//   that is neither idempotent nor has a key must not be repeated behind
//   anyone's back: a question after it raises (in every era, so that a script
//   cannot be right in one only), and so does such a request while a question is
//   open.
// - The same questions. A recorded answer is found by what was asked (a digest
//   of kind and params), never by how many questions came before: who agreed to
//   "delete 3 files" has not agreed to "delete 300 files", and questions asked
//   side by side may come in another order. A question that reads otherwise each
//   time (a time of day, math.random) is asked again and again, until
//   ASK_ROUNDS_MAX ends it. tide.random and tide.uuid give the same values in
//   each replay: they are drawn from the call's `run`, 16 random bytes that
//   travel with the answers. tide.time.now is the time now.
//
// How long. Waiting for a human does not count: while a question is open the
// call's deadline stands still, and the question has a time of its own
// (`timeout`, 5 minutes unless it says otherwise, at most an hour). In the modern
// era each round is a request with a deadline of its own, so this is what a
// script sees there too. At most ASK_OPEN_MAX questions are open at once and
// ASK_TOTAL_MAX asked in a call, so no call waits for ever.
//
// A question belongs to who asks (bind/bind_ask.c): the asker holds it in a list
// while it is open, and either answers it once or is told to drop it. For the
// worker's thread.

#ifndef SCRIPT_ASK_H
#define SCRIPT_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/list.h"
#include "base/random.h"
#include "base/slice.h"

#define ASK_OPEN_MAX      16
#define ASK_TOTAL_MAX     100
#define ASK_ROUNDS_MAX    10 // SDK clients answer no more either
#define ASK_KEY_MAX       64 // bytes
#define ASK_PARAMS_MAX    65536
#define ASK_ANSWER_MAX    (1u << 20)
#define ASK_TIMEOUT_S     300
#define ASK_TIMEOUT_MAX_S 3600
#define ASK_DIGEST_LEN    16
#define RUN_ID_LEN        16

enum ask_kind {
  ASK_FORM,   // elicitation/create
  ASK_URL,    // elicitation/create, mode url
  ASK_SAMPLE, // sampling/createMessage
  ASK_ROOTS,  // roots/list
  ASK_KINDS
};

// What the client must be able to do.
enum {
  ASK_NEEDS_FORM = 1u << 0,
  ASK_NEEDS_URL = 1u << 1,
  ASK_NEEDS_SAMPLING = 1u << 2,
  ASK_NEEDS_TOOLS = 1u << 3,   // sampling with tools
  ASK_NEEDS_CONTEXT = 1u << 4, // sampling with the context of servers
  ASK_NEEDS_ROOTS = 1u << 5
};
#define ASK_NEEDS 6

struct asker;
struct form; // script/form.h

struct question {
  struct list link; // for the asker, while it is open
  enum ask_kind kind;
  unsigned needs;
  bool named;              // the script chose the key
  struct slice key;        // of at most ASK_KEY_MAX, unique in its call
  struct slice params;     // JSON object, as the newest revision spells it
  const struct form *form; // ASK_FORM
  uint32_t timeout_s;
  unsigned char digest[ASK_DIGEST_LEN];
  // When it is settled:
  bool settled;
  struct error error; // code OK: `answer` is what the client said
  struct buf answer;  // JSON, checked, with the defaults of a form filled in
  void (*on_settled)(struct question *q);
};

const char *ask_method(enum ask_kind kind);
// "form", "url", "sampling", ...: what a client lacks, for messages; one bit.
const char *ask_need_name(unsigned need);

// --- for who asks ---

// Everything but `form` and `on_settled` must be there; computes the digest.
// False: out of memory; it must not be put then.
bool question_init(struct question *q);
void question_finish(struct question *q); // must not be open

// --- for the asker: each settles the question, once; it is unlinked first ---

// The client's result object. OK: it fits, and whoever waits goes on, inline.
// Else `err` says what is wrong with it, and the question is as it was.
enum error_code question_answer(struct question *q, struct slice result,
                                struct error *err);
// There will be no answer: whoever waits gets this error, inline.
void question_fail(struct question *q, enum error_code code, const char *format,
                   ...) __attribute__((format(printf, 3, 4)));

// --- who can reach the client ---

struct asker_ops {
  // What of `needs` the client cannot do.
  unsigned (*lacks)(struct asker *a, unsigned needs);
  // Puts the question to the client: it is answered before this returns, or will
  // be settled later. Else an error, and the question was never open.
  enum error_code (*put)(struct asker *a, struct question *q,
                         struct error *err);
  // Nobody waits for the answer any more: the call ends, or `late`, the
  // question's time is over.
  void (*drop)(struct asker *a, struct question *q, bool late);
  // An unsafe request is about to be sent: false if this run of the handler has
  // been here before (a state that is used twice). NULL: always true.
  bool (*claim)(struct asker *a);
  // What a URL was opened for is done. NULL: nobody wants to know.
  void (*complete)(struct asker *a, struct slice key);
};

struct asker {
  const struct asker_ops *ops;
};

// --- what an outermost call keeps of it (script/call.h has call_asking()) ---

struct asking_key { // that was used
  struct asking_key *next;
  struct slice key;
  uint32_t times;
};

struct asking {
  struct arena *arena; // of that call
  struct asking_key *keys;
  struct asker *asker; // NULL: there is nobody to ask
  unsigned lacked;     // of the needs of all that was asked
  uint32_t total;      // questions asked
  uint32_t open;       // of these
  uint32_t acts; // unsafe requests that were sent (one of prepare's, if it
                 // sent any), or are under way
  bool misused;  // a rule above was broken: no replay may hide it
  // It is a tool's prepare: what follows it has the same run, and must not draw
  // the same from it.
  bool prepares;
  bool has_run, has_chance;
  unsigned char run[RUN_ID_LEN];
  struct prng chance;
  uint32_t uuids;
};

// `wanted`, or "wanted_2" if it was used before; absent `wanted`: "ask_7"; the
// next number if that was used, too. Lives as long as the outermost call; absent
// when memory is out.
struct slice asking_name(struct asking *a, struct slice wanted);

// 16 bytes that name this run of a handler and its replays, unguessable and the
// same in all of them; keys of idempotent requests are made of it. NULL: the
// kernel has no random bytes to give.
const unsigned char *asking_run(struct asking *a);
// Chance that replays draw the same from.
struct prng *asking_chance(struct asking *a); // NULL as above
bool asking_uuid(struct asking *a, char out[UUID_LEN + 1]);

#endif
