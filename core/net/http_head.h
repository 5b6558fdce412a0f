// http_head.h -- the head of a request, read strictly.
//
// First the end of the head is found, line by line, in bytes that may come in
// any pieces; then the whole head is taken apart at once. Both answer 0 or the
// HTTP status with which the request is refused. Nothing is copied.

#ifndef NET_HTTP_HEAD_H
#define NET_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "net/header.h"
#include "net/http_server.h"

// Where the search for the end of a head stands. Zeroed at its beginning.
struct head_scan {
  size_t line; // begin of the line that is not whole yet
  size_t seen; // no LF from `line` up to here
  bool ended;  // then `line` is the length of the head
};

// `bytes` are all of the request so far, from its first byte.
int head_scan(struct head_scan *scan, struct slice bytes, size_t max_bytes);

// What the head says about the body and the connection.
struct head_framing {
  uint64_t length; // Content-Length, 0 without
  bool has_length;
  bool chunked;
  bool expects; // Expect: 100-continue
  bool has_host;
};

// `fields` has room for `max_fields`; they, and `message`, borrow from `head`.
// Fills all of `message` but the body.
int head_parse(struct slice head, struct header *fields, size_t max_fields,
               struct http_message *message, struct head_framing *framing);

#endif
