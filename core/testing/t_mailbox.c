// t_mailbox.c -- shows loop/mailbox and loop/worker to the specs.

#include <lauxlib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "loop/mailbox.h"
#include "loop/worker.h"

int t_mailbox(lua_State *L);

#define POSTERS_MAX 8

struct letter {
  struct message message;
  struct inbox *inbox;
  unsigned poster, number;
};

struct inbox {
  struct loop *loop;
  unsigned expected[POSTERS_MAX]; // the number that must come next
  unsigned delivered, wanted;
  bool in_order;
};

struct poster {
  struct inbox *inbox;
  struct mailbox *box;
  unsigned index, count;
};

static void on_letter(struct message *message)
{
  struct letter *letter = (struct letter *)message;
  struct inbox *inbox = letter->inbox;
  if (letter->number != inbox->expected[letter->poster]++)
    inbox->in_order = false;
  if (++inbox->delivered == inbox->wanted) loop_stop(inbox->loop);
  free(letter);
}

static void post_one(struct poster *p, unsigned number)
{
  struct letter *letter = malloc(sizeof(*letter));
  if (!letter) abort();
  *letter = (struct letter){.message.fn = on_letter,
                            .inbox = p->inbox,
                            .poster = p->index,
                            .number = number};
  mailbox_post(p->box, &letter->message);
}

static void *post_all(void *arg)
{
  struct poster *p = arg;
  for (unsigned i = 0; i < p->count; i++)
    post_one(p, i);
  return NULL;
}

// threads(posters, each): delivered, in_order
static int threads(lua_State *L)
{
  unsigned n = (unsigned)luaL_checkinteger(L, 1);
  unsigned each = (unsigned)luaL_checkinteger(L, 2);
  luaL_argcheck(L, n <= POSTERS_MAX, 1, "at most 8");
  struct inbox inbox = {.loop = loop_new(), .in_order = true};
  inbox.wanted = n * each;
  struct mailbox *box = mailbox_new(inbox.loop);
  struct poster posters[POSTERS_MAX];
  pthread_t ids[POSTERS_MAX];
  for (unsigned i = 0; i < n; i++) {
    posters[i] = (struct poster){&inbox, box, i, each};
    pthread_create(&ids[i], NULL, post_all, &posters[i]);
  }
  loop_run(inbox.loop);
  for (unsigned i = 0; i < n; i++)
    pthread_join(ids[i], NULL);
  mailbox_free(box);
  loop_free(inbox.loop);
  lua_pushinteger(L, inbox.delivered); // delivered
  lua_pushboolean(L, inbox.in_order);  // delivered in_order
  return 2;
}

// simulated(before, after): posts `before`, runs the loop, posts `after`,
// frees the mailbox: delivered by the run, delivered in all, in_order
static int simulated(lua_State *L)
{
  struct inbox inbox = {.loop = loop_new_simulated(0, 0), .in_order = true};
  struct poster p = {&inbox, mailbox_new(inbox.loop), 0, 0};
  unsigned count = (unsigned)luaL_checkinteger(L, 1);
  unsigned more = (unsigned)luaL_checkinteger(L, 2);
  for (unsigned i = 0; i < count; i++)
    post_one(&p, i);
  loop_run(inbox.loop);
  lua_pushinteger(L, inbox.delivered); // by_run
  for (unsigned i = 0; i < more; i++)
    post_one(&p, count + i);
  mailbox_free(p.box);
  loop_free(inbox.loop);
  lua_pushinteger(L, inbox.delivered); // by_run in_all
  lua_pushboolean(L, inbox.in_order);  // by_run in_all in_order
  return 3;
}

// --- workers ---

struct crew {
  atomic_uint started, stopped, letters;
  bool refuse;
};

static enum error_code on_start(struct worker *w, void *ctx, struct error *err)
{
  struct crew *crew = ctx;
  if (crew->refuse && w->index == 1)
    return error_set(err, E_CONFIG, "worker %u will not", w->index);
  atomic_fetch_add(&crew->started, 1);
  return OK;
}

static void on_stop(struct worker *w, void *ctx)
{
  (void)w;
  struct crew *crew = ctx;
  atomic_fetch_add(&crew->stopped, 1);
}

struct note {
  struct message message;
  struct crew *crew;
};

static void on_note(struct message *message)
{
  struct note *note = (struct note *)message;
  atomic_fetch_add(&note->crew->letters, 1);
  free(note);
}

static void send_note(struct worker *w, struct crew *crew)
{
  struct note *note = malloc(sizeof(*note));
  if (!note) abort();
  *note = (struct note){.message.fn = on_note, .crew = crew};
  mailbox_post(w->mailbox, &note->message);
}

// workers(n, refuse): starts n workers, posts one letter to each, stops them.
// started, stopped, letters, the error of the last one that would not start
static int workers(lua_State *L)
{
  struct worker w[POSTERS_MAX] = {0};
  static const struct worker_hooks hooks = {on_start, on_stop};
  struct crew crew = {.refuse = lua_toboolean(L, 2)};
  struct error err = {0};
  unsigned n = (unsigned)luaL_checkinteger(L, 1);
  for (unsigned i = 0; i < n && i < POSTERS_MAX; i++)
    if (worker_start(&w[i], i, &hooks, &crew, &err) == OK)
      send_note(&w[i], &crew);
  for (unsigned i = 0; i < n && i < POSTERS_MAX; i++) {
    worker_stop(&w[i]);
    worker_stop(&w[i]); // twice does no harm
    worker_join(&w[i]);
  }
  lua_pushinteger(L, atomic_load(&crew.started)); // started
  lua_pushinteger(L, atomic_load(&crew.stopped)); // started stopped
  lua_pushinteger(L, atomic_load(&crew.letters)); // started stopped letters
  lua_pushstring(L, err.message);                 // ... message
  return 4;
}

int t_mailbox(lua_State *L)
{
  static const luaL_Reg functions[] = {{"threads", threads},
                                       {"simulated", simulated},
                                       {"workers", workers},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
