// schema_format.c -- the formats that are checked, not only noted.
//
// date-time, date and time are RFC 3339, uri is RFC 3986 with a scheme, email
// is the dot-atom (or quoted) form of RFC 5321 that people have.

#include <arpa/inet.h>
#include <sys/socket.h>

#include "script/schema_inside.h"

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
  return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_hex(char c)
{
  return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

// --- time ---

// Reads `n` digits at `at`; -1 if they are not all there.
static int digits(struct slice s, size_t at, size_t n)
{
  int value = 0;
  if (at + n > s.len) return -1;
  for (size_t i = at; i < at + n; i++) {
    if (!is_digit(s.data[i])) return -1;
    value = value * 10 + (s.data[i] - '0');
  }
  return value;
}

static int days_of(int year, int month)
{
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month - 1];
}

static bool is_date(struct slice s)
{
  if (s.len != 10 || s.data[4] != '-' || s.data[7] != '-') return false;
  int year = digits(s, 0, 4), month = digits(s, 5, 2), day = digits(s, 8, 2);
  if (year < 0 || month < 1 || month > 12) return false;
  return day >= 1 && day <= days_of(year, month);
}

// "Z" or "+hh:mm"; minutes east of UTC.
static bool offset_at(struct slice s, size_t at, int *minutes)
{
  *minutes = 0;
  if (at + 1 == s.len) return (s.data[at] | 0x20) == 'z';
  if (at + 6 != s.len || s.data[at + 3] != ':') return false;
  if (s.data[at] != '+' && s.data[at] != '-') return false;
  int hour = digits(s, at + 1, 2), minute = digits(s, at + 4, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return false;
  *minutes = (hour * 60 + minute) * (s.data[at] == '+' ? 1 : -1);
  return true;
}

static bool is_time(struct slice s)
{
  int hour = digits(s, 0, 2), minute = digits(s, 3, 2),
      second = digits(s, 6, 2), east;
  if (hour < 0 || minute < 0 || second < 0) return false;
  if (s.data[2] != ':' || s.data[5] != ':') return false;
  size_t at = 8;
  if (at < s.len && s.data[at] == '.') {
    size_t from = ++at;
    while (at < s.len && is_digit(s.data[at])) {
      at++;
    }
    if (at == from) return false;
  }
  if (!offset_at(s, at, &east)) return false;
  if (hour > 23 || minute > 59 || second > 60) return false;
  // A leap second is the last of a day of UTC.
  int utc = ((hour * 60 + minute - east) % 1440 + 1440) % 1440;
  return second < 60 || utc == 23 * 60 + 59;
}

static bool is_date_time(struct slice s)
{
  if (s.len < 11 || (s.data[10] | 0x20) != 't') return false;
  return is_date((struct slice){s.data, 10}) &&
         is_time((struct slice){s.data + 11, s.len - 11});
}

// --- names and addresses ---

static bool is_ip(struct slice s, int family)
{
  char text[64];
  unsigned char address[16];
  if (s.len >= sizeof(text) || memchr(s.data, '\0', s.len)) return false;
  memcpy(text, s.data, s.len);
  text[s.len] = '\0';
  return inet_pton(family, text, address) == 1;
}

static bool is_ipv4(struct slice s)
{
  return is_ip(s, AF_INET);
}

static bool is_ipv6(struct slice s)
{
  return is_ip(s, AF_INET6);
}

static bool is_label(const char *p, size_t len)
{
  if (len == 0 || len > 63 || p[0] == '-' || p[len - 1] == '-') return false;
  for (size_t i = 0; i < len; i++) {
    if (!is_letter(p[i]) && !is_digit(p[i]) && p[i] != '-') return false;
  }
  return true;
}

static bool is_hostname(struct slice s)
{
  if (s.len == 0 || s.len > 253) return false;
  size_t from = 0;
  for (size_t i = 0; i <= s.len; i++) {
    if (i < s.len && s.data[i] != '.') continue;
    if (!is_label(s.data + from, i - from)) return false;
    from = i + 1;
  }
  return true;
}

static bool is_quoted_local(struct slice s)
{
  if (s.len < 3 || s.data[0] != '"' || s.data[s.len - 1] != '"') return false;
  for (size_t i = 1; i < s.len - 1; i++) {
    unsigned char c = (unsigned char)s.data[i];
    if (c == '\\') i++;
    if (c == '"' || c < 0x20 || c == 0x7f) return false;
    if (i == s.len - 1) return false; // the backslash took the last quote
  }
  return true;
}

static bool is_dot_atom(struct slice s)
{
  bool after_dot = true;
  for (size_t i = 0; i < s.len; i++) {
    char c = s.data[i];
    bool dot = c == '.';
    if (dot && after_dot) return false;
    if (!dot && (c == '\0' || (!is_letter(c) && !is_digit(c) &&
                               !strchr("!#$%&'*+-/=?^_`{|}~", c))))
      return false;
    after_dot = dot;
  }
  return !after_dot;
}

// "[127.0.0.1]" or "[IPv6:::1]" in place of a domain.
static bool is_address_literal(struct slice s)
{
  if (s.len < 3 || s.data[0] != '[' || s.data[s.len - 1] != ']') return false;
  struct slice inner = {s.data + 1, s.len - 2};
  if (inner.len > 5 && !strncasecmp(inner.data, "IPv6:", 5))
    return is_ipv6((struct slice){inner.data + 5, inner.len - 5});
  return is_ipv4(inner);
}

static bool is_email(struct slice s)
{
  size_t at = s.len;
  while (at > 0 && s.data[at - 1] != '@') {
    at--;
  }
  if (at < 2) return false;
  struct slice local = {s.data, at - 1}, domain = {s.data + at, s.len - at};
  if (local.len > 64) return false;
  if (!is_dot_atom(local) && !is_quoted_local(local)) return false;
  return is_hostname(domain) || is_address_literal(domain);
}

static bool is_uuid(struct slice s)
{
  if (s.len != 36) return false;
  for (size_t i = 0; i < 36; i++) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? s.data[i] != '-' : !is_hex(s.data[i])) return false;
  }
  return true;
}

// --- uri ---

// Only what RFC 3986 lets stand, every '%' with two hex digits.
static bool is_uri_text(struct slice s)
{
  for (size_t i = 0; i < s.len; i++) {
    char c = s.data[i];
    if (c == '%') {
      if (i + 2 >= s.len || !is_hex(s.data[i + 1]) || !is_hex(s.data[i + 2]))
        return false;
    } else if (c == '\0' || (!is_letter(c) && !is_digit(c) &&
                             !strchr("-._~:/?#[]@!$&'()*+,;=", c))) {
      return false;
    }
  }
  return true;
}

// What stands behind "//" up to the path: [user@]host[:port]
static bool is_authority(struct slice s)
{
  for (size_t i = s.len; i > 0; i--) {
    if (s.data[i - 1] != '@') continue;
    if (memchr(s.data, '[', i)) return false;
    s = (struct slice){s.data + i, s.len - i};
    break;
  }
  size_t end = 0;
  if (s.len && s.data[0] == '[') {
    const char *close = memchr(s.data, ']', s.len);
    if (!close) return false;
    end = (size_t)(close - s.data);
    if (!is_ipv6((struct slice){s.data + 1, end - 1})) return false;
    end++;
  } else {
    while (end < s.len && s.data[end] != ':') {
      if (strchr("[]@", s.data[end++])) return false;
    }
  }
  if (end < s.len && s.data[end++] != ':') return false;
  while (end < s.len && is_digit(s.data[end])) {
    end++;
  }
  return end == s.len;
}

static size_t span_to(struct slice s, const char *stops)
{
  size_t i = 0;
  while (i < s.len && !strchr(stops, s.data[i])) {
    i++;
  }
  return i;
}

static bool is_uri(struct slice s)
{
  if (s.len == 0 || !is_letter(s.data[0]) || !is_uri_text(s)) return false;
  size_t colon = span_to(s, ":/?#");
  if (colon == s.len || s.data[colon] != ':') return false;
  for (size_t i = 0; i < colon; i++) {
    char c = s.data[i];
    if (!is_letter(c) && !is_digit(c) && !strchr("+-.", c)) return false;
  }
  struct slice rest = {s.data + colon + 1, s.len - colon - 1};
  if (rest.len >= 2 && rest.data[0] == '/' && rest.data[1] == '/') {
    rest = (struct slice){rest.data + 2, rest.len - 2};
    size_t end = span_to(rest, "/?#");
    if (!is_authority((struct slice){rest.data, end})) return false;
    rest = (struct slice){rest.data + end, rest.len - end};
  }
  size_t hash = span_to(rest, "#");
  if (hash < rest.len) {
    struct slice fragment = {rest.data + hash + 1, rest.len - hash - 1};
    if (span_to(fragment, "#") < fragment.len) return false;
  }
  return span_to(rest, "[]") == rest.len;
}

// --- the table ---

#define FORMAT_LIST(X)                                                         \
  X("date-time", is_date_time, "a date and time such as 2026-11-20T09:15:00Z") \
  X("date", is_date, "a date such as 2026-11-20")                              \
  X("time", is_time, "a time such as 09:15:00Z")                               \
  X("email", is_email, "an email address")                                     \
  X("uri", is_uri, "a URI such as https://example.com/page")                   \
  X("uuid", is_uuid, "a UUID such as 123e4567-e89b-12d3-a456-426614174000")    \
  X("ipv4", is_ipv4, "an IPv4 address such as 192.0.2.1")                      \
  X("ipv6", is_ipv6, "an IPv6 address such as 2001:db8::1")                    \
  X("hostname", is_hostname, "a host name such as example.com")

static const struct schema_format formats[] = {
#define X(name, fits, meaning) {name, fits, meaning},
    FORMAT_LIST(X)
#undef X
};

const char *const schema_format_names[] = {
#define X(name, fits, meaning) name,
    FORMAT_LIST(X)
#undef X
};

const size_t schema_format_count = sizeof(formats) / sizeof(formats[0]);

const struct schema_format *schema_format_find(struct slice name)
{
  for (size_t i = 0; i < schema_format_count; i++) {
    if (slice_is(name, formats[i].name)) return &formats[i];
  }
  return NULL;
}
