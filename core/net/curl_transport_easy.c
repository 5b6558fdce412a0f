// curl_transport_easy.c -- what is set on an easy handle, and the strings of a
// transfer.
//
// A handle is not reset between transfers: what is the same for all is set
// once, what differs is set each time, also to nothing.

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fault.h"
#include "net/curl_transport.h"

// 1 MiB over loopback cost 360 us of CPU with 16 KiB, 210 with 64 KiB and 180
// with 256 KiB; a handle keeps its buffer while it is pooled.
#define READ_BUFFER_BYTES 65536L

// --- what is the same for all ---

static void set_pool(struct curl_transport *self, CURL *easy)
{
  const struct http_client_options *o = &self->options;
  curl_easy_setopt(easy, CURLOPT_SHARE, self->share);
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)o->idle_s);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, READ_BUFFER_BYTES);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 30L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
}

static void set_tls(struct curl_transport *self, CURL *easy)
{
  // With a CA path, which Debian compiles in, libcurl reads all certificates
  // anew for each connection: 22 ms of the loop's time.
  curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  if (self->options.ca_file)
    curl_easy_setopt(easy, CURLOPT_CAINFO, self->options.ca_file);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

// Nothing from the environment, nothing that libcurl does on its own account.
static void set_manners(struct curl_transport *self, CURL *easy)
{
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(easy, CURLOPT_USERAGENT, self->options.user_agent);
  // Else giving up during a lookup would wait for the resolver's thread.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
}

CURL *curl_easy_for(struct curl_transport *self)
{
  CURL *easy = fault_now() ? NULL : curl_easy_init();
  if (!easy) return NULL;
  set_pool(self, easy);
  set_tls(self, easy);
  set_manners(self, easy);
  curl_watch_easy(easy);
  return easy;
}

// --- what differs ---

// +-10 %, anew for each transfer, so that connections that were made together
// do not all end together. libcurl looks when it is about to reuse one.
static long max_age_s(struct curl_transport *self)
{
  double spread = 0.9 + 0.2 * prng_unit(&self->chance);
  long age = (long)((double)self->options.max_age_s * spread);
  return age > 0 ? age : 1;
}

static void aim_method(struct curl_transfer *t)
{
  const struct http_attempt *a = &t->attempt;
  bool head = slice_is(a->method, "HEAD");
  // One that usually has a body says so when it has none: Content-Length: 0.
  bool body = a->body.data || slice_is(a->method, "POST") ||
              slice_is(a->method, "PUT") || slice_is(a->method, "PATCH");
  if (body) {
    curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS,
                     a->body.data ? a->body.data : "");
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)a->body.len);
  } else {
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, NULL); // makes it a POST
    curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
  }
  if (head) curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
  curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, t->method);
}

static void aim_tls(struct curl_transfer *t)
{
  bool insecure = t->attempt.insecure_tls;
  curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYPEER, insecure ? 0L : 1L);
  curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYHOST, insecure ? 0L : 2L);
  // Only TLS says beforehand whether it will be HTTP/2, so only there a burst
  // may wait for the first connection instead of opening one each.
  bool tls = !strncasecmp(t->url, "https:", 6);
  curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION,
                   tls ? (long)CURL_HTTP_VERSION_2TLS
                       : (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(t->easy, CURLOPT_PIPEWAIT, tls ? 1L : 0L);
}

static long milliseconds(uint32_t ms)
{
  return ms ? (long)ms : 1; // 0 would mean none
}

bool curl_easy_aim(struct curl_transfer *t)
{
  const struct http_attempt *a = &t->attempt;
  if (curl_easy_setopt(t->easy, CURLOPT_URL, t->url)) return false;
  if (curl_easy_setopt(t->easy, CURLOPT_UNIX_SOCKET_PATH, a->unix_socket))
    return false;
  aim_method(t);
  aim_tls(t);
  curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
  curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS,
                   milliseconds(a->connect_ms));
  curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, milliseconds(a->total_ms));
  curl_easy_setopt(t->easy, CURLOPT_MAXLIFETIME_CONN, max_age_s(t->owner));
  curl_watch_transfer(t);
  return true;
}

// --- the strings ---

// What frames a message or belongs to the connection is libcurl's: a script
// that could set it could smuggle a second request into the first.
static bool is_forbidden(struct slice name)
{
  static const char *const names[] = {
      "content-length", "transfer-encoding", "connection",
      "keep-alive",     "proxy-connection",  "te",
      "trailer",        "upgrade",           "expect"};
  for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
    if (slice_eq_nocase(name, slice_of(names[i]))) return true;
  return false;
}

// Ours when the caller has none: libcurl would wait for 100 (Continue) before
// a large body, and call every body a form.
#define OURS_MAX 2

static char *put(char *at, struct slice s)
{
  memcpy(at, s.data, s.len);
  return at + s.len;
}

// "Name: value", or "Name;" when the value is empty (libcurl's way of saying
// that it is to be sent), with a NUL.
static char *put_header(char *at, const struct header *h)
{
  at = put(at, h->name);
  if (h->value.len > 0)
    at = put(put(at, SLICE(": ")), h->value);
  else
    at = put(at, SLICE(";"));
  *at++ = '\0';
  return at;
}

static size_t strings_size(const struct http_attempt *a)
{
  size_t size = a->url.len + 1 + a->method.len + 1;
  for (size_t i = 0; i < a->header_count; i++)
    size += a->headers[i].name.len + a->headers[i].value.len + 3;
  return size;
}

static void add_header(struct curl_transfer *t, size_t *n, const char *text)
{
  struct curl_slist *node = &t->headers[*n];
  node->data = (char *)(uintptr_t)text; // libcurl only reads it
  node->next = NULL;
  if (*n > 0) t->headers[*n - 1].next = node;
  (*n)++;
}

static void put_headers(struct curl_transfer *t, char *at)
{
  const struct http_attempt *a = &t->attempt;
  bool typed = false;
  size_t n = 0;
  for (size_t i = 0; i < a->header_count; i++) {
    const struct header *h = &a->headers[i];
    if (is_forbidden(h->name)) continue;
    typed |= slice_eq_nocase(h->name, SLICE("content-type"));
    char *text = at;
    at = put_header(at, h);
    add_header(t, &n, text);
  }
  add_header(t, &n, "Expect:");
  if (!typed) add_header(t, &n, "Content-Type:");
}

// The struct, the nodes of the header list and all strings are one piece.
struct curl_transfer *curl_transfer_new(const struct http_attempt *a)
{
  size_t nodes = a->header_count + OURS_MAX;
  size_t size = sizeof(struct curl_transfer) +
                nodes * sizeof(struct curl_slist) + strings_size(a);
  struct curl_transfer *t = fault_now() ? NULL : malloc(size);
  if (!t) return NULL;
  *t = (struct curl_transfer){.attempt = *a};
  list_init(&t->link);
  t->headers = (struct curl_slist *)(void *)(t + 1);
  char *at = (char *)(t->headers + nodes);
  t->url = at;
  at = put(at, a->url);
  *at++ = '\0';
  t->method = at;
  at = put(at, a->method);
  *at++ = '\0';
  put_headers(t, at);
  return t;
}
