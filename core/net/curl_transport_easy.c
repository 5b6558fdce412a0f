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
static void set_manners(CURL *easy)
{
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOPROXY, ""); // else it looks there each time
  curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, ""); // decode what comes
  // Else giving up during a lookup would wait for the resolver's thread.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
}

CURL *curl_easy_for(struct curl_transport *self)
{
  CURL *easy = fault_now() ? NULL : curl_easy_init();
  if (!easy) return NULL;
  set_pool(self, easy);
  set_tls(self, easy);
  set_manners(easy);
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

// One that usually has a body says so when it has none: Content-Length: 0.
static bool sends_body(const struct http_attempt *a)
{
  return a->body.data || slice_is(a->method, "POST") ||
         slice_is(a->method, "PUT") || slice_is(a->method, "PATCH");
}

static void aim_method(struct curl_transfer *t)
{
  const struct http_attempt *a = &t->attempt;
  bool head = slice_is(a->method, "HEAD");
  if (sends_body(a)) {
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
  bool tls = !strncasecmp(t->origin->text.data, "https:", 6);
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
  struct slice url = a->url;
  url.len = curl_origin_len(url);
  t->origin = curl_origin_take(&t->owner->origins, url);
  if (!t->origin) return false;
  curl_easy_setopt(t->easy, CURLOPT_CURLU, t->origin->url);
  if (curl_easy_setopt(t->easy, CURLOPT_REQUEST_TARGET, t->target))
    return false;
  if (curl_easy_setopt(t->easy, CURLOPT_UNIX_SOCKET_PATH, a->unix_socket))
    return false;
  aim_method(t);
  aim_tls(t);
  curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, a->fresh ? 1L : 0L);
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

// What follows the origin: "/" at least, and no fragment.
static struct slice target_of(struct slice url)
{
  size_t n = curl_origin_len(url);
  struct slice target = {url.data + n, url.len - n};
  const char *mark = memchr(target.data, '#', target.len);
  if (mark) target.len = (size_t)(mark - target.data);
  return target;
}

static char *put_target(char *at, struct slice target)
{
  if (target.len == 0 || target.data[0] != '/') *at++ = '/';
  at = put(at, target);
  *at++ = '\0';
  return at;
}

// It goes into the request line as it is.
static bool target_ok(struct slice target)
{
  for (size_t i = 0; i < target.len; i++) {
    unsigned char c = (unsigned char)target.data[i];
    if (c <= ' ' || c == 127) return false;
  }
  return true;
}

static size_t strings_size(const struct curl_transport *self,
                           const struct http_attempt *a, struct slice target)
{
  size_t size = 1 + target.len + 1 + a->method.len + 1;
  size += self->user_agent.name.len + self->user_agent.value.len + 3;
  size += self->accept_encoding.name.len + self->accept_encoding.value.len + 3;
  for (size_t i = 0; i < a->header_count; i++)
    size += a->headers[i].name.len + a->headers[i].value.len + 3;
  return size;
}

// --- headers ---

// libcurl prints what it adds by itself twice, so all but the host is given.
// "Name:" keeps it from adding that: it would wait for 100 (Continue) before a
// large body, and call every body a form.
#define OURS_MAX 4

struct header_list {
  struct curl_slist *nodes;
  size_t n;
  char *at; // where the next text goes
};

static void add_text(struct header_list *l, const char *text)
{
  struct curl_slist *node = &l->nodes[l->n];
  node->data = (char *)(uintptr_t)text; // libcurl only reads it
  node->next = NULL;
  if (l->n > 0) l->nodes[l->n - 1].next = node;
  l->n++;
}

static void add_header(struct header_list *l, const struct header *h)
{
  char *text = l->at;
  l->at = put_header(l->at, h);
  add_text(l, text);
}

static bool says(const struct http_attempt *a, const char *name)
{
  for (size_t i = 0; i < a->header_count; i++)
    if (slice_eq_nocase(a->headers[i].name, slice_of(name))) return true;
  return false;
}

static void put_headers(const struct curl_transport *self,
                        const struct http_attempt *a, struct header_list *l)
{
  for (size_t i = 0; i < a->header_count; i++)
    if (!is_forbidden(a->headers[i].name)) add_header(l, &a->headers[i]);
  if (!says(a, "user-agent")) add_header(l, &self->user_agent);
  if (!says(a, "accept-encoding")) add_header(l, &self->accept_encoding);
  if (!sends_body(a)) return;
  add_text(l, "Expect:");
  if (!says(a, "content-type")) add_text(l, "Content-Type:");
}

// Not deflate: services disagree about what it is.
void curl_transport_manners(struct curl_transport *self)
{
  int has = curl_version_info(CURLVERSION_NOW)->features;
  bool gzip = has & CURL_VERSION_LIBZ, br = has & CURL_VERSION_BROTLI;
  self->user_agent =
      (struct header){SLICE("User-Agent"), slice_of(self->options.user_agent)};
  self->accept_encoding =
      (struct header){SLICE("Accept-Encoding"), gzip && br ? SLICE("gzip, br")
                                                : gzip     ? SLICE("gzip")
                                                           : SLICE("identity")};
}

// The struct, the nodes of the header list and all strings are one piece.
struct curl_transfer *curl_transfer_new(struct curl_transport *self,
                                        const struct http_attempt *a)
{
  struct slice target = target_of(a->url);
  size_t nodes = a->header_count + OURS_MAX;
  size_t size = sizeof(struct curl_transfer) +
                nodes * sizeof(struct curl_slist) +
                strings_size(self, a, target);
  struct curl_transfer *t = fault_now() ? NULL : malloc(size);
  if (!t) return NULL;
  *t = (struct curl_transfer){.owner = self, .attempt = *a};
  list_init(&t->link);
  t->headers = (struct curl_slist *)(void *)(t + 1);
  char *at = (char *)(t->headers + nodes);
  t->target = target_ok(target) ? at : NULL;
  at = put_target(at, target);
  t->method = at;
  at = put(at, a->method);
  *at++ = '\0';
  put_headers(self, a, &(struct header_list){t->headers, 0, at});
  return t;
}
