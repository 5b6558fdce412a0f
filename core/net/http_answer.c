// http_answer.c -- answering: heads, bodies and streams; see http_server.h.

#include <assert.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/http_inside.h"

#define MODULE         "net/http_server"
#define COPY_MAX       (16u * 1024) // a given body up to this size is copied
#define LASTING_HIGH   (16u * 1024)
#define LASTING_SOCKET (64 * 1024)
#define LASTING_ACK_MS 60000
#define DIRECT_MIN     (16u * 1024) // a borrowed one from this size is sent first

const char *answer_reason(int status)
{
  static const struct {
    int status;
    const char *reason;
  } reasons[] = {
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {411, "Length Required"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {417, "Expectation Failed"},
      {421, "Misdirected Request"},
      {422, "Unprocessable Content"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
  };
  for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
    if (reasons[i].status == status) return reasons[i].reason;
  return "";
}

// --- the head ---

static void put_number(struct buf *b, size_t n)
{
  char digits[24];
  size_t at = sizeof(digits);
  do
    digits[--at] = (char)('0' + n % 10);
  while (n /= 10);
  buf_append(b, digits + at, sizeof(digits) - at);
}

static void put_status_line(struct buf *b, int status)
{
  if (status == 200) { // nearly always
    buf_add(b, SLICE("HTTP/1.1 200 OK\r\n"));
    return;
  }
  buf_add(b, SLICE("HTTP/1.1 "));
  put_number(b, (size_t)status);
  buf_putc(b, ' ');
  buf_puts(b, answer_reason(status));
  buf_add(b, SLICE("\r\n"));
}

// Fields that decide where an answer ends are ours alone.
static bool is_ours(struct slice name)
{
  switch (name.len) {
  case 4: return slice_eq_nocase(name, SLICE("Date"));
  case 10: return slice_eq_nocase(name, SLICE("Connection"));
  case 14: return slice_eq_nocase(name, SLICE("Content-Length"));
  case 17: return slice_eq_nocase(name, SLICE("Transfer-Encoding"));
  default: return false;
  }
}

// The layers above check what scripts give; a bad field that comes as far as
// this must still not split an answer.
static void put_field(struct http_request *req, const struct header *h)
{
  struct buf *b = &req->out.bytes;
  if (is_ours(h->name)) return;
  if (!header_name_ok(h->name) || !header_value_ok(h->value)) {
    log_error(req->server->options.log, MODULE,
              "bad field dropped name_len=%zu", h->name.len);
    return;
  }
  buf_add(b, h->name);
  buf_add(b, SLICE(": "));
  buf_add(b, h->value);
  buf_add(b, SLICE("\r\n"));
}

static void put_connection(struct http_request *req)
{
  struct buf *b = &req->out.bytes;
  if (req->server->draining) req->keep_alive = false;
  if (!req->keep_alive)
    buf_add(b, SLICE("Connection: close\r\n"));
  else if (req->input.message.minor == 0)
    buf_add(b, SLICE("Connection: keep-alive\r\n"));
}

static void put_head(struct http_request *req, int status,
                     const struct header *headers, size_t n)
{
  struct buf *b = &req->out.bytes;
  assert(status >= 200 && status <= 599);
  if (status == 204 || status == 304) req->bodiless = true;
  put_status_line(b, status);
  buf_add(b, SLICE("Date: "));
  buf_puts(b, server_date(req->server));
  buf_add(b, SLICE("\r\n"));
  put_connection(req);
  for (size_t i = 0; i < n; i++)
    put_field(req, &headers[i]);
}

static void put_length(struct http_request *req, int status, size_t len)
{
  struct buf *b = &req->out.bytes;
  if (status != 204 && status != 304) {
    buf_add(b, SLICE("Content-Length: "));
    put_number(b, len);
    buf_add(b, SLICE("\r\n"));
  }
  buf_add(b, SLICE("\r\n"));
}

void answer_refusal(struct http_request *req, int status)
{
  req->keep_alive = false;
  req->bodiless = false;
  struct header type = {SLICE("Content-Type"), SLICE("text/plain")};
  put_head(req, status, &type, 1);
  const char *reason = answer_reason(status);
  put_length(req, status, strlen(reason) + 1);
  buf_puts(&req->out.bytes, reason);
  buf_putc(&req->out.bytes, '\n');
}

// --- the whole answer ---

// A big borrowed body goes out before it has to be copied.
static void put_body(struct http_request *req, struct slice body)
{
  if (body.len < DIRECT_MIN) {
    buf_add(&req->out.bytes, body);
    return;
  }
  struct http_conn *c = req->conn;
  if (!output_send_with(&req->out, c->io.fd, body)) c->doomed = true;
}

void http_respond(struct http_request *req, int status,
                  const struct header *headers, size_t n, struct slice body)
{
  assert(req->running && !req->streaming);
  if (req->conn) {
    put_head(req, status, headers, n);
    put_length(req, status, body.len);
    if (!req->bodiless) put_body(req, body);
  }
  conn_end_request(req);
}

void http_respond_buf(struct http_request *req, int status,
                      const struct header *headers, size_t n, struct buf *body)
{
  struct buf taken = *body;
  *body = (struct buf){0};
  bool keep = taken.len > COPY_MAX && req->conn;
  if (keep) {
    assert(req->running && !req->streaming);
    put_head(req, status, headers, n);
    put_length(req, status, taken.len);
    if (!req->bodiless) output_take(&req->out, &taken);
    conn_end_request(req);
  } else {
    http_respond(req, status, headers, n, buf_slice(&taken));
  }
  buf_finish(&taken);
}

// --- streams ---

void http_stream_begin(struct http_request *req, int status,
                       const struct header *headers, size_t n)
{
  assert(req->running && !req->streaming);
  req->streaming = true;
  if (!req->conn) return;
  req->chunked = req->input.message.minor == 1;
  if (!req->chunked) req->keep_alive = false; // the end of the body is ours
  put_head(req, status, headers, n);
  if (req->bodiless) req->chunked = false;
  if (req->chunked)
    buf_add(&req->out.bytes, SLICE("Transfer-Encoding: chunked\r\n"));
  buf_add(&req->out.bytes, SLICE("\r\n"));
  conn_send_soon(req->conn);
}

static void put_hex(struct buf *b, size_t n)
{
  char digits[16];
  size_t at = sizeof(digits);
  do
    digits[--at] = "0123456789abcdef"[n % 16];
  while (n /= 16);
  buf_append(b, digits + at, sizeof(digits) - at);
}

static void put_chunk(struct http_request *req, struct slice bytes)
{
  struct buf *b = &req->out.bytes;
  if (!req->chunked) {
    buf_add(b, bytes);
    return;
  }
  put_hex(b, bytes.len);
  buf_add(b, SLICE("\r\n"));
  buf_add(b, bytes);
  buf_add(b, SLICE("\r\n"));
}

size_t request_high_water(const struct http_request *req)
{
  size_t most = req->conn->server->options.high_water_bytes;
  return req->lasting && most > LASTING_HIGH ? LASTING_HIGH : most;
}

// The kernel would hold megabytes for a peer that does not read, and wait a
// quarter of an hour for one that is no more. Where a socket knows no such
// option it does without.
static void tame_socket(int fd)
{
  int bytes = LASTING_SOCKET, ms = LASTING_ACK_MS;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

void http_stream_last(struct http_request *req)
{
  assert(req->running && req->streaming && !req->lasting);
  req->lasting = true;
  req->keep_alive = false;
  http_input_close(&req->input);
  if (req->conn) tame_socket(req->conn->io.fd);
}

bool http_stream_write(struct http_request *req, struct slice bytes)
{
  assert(req->running && req->streaming);
  struct http_conn *c = req->conn;
  if (!c || req->bodiless) return true;
  if (bytes.len > 0) put_chunk(req, bytes); // an empty one would be the last
  conn_send_soon(c);
  if (output_pending(&req->out) <= request_high_water(req)) return true;
  req->drain_owed = true;
  return false;
}

void http_stream_on_drain(struct http_request *req, http_gone_fn fn, void *ctx)
{
  req->on_drain = fn;
  req->drain_ctx = ctx;
}

size_t http_stream_pending(const struct http_request *req)
{
  return output_pending(&req->out);
}

void http_stream_end(struct http_request *req)
{
  assert(req->running && req->streaming);
  if (req->conn && req->chunked) buf_add(&req->out.bytes, SLICE("0\r\n\r\n"));
  conn_end_request(req);
}

void http_stream_leave(struct http_request *req)
{
  assert(req->running && req->streaming);
  req->gone_told = true;
  if (!req->conn) return;
  if (req->chunked) buf_add(&req->out.bytes, SLICE("0\r\n\r\n"));
  conn_leave_request(req);
}

void http_stream_abort(struct http_request *req)
{
  assert(req->running);
  if (req->conn) req->conn->doomed = true;
  conn_end_request(req);
}

void http_on_gone(struct http_request *req, http_gone_fn fn, void *ctx)
{
  req->on_gone = fn;
  req->gone_ctx = ctx;
  bool late = !req->conn && req->server && !req->gone_told;
  if (late) loop_defer(req->server->loop, &req->announce);
}
