// stdio.c -- see stdio.h for the contract.

#include "mcp/stdio.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "loop/clock.h"
#include "mcp/serve.h"

#define MODULE "mcp/stdio"

enum {
  CHUNK = 65536,
  OPEN_MAX = 256,          // requests that run
  QUEUE_MAX = 8 << 20,     // bytes that the client has not taken
  QUEUE_LASTING = 1 << 20, // the same, at which subscriptions pause
  QUEUE_KEEP = 256 << 10,  // of memory, when it has
  LAST_WRITE_MS = 1000
};

enum state { OPEN, DRAINING, ENDED };

struct mcp_stdio {
  struct mcp_stdio_options options;
  enum state state;
  struct session peer;
  struct news news; // of the legacy session
  struct io in, out;
  int in_flags, out_flags; // as they were; -1: not changed
  struct buf text;         // read and not yet served
  size_t scanned;          // bytes of it that have no end of line
  size_t heard;            // bytes of it that serve_unasked() has seen
  bool skipping;           // the rest of a line that is too long
  bool eof, broken;        // nothing more to read; nobody reads
  bool deaf;               // the output says more than that it is closed
  struct buf queue;        // whole lines
  size_t sent;             // of the queue
  uint32_t running;        // requests
  uint32_t lasting;        // of those that are streams without an end
  struct list waiting;     // of those: told when the client reads again
  struct timer grace;
  struct deferred turn;
};

struct line_request {
  struct mcp_stdio *io;
  char *text; // NULL when it is needed no more
  bool lasts;
  struct list waiting;
  void (*on_drain)(void *ctx);
  void *drain_ctx;
};

// --- descriptors ---

// Those that others may share (a terminal, a file) stay as they are: they never
// make us wait for long.
static int make_nonblocking(int fd)
{
  struct stat st;
  if (fstat(fd, &st) || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
    return -1;
  int flags = fcntl(fd, F_GETFL);
  if (flags >= 0) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  return flags;
}

static void restore(int fd, int flags)
{
  if (flags >= 0) fcntl(fd, F_SETFL, flags);
}

static bool would_block(void)
{
  return errno == EAGAIN || errno == EINTR;
}

static bool has_hung_up(int fd)
{
  struct pollfd p = {.fd = fd};
  return poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP | POLLNVAL));
}

// --- writing ---

static void soon(struct mcp_stdio *io)
{
  loop_defer(io->options.loop, &io->turn);
}

static void give_up(struct mcp_stdio *io, const char *why)
{
  if (io->broken) return;
  log_info(io->options.log, MODULE, "nobody reads the answers any more: %s",
           why);
  io->broken = true;
  buf_reset(&io->queue, 0);
  io->sent = 0;
  soon(io);
}

static size_t unsent(const struct mcp_stdio *io)
{
  return io->queue.len - io->sent;
}

static void tell_drained(struct mcp_stdio *io)
{
  LIST_EACH (it, &io->waiting) {
    struct line_request *r = LIST_ITEM(it, struct line_request, waiting);
    list_remove(it);
    r->on_drain(r->drain_ctx);
  }
  if (io->news.server && io->news.slow) news_go_on(&io->news);
}

static void flush(struct mcp_stdio *io)
{
  while (unsent(io)) {
    ssize_t n = write(io->options.out, io->queue.data + io->sent, unsent(io));
    if (n < 0 && would_block()) return;
    if (n < 0) {
      give_up(io, "writing failed");
      return;
    }
    io->sent += (size_t)n;
  }
  buf_reset(&io->queue, QUEUE_KEEP);
  io->sent = 0;
  tell_drained(io);
}

static void blank_out(char *text, size_t len, char what)
{
  char *end = text + len;
  while (text < end && (text = memchr(text, what, (size_t)(end - text))))
    *text++ = ' ';
}

// Line ends can stand between the tokens of JSON, where a blank does as well.
static void add_line(struct buf *out, struct slice json)
{
  size_t begin = out->len;
  buf_add(out, json);
  if (!buf_ok(out)) return;
  blank_out(out->data + begin, json.len, '\n');
  blank_out(out->data + begin, json.len, '\r');
  buf_putc(out, '\n');
}

// A line for which there is no memory cannot be left out: its request would
// wait for ever.
static void put_line(struct mcp_stdio *io, struct slice json)
{
  if (io->broken) return;
  add_line(&io->queue, json);
  if (buf_ok(&io->queue))
    soon(io);
  else
    give_up(io, "out of memory");
}

static bool say(void *to, struct slice json)
{
  struct mcp_stdio *io = to;
  put_line(io, json);
  return unsent(io) < QUEUE_LASTING;
}

// --- the outlet of a request ---

static void end_request(struct line_request *r)
{
  struct mcp_stdio *io = r->io;
  if (r->lasts) io->lasting--;
  list_remove(&r->waiting);
  free(r->text);
  free(r);
  io->running--;
  soon(io);
}

static void respond(void *to, int status, const struct header *headers,
                    size_t n, struct buf *body)
{
  (void)status, (void)headers, (void)n;
  struct line_request *r = to;
  if (body->len) put_line(r->io, buf_slice(body));
  end_request(r);
}

static void begin(void *to, int status, const struct header *headers, size_t n)
{
  (void)to, (void)status, (void)headers, (void)n;
}

static bool write_message(void *to, struct slice json)
{
  struct line_request *r = to;
  struct mcp_stdio *io = r->io;
  put_line(io, json);
  if (unsent(io) < (r->lasts ? QUEUE_LASTING : QUEUE_MAX)) return true;
  if (r->on_drain && list_empty(&r->waiting))
    list_append(&io->waiting, &r->waiting);
  return false;
}

static void end(void *to)
{
  end_request(to);
}

// Who leaves, leaves all requests: mcp_server_free() cancels them.
static void on_gone(void *to, void (*fn)(void *ctx), void *ctx)
{
  (void)to, (void)fn, (void)ctx;
}

static void last(void *to)
{
  struct line_request *r = to;
  free(r->text);
  r->text = NULL;
  r->lasts = true;
  r->io->lasting++;
}

static void on_drain(void *to, void (*fn)(void *ctx), void *ctx)
{
  struct line_request *r = to;
  r->on_drain = fn;
  r->drain_ctx = ctx;
}

static const struct outlet_ops line_outlet = {
    .respond = respond,
    .begin = begin,
    .write = write_message,
    .end = end,
    .on_gone = on_gone,
    .bare = true,
    .last = last,
    .on_drain = on_drain,
};

// --- lines ---

static void refuse_line(struct mcp_stdio *io, enum rpc_code code,
                        const char *text)
{
  struct refusal why;
  struct buf out = {0};
  refuse(&why, 400, code, "%s", text);
  rpc_put_error(&out, (struct slice){0}, false, &why);
  put_line(io, buf_slice(&out));
  buf_finish(&out);
}

static void refuse_long(struct mcp_stdio *io)
{
  log_warn(io->options.log, MODULE, "a line is too long max=%zu",
           io->options.line_max);
  refuse_line(io, RPC_INVALID_REQUEST, "Invalid request: the line is too long");
}

static bool is_blank(struct slice line)
{
  for (size_t i = 0; i < line.len; i++)
    if (line.data[i] != ' ' && line.data[i] != '\t') return false;
  return true;
}

static struct line_request *new_request(struct mcp_stdio *io, struct slice line)
{
  struct line_request *r = fault_calloc(1, sizeof(*r));
  if (!r) return NULL;
  assert(line.len > 0); // a blank one is no message
  r->text = fault_now() ? NULL : malloc(line.len);
  if (!r->text) {
    free(r);
    return NULL;
  }
  r->io = io;
  list_init(&r->waiting);
  memcpy(r->text, line.data, line.len);
  return r;
}

static void serve_line(struct mcp_stdio *io, struct slice line)
{
  if (line.len && line.data[line.len - 1] == '\r') line.len--;
  if (is_blank(line)) return;
  if (line.len > io->options.line_max) {
    refuse_long(io);
    return;
  }
  struct line_request *r = new_request(io, line);
  if (!r) {
    refuse_line(io, RPC_INTERNAL_ERROR, "Out of memory");
    return;
  }
  io->running++;
  if (io->options.on_message) io->options.on_message(io->options.ctx);
  serve_bare(io->options.server, (struct slice){r->text, line.len}, &io->peer,
             (struct outlet){&line_outlet, r});
}

static bool is_full(const struct mcp_stdio *io)
{
  return io->running - io->lasting >= OPEN_MAX || unsent(io) >= QUEUE_MAX;
}

static bool has_line(const struct mcp_stdio *io, size_t from,
                     struct slice *line)
{
  const char *text = io->text.data;
  const char *end = io->text.len > from
                        ? memchr(text + from, '\n', io->text.len - from)
                        : NULL;
  if (end) *line = (struct slice){text + from, (size_t)(end - text) - from};
  return end;
}

// While as many requests run as may, others wait in the text. What those that
// run may wait for is served where it stands, and blanked out.
static void serve_unasked(struct mcp_stdio *io)
{
  struct slice line;
  while (unsent(io) < QUEUE_MAX && has_line(io, io->heard, &line)) {
    bool rest = io->skipping && io->heard == 0;
    char *begin = io->text.data + io->heard;
    io->heard += line.len + 1;
    if (rest || line.len > io->options.line_max || is_blank(line) ||
        envelope_can_wait(line))
      continue;
    serve_line(io, line);
    memset(begin, ' ', line.len);
  }
}

static void consume(struct mcp_stdio *io, size_t used)
{
  buf_consume(&io->text, used);
  io->heard -= used < io->heard ? used : io->heard;
}

// What has no end yet: kept, unless it is too long already, or the last.
static void keep_rest(struct mcp_stdio *io)
{
  struct slice rest = buf_slice(&io->text);
  bool too_long = rest.len > io->options.line_max + 1;
  if (io->eof && !io->skipping)
    serve_line(io, rest);
  else if (too_long && !io->skipping)
    refuse_long(io);
  if (too_long) io->skipping = true;
  if (io->eof || io->skipping) buf_reset(&io->text, CHUNK);
  io->scanned = io->text.len;
}

static void serve_lines(struct mcp_stdio *io)
{
  size_t used = 0;
  while (io->state == OPEN && !is_full(io)) {
    size_t from = io->scanned > used ? io->scanned : used;
    struct slice tail;
    if (!has_line(io, from, &tail)) {
      consume(io, used);
      keep_rest(io);
      return;
    }
    size_t stop = from + tail.len;
    if (!io->skipping)
      serve_line(io, (struct slice){io->text.data + used, stop - used});
    io->skipping = false;
    used = stop + 1;
  }
  consume(io, used);
  io->scanned = 0;
  if (io->state == OPEN) serve_unasked(io);
}

// --- reading ---

static void watch(struct mcp_stdio *io)
{
  bool room = !is_full(io) ||
              (unsent(io) < QUEUE_MAX && io->text.len <= io->options.line_max);
  bool reads = io->state == OPEN && !io->eof && room;
  io_watch(&io->in, reads ? IO_READ : 0);
  // Once the input has ended, that nobody reads is told by its error alone.
  bool listens = io->state == DRAINING && !io->deaf && io->out_flags >= 0;
  int events = (unsent(io) ? IO_WRITE : 0) | (listens ? IO_READ : 0);
  io_watch(&io->out, io->state == ENDED ? 0 : events);
}

static void on_readable(struct io *watcher, int events, void *ctx)
{
  (void)watcher, (void)events;
  struct mcp_stdio *io = ctx;
  if (!buf_reserve(&io->text, CHUNK)) {
    give_up(io, "out of memory");
    return;
  }
  ssize_t n = read(io->options.in, io->text.data + io->text.len, CHUNK);
  if (n < 0 && would_block()) return;
  if (n > 0)
    io->text.len += (size_t)n;
  else
    io->eof = true;
  serve_lines(io);
  soon(io);
}

static void on_output(struct io *watcher, int events, void *ctx)
{
  struct mcp_stdio *io = ctx;
  if (has_hung_up(watcher->fd))
    give_up(io, "its end is closed");
  else if (events & IO_READ)
    io->deaf = true;
  soon(io);
}

// --- the end ---

static bool is_over(const struct mcp_stdio *io)
{
  return io->broken ||
         (io->state == DRAINING && io->running == 0 && !unsent(io));
}

static void finish(struct mcp_stdio *io)
{
  io->state = ENDED;
  timer_stop(&io->grace);
  watch(io);
  io->options.on_end(io->options.ctx);
}

// Once for all that a turn has brought.
static void on_turn(void *ctx)
{
  struct mcp_stdio *io = ctx;
  if (io->state == ENDED) return;
  flush(io);
  if (io->text.len) serve_lines(io);
  if (io->eof && !io->text.len && io->state == OPEN)
    mcp_stdio_drain(io, io->options.grace_ms);
  if (is_over(io))
    finish(io);
  else
    watch(io);
}

static void on_grace_over(struct timer *timer, void *ctx)
{
  (void)timer;
  struct mcp_stdio *io = ctx;
  if (io->state != ENDED) finish(io);
}

void mcp_stdio_drain(struct mcp_stdio *io, uint32_t grace_ms)
{
  if (io->state == ENDED) return;
  if (io->state == DRAINING) grace_ms = 0;
  io->state = DRAINING;
  mcp_server_drain(io->options.server);
  timer_start(&io->grace, grace_ms * (uint64_t)NS_PER_MS);
  soon(io);
}

// --- the life ---

struct mcp_stdio *mcp_stdio_new(const struct mcp_stdio_options *options)
{
  assert(options->server && options->on_end);
  struct mcp_stdio *io = fault_now() ? NULL : calloc(1, sizeof(*io));
  if (!io) return NULL;
  io->options = *options;
  if (!io->options.line_max) io->options.line_max = 4 << 20;
  list_init(&io->waiting);
  io->peer.revision = REVISION_ASSUMED;
  if (!random_bytes(io->peer.id, sizeof(io->peer.id))) {
    free(io);
    return NULL;
  }
  news_begin(&io->news, options->server, say, io);
  io->peer.news = &io->news;
  io_init(&io->in, options->loop, options->in, on_readable, io);
  io_init(&io->out, options->loop, options->out, on_output, io);
  io->in_flags = make_nonblocking(options->in);
  io->out_flags = make_nonblocking(options->out);
  timer_init(&io->grace, options->loop, on_grace_over, io);
  deferred_init(&io->turn, on_turn, io);
  watch(io);
  return io;
}

static void write_the_last(struct mcp_stdio *io)
{
  flush(io);
  struct pollfd p = {.fd = io->options.out, .events = POLLOUT};
  while (unsent(io) && poll(&p, 1, LAST_WRITE_MS) == 1)
    flush(io);
}

void mcp_stdio_free(struct mcp_stdio *io)
{
  if (!io) return;
  assert(io->running == 0);
  write_the_last(io);
  deferred_cancel(&io->turn);
  timer_stop(&io->grace);
  io_finish(&io->in);
  io_finish(&io->out);
  restore(io->options.in, io->in_flags);
  restore(io->options.out, io->out_flags);
  buf_finish(&io->text);
  buf_finish(&io->queue);
  free(io);
}
