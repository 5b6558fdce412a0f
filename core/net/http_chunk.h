// http_chunk.h -- the chunked coding, read strictly.
//
// A machine over bytes that come in any pieces. Strict: a size is 1 to 8 hex
// digits directly followed by CRLF or ';'; extensions are visible text,
// bounded and ignored; data ends in CRLF; trailer fields are checked for bare
// CR, LF and controls, bounded and dropped.

#ifndef NET_HTTP_CHUNK_H
#define NET_HTTP_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum chunk_state {
  CHUNK_SIZE,      // at the first digit of a size
  CHUNK_DIGITS,    // behind one
  CHUNK_EXTENSION, // behind the ';'
  CHUNK_SIZE_LF,
  CHUNK_DATA,
  CHUNK_DATA_CR,
  CHUNK_DATA_LF,
  CHUNK_LINE,    // at the begin of a trailer line
  CHUNK_NAME,    // in the name of a field
  CHUNK_TRAILER, // behind its colon
  CHUNK_TRAILER_LF,
  CHUNK_LAST_LF,
  CHUNK_DONE,
  CHUNK_BAD
};

struct chunks {
  enum chunk_state state; // zeroed: at the beginning
  unsigned digits;
  uint64_t left;     // bytes of this chunk that are still to come
  uint32_t overhead; // bytes of extensions and trailers so far
};

// Takes bytes off the front of `raw` and appends the data among them to `body`,
// until all are used, CHUNK_DONE or CHUNK_BAD; gives the number it took. The
// data may exceed `max_body` by no byte: then the state is CHUNK_BAD and
// `*status` 413; else `*status` is 400 when bad.
size_t chunks_decode(struct chunks *c, struct slice raw, struct buf *body,
                     uint32_t max_body, int *status);

#endif
