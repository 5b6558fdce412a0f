// io.c -- watching descriptors, by libev.

#include <assert.h>

#include "loop/loop_inside.h"

_Static_assert(sizeof(struct ev_io) <= sizeof(((struct io *)0)->watcher),
               "struct io must hold libev's watcher");
_Static_assert((int)IO_READ == (int)EV_READ && (int)IO_WRITE == (int)EV_WRITE,
               "events are handed on as they are");

static struct ev_io *watcher(struct io *io)
{
  return (struct ev_io *)(void *)&io->watcher;
}

static void on_event(struct ev_loop *ev, struct ev_io *w, int events)
{
  (void)ev;
  struct io *io = w->data;
  io->fn(io, events & (IO_READ | IO_WRITE), io->ctx);
}

void io_init(struct io *io, struct loop *loop, int fd, io_fn fn, void *ctx)
{
  assert(loop->ev);
  *io = (struct io){.loop = loop, .fn = fn, .ctx = ctx, .fd = fd};
  struct ev_io *w = watcher(io);
  ev_io_init(w, on_event, fd, 0);
  w->data = io;
}

void io_watch(struct io *io, int events)
{
  if (events == io->events) return;
  struct ev_io *w = watcher(io);
  ev_io_stop(io->loop->ev, w);
  io->events = events;
  if (!events) return;
  ev_io_modify(w, events);
  ev_io_start(io->loop->ev, w);
}

void io_finish(struct io *io)
{
  if (io->loop) io_watch(io, 0);
}
