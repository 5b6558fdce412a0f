// record.c -- see record.h for the contract.

#include "mcp/record.h"

#include "net/sse.h"

static int64_t now_of(const struct record *r)
{
  return loop_wall_ms(r->loop);
}

void record_put_priming(struct buf *out, const struct event_place *place)
{
  char name[EVENTS_NAME_MAX];
  size_t len = event_name(place, name);
  buf_printf(out, "retry: %u\n", RECORD_RETRY_MS);
  sse_put(out, (struct slice){0}, (struct slice){name, len}, SLICE(""));
}

void record_open(struct record *r, struct buf *out)
{
  if (!r->store) return;
  r->open = event_stream_open(r->store, r->session, EVENTS_ANSWER, &r->place,
                              now_of(r));
  if (r->open && r->primes) record_put_priming(out, &r->place);
}

bool record_event(struct record *r, struct slice json,
                  char name[EVENTS_NAME_MAX])
{
  name[0] = '\0';
  if (!r->open) return true;
  struct event_added added =
      event_stream_add(r->store, r->place.stream, json, now_of(r));
  if (!added.number) {
    r->open = false; // the session is over
    return true;
  }
  r->place.number = added.number;
  event_name(&r->place, name);
  return !added.taken;
}

bool record_is_open(const struct record *r)
{
  return r->open;
}

int64_t record_unread_ms(const struct record *r)
{
  if (!r->open) return -1;
  return event_stream_unread_ms(r->store, r->place.stream, now_of(r));
}

void record_end(struct record *r)
{
  if (r->open) event_stream_end(r->store, r->place.stream, now_of(r));
  r->open = false;
}
