// replay.c -- see replay.h for the contract.

#include "script/replay.h"

#include <string.h>

#include "base/fault.h"

static struct replay *replay_of(struct asker *a)
{
  return LIST_ITEM(a, struct replay, asker);
}

bool replay_add(struct replay *r, const unsigned char digest[ASK_DIGEST_LEN],
                struct slice text)
{
  struct replay_answer *answer =
      fault_now() ? NULL : arena_alloc(r->arena, sizeof(*answer));
  if (!answer) return false;
  answer->text = arena_copy(r->arena, text);
  memcpy(answer->digest, digest, ASK_DIGEST_LEN);
  if (r->last_answer)
    r->last_answer->next = answer;
  else
    r->answers = answer;
  r->last_answer = answer;
  return answer->text.data;
}

static unsigned lacks(struct asker *a, unsigned needs)
{
  return needs & ~replay_of(a)->can;
}

// The same question may be asked twice; each has its own answer, in order.
static bool recall(struct replay *r, struct question *q)
{
  struct error err;
  struct replay_answer *it = r->answers;
  for (; it; it = it->next) {
    if (it->used || it->wrong || memcmp(it->digest, q->digest, ASK_DIGEST_LEN))
      continue;
    it->used = question_answer(q, it->text, &err) == OK;
    it->wrong = !it->used;
    if (it->used) return true;
  }
  return false;
}

static bool find(struct replay *r, struct question *q)
{
  struct slice text = {0};
  if (r->find) text = r->find(r, q);
  return text.data && replay_add(r, q->digest, text) && recall(r, q);
}

static enum error_code put(struct asker *a, struct question *q,
                           struct error *err)
{
  struct replay *r = replay_of(a);
  if (recall(r, q) || find(r, q)) return OK;
  if (r->round >= ASK_ROUNDS_MAX)
    return error_set(err, E_SCRIPT_LIMIT,
                     "the handler asks again and again: a question must read "
                     "the same each time, and its answer fit the form");
  if (list_empty(&r->open)) loop_defer(r->loop, &r->turn);
  list_append(&r->open, &q->link);
  return OK;
}

static void drop(struct asker *a, struct question *q, bool late)
{
  (void)late;
  struct replay *r = replay_of(a);
  list_remove(&q->link);
  if (list_empty(&r->open)) deferred_cancel(&r->turn);
}

static bool claim(struct asker *a)
{
  struct replay *r = replay_of(a);
  return !r->claim || r->claim(r);
}

static const struct asker_ops ops = {lacks, put, drop, claim, NULL};

static bool keep(struct replay *r, const struct question *q,
                 struct replay_question ***end)
{
  struct replay_question *kept =
      fault_now() ? NULL : arena_alloc(r->arena, sizeof(*kept));
  if (!kept) return false;
  kept->kind = q->kind;
  kept->key = arena_copy(r->arena, q->key);
  kept->params = arena_copy(r->arena, q->params);
  kept->timeout_s = q->timeout_s;
  memcpy(kept->digest, q->digest, ASK_DIGEST_LEN);
  **end = kept;
  *end = &kept->next;
  return kept->key.data && kept->params.data;
}

static void on_turn(void *ctx)
{
  struct replay *r = ctx;
  struct replay_question **end = &r->asked;
  LIST_EACH (it, &r->open)
    if (!keep(r, LIST_ITEM(it, struct question, link), &end)) r->failed = true;
  r->on_round(r); // r may be gone from here on
}

void replay_init(struct replay *r)
{
  r->asker.ops = &ops;
  r->answers = r->last_answer = NULL;
  r->asked = NULL;
  r->failed = false;
  list_init(&r->open);
  deferred_init(&r->turn, on_turn, r);
}

void replay_again(struct replay *r)
{
  for (struct replay_answer *it = r->answers; it; it = it->next)
    it->used = false;
  r->asked = NULL;
  r->round++;
}
