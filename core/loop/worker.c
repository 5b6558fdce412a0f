// worker.c -- a thread with its own loop and mailbox.

#include "loop/worker.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

struct launch {
  struct worker *worker;
  struct error *err;
  enum error_code code;
  sem_t started;
};

_Static_assert(sizeof(pthread_t) <= sizeof(((struct worker *)0)->thread),
               "struct worker must hold a pthread_t");

static enum error_code prepare(struct worker *w, struct error *err)
{
  w->loop = loop_new();
  if (!w->loop)
    return error_set(err, E_NO_MEMORY, "no event loop for a worker");
  w->mailbox = mailbox_new(w->loop);
  if (!w->mailbox)
    return error_set(err, E_NO_MEMORY, "no mailbox for a worker");
  return OK;
}

static void clean(struct worker *w)
{
  mailbox_free(w->mailbox);
  loop_free(w->loop);
  w->mailbox = NULL;
  w->loop = NULL;
}

static void *run(void *arg)
{
  struct launch *launch = arg;
  struct worker *w = launch->worker;
  enum error_code code = w->hooks->start(w, w->ctx, launch->err);
  launch->code = code;
  sem_post(&launch->started); // from here on `launch` is gone
  if (code != OK) return NULL;
  loop_run(w->loop);
  if (w->hooks->stop) w->hooks->stop(w, w->ctx);
  return NULL;
}

// Signals are for the main thread; the mask is inherited by the new one.
static int start_thread(struct worker *w, struct launch *launch)
{
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  int failed = pthread_create(&thread, NULL, run, launch);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!failed) w->thread = (unsigned long)thread;
  return failed;
}

static enum error_code launch_and_wait(struct worker *w, struct error *err)
{
  struct launch launch = {.worker = w, .err = err};
  sem_init(&launch.started, 0, 0);
  if (start_thread(w, &launch)) {
    sem_destroy(&launch.started);
    return error_set(err, E_NO_MEMORY, "no thread for a worker");
  }
  while (sem_wait(&launch.started)) // interrupted by a signal
    ;
  sem_destroy(&launch.started);
  if (launch.code != OK) pthread_join((pthread_t)w->thread, NULL);
  return launch.code;
}

enum error_code worker_start(struct worker *w, unsigned index,
                             const struct worker_hooks *hooks, void *ctx,
                             struct error *err)
{
  *w = (struct worker){.index = index, .hooks = hooks, .ctx = ctx};
  enum error_code code = prepare(w, err);
  if (code == OK) code = launch_and_wait(w, err);
  if (code != OK) clean(w);
  w->started = code == OK;
  return code;
}

void worker_stop(struct worker *w)
{
  if (w->started) loop_stop(w->loop);
}

void worker_await(struct worker *w)
{
  if (!w->started || w->ended) return;
  pthread_join((pthread_t)w->thread, NULL);
  w->ended = 1;
}

void worker_join(struct worker *w)
{
  if (!w->started) return;
  worker_await(w);
  w->started = 0;
  clean(w);
}
