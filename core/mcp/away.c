// away.c -- legacy clients that are not there when the answer is, and come back.
//
// In legacy a connection that breaks is no cancellation. Where the client was
// given a name to come back with, its call runs on for `resume_ms` without a
// reader; where it was not, to its deadline. It may come back to any worker:
// there a visitor reads from the store what the exchange writes, wherever that
// runs (events.h).

#include <stdlib.h>

#include "base/fault.h"
#include "loop/clock.h"
#include "mcp/ask.h"
#include "mcp/subscriptions.h"
#include "net/sse.h"

// A client of 2025-11-25 that waits as long as this is given a stream, and with
// it a name, so that it can come back.
#define PATIENCE_NS (NS_PER_S)
// How often what has expired is looked for, while anything is kept.
#define SWEEP_NS (60 * NS_PER_S)

struct visitor {
  struct list link;
  struct mcp_server *server;
  struct reply reply;
  struct event_reader *reader;
  struct buf data;
  bool own;  // of the session, which does not end by itself
  bool slow; // it takes nothing: on_drain
};

static struct event_store *events_of(const struct mcp_server *s)
{
  return mcp_shared_events(s->options.shared);
}

// --- exchanges whose client may leave ---

// Who has come back reads by messages, so without a mailbox nobody can.
static bool can_return(const struct exchange *ex)
{
  const struct inbound *in = &ex->in;
  return in->era == ERA_LEGACY && in->has_session && !ex->peer &&
         in->revision >= REVISION_2025_03_26 && in->fields.accepts_sse &&
         ex->server->options.mailbox;
}

static uint64_t resume_ns(const struct exchange *ex)
{
  return ex->server->options.resume_ms * (uint64_t)NS_PER_MS;
}

static void on_absent(struct exchange *ex)
{
  int64_t unread = record_unread_ms(&ex->reply.record);
  if (unread < 0) return;
  uint64_t waited = (uint64_t)unread * NS_PER_MS;
  if (waited < resume_ns(ex))
    timer_start(&ex->absence, resume_ns(ex) - waited);
  else
    exchange_stop(ex, "client");
}

static void on_absence(struct timer *timer, void *ctx)
{
  (void)timer;
  struct exchange *ex = ctx;
  if (ex->gone || ex->reply.away)
    on_absent(ex);
  else
    reply_begin(&ex->reply);
}

void away_prepare(struct exchange *ex)
{
  timer_init(&ex->absence, ex->server->options.loop, on_absence, ex);
  if (!can_return(ex)) return;
  ex->reply.record = (struct record){
      .store = events_of(ex->server),
      .loop = ex->server->options.loop,
      .session = ex->in.session.id,
      .primes = ex->in.revision >= REVISION_2025_11_25,
  };
}

void away_wait(struct exchange *ex)
{
  if (ex->reply.record.primes && !ex->reply.away)
    timer_start(&ex->absence, PATIENCE_NS);
}

// Who is gone for good answers no question.
static bool asks(const struct exchange *ex)
{
  for (uint32_t i = 0; i < ex->in.count; i++)
    if (ex->jobs[i].park && park_is_open(ex->jobs[i].park)) return true;
  return false;
}

void away_gone(struct exchange *ex)
{
  ex->gone = true;
  timer_stop(&ex->absence);
  if (record_is_open(&ex->reply.record))
    timer_start(&ex->absence, resume_ns(ex));
  else if (asks(ex))
    exchange_stop(ex, "client");
}

bool away_leave(struct exchange *ex, uint32_t retry_ms)
{
  if (!reply_leave(&ex->reply, retry_ms)) return false;
  timer_start(&ex->absence, resume_ns(ex) + retry_ms * NS_PER_MS);
  return true;
}

static void on_sweep(struct timer *timer, void *ctx)
{
  struct mcp_server *s = ctx;
  int64_t now = loop_wall_ms(s->options.loop);
  bool any = event_store_sweep(events_of(s), now);
  any |= subscriptions_sweep(mcp_shared_subscriptions(s->options.shared), now);
  any |= news_sweep(s, now);
  if (any) timer_start(timer, SWEEP_NS);
}

void away_sweep_soon(struct mcp_server *s)
{
  if (!timer_armed(&s->sweep)) timer_start(&s->sweep, SWEEP_NS);
}

void away_end(struct exchange *ex)
{
  timer_stop(&ex->absence);
  if (ex->reply.record.store) away_sweep_soon(ex->server);
}

// --- visitors ---

static void end_visit(struct visitor *v)
{
  struct mcp_server *s = v->server;
  event_reader_free(v->reader, loop_wall_ms(s->options.loop));
  reply_close(&v->reply);
  list_remove(&v->link);
  buf_finish(&v->data);
  free(v);
}

// What the store gives goes out, until there is no more or it is not taken.
static void pump(void *ctx)
{
  struct visitor *v = ctx;
  enum event_next next = EVENT_GIVEN;
  while (!v->slow && next == EVENT_GIVEN) {
    struct event_place place;
    buf_reset(&v->data, 0);
    next = event_reader_next(v->reader, &v->data, &place);
    if (next != EVENT_GIVEN) break;
    char name[EVENTS_NAME_MAX];
    struct slice id = {name, event_name(&place, name)};
    bool good = buf_ok(&v->data);
    if (good) v->slow = !reply_event(&v->reply, id, buf_slice(&v->data));
    if (!good || v->reply.away) next = EVENT_OVER; // it will come back
  }
  if (next == EVENT_OVER) end_visit(v);
}

static void on_drain(void *ctx)
{
  struct visitor *v = ctx;
  v->slow = false;
  pump(v);
}

static void on_gone(void *ctx)
{
  end_visit(ctx);
}

// So that it can come back to the session's own stream.
static void prime(const struct visitor *v)
{
  const struct outlet *outlet = &v->reply.outlet;
  struct event_place place;
  struct buf out = {0};
  event_reader_place(v->reader, &place);
  record_put_priming(&out, &place);
  if (buf_ok(&out)) outlet->ops->write(outlet->to, buf_slice(&out));
  buf_finish(&out);
}

static void begin_visit(struct exchange *ex, struct visitor *v)
{
  const struct outlet *outlet = &v->reply.outlet;
  bool primes = ex->in.revision >= REVISION_2025_11_25 &&
                !ex->in.fields.value[FIELD_LAST_EVENT].data;
  v->reply = ex->reply;
  list_append(&v->server->visitors, &v->link);
  reply_last(&v->reply);
  exchange_drop(ex);
  if (primes) prime(v);
  outlet->ops->on_gone(outlet->to, on_gone, v);
  if (outlet->ops->on_drain) outlet->ops->on_drain(outlet->to, on_drain, v);
  pump(v);
}

static bool refuse_visit(struct refusal *why, enum event_verdict verdict)
{
  switch (verdict) {
  case EVENTS_FOUND: break;
  case EVENTS_UNKNOWN:
    return refuse(why, 400, RPC_TRANSPORT,
                  "Bad request: Last-Event-ID names no event of this session");
  case EVENTS_FORGOTTEN:
    return refuse(why, 400, RPC_TRANSPORT,
                  "Bad request: what followed Last-Event-ID is not kept any "
                  "more");
  case EVENTS_BUSY:
    return refuse(why, 409, RPC_TRANSPORT,
                  "Conflict: the session has an open stream already");
  case EVENTS_FULL:
    return refuse(why, 503, RPC_TRANSPORT,
                  "Too many open streams; try again later");
  case EVENTS_NO_MEMORY:
    return refuse(why, 500, RPC_INTERNAL_ERROR, "Out of memory");
  }
  return true;
}

// Opens the session's own stream if there is none; another worker may have been
// faster.
static enum event_verdict find_own(const struct exchange *ex,
                                   struct event_wake wake,
                                   struct event_reader **reader)
{
  struct event_store *store = events_of(ex->server);
  const unsigned char *session = ex->in.session.id;
  struct event_place place;
  enum event_verdict verdict = event_reader_own(store, session, wake, reader);
  if (verdict != EVENTS_UNKNOWN) return verdict;
  event_stream_open(store, session, EVENTS_OWN, &place,
                    loop_wall_ms(ex->server->options.loop));
  verdict = event_reader_own(store, session, wake, reader);
  return verdict == EVENTS_UNKNOWN ? EVENTS_FULL : verdict;
}

static bool visit(struct exchange *ex)
{
  struct mcp_server *s = ex->server;
  struct visitor *v = fault_calloc(1, sizeof(*v));
  if (!v) return refuse_visit(&ex->in.why, EVENTS_NO_MEMORY);
  v->server = s;
  struct event_wake wake = {s->options.mailbox, pump, v};
  struct slice last = ex->in.fields.value[FIELD_LAST_EVENT];
  enum event_verdict verdict =
      last.data ? event_reader_new(events_of(s), ex->in.session.id, last, wake,
                                   &v->reader)
                : find_own(ex, wake, &v->reader);
  if (!refuse_visit(&ex->in.why, verdict)) {
    free(v);
    return false;
  }
  v->own = !last.data || event_reader_is_own(v->reader);
  if (!last.data) news_of_session(s, &ex->in.session);
  away_sweep_soon(s);
  begin_visit(ex, v);
  return true;
}

static bool check_return(struct exchange *ex)
{
  struct inbound *in = &ex->in;
  struct inbound_rules rules = serve_rules(ex->server);
  if (!inbound_need_session(in, &rules, &ex->arena)) return false;
  if (fields_twice(&in->fields, FIELD_LAST_EVENT))
    return refuse(&in->why, 400, RPC_TRANSPORT,
                  "Bad request: Last-Event-ID comes twice");
  if (ex->server->streams.closed && !in->fields.value[FIELD_LAST_EVENT].data)
    return refuse(&in->why, 503, RPC_TRANSPORT, "The server is stopping");
  if (!in->fields.accepts_sse)
    return refuse(&in->why, 406, RPC_TRANSPORT,
                  "Not acceptable: Accept must list text/event-stream");
  return true;
}

void away_return(struct exchange *ex)
{
  bool session = ex->in.fields.value[FIELD_SESSION].data;
  if (ex->in.era == ERA_MODERN || !session || !ex->server->options.mailbox)
    exchange_refuse_method(ex, SLICE("POST, DELETE"));
  else if (!check_return(ex))
    exchange_refuse(ex);
  else if (ex->in.revision < REVISION_2025_03_26)
    exchange_refuse_method(ex, SLICE("POST, DELETE"));
  else if (!visit(ex))
    exchange_refuse(ex);
}

// --- the server ---

void away_init(struct mcp_server *s)
{
  list_init(&s->visitors);
  timer_init(&s->sweep, s->options.loop, on_sweep, s);
}

void away_end_visits(struct mcp_server *s)
{
  LIST_EACH (it, &s->visitors) {
    struct visitor *v = LIST_ITEM(it, struct visitor, link);
    if (v->own) end_visit(v);
  }
}

void away_finish(struct mcp_server *s)
{
  timer_stop(&s->sweep);
  while (!list_empty(&s->visitors))
    end_visit(LIST_ITEM(s->visitors.next, struct visitor, link));
}
