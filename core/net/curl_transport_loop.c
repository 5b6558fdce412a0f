// curl_transport_loop.c -- libcurl's sockets and timer on our loop.

#include <stdlib.h>

#include "base/fault.h"
#include "loop/clock.h"
#include "net/curl_transport.h"

static void act(struct curl_transport *self, curl_socket_t fd, int mask)
{
  int running;
  curl_multi_socket_action(self->multi, fd, mask, &running);
  curl_transport_drain(self);
}

void curl_loop_kick(struct curl_transport *self)
{
  act(self, CURL_SOCKET_TIMEOUT, 0);
}

// --- the timer ---

static void on_time(struct timer *timer, void *ctx)
{
  (void)timer;
  curl_loop_kick(ctx);
}

// In libcurl's callback: 0 means at once, but not inside of it.
static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
  (void)multi;
  struct curl_transport *self = ctx;
  if (timeout_ms < 0) {
    timer_stop(&self->timer);
    return 0;
  }
  // At once means without a wait. Otherwise from the exact time: the loop's is
  // older by what this turn has taken.
  uint64_t at = timeout_ms ? loop_exact(self->loop) : loop_now(self->loop);
  timer_start_at(&self->timer, at + (uint64_t)timeout_ms * NS_PER_MS);
  return 0;
}

// --- sockets ---

static void on_ready(struct io *io, int events, void *ctx)
{
  struct curl_socket *s = ctx;
  int mask = (events & IO_READ ? CURL_CSELECT_IN : 0) |
             (events & IO_WRITE ? CURL_CSELECT_OUT : 0);
  act(s->owner, io->fd, mask);
}

static bool grow(struct curl_transport *self, size_t wanted)
{
  size_t count = self->socket_count ? self->socket_count : 64;
  while (count < wanted)
    count *= 2;
  struct curl_socket **sockets =
      fault_now() ? NULL : realloc(self->sockets, count * sizeof(*sockets));
  if (!sockets) return false;
  for (size_t i = self->socket_count; i < count; i++)
    sockets[i] = NULL;
  self->sockets = sockets;
  self->socket_count = count;
  return true;
}

// NULL: no memory.
static struct curl_socket *socket_at(struct curl_transport *self,
                                     curl_socket_t fd)
{
  size_t at = (size_t)fd;
  if (at >= self->socket_count && !grow(self, at + 1)) return NULL;
  struct curl_socket *s = self->sockets[at];
  if (s) return s;
  s = self->sockets[at] = fault_now() ? NULL : calloc(1, sizeof(*s));
  if (s) s->owner = self;
  return s;
}

static int wanted_events(int what)
{
  switch (what) {
  case CURL_POLL_IN: return IO_READ;
  case CURL_POLL_OUT: return IO_WRITE;
  case CURL_POLL_INOUT: return IO_READ | IO_WRITE;
  default: return 0;
  }
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
                     void *assigned)
{
  (void)easy, (void)assigned;
  struct curl_transport *self = ctx;
  struct curl_socket *s = socket_at(self, fd);
  if (!s) return 0; // the transfer will time out; -1 would break the multi
  int events = wanted_events(what);
  // Each watch begins anew: since the last one the number may have become that
  // of another descriptor. Watching on between two requests would save a system
  // call, but libcurl 7.88 closes some sockets without telling, and libev ends
  // the process when it finds a closed one.
  if (events && !s->io.events) io_init(&s->io, self->loop, fd, on_ready, s);
  if (s->io.loop) io_watch(&s->io, events);
  return 0;
}

// --- life ---

bool curl_loop_init(struct curl_transport *self)
{
  timer_init(&self->timer, self->loop, on_time, self);
  curl_multi_setopt(self->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(self->multi, CURLMOPT_TIMERDATA, self);
  curl_multi_setopt(self->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(self->multi, CURLMOPT_SOCKETDATA, self);
  return true;
}

void curl_loop_finish(struct curl_transport *self)
{
  timer_stop(&self->timer);
  for (size_t i = 0; i < self->socket_count; i++) {
    if (!self->sockets[i]) continue;
    io_finish(&self->sockets[i]->io);
    free(self->sockets[i]);
  }
  free(self->sockets);
}
