// url.c -- see url.h for the contract.

#include "net/url.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

#include "base/encode.h"

#define HOST_MAX 253

static const char no_bytes[] = "";

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// The value of a hex digit, -1 for another byte.
static int hex_value(char c)
{
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static bool is_printable(struct slice s)
{
  for (size_t i = 0; i < s.len; i++)
    if (s.data[i] <= ' ' || s.data[i] >= 0x7F) return false;
  return true;
}

// Takes the bytes before the first of `stops` off the front of `rest`.
static struct slice take_until(struct slice *rest, const char *stops)
{
  size_t n = 0;
  while (n < rest->len && !memchr(stops, rest->data[n], strlen(stops)))
    n++;
  struct slice taken = {rest->data, n};
  *rest = (struct slice){rest->data + n, rest->len - n};
  return taken;
}

static bool take_scheme(struct slice *rest, struct url *url)
{
  static const char *const schemes[] = {"https", "http"};
  for (size_t i = 0; i < 2; i++) {
    size_t n = strlen(schemes[i]);
    if (rest->len < n + 3) continue;
    if (strncasecmp(rest->data, schemes[i], n)) continue;
    if (memcmp(rest->data + n, "://", 3)) continue;
    url->scheme = (struct slice){rest->data, n};
    *rest = (struct slice){rest->data + n + 3, rest->len - n - 3};
    return true;
  }
  return false;
}

// Labels of letters, digits, '-' and '_' with single dots between them; one
// dot at the end is fine.
static bool name_ok(struct slice host)
{
  if (host.len == 0 || host.len > HOST_MAX) return false;
  char before = '.';
  for (size_t i = 0; i < host.len; i++) {
    char c = host.data[i];
    if (c == '.' && before == '.') return false;
    if (c != '.' && c != '-' && c != '_' && !is_alpha(c) && !is_digit(c))
      return false;
    before = c;
  }
  return true;
}

static bool ipv6_ok(struct slice host)
{
  char text[INET6_ADDRSTRLEN];
  struct in6_addr address;
  if (host.len == 0 || host.len >= sizeof(text)) return false;
  memcpy(text, host.data, host.len);
  text[host.len] = '\0';
  return inet_pton(AF_INET6, text, &address) == 1;
}

static bool take_host(struct slice *authority, struct url *url)
{
  if (authority->len == 0 || authority->data[0] != '[') {
    url->host = take_until(authority, ":");
    return name_ok(url->host);
  }
  struct slice inside = {authority->data + 1, authority->len - 1};
  url->host = take_until(&inside, "]");
  if (inside.len == 0) return false; // no closing bracket
  *authority = (struct slice){inside.data + 1, inside.len - 1};
  return ipv6_ok(url->host);
}

static bool take_port(struct slice text, struct url *url)
{
  if (text.len == 0) return true;
  if (text.data[0] != ':' || text.len < 2 || text.len > 6) return false;
  unsigned port = 0;
  for (size_t i = 1; i < text.len; i++) {
    if (!is_digit(text.data[i])) return false;
    port = port * 10 + (unsigned)(text.data[i] - '0');
  }
  if (port == 0 || port > UINT16_MAX) return false;
  url->port = (uint16_t)port;
  return true;
}

// What follows `mark`, up to one of `stops`; absent if `mark` is not next.
static struct slice take_part(struct slice *rest, char mark, const char *stops)
{
  if (rest->len == 0 || rest->data[0] != mark) return (struct slice){0};
  *rest = (struct slice){rest->data + 1, rest->len - 1};
  return take_until(rest, stops);
}

enum error_code url_parse(struct slice text, struct url *url, struct error *err)
{
  *url = (struct url){0};
  if (!text.data || !is_printable(text))
    return error_set(err, E_INVALID,
                     "a URL must be printable ASCII without white space");
  struct slice rest = text;
  if (!take_scheme(&rest, url))
    return error_set(err, E_INVALID,
                     "a URL must begin with http:// or https://");

  struct slice authority = take_until(&rest, "/?#");
  if (memchr(authority.data, '@', authority.len))
    return error_set(err, E_INVALID, "a URL must not hold a user or password");
  if (!take_host(&authority, url))
    return error_set(err, E_INVALID, "a URL needs a well-formed host");
  if (!take_port(authority, url))
    return error_set(err, E_INVALID,
                     "the port of a URL must be a number from 1 to 65535");

  url->path = take_until(&rest, "?#");
  url->query = take_part(&rest, '?', "#");
  url->fragment = take_part(&rest, '#', no_bytes);
  return OK;
}

// --- joining ---

// The byte at `at`, decoded; `*size` is how many bytes it takes.
static char decoded(struct slice s, size_t at, size_t *size)
{
  *size = 1;
  if (s.data[at] != '%' || s.len - at < 3) return s.data[at];
  int high = hex_value(s.data[at + 1]), low = hex_value(s.data[at + 2]);
  if (high < 0 || low < 0) return s.data[at];
  *size = 3;
  return (char)(high * 16 + low);
}

// Is any segment "." or ".."? A service may decode before it resolves, so
// encoded dots and slashes count, and so do backslashes. What is behind a ';'
// are parameters, which some take away first (Tomcat: "..;").
static bool has_dot_segment(struct slice path)
{
  size_t dots = 0, others = 0, size;
  for (size_t at = 0; at < path.len; at += size) {
    char c = decoded(path, at, &size);
    if (c == '/' || c == '\\' || c == ';') {
      if (others == 0 && (dots == 1 || dots == 2)) return true;
      dots = 0;
      others = c == ';'; // no dots behind it make a segment
    } else if (c == '.') {
      dots++;
    } else {
      others++;
    }
  }
  return others == 0 && (dots == 1 || dots == 2);
}

static bool has_control(struct slice s)
{
  for (size_t i = 0; i < s.len; i++)
    if ((unsigned char)s.data[i] < ' ' || s.data[i] == 0x7F) return true;
  return false;
}

static enum error_code check_path(struct slice path, struct error *err)
{
  if (path.len == 0 || path.data[0] != '/')
    return error_set(err, E_INVALID, "a path must begin with /");
  if (path.len > 1 && path.data[1] == '/')
    return error_set(err, E_INVALID, "a path must not begin with //");
  if (memchr(path.data, '?', path.len) || memchr(path.data, '#', path.len))
    return error_set(err, E_INVALID, "a path must not hold ? or #");
  if (has_control(path))
    return error_set(err, E_INVALID, "a path must not hold control characters");
  if (has_dot_segment(path))
    return error_set(err, E_INVALID, "a path must not hold . or .. segments");
  return OK;
}

// pchar of RFC 3986 without '%', and '/'.
static bool stays(char c)
{
  return is_alpha(c) || is_digit(c) || (c && strchr("-._~!$&'()*+,;=:@/", c));
}

static void put_path(struct buf *out, struct slice path)
{
  size_t size;
  for (size_t at = 0; at < path.len; at += size) {
    decoded(path, at, &size);
    struct slice piece = {path.data + at, size};
    if (size == 1 && !stays(path.data[at]))
      percent_put(out, piece);
    else
      buf_add(out, piece);
  }
}

enum error_code url_join(struct buf *out, struct slice base, struct slice path,
                         struct error *err)
{
  struct url url;
  enum error_code code = url_parse(base, &url, err);
  if (code != OK) return code;
  if (url.query.data || url.fragment.data || has_dot_segment(url.path))
    return error_set(err, E_INVALID,
                     "a base URL must not hold ?, # or . and .. segments");
  code = check_path(path, err);
  if (code != OK) return code;

  if (base.data[base.len - 1] == '/') base.len--;
  buf_add(out, base);
  put_path(out, path);
  return OK;
}

void url_add_query(struct buf *out, struct slice name, struct slice value)
{
  struct slice so_far = buf_slice(out);
  char last = so_far.len ? so_far.data[so_far.len - 1] : '\0';
  if (!memchr(so_far.data, '?', so_far.len))
    buf_putc(out, '?');
  else if (last != '?' && last != '&')
    buf_putc(out, '&');
  percent_put(out, name);
  buf_putc(out, '=');
  percent_put(out, value);
}
