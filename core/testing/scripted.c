// scripted.c -- see scripted.h for the contract.

#include "testing/scripted.h"

#include <stdlib.h>

#include "base/list.h"
#include "loop/clock.h"

struct rule {
  struct rule *next;
  struct slice method, url;
  struct behaviour *list;
  size_t count, used;
};

struct scripted {
  struct loop *loop;
  struct arena arena;
  struct rule *rules;
  struct scripted_request *requests;
  size_t request_count, request_room;
  struct list running;
  struct http_client_stats stats;
};

struct pretended {
  struct http_transfer base; // first: the seam's
  struct list link;
  struct scripted *owner;
  struct timer timer;
  struct behaviour does;
  enum http_end end;
  uint64_t start_ns;
  http_done_fn done;
  void *ctx;
};

// --- rules ---

static bool matches(struct slice pattern, struct slice text)
{
  size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;
  while (t < text.len) {
    if (p < pattern.len && pattern.data[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.len && pattern.data[p] == text.data[t]) {
      p++, t++;
    } else if (star != SIZE_MAX) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.len && pattern.data[p] == '*')
    p++;
  return p == pattern.len;
}

bool scripted_add(struct scripted *s, struct slice method, struct slice url,
                  const struct behaviour *list, size_t n)
{
  struct rule *rule = arena_alloc(&s->arena, sizeof(*rule));
  struct behaviour *copy = arena_alloc(&s->arena, n * sizeof(*copy));
  if (!rule || !copy) return false;
  for (size_t i = 0; i < n; i++) {
    copy[i] = list[i];
    copy[i].head = arena_copy(&s->arena, list[i].head);
    copy[i].body = arena_copy(&s->arena, list[i].body);
  }
  *rule = (struct rule){s->rules,
                        arena_copy(&s->arena, method),
                        arena_copy(&s->arena, url),
                        copy,
                        n,
                        0};
  s->rules = rule;
  return true;
}

// What nobody has told it about is a service that is not there.
static struct behaviour behaviour_for(struct scripted *s,
                                      const struct http_attempt *a)
{
  for (struct rule *r = s->rules; r; r = r->next) {
    if (!matches(r->method, a->method) || !matches(r->url, a->url)) continue;
    size_t i = r->used < r->count ? r->used++ : r->count - 1;
    return r->list[i];
  }
  return (struct behaviour){.end = HTTP_REFUSED};
}

// --- transfers ---

static void finish(struct pretended *t, enum http_end end)
{
  const struct behaviour *does = &t->does;
  struct http_answer answer = {.end = end, .sent = does->sent};
  uint64_t now = loop_now(t->owner->loop);
  answer.total_ns = now - t->start_ns;
  if (end == HTTP_ANSWERED || end == HTTP_CUT) {
    answer.status = does->status;
    answer.first_byte_ns = answer.total_ns;
    answer.http_version = 11;
    buf_add(&answer.head, does->head);
    buf_add(&answer.body, does->body);
  }
  timer_stop(&t->timer);
  list_remove(&t->link);
  t->owner->stats.running--;
  t->done(t->ctx, &answer);
  http_answer_finish(&answer);
  free(t);
}

static void on_time(struct timer *timer, void *ctx)
{
  (void)timer;
  struct pretended *t = ctx;
  finish(t, t->end);
}

static void earlier(uint64_t limit_ns, enum http_end end, uint64_t *at_ns,
                    struct pretended *t)
{
  if (limit_ns == 0 || limit_ns >= *at_ns) return;
  *at_ns = limit_ns;
  t->end = end;
}

static void arm(struct pretended *t, const struct http_attempt *a)
{
  uint64_t at = t->does.hang ? UINT64_MAX : t->does.delay_ns;
  bool connecting = t->does.end == HTTP_CONNECT_TIMEOUT;
  t->end = t->does.end;
  if (connecting) {
    at = UINT64_MAX;
    earlier(a->connect_ms * NS_PER_MS, HTTP_CONNECT_TIMEOUT, &at, t);
  } else {
    earlier(a->first_byte_ms * NS_PER_MS, HTTP_TIMEOUT, &at, t);
  }
  earlier(a->total_ms * NS_PER_MS, HTTP_TIMEOUT, &at, t);
  if (at > 0 && t->does.body.len > a->max_body_bytes) t->end = HTTP_TOO_LARGE;
  timer_init(&t->timer, t->owner->loop, on_time, t);
  timer_start(&t->timer, at);
}

static void keep_request(struct scripted *s, const struct http_attempt *a)
{
  if (s->request_count == s->request_room) {
    size_t room = s->request_room ? s->request_room * 2 : 16;
    struct scripted_request *more =
        realloc(s->requests, room * sizeof(*s->requests));
    if (!more) return;
    s->requests = more;
    s->request_room = room;
  }
  struct buf headers = {0};
  for (size_t i = 0; i < a->header_count; i++)
    buf_printf(&headers, "%.*s: %.*s\n", SLICE_ARG(a->headers[i].name),
               SLICE_ARG(a->headers[i].value));
  s->requests[s->request_count++] = (struct scripted_request){
      .method = arena_copy(&s->arena, a->method),
      .url = arena_copy(&s->arena, a->url),
      .headers = arena_copy(&s->arena, buf_slice(&headers)),
      .body = arena_copy(&s->arena, a->body),
      .at_ns = loop_now(s->loop),
      .replayable = a->replayable,
  };
  buf_finish(&headers);
}

static struct http_transfer *start(void *self, const struct http_attempt *a,
                                   http_done_fn done, void *ctx)
{
  struct scripted *s = self;
  struct pretended *t = calloc(1, sizeof(*t));
  if (!t) return NULL;
  keep_request(s, a);
  t->owner = s;
  t->does = behaviour_for(s, a);
  t->start_ns = loop_now(s->loop);
  t->done = done;
  t->ctx = ctx;
  list_append(&s->running, &t->link);
  s->stats.started++;
  s->stats.running++;
  arm(t, a);
  return &t->base;
}

static void cancel(void *self, struct http_transfer *transfer)
{
  (void)self;
  finish((struct pretended *)(void *)transfer, HTTP_CANCELLED);
}

static void free_all(void *self)
{
  struct scripted *s = self;
  while (!list_empty(&s->running))
    finish(LIST_ITEM(s->running.next, struct pretended, link), HTTP_CANCELLED);
  free(s->requests);
  arena_finish(&s->arena);
  free(s);
}

static struct http_client_stats stats(const void *self)
{
  return ((const struct scripted *)self)->stats;
}

static const struct http_transport transport = {start, cancel, free_all, stats};

struct scripted *scripted_new(struct loop *loop)
{
  struct scripted *s = calloc(1, sizeof(*s));
  if (!s) return NULL;
  s->loop = loop;
  list_init(&s->running);
  return s;
}

struct http_client *scripted_client(struct scripted *s)
{
  return http_client_over(&transport, s);
}

const struct scripted_request *scripted_requests(const struct scripted *s,
                                                 size_t *n)
{
  *n = s->request_count;
  return s->requests;
}
