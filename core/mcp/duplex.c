// duplex.c -- see duplex.h for the contract.

#include "mcp/duplex.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/random.h"
#include "base/seal.h"
#include "mcp/posts.h"
#include "mcp/serve.h"
#include "net/sse.h"

#define MODULE "mcp/duplex"

enum { RUNNING_MAX = 64 };

static const char purpose[] = "sse";

struct duplex {
  struct list link;
  struct mcp_server *server;
  struct reply reply;
  struct session peer;
  struct news news;
  struct post_box box;
  struct list pending; // struct post
  struct list running; // struct line
  uint32_t count;      // running
  bool slow, closing, gone;
  struct deferred work;
};

// A post that is being answered.
struct line {
  struct list link;
  struct duplex *duplex;
  struct post *post;
  void (*on_gone)(void *ctx);
  void *gone_ctx;
};

static struct posts *posts_of(const struct duplex *d)
{
  return mcp_shared_posts(d->server->options.shared);
}

static void soon(struct duplex *d)
{
  loop_defer(d->server->options.loop, &d->work);
}

// --- the end ---

static void drop_pending(struct duplex *d)
{
  while (!list_empty(&d->pending)) {
    struct post *post = LIST_ITEM(d->pending.next, struct post, link);
    list_remove(&post->link);
    free(post);
  }
}

// Nothing more comes, and nothing more is said.
static void hang_up(struct duplex *d)
{
  if (d->gone) return;
  d->gone = true;
  posts_close(posts_of(d), &d->box);
  news_end(&d->news);
  drop_pending(d);
  reply_close(&d->reply);
}

static void destroy(struct duplex *d)
{
  assert(d->gone && list_empty(&d->running));
  deferred_cancel(&d->work);
  list_remove(&d->link);
  d->server->duplexes.count--;
  free(d);
}

// One that wants to know that its client left; stopping it may end others.
static struct line *next_to_tell(struct duplex *d)
{
  LIST_EACH (it, &d->running) {
    struct line *line = LIST_ITEM(it, struct line, link);
    if (line->on_gone) return line;
  }
  return NULL;
}

static void on_gone(void *ctx)
{
  struct duplex *d = ctx;
  struct line *line;
  hang_up(d);
  while ((line = next_to_tell(d))) {
    void (*fn)(void *) = line->on_gone;
    line->on_gone = NULL;
    fn(line->gone_ctx);
  }
  if (list_empty(&d->running)) destroy(d);
}

// --- what is said ---

static bool say(void *to, struct slice json)
{
  struct duplex *d = to;
  if (d->gone) return true;
  d->slow = !reply_notify(&d->reply, json);
  return !d->slow;
}

static void say_error(struct duplex *d, enum rpc_code code, const char *text)
{
  struct refusal why;
  struct buf out = {0};
  refuse(&why, 500, code, "%s", text);
  rpc_put_error(&out, (struct slice){0}, false, &why);
  if (buf_ok(&out)) say(d, buf_slice(&out));
  buf_finish(&out);
}

// --- the outlet of a post ---

static void finish_post(struct duplex *d, struct post *post)
{
  posts_done(posts_of(d), &d->box, post);
  free(post);
}

static void end_line(struct line *line)
{
  struct duplex *d = line->duplex;
  list_remove(&line->link);
  finish_post(d, line->post);
  free(line);
  d->count--;
  soon(d);
}

static void respond(void *to, int status, const struct header *headers,
                    size_t n, struct buf *body)
{
  (void)status, (void)headers, (void)n;
  struct line *line = to;
  if (body->len) say(line->duplex, buf_slice(body));
  end_line(line);
}

static void begin(void *to, int status, const struct header *headers, size_t n)
{
  (void)to, (void)status, (void)headers, (void)n;
}

static bool write_message(void *to, struct slice json)
{
  return say(((struct line *)to)->duplex, json);
}

static void end(void *to)
{
  end_line(to);
}

static void hear_gone(void *to, void (*fn)(void *ctx), void *ctx)
{
  struct line *line = to;
  line->on_gone = fn;
  line->gone_ctx = ctx;
}

static const struct outlet_ops post_outlet = {
    .respond = respond,
    .begin = begin,
    .write = write_message,
    .end = end,
    .on_gone = hear_gone,
    .bare = true,
};

// --- serving posts ---

static void serve_post(struct duplex *d, struct post *post)
{
  struct line *line = fault_calloc(1, sizeof(*line));
  if (!line) {
    finish_post(d, post);
    say_error(d, RPC_INTERNAL_ERROR, "Out of memory");
    return;
  }
  line->duplex = d;
  line->post = post;
  list_init(&line->link);
  list_append(&d->running, &line->link);
  d->count++;
  serve_bare(d->server, (struct slice){post->text, post->len}, &d->peer,
             (struct outlet){&post_outlet, line});
}

static bool must_wait(struct post *post)
{
  if (!post->can_wait)
    post->can_wait = envelope_can_wait((struct slice){post->text, post->len});
  return post->can_wait;
}

// As many requests as may run, in order. What they may wait for overtakes those
// that wait.
static void go(struct duplex *d)
{
  if (d->gone) return;
  bool full = false;
  LIST_EACH (it, &d->pending) {
    struct post *post = LIST_ITEM(it, struct post, link);
    full |= d->count >= RUNNING_MAX;
    if (d->slow) break;
    if (full && must_wait(post)) continue;
    list_remove(&post->link);
    serve_post(d, post);
  }
  if (d->closing && !d->count && list_empty(&d->pending)) hang_up(d);
}

static void on_work(void *ctx)
{
  struct duplex *d = ctx;
  go(d);
  if (d->gone && list_empty(&d->running)) destroy(d);
}

static void on_drain(void *ctx)
{
  struct duplex *d = ctx;
  d->slow = false;
  news_go_on(&d->news);
  soon(d);
}

static void deliver(struct post_box *box, struct post *post)
{
  struct duplex *d = LIST_ITEM(box, struct duplex, box);
  const struct mcp_server_options *o = &d->server->options;
  if (o->on_message) o->on_message(o->ctx);
  list_append(&d->pending, &post->link);
  soon(d);
}

// --- GET /sse ---

static bool put_endpoint(struct buf *out, const struct duplex *d,
                         struct slice principal)
{
  const struct mcp_server_options *o = &d->server->options;
  struct buf plain = {0}, data = {0};
  buf_append(&plain, d->box.id, POSTS_ID_LEN);
  buf_add(&plain, principal);
  buf_add(&data, o->message_path);
  buf_add(&data, SLICE("?sessionId="));
  bool good = buf_ok(&plain) &&
              seal(o->seals, purpose, buf_slice(&plain), &data) &&
              buf_ok(&data);
  sse_put(out, SLICE("endpoint"), (struct slice){0}, buf_slice(&data));
  buf_finish(&plain);
  buf_finish(&data);
  return good && buf_ok(out);
}

static struct duplex *new_duplex(struct mcp_server *s)
{
  struct duplex *d = fault_calloc(1, sizeof(*d));
  if (!d) return NULL;
  d->server = s;
  d->peer.revision = REVISION_2024_11_05;
  d->peer.legacy_only = true;
  d->peer.news = &d->news;
  d->box.mailbox = s->options.mailbox;
  d->box.deliver = deliver;
  list_init(&d->pending);
  list_init(&d->running);
  deferred_init(&d->work, on_work, d);
  if (random_bytes(d->box.id, POSTS_ID_LEN) &&
      random_bytes(d->peer.id, SESSION_ID_LEN))
    return d;
  free(d);
  return NULL;
}

static void begin_stream(struct duplex *d, struct exchange *ex,
                         struct slice first)
{
  struct mcp_server *s = d->server;
  const struct outlet *outlet = &d->reply.outlet;
  list_append(&s->duplexes.open, &d->link);
  s->duplexes.count++;
  d->reply = ex->reply;
  reply_last(&d->reply);
  exchange_drop(ex);
  news_begin(&d->news, s, say, d);
  posts_open(posts_of(d), &d->box);
  outlet->ops->on_gone(outlet->to, on_gone, d);
  if (outlet->ops->on_drain) outlet->ops->on_drain(outlet->to, on_drain, d);
  outlet->ops->write(outlet->to, first);
}

static bool check_open(struct exchange *ex)
{
  const struct mcp_server *s = ex->server;
  if (!ex->in.fields.accepts_sse)
    return refuse(&ex->in.why, 406, RPC_TRANSPORT,
                  "Not acceptable: Accept must list text/event-stream");
  if (s->streams.closed || s->duplexes.count >= s->options.max_streams)
    return refuse(&ex->in.why, 503, RPC_TRANSPORT,
                  "Too many open streams; try again later");
  return true;
}

void duplex_open(struct exchange *ex)
{
  struct mcp_server *s = ex->server;
  if (!check_open(ex)) {
    exchange_refuse(ex);
    return;
  }
  struct buf first = {0};
  struct duplex *d = new_duplex(s);
  if (d && put_endpoint(&first, d, serve_rules(s).principal)) {
    begin_stream(d, ex, buf_slice(&first));
  } else {
    free(d);
    refuse(&ex->in.why, 500, RPC_INTERNAL_ERROR, "Out of memory");
    exchange_refuse(ex);
  }
  buf_finish(&first);
}

// --- POST /messages ---

// The value of sessionId, which must be there once; absent otherwise.
static struct slice session_in(struct slice query)
{
  struct slice found = {0}, name = SLICE("sessionId=");
  bool twice = false;
  while (query.len) {
    const char *end = memchr(query.data, '&', query.len);
    size_t len = end ? (size_t)(end - query.data) : query.len;
    if (len >= name.len && !memcmp(query.data, name.data, name.len)) {
      twice = found.data;
      found = (struct slice){query.data + name.len, len - name.len};
    }
    size_t used = len + (end ? 1 : 0);
    query = (struct slice){query.data + used, query.len - used};
  }
  return twice ? (struct slice){0} : found;
}

static bool open_id(const struct exchange *ex, struct slice text,
                    unsigned char id[POSTS_ID_LEN])
{
  struct inbound_rules rules = serve_rules(ex->server);
  struct buf plain = {0};
  bool good =
      unseal(rules.seals, purpose, text, &plain) && plain.len >= POSTS_ID_LEN;
  if (good) {
    struct slice principal = {plain.data + POSTS_ID_LEN,
                              plain.len - POSTS_ID_LEN};
    good = slice_eq(principal, rules.principal);
    memcpy(id, plain.data, POSTS_ID_LEN);
  }
  buf_finish(&plain);
  return good;
}

static bool no_session(struct exchange *ex)
{
  return refuse(&ex->in.why, 404, RPC_NO_SESSION, "Session not found");
}

static bool check_body(struct exchange *ex, struct slice body)
{
  struct error err;
  if (!fields_are_json(&ex->in.fields))
    return refuse(&ex->in.why, 415, RPC_TRANSPORT,
                  "Unsupported media type: Content-Type must be "
                  "application/json");
  enum error_code code = json_valid(body, (struct json_limits){0}, &err);
  if (code == OK) return true;
  if (code == E_NO_MEMORY)
    return refuse(&ex->in.why, 500, RPC_INTERNAL_ERROR, "Out of memory");
  if (code == E_TOO_LARGE)
    return refuse(&ex->in.why, 400, RPC_INVALID_REQUEST, "Invalid request: %s",
                  err.message);
  return refuse(&ex->in.why, 400, RPC_PARSE_ERROR, "Parse error: %s",
                err.message);
}

static bool pass_on(struct exchange *ex, struct slice query, struct slice body)
{
  unsigned char id[POSTS_ID_LEN];
  struct slice session = session_in(query);
  if (!session.data)
    return refuse(&ex->in.why, 400, RPC_TRANSPORT,
                  "Bad request: sessionId is missing, or comes twice");
  if (!open_id(ex, session, id)) return no_session(ex);
  if (!check_body(ex, body)) return false;
  switch (posts_send(mcp_shared_posts(ex->server->options.shared), id, body)) {
  case POST_SENT: break;
  case POST_UNKNOWN: return no_session(ex);
  case POST_FULL:
    return refuse(&ex->in.why, 503, RPC_TRANSPORT,
                  "Too many messages wait for this session");
  case POST_NO_MEMORY:
    return refuse(&ex->in.why, 500, RPC_INTERNAL_ERROR, "Out of memory");
  }
  return true;
}

void duplex_post(struct exchange *ex, struct slice query, struct slice body)
{
  if (!pass_on(ex, query, body)) {
    exchange_refuse(ex);
    return;
  }
  reply_end(&ex->reply, 202, &ex->out);
  exchange_drop(ex);
}

// --- all of a server ---

void duplexes_init(struct duplexes *all)
{
  list_init(&all->open);
  all->count = 0;
}

void duplexes_end(struct duplexes *all)
{
  LIST_EACH (it, &all->open) {
    struct duplex *d = LIST_ITEM(it, struct duplex, link);
    d->closing = true;
    posts_close(posts_of(d), &d->box);
    soon(d);
  }
}

void duplexes_finish(struct duplexes *all)
{
  while (!list_empty(&all->open)) {
    struct duplex *d = LIST_ITEM(all->open.next, struct duplex, link);
    hang_up(d);
    destroy(d);
  }
}
