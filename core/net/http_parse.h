// http_parse.h -- the second opinion: http-parser behind a small interface.
//
// What our strict reading (http_head, http_chunk) lets pass is judged again by
// a parser that the world knows. A request is accepted only if both agree on
// where it ends. Only http_parse.c knows which parser it is.

#ifndef NET_HTTP_PARSE_H
#define NET_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "net/http_head.h"

struct judge {
  uint64_t opaque[6]; // the parser
  uint64_t data;      // bytes of body data it has seen
  bool done;          // it thinks that the request is whole
};

// The whole head. 0, or the status of the refusal: 400, or 501 for a method
// that the parser does not know. `*keep_alive`: what the client asked for.
int judge_head(struct judge *j, struct slice head,
               const struct head_framing *framing, bool *keep_alive);

// Bytes of a chunked body, as far as our decoder took them. `data`: the bytes
// of data found so far; `done`: whether the last chunk and its trailers were
// among them. False if the parser sees it differently.
bool judge_chunks(struct judge *j, struct slice raw, uint64_t data, bool done);

#endif
