// http_output.c -- bytes that wait to be sent; see http_output.h.

#include "net/http_output.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define KEEP (16u * 1024)

void output_finish(struct output *o)
{
  buf_finish(&o->bytes);
  buf_finish(&o->big);
}

void output_reset(struct output *o)
{
  buf_reset(&o->bytes, KEEP);
  buf_finish(&o->big);
  o->sent = o->big_sent = 0;
}

void output_take(struct output *o, struct buf *body)
{
  assert(o->big.len == 0);
  o->big = *body;
  *body = (struct buf){0};
}

// Counts `n` sent bytes off, in order; gives how many were of `more`.
static size_t count_off(struct output *o, size_t n)
{
  size_t left = o->bytes.len - o->sent;
  size_t part = n < left ? n : left;
  o->sent += part;
  n -= part;
  left = o->big.len - o->big_sent;
  part = n < left ? n : left;
  o->big_sent += part;
  return n - part;
}

static struct iovec piece(const struct buf *b, size_t from)
{
  return (struct iovec){b->data ? b->data + from : NULL, b->len - from};
}

// -1 when broken, else the number of bytes sent; 0 when it takes none now
static ssize_t send_once(const struct output *o, int fd, struct slice more)
{
  struct iovec pieces[3] = {piece(&o->bytes, o->sent),
                            piece(&o->big, o->big_sent),
                            {(void *)(uintptr_t)more.data, more.len}};
  struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 3};
  ssize_t n;
  do {
    if (pieces[1].iov_len || more.len)
      n = sendmsg(fd, &message, MSG_NOSIGNAL);
    else
      n = send(fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
  return n;
}

// Sends until nothing is left or the socket is full.
static bool send_all(struct output *o, int fd, struct slice *more)
{
  if (!buf_ok(&o->bytes)) return false;
  for (;;) {
    size_t wanted = output_pending(o) + more->len;
    if (wanted == 0) break;
    ssize_t n = send_once(o, fd, *more);
    if (n < 0) return false;
    size_t taken = count_off(o, (size_t)n);
    more->data += taken;
    more->len -= taken;
    if ((size_t)n < wanted) break; // full: do not ask again in vain
  }
  if (output_pending(o) == 0) output_reset(o);
  return true;
}

bool output_send(struct output *o, int fd)
{
  struct slice none = {"", 0};
  return send_all(o, fd, &none);
}

bool output_send_with(struct output *o, int fd, struct slice more)
{
  assert(o->big.len == 0);
  if (!send_all(o, fd, &more)) return false;
  buf_add(&o->bytes, more);
  return buf_ok(&o->bytes);
}
