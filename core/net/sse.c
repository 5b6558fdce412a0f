// sse.c -- see sse.h for the contract.

#include "net/sse.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define KEEP_BYTES  4096 // what a buffer keeps from one event to the next
#define BLOCK_BYTES 256

// --- writing ---

// How long the first line of `s` is. Block by block, so that a stream with
// only CRs, or only LFs, is still read in linear time.
static size_t line_length(struct slice s)
{
  for (size_t at = 0; at < s.len; at += BLOCK_BYTES) {
    size_t n = s.len - at < BLOCK_BYTES ? s.len - at : BLOCK_BYTES;
    const char *lf = memchr(s.data + at, '\n', n);
    if (lf) n = (size_t)(lf - s.data) - at;
    const char *cr = memchr(s.data + at, '\r', n);
    if (cr || lf) return (size_t)((cr ? cr : lf) - s.data);
  }
  return s.len;
}

// The same; `*skip` is the length with its line break.
static size_t first_line(struct slice s, size_t *skip)
{
  size_t len = line_length(s);
  bool crlf = len + 1 < s.len && s.data[len] == '\r' && s.data[len + 1] == '\n';
  *skip = len + (crlf ? 2 : len < s.len);
  return len;
}

// `mark` and one line of `text`, as often as it has lines.
static void put_lines(struct buf *out, const char *mark, struct slice text)
{
  bool more = true;
  if (!text.data) text = SLICE("");
  while (more) {
    size_t skip, len = first_line(text, &skip);
    buf_puts(out, mark);
    buf_append(out, text.data, len);
    buf_putc(out, '\n');
    more = len < text.len; // behind a last line break is one more, empty line
    text = (struct slice){text.data + skip, text.len - skip};
  }
}

// A field of one line: what would end the line, or the id, is left out.
static void put_field(struct buf *out, const char *mark, struct slice value)
{
  if (!value.data) return;
  buf_puts(out, mark);
  for (size_t i = 0; i < value.len; i++) {
    char c = value.data[i];
    if (c != '\n' && c != '\r' && c != '\0') buf_putc(out, c);
  }
  buf_putc(out, '\n');
}

void sse_put(struct buf *out, struct slice event, struct slice id,
             struct slice data)
{
  put_field(out, "event: ", event);
  put_field(out, "id: ", id);
  put_lines(out, "data: ", data);
  buf_putc(out, '\n');
}

void sse_put_comment(struct buf *out, struct slice text)
{
  put_lines(out, ": ", text);
  buf_putc(out, '\n');
}

void sse_put_retry(struct buf *out, uint32_t ms)
{
  buf_printf(out, "retry: %u\n\n", (unsigned)ms);
}

// --- reading ---

void sse_decoder_init(struct sse_decoder *d, size_t max_event_bytes)
{
  *d = (struct sse_decoder){.max_event_bytes = max_event_bytes, .retry_ms = -1};
}

void sse_decoder_finish(struct sse_decoder *d)
{
  if (!d) return;
  buf_finish(&d->line);
  buf_finish(&d->data);
  buf_finish(&d->type);
  buf_finish(&d->id);
  sse_decoder_init(d, 0);
}

static void set(struct buf *b, struct slice value)
{
  buf_reset(b, KEEP_BYTES);
  buf_add(b, value);
}

static void take_retry(struct sse_decoder *d, struct slice value)
{
  int64_t ms = 0;
  if (value.len == 0) return;
  for (size_t i = 0; i < value.len; i++) {
    int digit = value.data[i] - '0';
    if (digit < 0 || digit > 9) return;
    ms = ms > (INT64_MAX - 9) / 10 ? INT64_MAX - 9 : ms * 10 + digit;
  }
  d->retry_ms = ms;
}

static void take_field(struct sse_decoder *d, struct slice name,
                       struct slice value)
{
  if (slice_is(name, "data")) {
    buf_add(&d->data, value);
    buf_putc(&d->data, '\n');
  } else if (slice_is(name, "event")) {
    set(&d->type, value);
  } else if (slice_is(name, "id")) {
    if (value.len && memchr(value.data, '\0', value.len)) return;
    set(&d->id, value);
    d->has_id = true;
  } else if (slice_is(name, "retry")) {
    take_retry(d, value);
  }
}

static void dispatch(struct sse_decoder *d, sse_event_fn fn, void *ctx)
{
  if (d->data.len > 0 && buf_ok(&d->data) && buf_ok(&d->type) &&
      buf_ok(&d->id)) {
    struct sse_event event = {
        .type = d->type.len ? buf_slice(&d->type) : SLICE("message"),
        .data = {d->data.data, d->data.len - 1}, // without the last LF
        .id = d->has_id ? buf_slice(&d->id) : (struct slice){0},
    };
    fn(&event, ctx);
  }
  if (buf_ok(&d->data)) buf_reset(&d->data, KEEP_BYTES);
  if (buf_ok(&d->type)) buf_reset(&d->type, KEEP_BYTES);
}

static struct slice without_bom(struct slice line)
{
  if (line.len < 3 || memcmp(line.data, "\xEF\xBB\xBF", 3)) return line;
  return (struct slice){line.data + 3, line.len - 3};
}

static void take_line(struct sse_decoder *d, struct slice line, sse_event_fn fn,
                      void *ctx)
{
  if (!d->started) line = without_bom(line);
  d->started = true;
  if (line.len == 0) {
    dispatch(d, fn, ctx);
    return;
  }
  const char *colon = memchr(line.data, ':', line.len);
  if (colon == line.data) {
    d->seen_comment = true;
    return;
  }
  size_t n = colon ? (size_t)(colon - line.data) : line.len;
  size_t from = colon ? n + 1 : n;
  if (from < line.len && line.data[from] == ' ') from++;
  take_field(d, (struct slice){line.data, n},
             (struct slice){line.data + from, line.len - from});
}

static enum error_code state(const struct sse_decoder *d, size_t line_len)
{
  if (!buf_ok(&d->line) || !buf_ok(&d->data) || !buf_ok(&d->type) ||
      !buf_ok(&d->id))
    return E_NO_MEMORY;
  size_t event = d->data.len + d->type.len + line_len;
  return event > d->max_event_bytes ? E_TOO_LARGE : OK;
}

// A line of which `tail` is the last part; the first ones stand in d->line.
static enum error_code end_line(struct sse_decoder *d, struct slice tail,
                                sse_event_fn fn, void *ctx)
{
  if (d->line.len > 0) {
    buf_add(&d->line, tail);
    tail = buf_slice(&d->line);
  }
  enum error_code code = state(d, tail.len);
  if (code != OK) return code;
  take_line(d, tail, fn, ctx);
  buf_reset(&d->line, KEEP_BYTES);
  return state(d, 0);
}

enum error_code sse_feed(struct sse_decoder *d, struct slice bytes,
                         sse_event_fn fn, void *ctx)
{
  assert(d->max_event_bytes > 0);
  while (bytes.len > 0) {
    if (d->after_cr && bytes.data[0] == '\n') {
      bytes = (struct slice){bytes.data + 1, bytes.len - 1};
      d->after_cr = false;
      continue;
    }
    d->after_cr = false;
    size_t skip, len = first_line(bytes, &skip);
    if (len == bytes.len) {
      buf_add(&d->line, bytes);
      return state(d, d->line.len);
    }
    d->after_cr = bytes.data[len] == '\r' && len + 1 == bytes.len;
    struct slice tail = {bytes.data, len};
    enum error_code code = end_line(d, tail, fn, ctx);
    if (code != OK) return code;
    bytes = (struct slice){bytes.data + skip, bytes.len - skip};
  }
  return OK;
}
