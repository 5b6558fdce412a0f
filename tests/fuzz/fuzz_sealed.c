// fuzz_sealed.c -- what comes back to us: names of events, cursors, sessions.
//
// The first byte says which. An event's name that is understood is spelled as
// it came. Cursors and sessions are sealed here, from any bytes (a release to
// come may write others) and from any fields, which come back as they were.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mcp/cursor.h"
#include "mcp/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
  if (!ok) abort();
}

static struct seal_ring *ring_of_ours(void)
{
  static struct seal_ring *ring;
  struct slice key = SLICE("a key that stays the same");
  if (!ring) check(seal_ring_new(&key, 1, &ring, NULL) == OK);
  return ring;
}

static void try_name(struct slice input)
{
  struct event_place place;
  char name[EVENTS_NAME_MAX];
  if (!event_name_parse(input, &place)) return;
  size_t len = event_name(&place, name);
  check(slice_eq((struct slice){name, len}, input));
}

static bool seal_bytes(const char *purpose, struct slice plain, struct buf *out)
{
  return seal(ring_of_ours(), purpose, plain, out);
}

static void try_cursor(struct slice input)
{
  struct arena arena = {0};
  struct buf text = {0};
  struct cursor cursor;
  if (seal_bytes("cursor", input, &text) &&
      cursor_open(ring_of_ours(), buf_slice(&text), &arena, &cursor))
    check(cursor.principal.len + cursor.last.len <= input.len);
  check(!cursor_open(ring_of_ours(), input, &arena, &cursor));
  buf_finish(&text);
  arena_finish(&arena);
}

static void try_cursor_fields(struct slice input)
{
  struct arena arena = {0};
  struct buf text = {0};
  size_t half = input.len / 2;
  struct cursor c = {.list = CURSOR_TOOLS,
                     .principal = {input.data, half},
                     .expires_ms = (int64_t)input.len * 7919,
                     .last = {input.data + half, input.len - half}};
  struct cursor back;
  if (cursor_seal(ring_of_ours(), &c, &text)) {
    check(cursor_open(ring_of_ours(), buf_slice(&text), &arena, &back));
    check(back.list == c.list && back.expires_ms == c.expires_ms &&
          slice_eq(back.principal, c.principal) && slice_eq(back.last, c.last));
  }
  buf_finish(&text);
  arena_finish(&arena);
}

static void try_session(struct slice input)
{
  struct arena arena = {0};
  struct buf text = {0};
  struct session session = {0};
  if (seal_bytes("session", input, &text) &&
      session_open(ring_of_ours(), buf_slice(&text), &arena, &session)) {
    check(session.revision <= REVISION_NEWEST_LEGACY);
    check(session.client.len + session.principal.len <= input.len);
    check(!session.news && !session.legacy_only);
  }
  check(!session_open(ring_of_ours(), input, &arena, &session));
  buf_finish(&text);
  arena_finish(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0) return 0;
  struct slice input = {(const char *)data + 1, size - 1};
  switch (data[0] % 4) {
  case 0: try_name(input); break;
  case 1: try_cursor(input); break;
  case 2: try_cursor_fields(input); break;
  default: try_session(input);
  }
  return 0;
}
