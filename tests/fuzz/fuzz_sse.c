// fuzz_sse.c -- net/sse: any split of a stream gives the same events, and what
// is written from an event is read back as that event.
//
// The first byte seeds where the stream is split, the second is the limit.

#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "net/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
  if (!ok) abort();
}

static void note_slice(struct buf *out, struct slice s)
{
  buf_printf(out, "%zu%c", s.len, s.data ? ':' : '-');
  buf_add(out, s);
}

static void on_event(const struct sse_event *event, void *ctx)
{
  note_slice(ctx, event->type);
  note_slice(ctx, event->data);
  note_slice(ctx, event->id);
}

static void note_end(struct buf *out, struct sse_decoder *d,
                     enum error_code code)
{
  buf_printf(out, "|%d %lld %d", code, (long long)d->retry_ms, d->seen_comment);
  sse_decoder_finish(d);
}

static struct buf read_whole(struct slice s, size_t max)
{
  struct buf out = {0};
  struct sse_decoder d;
  sse_decoder_init(&d, max);
  enum error_code code = sse_feed(&d, s, on_event, &out);
  note_end(&out, &d, code);
  return out;
}

static struct buf read_pieces(struct slice s, size_t max, uint32_t seed)
{
  struct buf out = {0};
  struct sse_decoder d;
  sse_decoder_init(&d, max);
  enum error_code code = OK;
  while (s.len > 0 && code == OK) {
    seed = seed * 1664525 + 1013904223;
    size_t n = (seed >> 16) % 9;
    if (n > s.len) n = s.len;
    // A copy of its own, so that reading behind a piece is seen.
    struct buf piece = {0};
    buf_append(&piece, s.data, n);
    code = sse_feed(&d, buf_slice(&piece), on_event, &out);
    buf_finish(&piece);
    s = (struct slice){s.data + n, s.len - n};
  }
  note_end(&out, &d, code);
  return out;
}

static void on_written(const struct sse_event *event, void *ctx)
{
  int *count = ctx;
  (*count)++;
  check(slice_is(event->type, "t"));
}

static void check_round_trip(struct slice s)
{
  struct buf text = {0};
  struct sse_decoder d;
  int count = 0;
  sse_put(&text, SLICE("t"), s, s);
  sse_put_comment(&text, s);
  sse_decoder_init(&d, SIZE_MAX);
  check(sse_feed(&d, buf_slice(&text), on_written, &count) == OK);
  check(count == 1 && d.seen_comment);
  sse_decoder_finish(&d);
  buf_finish(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 2) return 0;
  struct slice s = {(const char *)data + 2, size - 2};
  size_t max = data[1] ? data[1] * 4U : SIZE_MAX;

  struct buf whole = read_whole(s, max);
  struct buf pieces = read_pieces(s, max, data[0]);
  check(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
  buf_finish(&whole);
  buf_finish(&pieces);
  check_round_trip(s);
  return 0;
}
