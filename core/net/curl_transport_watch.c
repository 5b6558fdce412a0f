// curl_transport_watch.c -- what happens during a transfer: where it connects
// to, how often it is sent, what comes back.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "net/address.h"
#include "net/curl_transport.h"

#define HEAD_MAX      65536     // bytes of all header blocks
#define BODY_RESERVED (4 << 20) // taken at once on the word of a Content-Length

void curl_transfer_stop(struct curl_transfer *t, enum http_end end,
                        const char *why)
{
  t->why = why;
  t->answer.end = end;
}

// --- where to ---

static curl_socket_t on_open(void *ctx, curlsocktype purpose,
                             struct curl_sockaddr *address)
{
  (void)purpose;
  struct curl_transfer *t = ctx;
  if (!t->attempt.allow_private && !t->attempt.unix_socket &&
      !address_is_public(&address->addr)) {
    t->blocked = true; // another one of the name may do
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC,
                address->protocol); // -1 is CURL_SOCKET_BAD
}

// A pooled connection may have been opened for an integration that may go to
// private addresses.
static bool may_talk_to(const struct curl_transfer *t, const char *ip)
{
  if (t->attempt.allow_private || t->attempt.unix_socket) return true;
  struct sockaddr_in in = {.sin_family = AF_INET};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  if (inet_pton(AF_INET, ip, &in.sin_addr) == 1)
    return address_is_public((const struct sockaddr *)&in);
  if (inet_pton(AF_INET6, ip, &in6.sin6_addr) == 1)
    return address_is_public((const struct sockaddr *)&in6);
  return false;
}

// --- how often ---

// libcurl calls this each time before it sends the request: once, and again
// when a reused connection has died before an answer and it wants to try
// another one. Whether the service has executed the first, nobody knows.
static bool may_send(struct curl_transfer *t)
{
  struct http_client_stats *stats = &t->owner->stats;
  if (t->sends == 0) return true;
  if (t->sends == 1 && t->attempt.replayable) {
    t->answer.replays++;
    stats->replays_allowed++;
    return true;
  }
  stats->replays_blocked++;
  return false;
}

static int on_send(void *ctx, char *ip, char *local_ip, int port,
                   int local_port)
{
  (void)local_ip, (void)port, (void)local_port;
  struct curl_transfer *t = ctx;
  if (!may_send(t)) {
    curl_transfer_stop(t, HTTP_STALE,
                       "the reused connection died before an answer; sending "
                       "again is not allowed");
    return CURL_PREREQFUNC_ABORT;
  }
  if (!may_talk_to(t, ip)) {
    curl_transfer_stop(t, HTTP_BLOCKED, "the address is not public");
    return CURL_PREREQFUNC_ABORT;
  }
  long connects = 0;
  curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
  t->answer.reused = connects == t->connects;
  t->connects = connects;
  t->sends++;
  return CURL_PREREQFUNC_OK;
}

// --- what comes back ---

static void note_first_byte(struct curl_transfer *t)
{
  timer_stop(&t->wait);
  t->answer.first_byte_ns = loop_exact(t->owner->loop) - t->start_ns;
}

static struct slice trim(struct slice s)
{
  while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
    s = (struct slice){s.data + 1, s.len - 1};
  while (s.len > 0 && strchr(" \t\r\n", s.data[s.len - 1]))
    s.len--;
  return s;
}

// A line that begins with white space continues the one before.
static void put_folded(struct buf *head, struct slice line)
{
  if (head->len == 0) return;
  head->len--; // the line feed
  buf_putc(head, ' ');
  buf_add(head, trim(line));
  buf_putc(head, '\n');
}

static void put_field(struct buf *head, struct slice line)
{
  const char *colon = memchr(line.data, ':', line.len);
  if (!colon) return;
  size_t n = (size_t)(colon - line.data);
  buf_add(head, trim((struct slice){line.data, n}));
  buf_puts(head, ": ");
  buf_add(head, trim((struct slice){colon + 1, line.len - n - 1}));
  buf_putc(head, '\n');
}

static void take_head_line(struct curl_transfer *t, struct slice line)
{
  struct buf *head = &t->answer.head;
  if (line.len > 5 && !memcmp(line.data, "HTTP/", 5)) {
    buf_reset(head, HEAD_MAX); // the block before was an interim answer
    t->head_done = false;
  } else if (t->head_done) {
    return; // a trailer
  } else if (trim(line).len == 0) {
    t->head_done = true;
  } else if (line.data[0] == ' ' || line.data[0] == '\t') {
    put_folded(head, line);
  } else {
    put_field(head, line);
  }
}

static size_t on_head(char *bytes, size_t size, size_t n, void *ctx)
{
  struct curl_transfer *t = ctx;
  struct slice line = {bytes, size * n};
  if (t->header_bytes == 0) note_first_byte(t);
  t->header_bytes += line.len;
  if (t->header_bytes > HEAD_MAX) {
    curl_transfer_stop(t, HTTP_TOO_LARGE, "the header block is too large");
    return 0;
  }
  take_head_line(t, line);
  if (buf_ok(&t->answer.head)) return line.len;
  curl_transfer_stop(t, HTTP_FAILED, "out of memory");
  return 0;
}

// Once, before the first byte of the body: room for what is announced.
static bool expect_body(struct curl_transfer *t)
{
  curl_off_t length = -1;
  curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  if (length <= 0) return true;
  bool encoded = http_answer_header(&t->answer, "content-encoding").data;
  if (!encoded && (uint64_t)length > t->attempt.max_body_bytes) return false;
  if (length <= BODY_RESERVED) buf_reserve(&t->answer.body, (size_t)length);
  return true;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
  struct curl_transfer *t = ctx;
  struct buf *body = &t->answer.body;
  size_t len = size * n;
  bool fits = body->cap > 0 || expect_body(t);
  if (!fits || len > t->attempt.max_body_bytes - body->len) {
    curl_transfer_stop(t, HTTP_TOO_LARGE, "the body is too large");
    return 0;
  }
  buf_append(body, bytes, len);
  if (buf_ok(body)) return len;
  curl_transfer_stop(t, HTTP_FAILED, "out of memory");
  return 0;
}

// --- setting it all ---

void curl_watch_easy(CURL *easy)
{
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
}

void curl_watch_transfer(struct curl_transfer *t)
{
  curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
  curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
  curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t);
  curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
  curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
  curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->words);
}
