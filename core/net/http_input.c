// http_input.c -- from bytes to requests; see http_input.h.

#include "net/http_input.h"

#include <assert.h>
#include <stdlib.h>

#include "base/fault.h"

#define FIRST_READ 4096u
#define BODY_READ  (64u * 1024) // at once at most, before any of it has come
#define KEEP       (16u * 1024)

void http_input_init(struct http_input *in, const struct input_limits *limits)
{
  *in = (struct http_input){.limits = limits};
}

void http_input_finish(struct http_input *in)
{
  buf_finish(&in->bytes);
  buf_finish(&in->ahead);
  buf_finish(&in->body);
  free(in->fields);
  in->fields = NULL;
}

void http_input_close(struct http_input *in)
{
  assert(in->state == INPUT_READY);
  http_input_finish(in);
  in->message = (struct http_message){0};
  in->at = in->end = 0;
  in->state = INPUT_BAD;
}

// What belongs to one request.
static void begin(struct http_input *in)
{
  in->state = INPUT_HEAD;
  in->status = 0;
  in->skipped = false;
  in->scan = (struct head_scan){0};
  in->chunks = (struct chunks){0};
}

void http_input_reset(struct http_input *in)
{
  buf_reset(&in->bytes, KEEP);
  buf_reset(&in->ahead, KEEP);
  buf_reset(&in->body, KEEP);
  in->at = in->end = 0;
  begin(in);
}

static enum input_state refuse(struct http_input *in, int status)
{
  in->state = INPUT_BAD;
  in->status = status;
  return INPUT_BAD;
}

// --- taking bytes in ---

// Drops the requests that are done, so that the buffer does not creep.
static void compact(struct http_input *in)
{
  buf_consume(&in->bytes, in->at);
  in->at = 0;
}

// How much of a body of known length to ask for: what is missing, but memory
// only for what has come, twice.
static size_t body_wanted(const struct http_input *in)
{
  size_t missing = (size_t)in->framing.length - in->body.len;
  size_t most = in->body.len > BODY_READ ? in->body.len : BODY_READ;
  return missing < most ? missing : most;
}

static size_t open_room(struct http_input *in)
{
  if (in->state == INPUT_HEAD) {
    compact(in);
    in->into = &in->bytes;
    size_t room = in->bytes.cap - in->bytes.len;
    return room >= FIRST_READ / 4 ? room : FIRST_READ;
  }
  if (in->state == INPUT_BODY && !in->framing.chunked) {
    in->into = &in->body;
    return body_wanted(in);
  }
  in->into = &in->ahead;
  if (in->state == INPUT_BAD || in->ahead.len >= INPUT_AHEAD_MAX) return 0;
  size_t left = INPUT_AHEAD_MAX - in->ahead.len;
  size_t room = in->ahead.cap - in->ahead.len;
  if (room < FIRST_READ / 4) room = FIRST_READ;
  return room < left ? room : left;
}

char *http_input_room(struct http_input *in, size_t *size)
{
  *size = open_room(in);
  if (*size == 0) return NULL;
  if (buf_reserve(in->into, *size)) return in->into->data + in->into->len;
  if (in->state != INPUT_READY) refuse(in, 503);
  return NULL;
}

void http_input_filled(struct http_input *in, size_t n)
{
  in->into->len += n;
  assert(in->into->len <= in->into->cap);
}

bool http_input_empty(const struct http_input *in)
{
  size_t next = in->state == INPUT_READY ? in->end : in->at;
  return in->bytes.len == next && in->ahead.len == 0;
}

bool http_input_full(const struct http_input *in)
{
  if (in->state != INPUT_HEAD)
    return in->ahead.len >= INPUT_AHEAD_MAX || !buf_ok(&in->ahead);
  return in->bytes.len - in->at >= INPUT_AHEAD_MAX;
}

bool http_input_wants_continue(const struct http_input *in)
{
  return in->state == INPUT_BODY && in->framing.expects && in->body.len == 0 &&
         in->ahead.len == 0 && in->chunks.state == CHUNK_SIZE;
}

// --- the head ---

static struct slice unread(const struct http_input *in)
{
  return (struct slice){buf_slice(&in->bytes).data + in->at,
                        in->bytes.len - in->at};
}

// RFC 9112, 2.2: an empty line before a request line is ignored; one.
static void skip_empty_line(struct http_input *in)
{
  struct slice s = unread(in);
  if (in->skipped || s.len < 2 || s.data[0] != '\r' || s.data[1] != '\n')
    return;
  in->at += 2;
  in->skipped = true;
  in->scan = (struct head_scan){0};
}

static enum input_state ready(struct http_input *in, struct slice body,
                              size_t end)
{
  in->state = INPUT_READY;
  in->message.body = body;
  in->end = end;
  return INPUT_READY;
}

static int understand(struct http_input *in, struct slice head)
{
  uint32_t most = in->limits->max_headers;
  if (!in->fields) in->fields = fault_calloc(most, sizeof(*in->fields));
  if (!in->fields) return 503;
  int status = head_parse(head, in->fields, most, &in->message, &in->framing);
  if (status) return status;
  status = judge_head(&in->judge, head, &in->framing, &in->keep_alive);
  if (status) return status;
  return in->framing.length > in->limits->max_body_bytes ? 413 : 0;
}

// The rest of a body is read elsewhere, so that the head stays in its place.
static enum input_state begin_body(struct http_input *in, struct slice rest)
{
  in->state = INPUT_BODY;
  struct buf *to = in->framing.chunked ? &in->ahead : &in->body;
  assert(to->len == 0);
  buf_add(to, rest);
  in->bytes.len -= rest.len;
  return buf_ok(to) ? INPUT_BODY : refuse(in, 503);
}

static enum input_state parse_head(struct http_input *in)
{
  skip_empty_line(in);
  struct slice bytes = unread(in);
  int status = head_scan(&in->scan, bytes, in->limits->max_header_bytes);
  if (status) return refuse(in, status);
  if (!in->scan.ended) return INPUT_HEAD;
  size_t len = in->scan.line;
  status = understand(in, (struct slice){bytes.data, len});
  if (status) return refuse(in, status);
  struct slice rest = {bytes.data + len, bytes.len - len};
  uint64_t length = in->framing.length;
  if (in->framing.chunked || length > rest.len) return begin_body(in, rest);
  struct slice body = {rest.data, (size_t)length};
  return ready(in, body, in->at + len + body.len);
}

// --- the body ---

static enum input_state parse_chunks(struct http_input *in)
{
  struct slice raw = buf_slice(&in->ahead);
  raw.len = chunks_decode(&in->chunks, raw, &in->body,
                          in->limits->max_body_bytes, &in->status);
  if (!buf_ok(&in->body)) return refuse(in, 503);
  if (in->chunks.state == CHUNK_BAD) return refuse(in, in->status);
  bool done = in->chunks.state == CHUNK_DONE;
  if (!judge_chunks(&in->judge, raw, in->body.len, done))
    return refuse(in, 400);
  buf_consume(&in->ahead, raw.len);
  if (!done) return INPUT_BODY;
  return ready(in, buf_slice(&in->body), in->bytes.len);
}

static enum input_state parse_body(struct http_input *in)
{
  if (in->framing.chunked) return parse_chunks(in);
  if (in->body.len < in->framing.length) return INPUT_BODY;
  return ready(in, buf_slice(&in->body), in->bytes.len);
}

enum input_state http_input_parse(struct http_input *in)
{
  if (in->state == INPUT_HEAD) parse_head(in);
  if (in->state == INPUT_BODY) parse_body(in);
  return in->state;
}

void http_input_next(struct http_input *in)
{
  assert(in->state == INPUT_READY);
  in->at = in->end;
  if (in->at == in->bytes.len) in->at = in->bytes.len = 0;
  buf_reset(&in->body, KEEP);
  begin(in);
  if (in->ahead.len == 0) return;
  if (in->bytes.len == 0) {
    struct buf swap = in->bytes;
    in->bytes = in->ahead;
    in->ahead = swap;
    return;
  }
  buf_add(&in->bytes, buf_slice(&in->ahead));
  buf_reset(&in->ahead, KEEP);
  if (!buf_ok(&in->bytes)) refuse(in, 503);
}
