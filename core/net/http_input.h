// http_input.h -- from bytes to requests, without a socket.
//
// Whoever has bytes asks where to put them, says how many they were, and has
// them parsed. The same bytes give the same requests, and the same refusal,
// however they are cut.
//
//   room = http_input_room(in, &size); n = read(fd, room, size);
//   http_input_filled(in, n);
//   while (http_input_parse(in) == INPUT_READY) {
//     ... in->message ...
//     http_input_next(in);
//   }
//
// While a request is ready, what comes behind it is kept apart, so the slices
// of the message stay where they are.

#ifndef NET_HTTP_INPUT_H
#define NET_HTTP_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/header.h"
#include "net/http_chunk.h"
#include "net/http_head.h"
#include "net/http_parse.h"
#include "net/http_server.h"

#define INPUT_AHEAD_MAX (64u * 1024) // read behind a request that runs

struct input_limits {
  uint32_t max_header_bytes, max_headers, max_body_bytes;
};

enum input_state {
  INPUT_HEAD,  // the head is not whole
  INPUT_BODY,  // the head is, the body is not
  INPUT_READY, // `message` is whole
  INPUT_BAD    // refused with `status`; nothing more will be read
};

struct http_input {
  enum input_state state;
  int status;
  bool keep_alive; // the client asked for it (or said nothing, HTTP/1.1)
  struct http_message message;
  // private
  const struct input_limits *limits;
  struct header *fields; // room for limits->max_headers; NULL until needed
  struct buf bytes;      // as they came; the request begins at `at`
  struct buf ahead;      // behind the head (chunked), or behind a ready request
  struct buf body;       // a body that was not whole in `bytes`, or is chunked
  struct buf *into;      // of the last http_input_room()
  size_t at, end;        // `end`: where the next request begins
  bool skipped;          // an empty line before the request line
  struct head_scan scan;
  struct head_framing framing;
  struct chunks chunks;
  struct judge judge;
};

// Keeps the limits.
void http_input_init(struct http_input *in, const struct input_limits *limits);
void http_input_finish(struct http_input *in);
// Forgets everything; keeps the memory of small buffers.
void http_input_reset(struct http_input *in);

// Only in INPUT_READY: the message is needed no more, and no other is wanted.
// Gives all memory back; nothing can be read until it is reset.
void http_input_close(struct http_input *in);

// Where the next bytes may be put, and how many. NULL: none may be read now
// (INPUT_AHEAD_MAX), or no memory (then http_input_parse() says INPUT_BAD).
char *http_input_room(struct http_input *in, size_t *size);
void http_input_filled(struct http_input *in, size_t n);

enum input_state http_input_parse(struct http_input *in);

// Only in INPUT_READY: turns to the next request.
void http_input_next(struct http_input *in);

// True if no byte of a next request is there.
bool http_input_empty(const struct http_input *in);
// True if no more should be read before a request has been dealt with.
bool http_input_full(const struct http_input *in);
// True if the client waits for "100 Continue" before it sends the body.
bool http_input_wants_continue(const struct http_input *in);

#endif
