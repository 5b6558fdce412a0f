// curl_transport.c -- the life of a client on libcurl and of its transfers.

#include "net/curl_transport.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "loop/clock.h"

#define POOL_MAX 256 // idle easy handles that are kept

static struct curl_transfer *transfer_of(struct list *link)
{
  return LIST_ITEM(link, struct curl_transfer, link);
}

// --- easy handles ---

static CURL *take_easy(struct curl_transport *self)
{
  if (self->pool_count > 0) return self->pool[--self->pool_count];
  return curl_easy_for(self);
}

static void give_easy(struct curl_transport *self, CURL *easy)
{
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER,
                   NULL); // it goes with its transfer
  if (self->pool_count < self->pool_size)
    self->pool[self->pool_count++] = easy;
  else
    curl_easy_cleanup(easy);
}

// --- the end of a transfer ---

static void count_end(struct http_client_stats *stats,
                      const struct http_answer *answer)
{
  stats->running--;
  if (answer->end == HTTP_ANSWERED)
    stats->answered++;
  else if (answer->end == HTTP_CANCELLED)
    stats->cancelled++;
  else
    stats->failed++;
}

// Takes it away from libcurl and from us, tells the caller, frees it.
static void finish(struct curl_transfer *t)
{
  struct curl_transport *self = t->owner;
  struct http_answer answer = t->answer;
  list_remove(&t->link);
  timer_stop(&t->wait);
  if (t->easy) {
    curl_multi_remove_handle(self->multi, t->easy);
    give_easy(self, t->easy);
  }
  if (t->origin) curl_origin_give(t->origin);
  answer.total_ns = loop_exact(self->loop) - t->start_ns;
  count_end(&self->stats, &answer);
  if (answer.end != HTTP_ANSWERED)
    log_debug(self->options.log, "net/http_client", "attempt %s: %s",
              http_end_name(answer.end), answer.detail);

  t->done(t->ctx, &answer);
  http_answer_finish(&answer);
  free(t);
}

static void finish_cancelled(struct curl_transfer *t)
{
  curl_transfer_judge(t, CURLE_OK);
  t->answer.end = HTTP_CANCELLED;
  finish(t);
}

void curl_transport_drain(struct curl_transport *self)
{
  CURLMsg *message;
  int left;
  // To the end: a message that is left behind wakes nobody later.
  while ((message = curl_multi_info_read(self->multi, &left))) {
    if (message->msg != CURLMSG_DONE) continue;
    struct curl_transfer *t = NULL;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
    curl_transfer_judge(t, message->data.result);
    finish(t);
  }
}

// --- the beginning of a transfer ---

static void on_no_first_byte(struct timer *timer, void *ctx)
{
  (void)timer;
  struct curl_transfer *t = ctx;
  bool sent = t->sends > 0;
  curl_transfer_stop(t, sent ? HTTP_TIMEOUT : HTTP_CONNECT_TIMEOUT,
                     "no first byte in time");
  curl_transfer_judge(t, CURLE_OPERATION_TIMEDOUT);
  finish(t);
}

// It cannot begin.
static bool refuse(struct curl_transfer *t, const char *why)
{
  t->answer.end = HTTP_FAILED;
  snprintf(t->answer.detail, sizeof(t->answer.detail), "%s", why);
  finish(t);
  return false;
}

// False: it could not begin and is finished.
static bool begin(struct curl_transfer *t)
{
  struct curl_transport *self = t->owner;
  if (!t->target) return refuse(t, "the URL holds a space or a control");
  t->easy = take_easy(self);
  if (t->easy && curl_easy_aim(t) &&
      curl_multi_add_handle(self->multi, t->easy) == CURLM_OK) {
    list_append(&self->running, &t->link);
    return true;
  }
  return refuse(t, "out of memory");
}

// Runs before the loop waits.
static void on_start(void *ctx)
{
  struct curl_transport *self = ctx;
  bool any = false;
  // As many as wait now: those that `done` starts wait for the next round.
  struct list batch;
  list_init(&batch);
  while (!list_empty(&self->queued)) {
    struct list *link = self->queued.next;
    list_remove(link);
    list_append(&batch, link);
  }
  while (!list_empty(&batch)) {
    struct list *link = batch.next;
    list_remove(link);
    any |= begin(transfer_of(link));
  }
  if (any) curl_loop_kick(self);
}

static struct http_transfer *start(void *ctx,
                                   const struct http_attempt *attempt,
                                   http_done_fn done, void *done_ctx)
{
  struct curl_transport *self = ctx;
  if (self->closing) return NULL;
  struct curl_transfer *t = curl_transfer_new(self, attempt);
  if (!t) return NULL;
  t->done = done;
  t->ctx = done_ctx;
  t->start_ns = loop_exact(self->loop);
  timer_init(&t->wait, self->loop, on_no_first_byte, t);
  if (attempt->first_byte_ms &&
      !timer_start(&t->wait, attempt->first_byte_ms * NS_PER_MS)) {
    free(t);
    return NULL;
  }
  list_append(&self->queued, &t->link);
  loop_defer(self->loop, &self->starter);
  self->stats.started++;
  self->stats.running++;
  return &t->base;
}

static void cancel(void *self, struct http_transfer *transfer)
{
  (void)self;
  finish_cancelled((struct curl_transfer *)(void *)transfer);
}

// --- the client ---

static void transport_free(void *ctx)
{
  struct curl_transport *self = ctx;
  self->closing = true;
  while (!list_empty(&self->queued)) // finish() unlinks it, then frees it
    finish_cancelled(transfer_of(self->queued.next));
  while (!list_empty(&self->running))
    finish_cancelled(transfer_of(self->running.next));
  deferred_cancel(&self->starter);
  while (self->pool_count > 0)
    curl_easy_cleanup(self->pool[--self->pool_count]);
  if (self->multi) curl_multi_cleanup(self->multi);
  if (self->share) curl_share_cleanup(self->share);
  curl_loop_finish(self);
  curl_origins_finish(&self->origins);
  curl_global_cleanup();
  free(self->pool);
  free(self);
}

static struct http_client_stats stats(const void *ctx)
{
  const struct curl_transport *self = ctx;
  return self->stats;
}

const struct http_transport curl_transport = {
    .start = start,
    .cancel = cancel,
    .free = transport_free,
    .stats = stats,
};

// One per client: with the sessions of the connections that it has made,
// which libcurl 7.88 would otherwise keep per easy handle.
static CURLSH *new_share(void)
{
  CURLSH *share = curl_share_init();
  if (share)
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  return share;
}

static bool set_up(struct curl_transport *self)
{
  self->pool_size = POOL_MAX;
  self->pool = calloc(self->pool_size, sizeof(*self->pool));
  self->share = new_share();
  self->multi = curl_multi_init();
  if (!self->pool || !self->share || !self->multi) return false;
  // Its own default is four for each running transfer: after a burst it would
  // close most of the pool.
  curl_multi_setopt(self->multi, CURLMOPT_MAXCONNECTS,
                    (long)self->options.max_idle_connections);
  return curl_loop_init(self);
}

struct curl_transport *curl_transport_new(struct loop *loop,
                                          const struct http_client_options *o)
{
  struct curl_transport *self = fault_now() ? NULL : calloc(1, sizeof(*self));
  if (!self) return NULL;
  self->loop = loop;
  self->options = *o;
  list_init(&self->queued);
  list_init(&self->running);
  deferred_init(&self->starter, on_start, self);
  curl_origins_init(&self->origins);
  curl_transport_manners(self);
  prng_seed(&self->chance, o->seed);
  // Counts its calls, and is safe from any thread since 7.84.
  curl_global_init(CURL_GLOBAL_DEFAULT);
  if (set_up(self)) return self;
  transport_free(self);
  return NULL;
}
