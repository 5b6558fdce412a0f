// fuzz_http_parser.c -- requests from bytes, cut in two and in small pieces.
//
// The first two bytes of the input say where the rest is cut. However it is
// cut, the same requests and the same refusal must come out; and no head that
// is accepted has a NUL, a bare CR or a bare LF in it.

#include <stdint.h>
#include <stdlib.h>

#include "net/http_input.h"

#define FIELDS 16

static const struct input_limits limits = {
    .max_header_bytes = 2048, .max_headers = FIELDS, .max_body_bytes = 4096};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool holds)
{
  if (!holds) abort();
}

// The head of a ready request is where its method begins.
static void check_head(const struct http_input *in)
{
  const char *head = in->message.method.data;
  size_t len = in->scan.line;
  for (size_t i = 0; i < len; i++) {
    insist(head[i] != '\0');
    insist(head[i] != '\n' || (i > 0 && head[i - 1] == '\r'));
    insist(head[i] != '\r' || (i + 1 < len && head[i + 1] == '\n'));
  }
  insist(len >= 4 && !memcmp(head + len - 4, "\r\n\r\n", 4));
}

static void note(struct buf *out, struct slice s)
{
  buf_printf(out, "%d %zu:", s.data != NULL, s.len);
  buf_add(out, s);
}

static void note_message(struct buf *out, const struct http_input *in)
{
  const struct http_message *m = &in->message;
  note(out, m->method);
  note(out, m->target);
  note(out, m->path);
  note(out, m->query);
  for (size_t i = 0; i < m->header_count; i++) {
    note(out, m->headers[i].name);
    note(out, m->headers[i].value);
  }
  note(out, m->body);
  buf_printf(out, "%d %d\n", m->minor, in->keep_alive);
}

static void take_all(struct http_input *in, struct buf *out)
{
  while (http_input_parse(in) == INPUT_READY) {
    check_head(in);
    insist(in->message.body.len <= limits.max_body_bytes);
    note_message(out, in);
    http_input_next(in);
  }
}

static void feed(struct http_input *in, struct slice bytes, struct buf *out)
{
  while (bytes.len > 0 && in->state != INPUT_BAD) {
    size_t room;
    char *to = http_input_room(in, &room);
    insist(to != NULL);
    if (room > bytes.len) room = bytes.len;
    memcpy(to, bytes.data, room);
    http_input_filled(in, room);
    bytes.data += room;
    bytes.len -= room;
    take_all(in, out);
  }
}

// What comes of `bytes`: cut once at `cut`, and then each `step` bytes.
static void run(struct slice bytes, size_t cut, size_t step, struct buf *out)
{
  struct http_input in;
  http_input_init(&in, &limits);
  feed(&in, (struct slice){bytes.data, cut}, out);
  while (cut < bytes.len) {
    size_t n = bytes.len - cut < step ? bytes.len - cut : step;
    feed(&in, (struct slice){bytes.data + cut, n}, out);
    cut += n;
  }
  buf_printf(out, "%d %d", (int)in.state,
             in.state == INPUT_BAD ? in.status : 0);
  http_input_finish(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 3) return 0;
  struct slice bytes = {(const char *)data + 2, size - 2};
  size_t cut = ((size_t)data[0] << 8 | data[1]) % bytes.len;
  const size_t steps[] = {bytes.len, 1, 7};
  struct buf whole = {0};
  run(bytes, 0, bytes.len, &whole);
  for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
    struct buf cut_up = {0};
    run(bytes, cut, steps[i], &cut_up);
    insist(slice_eq(buf_slice(&whole), buf_slice(&cut_up)));
    buf_finish(&cut_up);
  }
  buf_finish(&whole);
  return 0;
}
