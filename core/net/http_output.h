// http_output.h -- bytes that wait to be sent on a socket.
//
// A buffer, and behind it at most one big body that was given to us and is not
// copied. While there is a big body, nothing may be appended.

#ifndef NET_HTTP_OUTPUT_H
#define NET_HTTP_OUTPUT_H

#include "base/buf.h"

struct output {
  struct buf bytes; // zeroed: empty
  struct buf big;
  size_t sent, big_sent;
};

void output_finish(struct output *o);
// Forgets everything; keeps the memory of a small buffer.
void output_reset(struct output *o);

static inline size_t output_pending(const struct output *o)
{
  return o->bytes.len - o->sent + o->big.len - o->big_sent;
}

// Appends a big body; takes its bytes.
void output_take(struct output *o, struct buf *body);

// Sends what the socket takes. False: the connection is broken, or there was
// no memory for what should have been sent.
bool output_send(struct output *o, int fd);
// The same with borrowed bytes behind; what is not taken of them is copied.
bool output_send_with(struct output *o, int fd, struct slice more);

#endif
