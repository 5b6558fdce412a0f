// reply.c -- see reply.h for the contract.

#include "mcp/reply.h"

#include <assert.h>

#include "net/sse.h"

enum { HEADERS_MAX = 12 };

struct header_list {
  struct header items[HEADERS_MAX];
  size_t count;
};

static void put(struct header_list *list, const char *name, struct slice value)
{
  if (!value.data) return;
  assert(list->count < HEADERS_MAX);
  list->items[list->count++] = (struct header){slice_of(name), value};
}

// What every answer carries.
static struct header_list common(const struct reply *reply)
{
  struct header_list list = {.count = 0};
  put(&list, "X-Request-Id", reply->request_id);
  put(&list, "Mcp-Session-Id", reply->session);
  put(&list, "Allow", reply->allow);
  put(&list, "Retry-After", reply->retry_after);
  if (!reply->origin.data) return list;
  put(&list, "Access-Control-Allow-Origin", reply->origin);
  put(&list, "Access-Control-Expose-Headers",
      SLICE("WWW-Authenticate, Mcp-Session-Id, Mcp-Protocol-Version, "
            "Last-Event-ID, X-Request-Id"));
  put(&list, "Vary", SLICE("Origin"));
  return list;
}

static void keep_alive(struct reply *reply)
{
  if (reply->pulse && !reply->outlet.ops->bare)
    pulse_touch(reply->pulse, &reply->beat);
}

static void begin_stream(struct reply *reply)
{
  struct header_list list = common(reply);
  put(&list, "Content-Type", SLICE("text/event-stream"));
  put(&list, "Cache-Control", SLICE("no-cache, no-transform"));
  put(&list, "X-Accel-Buffering", SLICE("no"));
  reply->outlet.ops->begin(reply->outlet.to, 200, list.items, list.count);
  reply->state = REPLY_STREAMING;
  keep_alive(reply);
  struct buf first = {0};
  record_open(&reply->record, &first);
  if (first.len && buf_ok(&first))
    reply->outlet.ops->write(reply->outlet.to, buf_slice(&first));
  buf_finish(&first);
}

void reply_last(struct reply *reply)
{
  assert(reply->state == REPLY_WAITING);
  begin_stream(reply);
  if (reply->outlet.ops->last) reply->outlet.ops->last(reply->outlet.to);
  reply->request_id = reply->origin = (struct slice){0};
  reply->session = reply->allow = reply->retry_after = (struct slice){0};
}

void reply_gone(struct reply *reply)
{
  pulse_stop(&reply->beat);
  reply->pulse = NULL;
}

// A comment behind bytes that nobody takes would be one more of them.
void reply_beat(struct beat *beat)
{
  struct reply *reply = LIST_ITEM(beat, struct reply, beat);
  const struct outlet *outlet = &reply->outlet;
  if (reply->state == REPLY_WAITING) begin_stream(reply);
  if (outlet->ops->unsent && outlet->ops->unsent(outlet->to)) return;
  outlet->ops->write(outlet->to, SLICE(": keepalive\n\n"));
}

void reply_wait(struct reply *reply)
{
  if (reply->state == REPLY_WAITING) keep_alive(reply);
}

void reply_begin(struct reply *reply)
{
  if (reply->state == REPLY_WAITING) begin_stream(reply);
}

static void go_away(struct reply *reply)
{
  if (reply->away) return;
  reply->away = true;
  reply_gone(reply);
  if (reply->outlet.ops->leave) reply->outlet.ops->leave(reply->outlet.to);
}

// Without memory the event is dropped: half of one would be worse. One that has
// a name is kept, and the client may come back for it.
bool reply_event(struct reply *reply, struct slice name, struct slice json)
{
  const struct outlet *outlet = &reply->outlet;
  struct buf event = {0};
  sse_put(&event, SLICE("message"), name, json);
  bool good = buf_ok(&event);
  bool fast = good && outlet->ops->write(outlet->to, buf_slice(&event));
  if (!good) reply->lost = true;
  if (!good && name.data) go_away(reply);
  buf_finish(&event);
  return fast;
}

static bool write_event(struct reply *reply, struct slice json)
{
  const struct outlet *outlet = &reply->outlet;
  if (outlet->ops->bare) return outlet->ops->write(outlet->to, json);
  char name[EVENTS_NAME_MAX];
  if (!record_event(&reply->record, json, name)) go_away(reply);
  if (reply->away) return true;
  return reply_event(reply, name[0] ? slice_of(name) : (struct slice){0}, json);
}

static void end_stream(struct reply *reply)
{
  reply->state = REPLY_ENDED;
  pulse_stop(&reply->beat);
  record_end(&reply->record);
  reply->outlet.ops->end(reply->outlet.to);
}

bool reply_notify(struct reply *reply, struct slice json)
{
  assert(reply->state != REPLY_ENDED);
  if (reply->state == REPLY_WAITING) begin_stream(reply);
  keep_alive(reply);
  return write_event(reply, json);
}

bool reply_leave(struct reply *reply, uint32_t retry_ms)
{
  const struct outlet *outlet = &reply->outlet;
  if (!reply->record.primes || !outlet->ops->leave) return false;
  reply_begin(reply);
  if (!record_is_open(&reply->record) || reply->state == REPLY_ENDED)
    return false;
  struct buf retry = {0};
  sse_put_retry(&retry, retry_ms);
  if (!reply->away && buf_ok(&retry))
    outlet->ops->write(outlet->to, buf_slice(&retry));
  buf_finish(&retry);
  go_away(reply);
  return true;
}

void reply_end(struct reply *reply, int status, struct buf *json)
{
  assert(reply->state != REPLY_ENDED);
  if (reply->state == REPLY_STREAMING) {
    write_event(reply, buf_slice(json));
    end_stream(reply);
    return;
  }
  struct header_list list = common(reply);
  if (json->len) put(&list, "Content-Type", SLICE("application/json"));
  pulse_stop(&reply->beat);
  reply->state = REPLY_ENDED;
  reply->outlet.ops->respond(reply->outlet.to, status, list.items, list.count,
                             json);
}

void reply_close(struct reply *reply)
{
  assert(reply->state == REPLY_STREAMING);
  end_stream(reply);
}

void reply_end_silent(struct reply *reply)
{
  assert(reply->state != REPLY_ENDED);
  if (reply->state == REPLY_WAITING) {
    reply->record.store = NULL; // there is nothing to come back for
    begin_stream(reply);
  }
  end_stream(reply);
}

void reply_preflight(struct reply *reply, struct slice headers)
{
  struct header_list list = common(reply);
  put(&list, "Access-Control-Allow-Methods", SLICE("POST, GET, DELETE"));
  if (headers.len) put(&list, "Access-Control-Allow-Headers", headers);
  put(&list, "Access-Control-Max-Age", SLICE("600"));
  struct buf nothing = {0};
  reply->state = REPLY_ENDED;
  reply->outlet.ops->respond(reply->outlet.to, 204, list.items, list.count,
                             &nothing);
}
