// scripted.c -- see scripted.h for the contract.

#include "net/scripted.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "loop/clock.h"

struct rule {
  struct rule *next;
  struct slice method, url;
  bool any_query;
  struct behaviour *list;
  size_t count, used;
};

struct scripted {
  struct loop *loop;
  struct arena arena; // rules and requests
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
  struct arena arena; // head and body
  struct timer timer;
  struct behaviour does;
  bool matched;
  enum http_end end; // when the timer fires
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

static struct slice without_query(struct slice url)
{
  const char *mark = memchr(url.data, '?', url.len);
  return mark ? (struct slice){url.data, (size_t)(mark - url.data)} : url;
}

bool scripted_is(const struct scripted_request *r, struct slice method,
                 struct slice url)
{
  bool any_query = !memchr(url.data, '?', url.len);
  return matches(method, r->method) &&
         matches(url, any_query ? without_query(r->url) : r->url);
}

static bool keep_answer(struct arena *arena, struct behaviour *b)
{
  b->head = arena_copy(arena, b->head.data ? b->head : SLICE(""));
  b->body = arena_copy(arena, b->body.data ? b->body : SLICE(""));
  return b->head.data && b->body.data;
}

bool scripted_add(struct scripted *s, struct slice method, struct slice url,
                  const struct behaviour *list, size_t n)
{
  struct rule *rule = arena_alloc(&s->arena, sizeof(*rule));
  struct behaviour *copy = arena_alloc(&s->arena, n * sizeof(*copy));
  if (!rule || !copy) return false;
  for (size_t i = 0; i < n; i++) {
    copy[i] = list[i];
    if (!keep_answer(&s->arena, &copy[i])) return false;
  }
  *rule = (struct rule){.next = s->rules,
                        .method = arena_copy(&s->arena, method),
                        .url = arena_copy(&s->arena, url),
                        .any_query = !memchr(url.data, '?', url.len),
                        .list = copy,
                        .count = n};
  if (!rule->method.data || !rule->url.data) return false;
  s->rules = rule;
  return true;
}

void scripted_clear(struct scripted *s)
{
  s->rules = NULL;
  s->request_count = 0;
  arena_reset(&s->arena);
}

// The next behaviour of the first rule that matches; NULL if none does.
static const struct behaviour *next_behaviour(struct scripted *s,
                                              const struct http_attempt *a)
{
  for (struct rule *r = s->rules; r; r = r->next) {
    struct slice url = r->any_query ? without_query(a->url) : a->url;
    if (!matches(r->method, a->method) || !matches(r->url, url)) continue;
    return &r->list[r->used < r->count ? r->used++ : r->count - 1];
  }
  return NULL;
}

// --- requests ---

static bool make_room(struct scripted *s)
{
  if (s->request_count < s->request_room) return true;
  size_t room = s->request_room ? s->request_room * 2 : 16;
  struct scripted_request *more =
      realloc(s->requests, room * sizeof(*s->requests));
  if (!more) return false;
  s->requests = more;
  s->request_room = room;
  return true;
}

static struct slice header_lines(struct scripted *s,
                                 const struct http_attempt *a)
{
  struct buf lines = {0};
  for (size_t i = 0; i < a->header_count; i++)
    buf_printf(&lines, "%.*s: %.*s\n", SLICE_ARG(a->headers[i].name),
               SLICE_ARG(a->headers[i].value));
  struct slice copy = arena_copy(&s->arena, buf_slice(&lines));
  buf_finish(&lines);
  return copy;
}

// False: no memory.
static bool keep_request(struct scripted *s, const struct http_attempt *a,
                         bool matched)
{
  if (!make_room(s)) return false;
  s->requests[s->request_count++] = (struct scripted_request){
      .method = arena_copy(&s->arena, a->method),
      .url = arena_copy(&s->arena, a->url),
      .headers = header_lines(s, a),
      .body = arena_copy(&s->arena, a->body.data ? a->body : SLICE("")),
      .has_body = a->body.data != NULL,
      .at_ns = loop_now(s->loop),
      .replayable = a->replayable,
      .matched = matched,
  };
  return true;
}

// --- the end of a transfer ---

// Is the answer's head there by now?
static bool has_head(const struct pretended *t, uint64_t elapsed_ns)
{
  const struct behaviour *does = &t->does;
  bool answers = does->end == HTTP_ANSWERED || does->end == HTTP_CUT;
  return answers && !does->hang && elapsed_ns >= does->delay_ns;
}

static void fill(struct http_answer *answer, const struct pretended *t)
{
  const struct behaviour *does = &t->does;
  answer->sent = does->sent;
  if (!t->matched)
    snprintf(answer->detail, sizeof(answer->detail), "no rule matches");
  if (!has_head(t, answer->total_ns)) return;
  answer->status = does->status;
  answer->first_byte_ns = does->delay_ns;
  answer->http_version = 11;
  buf_add(&answer->head, does->head);
  bool whole = answer->end == HTTP_ANSWERED || answer->end == HTTP_CUT;
  if (whole) buf_add(&answer->body, does->body);
}

static void count(struct http_client_stats *stats, enum http_end end)
{
  stats->running--;
  if (end == HTTP_ANSWERED) {
    stats->answered++;
  } else if (end == HTTP_CANCELLED) {
    stats->cancelled++;
  } else {
    stats->failed++;
  }
}

static void finish(struct pretended *t, enum http_end end)
{
  // The analyzer does not see that free_all() meets no transfer twice.
  struct scripted *s = t->owner; // NOLINT(clang-analyzer-unix.Malloc)
  struct http_answer answer = {.end = end,
                               .total_ns = loop_now(s->loop) - t->start_ns};
  fill(&answer, t);
  timer_stop(&t->timer);
  list_remove(&t->link);
  count(&s->stats, end);
  t->done(t->ctx, &answer);
  http_answer_finish(&answer);
  arena_finish(&t->arena);
  free(t);
}

static void on_time(struct timer *timer, void *ctx)
{
  (void)timer;
  struct pretended *t = ctx;
  finish(t, t->end);
}

// --- the beginning ---

// What takes longer than `ms` ends then.
static void limit(struct pretended *t, uint64_t *at_ns, uint64_t ms,
                  enum http_end end)
{
  if (ms * NS_PER_MS >= *at_ns) return;
  *at_ns = ms * NS_PER_MS;
  t->end = end;
}

// When and how it will end. Before the request is out it is the connection that
// comes too late, whichever limit says so.
static uint64_t plan(struct pretended *t, const struct http_attempt *a)
{
  const struct behaviour *does = &t->does;
  enum http_end late = does->sent ? HTTP_TIMEOUT : HTTP_CONNECT_TIMEOUT;
  uint64_t at = does->hang ? UINT64_MAX : does->delay_ns;
  t->end = does->end;
  if (!does->sent) limit(t, &at, a->connect_ms, late);
  if (does->sent && a->first_byte_ms) limit(t, &at, a->first_byte_ms, late);
  if (t->end == HTTP_ANSWERED || t->end == HTTP_CUT) {
    bool large = does->body.len > a->max_body_bytes ||
                 does->body_bytes > a->max_body_bytes;
    if (large) t->end = HTTP_TOO_LARGE;
    if (at < UINT64_MAX) at += does->body_ns;
  }
  limit(t, &at, a->total_ms, late);
  return at;
}

static void decide(struct pretended *t, const struct behaviour *does)
{
  struct scripted *s = t->owner;
  t->matched = does != NULL;
  t->does = does ? *does : (struct behaviour){.end = HTTP_REFUSED};
  if (t->does.ask) {
    behaviour_fn ask = t->does.ask;
    void *ctx = t->does.ask_ctx;
    t->does = (struct behaviour){.end = HTTP_FAILED};
    ask(ctx, &s->requests[s->request_count - 1], &t->does);
    assert(!t->does.ask);
  }
}

static struct pretended *create(struct scripted *s, http_done_fn done,
                                void *ctx)
{
  struct pretended *t = calloc(1, sizeof(*t));
  if (!t) return NULL;
  t->owner = s;
  t->start_ns = loop_now(s->loop);
  t->done = done;
  t->ctx = ctx;
  timer_init(&t->timer, s->loop, on_time, t);
  return t;
}

static struct http_transfer *start(void *self, const struct http_attempt *a,
                                   http_done_fn done, void *ctx)
{
  struct scripted *s = self;
  const struct behaviour *does = next_behaviour(s, a);
  if (!keep_request(s, a, does != NULL)) return NULL;
  struct pretended *t = create(s, done, ctx);
  if (!t) return NULL;
  decide(t, does);
  if (!keep_answer(&t->arena, &t->does) ||
      !timer_start(&t->timer, plan(t, a))) {
    arena_finish(&t->arena);
    free(t);
    return NULL;
  }
  list_append(&s->running, &t->link);
  s->stats.started++;
  s->stats.running++;
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
  while (!list_empty(&s->running)) // finish() unlinks it, then frees it
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
