// log.c -- lines of key=value for people and machines.
//
// A line goes through three buffers: the message as formatted, the same without
// secrets, and the pending lines, where control characters are escaped.

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/secret.h"
#include "base/utf8.h"

#define LINE_MAX_BYTES 4096 // PIPE_BUF: such a write is atomic on a pipe
#define PENDING_MAX    (16 * 1024)
#define SCRATCH_KEEP   4096

struct log {
  int fd;
  atomic_int level;
  const char *area; // NULL: of everything
  log_clock_fn clock;
  void *clock_ctx;
  const struct secret_set *secrets;
  struct buf message, scrubbed, pending;
  uint64_t dropped; // lines
  int64_t second;   // that second_text shows
  char second_text[64];
  size_t second_len; // 0: none yet
};

static const char *const level_names[] = {"debug", "info", "warn", "error",
                                          "off"};

struct log *log_new(struct log_options options)
{
  assert(options.clock);
  struct log *log = fault_calloc(1, sizeof(*log));
  if (!log) return NULL;
  log->fd = options.fd;
  atomic_init(&log->level, (int)options.level);
  log->clock = options.clock;
  log->clock_ctx = options.clock_ctx;
  log->secrets = options.secrets;
  return log;
}

void log_free(struct log *log)
{
  if (!log) return;
  log_flush(log);
  buf_finish(&log->message);
  buf_finish(&log->scrubbed);
  buf_finish(&log->pending);
  free(log);
}

bool log_parse_level(struct slice name, enum log_level *level)
{
  for (int i = LOG_DEBUG; i <= LOG_OFF; i++) {
    if (!slice_is(name, level_names[i])) continue;
    *level = (enum log_level)i;
    return true;
  }
  return false;
}

void log_set_level(struct log *log, enum log_level level)
{
  atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
}

void log_only(struct log *log, const char *area)
{
  log->area = area;
}

bool log_on(const struct log *log, enum log_level level)
{
  return log && level < LOG_OFF &&
         (int)level >= atomic_load_explicit(&log->level, memory_order_relaxed);
}

// --- lines ---

static void format_second(struct log *log, int64_t second)
{
  time_t seconds = (time_t)second;
  struct tm tm;
  if (!gmtime_r(&seconds, &tm)) tm = (struct tm){.tm_mday = 1};
  log->second = second;
  log->second_len = (size_t)snprintf(
      log->second_text, sizeof(log->second_text),
      "%04d-%02d-%02dT%02d:%02d:%02d.", tm.tm_year + 1900, tm.tm_mon + 1,
      tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

// "2026-11-20T09:15:02.113Z ": the second is formatted once for all its lines.
static void put_time(struct log *log, struct buf *b)
{
  int64_t now = log->clock(log->clock_ctx);
  if (now < 0) now = 0;
  if (now / 1000 != log->second || log->second_len == 0)
    format_second(log, now / 1000);
  int ms = (int)(now % 1000);
  char rest[] = {(char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
                 (char)('0' + ms % 10), 'Z', ' '};
  buf_append(b, log->second_text, log->second_len);
  buf_append(b, rest, sizeof(rest));
}

// A character that a terminal or a reader of lines would obey: ASCII control,
// U+0080 to U+009F.
static bool is_control(const char *p, size_t n)
{
  unsigned char c = (unsigned char)*p;
  if (n == 1) return c < 0x20 || c == 0x7F;
  return n == 2 && c == 0xC2 && (unsigned char)p[1] < 0xA0;
}

static void put_escaped_byte(struct buf *b, unsigned char c)
{
  switch (c) {
  case '\n': buf_puts(b, "\\n"); return;
  case '\r': buf_puts(b, "\\r"); return;
  case '\t': buf_puts(b, "\\t"); return;
  default: buf_printf(b, "\\x%02x", c); return;
  }
}

// The character at `p`, harmless; how many bytes it was.
static size_t put_safe(struct buf *b, const char *p, const char *end)
{
  size_t n = utf8_sequence(p, end);
  if (n > 0 && !is_control(p, n)) {
    buf_append(b, p, n);
    return n;
  }
  size_t bad = n ? n : 1;
  for (size_t i = 0; i < bad; i++)
    put_escaped_byte(b, (unsigned char)p[i]);
  return bad;
}

// How many bytes from `p` on are printable ASCII: nearly always all of them.
static size_t plain_run(const char *p, const char *end)
{
  const char *at = p;
  while (at < end && *at >= 0x20 && *at < 0x7F)
    at++;
  return (size_t)(at - p);
}

// At most `room` bytes of the message; a longer one is cut and ends in "...".
static void put_message(struct buf *b, struct slice message, size_t room)
{
  const char *p = message.data, *end = p + message.len;
  size_t begin = b->len, keep = begin; // the last place where "..." fits
  size_t plain = plain_run(p, end);
  if (plain <= room - 3) {
    buf_append(b, p, plain);
    p += plain;
    keep = b->len;
  }
  while (p < end && buf_ok(b)) {
    p += put_safe(b, p, end);
    if (b->len - begin <= room - 3) keep = b->len;
    if (b->len - begin <= room) continue;
    b->len = keep;
    buf_puts(b, "...");
    return;
  }
}

// Appends the head, then the message as it came out of scrubbing.
static void put_line(struct log *log, struct buf *b, enum log_level level,
                     const char *module, struct slice message)
{
  size_t begin = b->len;
  put_time(log, b);
  buf_puts(b, level_names[level]);
  buf_putc(b, ' ');
  buf_puts(b, module);
  buf_putc(b, ' ');
  size_t head = b->len - begin;
  assert(head < LINE_MAX_BYTES / 2);
  put_message(b, message, LINE_MAX_BYTES - 1 - head);
  buf_putc(b, '\n');
  if (buf_ok(b)) return;
  b->len = begin;
  b->failed = false;
  log->dropped++;
}

// --- writing ---

// The whole lines at the front that fit into one atomic write.
static size_t whole_lines(struct slice pending)
{
  if (pending.len <= LINE_MAX_BYTES) return pending.len;
  const char *last = memrchr(pending.data, '\n', LINE_MAX_BYTES);
  assert(last);
  return (size_t)(last + 1 - pending.data);
}

// For a pipe this says that 4 KiB fit; a file is always ready.
static bool has_room(int fd)
{
  struct pollfd p = {.fd = fd, .events = POLLOUT};
  return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

static bool write_lines(int fd, struct slice lines)
{
  ssize_t n;
  if (!has_room(fd)) return false;
  do {
    n = write(fd, lines.data, lines.len);
  } while (n < 0 && errno == EINTR);
  return n == (ssize_t)lines.len;
}

// In a write of its own: if that is dropped too, the count stays.
static void tell_dropped(struct log *log)
{
  char text[64];
  snprintf(text, sizeof(text), "lines were dropped count=%llu",
           (unsigned long long)log->dropped);
  struct buf *line = &log->message;
  buf_reset(line, SCRATCH_KEEP);
  put_line(log, line, LOG_WARN, "base/log", slice_of(text));
  if (line->len && write_lines(log->fd, buf_slice(line))) log->dropped = 0;
}

static uint64_t count_lines(struct slice s)
{
  uint64_t n = 0;
  for (size_t i = 0; i < s.len; i++)
    n += s.data[i] == '\n';
  return n;
}

void log_flush(struct log *log)
{
  if (!log) return;
  if (log->dropped) tell_dropped(log);
  struct slice rest = buf_slice(&log->pending);
  while (rest.len > 0) {
    struct slice lines = {rest.data, whole_lines(rest)};
    if (!write_lines(log->fd, lines)) log->dropped += count_lines(lines);
    rest.data += lines.len;
    rest.len -= lines.len;
  }
  buf_reset(&log->pending, 2 * PENDING_MAX);
}

static void format_message(struct log *log, const char *format, va_list args)
{
  buf_reset(&log->message, SCRATCH_KEEP);
  buf_reset(&log->scrubbed, SCRATCH_KEEP);
  buf_vprintf(&log->message, format, args);
  secret_scrub(log->secrets, buf_slice(&log->message), &log->scrubbed);
}

void log_write(struct log *log, enum log_level level, const char *module,
               const char *format, ...)
{
  if (!log_on(log, level)) return;
  if (level < LOG_WARN && log->area &&
      strncmp(module, log->area, strlen(log->area)) != 0)
    return;
  va_list args;
  va_start(args, format);
  format_message(log, format, args);
  va_end(args);

  if (buf_ok(&log->message) && buf_ok(&log->scrubbed))
    put_line(log, &log->pending, level, module, buf_slice(&log->scrubbed));
  else
    log->dropped++;
  if (level >= LOG_WARN || log->pending.len >= PENDING_MAX) log_flush(log);
}

// --- values ---

static bool is_bare(struct slice s)
{
  for (size_t i = 0; i < s.len; i++) {
    char c = s.data[i];
    bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!letter && !(c >= '0' && c <= '9') && !memchr("_./:@%+-", c, 8)) {
      return false;
    }
  }
  return s.len > 0;
}

#define PIECE_MAX 9 // "\x00\x00" and a NUL

// The next character as it stands between quotes; moves `*p` behind it.
static size_t quoted_piece(char out[PIECE_MAX], const char **p, const char *end)
{
  char c = **p;
  size_t n = utf8_sequence(*p, end), len = 0;
  if (n > 0 && !is_control(*p, n)) {
    if (c == '"' || c == '\\') out[len++] = '\\';
    memcpy(out + len, *p, n);
    *p += n;
    return len + n;
  }
  const char *last = *p + (n ? n : 1);
  for (; *p < last; ++*p) {
    const char *at = **p ? strchr("\nn\rr\tt", **p) : NULL;
    if (at)
      len += (size_t)snprintf(out + len, PIECE_MAX - len, "\\%c", at[1]);
    else
      len += (size_t)snprintf(out + len, PIECE_MAX - len, "\\x%02x",
                              (unsigned char)**p);
  }
  return len;
}

static void quote(char *out, size_t size, struct slice value)
{
  size_t room = size - 2, len = 1, keep = 1; // the closing quote and the NUL
  const char *p = value.data, *end = p + value.len;
  out[0] = '"';
  while (p < end) {
    char piece[PIECE_MAX];
    size_t n = quoted_piece(piece, &p, end);
    if (len + n > room) {
      memcpy(out + keep, "...", 3);
      len = keep + 3;
      break;
    }
    memcpy(out + len, piece, n);
    len += n;
    if (len + 3 <= room) keep = len;
  }
  memcpy(out + len, "\"", 2);
}

const char *log_value(char *out, size_t size, struct slice value)
{
  assert(size >= 8);
  if (!is_bare(value)) {
    quote(out, size, value);
  } else if (value.len < size) {
    memcpy(out, value.data, value.len);
    out[value.len] = '\0';
  } else {
    memcpy(out, value.data, size - 4);
    memcpy(out + size - 4, "...", 4);
  }
  return out;
}
