// stream.c -- see stream.h for the contract.

#include "mcp/stream.h"

#include <assert.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/json.h"
#include "mcp/result.h"
#include "mcp/serve.h"

#define MODULE "mcp/stream"

// An event with a key that is to be written. What it says may be long and is one
// for all streams.
struct due {
  struct list link;
  const struct hub_event *event; // kept
};

struct stream {
  struct list link;     // all->open
  struct list due_link; // all->due
  struct mcp_server *server;
  struct reply reply;
  struct hub_sub sub;
  unsigned lists_due; // bits: 1 << enum hub_topic
  struct list events; // struct due, in order
  bool slow;
  struct slice id; // as the client spelt it
  char id_text[];
};

// --- the end ---

static void drop_due(struct due *d)
{
  list_remove(&d->link);
  hub_event_drop(d->event);
  free(d);
}

static void forget(struct stream *s)
{
  struct streams *all = &s->server->streams;
  hub_sub_finish(&s->sub);
  LIST_EACH (it, &s->events)
    drop_due(LIST_ITEM(it, struct due, link));
  list_remove(&s->link);
  list_remove(&s->due_link);
  all->count--;
  free(s);
}

// Without a word.
static void stream_close(struct stream *s)
{
  reply_end_silent(&s->reply);
  forget(s);
}

static void on_gone(void *ctx)
{
  stream_close(ctx);
}

static void put_subscription(struct buf *out, const struct stream *s)
{
  buf_add(out, SLICE("\"" META_PREFIX "subscriptionId\":"));
  buf_add(out, s->id);
}

static void put_result(struct buf *out, const struct stream *s)
{
  rpc_put_result_head(out, s->id);
  buf_add(out, SLICE("{\"resultType\":\"complete\",\"_meta\":{"));
  put_subscription(out, s);
  buf_add(out, SLICE(",\"" META_PREFIX "serverInfo\":"));
  buf_add(out, buf_slice(&s->server->info));
  buf_add(out, SLICE("}}}"));
}

static void end_with_result(struct stream *s)
{
  struct buf out = {0};
  put_result(&out, s);
  if (buf_ok(&out)) reply_notify(&s->reply, buf_slice(&out));
  buf_finish(&out);
  stream_close(s);
}

// --- writing ---

static const char *const methods[HUB_TOPICS] = {
    [HUB_TOOLS] = "tools/list_changed",
    [HUB_PROMPTS] = "prompts/list_changed",
    [HUB_RESOURCES] = "resources/list_changed",
    [HUB_RESOURCE] = "resources/updated",
    [HUB_TASK] = "tasks",
};

static void put_head(struct buf *out, const char *method)
{
  buf_printf(out,
             "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/%s\","
             "\"params\":{",
             method);
}

static void put_tail(struct buf *out, const struct stream *s)
{
  buf_add(out, SLICE("\"_meta\":{"));
  put_subscription(out, s);
  buf_add(out, SLICE("}}}"));
}

static void put_event(struct buf *out, const struct hub_event *e)
{
  struct slice payload = e->payload;
  put_head(out, methods[e->topic]);
  if (e->topic == HUB_RESOURCE) {
    buf_add(out, SLICE("\"uri\":"));
    json_put_string(out, e->key);
    buf_putc(out, ',');
  } else if (payload.len > 2) { // the members, without their braces
    buf_add(out, (struct slice){payload.data + 1, payload.len - 2});
    buf_putc(out, ',');
  }
}

static void put_list(struct buf *out, struct stream *s)
{
  enum hub_topic topic = HUB_TOOLS;
  while (!(s->lists_due & (1u << topic)))
    topic++;
  s->lists_due &= ~(1u << topic);
  put_head(out, methods[topic]);
}

// Appends what is due first, which then is so no more.
static void put_next(struct buf *out, struct stream *s)
{
  if (s->lists_due) {
    put_list(out, s);
  } else {
    struct due *d = LIST_ITEM(s->events.next, struct due, link);
    put_event(out, d->event);
    drop_due(d);
  }
  put_tail(out, s);
}

static bool has_due(const struct stream *s)
{
  return s->lists_due || !list_empty(&s->events);
}

// False when it was lost.
static bool say(struct stream *s, struct slice message)
{
  bool fast = reply_notify(&s->reply, message);
  s->slow = !fast && s->reply.outlet.ops->on_drain;
  return !s->reply.lost;
}

// What is lost must be seen to be lost: without memory the stream ends.
static void write_due(struct stream *s)
{
  struct buf out = {0};
  bool good = true;
  while (good && !s->slow && has_due(s)) {
    buf_reset(&out, 4096);
    put_next(&out, s);
    good = buf_ok(&out);
    if (good) good = say(s, buf_slice(&out));
  }
  buf_finish(&out);
  if (!good) stream_close(s);
}

static void write_batch(struct streams *all)
{
  for (int i = 0; i < STREAM_BATCH && !list_empty(&all->due); i++) {
    struct stream *s = LIST_ITEM(all->due.next, struct stream, due_link);
    list_remove(&s->due_link);
    write_due(s);
  }
}

// So many in one turn; then others have theirs, if there is memory for a timer.
static void on_flush(struct timer *timer, void *ctx)
{
  struct streams *all = ctx;
  do
    write_batch(all);
  while (!list_empty(&all->due) && !timer_start(timer, 0));
}

static void make_due(struct stream *s)
{
  struct streams *all = &s->server->streams;
  if (s->slow || !list_empty(&s->due_link)) return;
  list_append(&all->due, &s->due_link);
  if (!timer_armed(&all->flush) && !timer_start(&all->flush, 0))
    on_flush(&all->flush, all);
}

static void on_drain(void *ctx)
{
  struct stream *s = ctx;
  s->slow = false;
  if (has_due(s)) make_due(s);
}

// --- events ---

static void drop_older(struct stream *s, const struct hub_event *e)
{
  LIST_EACH (it, &s->events) {
    struct due *d = LIST_ITEM(it, struct due, link);
    if (d->event->topic == e->topic && slice_eq(d->event->key, e->key))
      drop_due(d);
  }
}

static bool add_due(struct stream *s, const struct hub_event *e)
{
  struct due *d = fault_calloc(1, sizeof(*d));
  if (!d) return false;
  drop_older(s, e);
  d->event = hub_event_keep(e);
  list_append(&s->events, &d->link);
  return true;
}

static void on_event(struct hub_sub *sub, const struct hub_event *e)
{
  struct stream *s = LIST_ITEM(sub, struct stream, sub);
  if (e->topic < HUB_LISTS)
    s->lists_due |= 1u << e->topic;
  else if (!add_due(s, e)) {
    stream_close(s);
    return;
  }
  make_due(s);
}

// --- the beginning ---

static struct stream *new_stream(struct job *job)
{
  struct slice id = job->env->id;
  struct stream *s = fault_calloc(1, sizeof(*s) + id.len);
  if (!s) return NULL;
  s->server = job_server(job);
  memcpy(s->id_text, id.data, id.len);
  s->id = (struct slice){s->id_text, id.len};
  list_init(&s->link);
  list_init(&s->due_link);
  list_init(&s->events);
  hub_sub_init(&s->sub, s->server->streams.port, on_event);
  s->server->streams.count++;
  return s;
}

static bool watch_keys(struct stream *s, enum hub_topic topic,
                       const struct filter_keys *keys)
{
  for (size_t i = 0; i < keys->count; i++)
    if (!hub_watch(&s->sub, topic, keys->items[i])) return false;
  return true;
}

static bool watch(struct stream *s, const struct filter *granted)
{
  for (int topic = 0; topic < HUB_LISTS; topic++)
    if (granted->lists & (1u << topic))
      hub_watch(&s->sub, (enum hub_topic)topic, (struct slice){0});
  return watch_keys(s, HUB_RESOURCE, &granted->uris) &&
         watch_keys(s, HUB_TASK, &granted->tasks);
}

static void put_keys(struct buf *out, const char *name,
                     const struct filter_keys *keys)
{
  if (keys->count == 0) return;
  json_put_name(out, name);
  buf_putc(out, '[');
  for (size_t i = 0; i < keys->count; i++) {
    json_sep(out);
    json_put_string(out, keys->items[i]);
  }
  buf_putc(out, ']');
}

static void put_granted(struct buf *out, const struct filter *granted)
{
  static const char *const names[] = {
      [HUB_TOOLS] = "toolsListChanged",
      [HUB_PROMPTS] = "promptsListChanged",
      [HUB_RESOURCES] = "resourcesListChanged",
  };
  for (int topic = 0; topic < HUB_LISTS; topic++) {
    if (!(granted->lists & (1u << topic))) continue;
    json_sep(out);
    buf_printf(out, "\"%s\":true", names[topic]);
  }
  put_keys(out, "resourceSubscriptions", &granted->uris);
  put_keys(out, "taskIds", &granted->tasks);
}

static void put_acknowledgement(struct buf *out, const struct stream *s,
                                const struct filter *granted)
{
  put_head(out, "subscriptions/acknowledged");
  buf_add(out, SLICE("\"notifications\":{"));
  put_granted(out, granted);
  buf_add(out, SLICE("},"));
  put_tail(out, s);
}

static void begin(struct stream *s, struct job *job, struct slice first)
{
  list_append(&s->server->streams.open, &s->link);
  s->reply = job->exchange->reply;
  const struct outlet *outlet = &s->reply.outlet;
  outlet->ops->on_gone(outlet->to, on_gone, s);
  if (outlet->ops->on_drain) outlet->ops->on_drain(outlet->to, on_drain, s);
  reply_last(&s->reply);
  if (!say(s, first)) stream_close(s);
}

static void log_begun(const struct job *job, const struct filter *granted)
{
  const struct mcp_server *s = job_server(job);
  log_debug(s->options.log, MODULE,
            "open req=%.*s lists=%u resources=%zu tasks=%zu streams=%u",
            SLICE_ARG(job->exchange->reply.request_id), granted->lists,
            granted->uris.count, granted->tasks.count, s->streams.count);
}

bool stream_open(struct job *job, const struct filter *granted)
{
  struct stream *s = new_stream(job);
  if (!s) return false;
  struct buf first = {0};
  put_acknowledgement(&first, s, granted);
  bool good = watch(s, granted) && buf_ok(&first);
  if (good) {
    log_begun(job, granted);
    begin(s, job, buf_slice(&first));
    job_leave(job);
  } else {
    forget(s);
  }
  buf_finish(&first);
  return good;
}

static struct stream *find(const struct streams *all, struct slice id)
{
  LIST_EACH (it, &all->open) {
    struct stream *s = LIST_ITEM(it, struct stream, link);
    if (slice_eq(s->id, id)) return s;
  }
  return NULL;
}

bool stream_exists(const struct streams *all, struct slice id)
{
  return find(all, id);
}

bool stream_cancel(struct streams *all, struct slice id)
{
  struct stream *s = find(all, id);
  if (s) stream_close(s);
  return s;
}

// --- all of a server ---

bool streams_init(struct streams *all, struct mcp_server *s,
                  struct mailbox *mailbox)
{
  list_init(&all->open);
  list_init(&all->due);
  timer_init(&all->flush, s->options.loop, on_flush, all);
  all->max = s->options.max_streams;
  all->port = hub_join(s->options.hub, mailbox);
  return all->port;
}

void streams_end(struct streams *all)
{
  all->closed = true;
  while (all->port && !list_empty(&all->open))
    end_with_result(LIST_ITEM(all->open.next, struct stream, link));
}

void streams_finish(struct streams *all)
{
  assert(all->count == 0);
  timer_stop(&all->flush);
  hub_leave(all->port);
  all->port = NULL;
}
