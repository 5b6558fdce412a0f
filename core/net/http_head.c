// http_head.c -- the head of a request, read strictly; see http_head.h.
//
// What http-parser lets pass and a service behind us may read differently is
// refused here: bare LF and CR, controls, folded lines, white space before the
// colon, lengths that are not one plain number, codings that are not exactly
// "chunked", more than one Host.

#include "net/http_head.h"

#include "base/run.h"

#define BAD          400
#define URI_TOO_LONG 414
#define NO_EXPECT    417
#define HEAD_TOO_BIG 431
#define NO_VERSION   505

int head_scan(struct head_scan *scan, struct slice bytes, size_t max_bytes)
{
  size_t len = bytes.len < max_bytes ? bytes.len : max_bytes;
  while (!scan->ended && scan->seen < len) {
    const char *lf = memchr(bytes.data + scan->seen, '\n', len - scan->seen);
    if (!lf) {
      scan->seen = len;
      break;
    }
    size_t at = (size_t)(lf - bytes.data);
    if (at == scan->line || lf[-1] != '\r') return BAD;
    scan->ended = at == scan->line + 1;
    scan->line = scan->seen = at + 1;
  }
  if (scan->ended || len < max_bytes) return 0;
  return scan->line == 0 ? URI_TOO_LONG : HEAD_TOO_BIG;
}

// Takes the bytes up to `end` off the front; false if it does not occur.
static bool take_until(struct slice *rest, char end, struct slice *taken)
{
  const char *at = rest->data ? memchr(rest->data, end, rest->len) : NULL;
  if (!at) return false;
  *taken = (struct slice){rest->data, (size_t)(at - rest->data)};
  rest->data += taken->len + 1;
  rest->len -= taken->len + 1;
  return true;
}

// --- the request line ---

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static int parse_version(struct slice s, int *minor)
{
  if (s.len != 8 || memcmp(s.data, "HTTP/", 5) || !is_digit(s.data[5]) ||
      s.data[6] != '.' || !is_digit(s.data[7]))
    return BAD;
  *minor = s.data[7] - '0';
  return s.data[5] == '1' && *minor <= 1 ? 0 : NO_VERSION;
}

static bool target_ok(struct slice target, struct slice method)
{
  if (slice_eq(target, SLICE("*"))) return slice_eq(method, SLICE("OPTIONS"));
  if (target.len == 0 || target.data[0] != '/') return false;
  for (size_t i = 0; i < target.len; i++) {
    unsigned char c = (unsigned char)target.data[i];
    if (c <= ' ' || c >= 0x7f || c == '#') return false;
  }
  return true;
}

static void split_target(struct http_message *m)
{
  const char *mark = memchr(m->target.data, '?', m->target.len);
  m->path = m->target;
  m->query = (struct slice){0};
  if (!mark) return;
  m->path.len = (size_t)(mark - m->target.data);
  m->query = (struct slice){mark + 1, m->target.len - m->path.len - 1};
}

static int parse_request_line(struct slice line, struct http_message *m)
{
  if (!take_until(&line, ' ', &m->method) || !header_name_ok(m->method) ||
      !take_until(&line, ' ', &m->target))
    return BAD;
  int status = parse_version(line, &m->minor); // what is left
  if (status) return status;
  if (!target_ok(m->target, m->method)) return BAD;
  split_target(m);
  return 0;
}

// --- the fields that decide where the body ends ---

static bool parse_length(struct slice s, uint64_t *length)
{
  if (s.len == 0 || s.len > 18) return false;
  *length = 0;
  for (size_t i = 0; i < s.len; i++) {
    if (!is_digit(s.data[i])) return false;
    *length = *length * 10 + (uint64_t)(s.data[i] - '0');
  }
  return true;
}

static int on_length(struct head_framing *f, struct slice value)
{
  if (f->has_length || f->chunked) return BAD;
  f->has_length = true;
  return parse_length(value, &f->length) ? 0 : BAD;
}

static int on_coding(struct head_framing *f, struct slice value)
{
  if (f->has_length || f->chunked) return BAD;
  f->chunked = slice_eq(value, SLICE("chunked"));
  return f->chunked ? 0 : BAD;
}

static int on_expect(struct head_framing *f, struct slice value)
{
  f->expects = true;
  return slice_eq_nocase(value, SLICE("100-continue")) ? 0 : NO_EXPECT;
}

// --- Host ---

static bool is_hex(char c)
{
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool port_ok(struct slice s)
{
  if (s.len == 0) return true; // there was no colon
  unsigned port = 0;
  for (size_t i = 1; i < s.len; i++) {
    if (!is_digit(s.data[i]) || i > 5) return false;
    port = port * 10 + (unsigned)(s.data[i] - '0');
  }
  return port <= 65535;
}

// "[" hex digits, colons and dots "]"; what it means is for the layer above
static size_t bracketed_len(struct slice s)
{
  for (size_t i = 1; i < s.len; i++) {
    if (s.data[i] == ']') return i > 2 ? i + 1 : 0;
    if (!is_hex(s.data[i]) && s.data[i] != ':' && s.data[i] != '.') return 0;
  }
  return 0;
}

// RFC 3986's unreserved; a name in a Host needs no percent-encoding
static bool is_name_byte(char c)
{
  int letter = c | 32;
  return (letter >= 'a' && letter <= 'z') || is_digit(c) || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

static size_t host_len(struct slice s)
{
  if (s.len && s.data[0] == '[') return bracketed_len(s);
  size_t len = 0;
  while (len < s.len && is_name_byte(s.data[len]))
    len++;
  return len;
}

static bool host_ok(struct slice s)
{
  size_t len = host_len(s);
  if (len == 0 || s.len > 255 + 6) return false;
  struct slice port = {s.data + len, s.len - len};
  return port.len == 0 || (port.data[0] == ':' && port_ok(port));
}

static int on_host(struct head_framing *f, struct slice value)
{
  if (f->has_host) return BAD;
  f->has_host = true;
  return host_ok(value) ? 0 : BAD;
}

// --- fields ---

static bool value_bytes_ok(struct slice s)
{
  return s.len == 0 || run_field(s.data, s.data + s.len) == s.data + s.len;
}

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

static struct slice trim(struct slice s)
{
  while (s.len && is_blank(s.data[0]))
    s.data++, s.len--;
  while (s.len && is_blank(s.data[s.len - 1]))
    s.len--;
  return s;
}

static int consider(const struct header *field, struct head_framing *f)
{
  switch (field->name.len) { // most fields are passed by here
  case 4:
    if (slice_eq_nocase(field->name, SLICE("host")))
      return on_host(f, field->value);
    return 0;
  case 6:
    if (slice_eq_nocase(field->name, SLICE("expect")))
      return on_expect(f, field->value);
    return 0;
  case 14:
    if (slice_eq_nocase(field->name, SLICE("content-length")))
      return on_length(f, field->value);
    return 0;
  case 17:
    if (slice_eq_nocase(field->name, SLICE("transfer-encoding")))
      return on_coding(f, field->value);
    return 0;
  default: return 0;
  }
}

// A folded line has a blank where the name begins, which is no token.
static int parse_field(struct slice line, struct header *field,
                       struct head_framing *framing)
{
  if (!take_until(&line, ':', &field->name) || !header_name_ok(field->name))
    return BAD;
  field->value = trim(line);
  if (!value_bytes_ok(field->value)) return BAD;
  return consider(field, framing);
}

static struct slice take_line(struct slice *rest)
{
  struct slice line;
  if (!take_until(rest, '\n', &line)) return SLICE("");
  line.len--; // the CR; head_scan() has seen to it
  return line;
}

// An expectation that we do not know is said last: a request that cannot be
// trusted is refused for that.
static int conclude(const struct http_message *m, const struct head_framing *f,
                    int status)
{
  if (m->minor == 1 && !f->has_host) return BAD;
  if (m->minor == 0 && f->chunked) return BAD; // RFC 9112, 6.1
  return m->minor == 0 ? 0 : status;
}

int head_parse(struct slice head, struct header *fields, size_t max_fields,
               struct http_message *message, struct head_framing *framing)
{
  *framing = (struct head_framing){0};
  *message = (struct http_message){.headers = fields};
  int status = parse_request_line(take_line(&head), message);
  if (status) return status;
  int expectation = 0;
  for (;;) {
    struct slice line = take_line(&head);
    if (line.len == 0) break;
    if (message->header_count == max_fields) return HEAD_TOO_BIG;
    status = parse_field(line, &fields[message->header_count++], framing);
    if (status == NO_EXPECT) expectation = status;
    if (status && status != NO_EXPECT) return status;
  }
  if (message->minor == 0) framing->expects = false;
  return conclude(message, framing, expectation);
}
