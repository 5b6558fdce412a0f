// replay.h -- the asker that ends the call and has its handler run again.
//
// One run of a handler has one replay: what was answered in the runs before it
// is added first. A question that is among these is answered at once; others
// are gathered until the loop's turn ends, so that those asked side by side go
// together. Then `round` is told: the questions are in `asked`, and it ends the
// call (call_suspend). The next run gets what this one had and the answers to
// those.
//
//   loop turn:  ask ask ... | round() -> call_suspend() -> done(asked)
//
// An answer that does not fit its question is forgotten, so it is asked again.
// Everything lies in the arena. For the worker's thread.

#ifndef SCRIPT_REPLAY_H
#define SCRIPT_REPLAY_H

#include "loop/loop.h"
#include "script/ask.h"

struct replay_answer {
  struct replay_answer *next;
  unsigned char digest[ASK_DIGEST_LEN];
  struct slice text; // a result object
  bool used, wrong;
};

struct replay_question {
  struct replay_question *next;
  enum ask_kind kind;
  struct slice key, params;
  unsigned char digest[ASK_DIGEST_LEN];
  uint32_t timeout_s;
};

struct replay {
  struct asker asker; // for the call
  struct loop *loop;
  struct arena *arena;
  // What is given.
  unsigned can;                    // what the client can do: ASK_NEEDS_*
  uint32_t round;                  // 0: the first run
  bool (*claim)(struct replay *r); // NULL: always
  // An answer from elsewhere to what no run before was asked; absent: none.
  // NULL: never.
  struct slice (*find)(struct replay *r, const struct question *q);
  void (*on_round)(struct replay *r);
  // What it brought.
  struct replay_answer *answers, *last_answer;
  struct replay_question *asked; // once on_round was called
  bool failed;                   // not all of them: out of memory
  struct list open;
  struct deferred turn;
};

// Everything that is given must be there.
void replay_init(struct replay *r);
// Before the call is started: what was answered. Copies. False: out of memory.
bool replay_add(struct replay *r, const unsigned char digest[ASK_DIGEST_LEN],
                struct slice text);
// The run has ended; the next one, of the same replay, keeps what was answered.
void replay_again(struct replay *r);

#endif
