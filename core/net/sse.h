// sse.h -- server-sent events (WHATWG HTML, section 9.2), both directions.

#ifndef NET_SSE_H
#define NET_SSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

// Appends one event: "event: message\ndata: ...\n\n". `event` and `id` may be
// absent; a `data` with line breaks becomes several data lines.
void sse_put(struct buf *out, struct slice event, struct slice id,
             struct slice data);
void sse_put_comment(struct buf *out, struct slice text);
void sse_put_retry(struct buf *out, uint32_t ms);

struct sse_event {
  struct slice type; // "message" when the stream named none
  struct slice data;
  struct slice id; // the last id seen, absent if none
};

// Decodes a stream that comes in pieces: any split of the bytes gives the same
// events. LF, CRLF and CR end lines; a BOM at the start is skipped; NUL in an
// id discards the id; retry is kept if it is all digits.
struct sse_decoder {
  struct buf line, data, type, id;
  size_t max_event_bytes;
  int64_t retry_ms; // -1 until one came
  bool has_id, after_cr, started;
  bool seen_comment; // any comment since this was last cleared (keep-alive)
};

typedef void (*sse_event_fn)(const struct sse_event *event, void *ctx);

void sse_decoder_init(struct sse_decoder *d, size_t max_event_bytes);
void sse_decoder_finish(struct sse_decoder *d);
// Calls `fn` for each whole event. E_TOO_LARGE for an event over the limit (the
// decoder is then useless), E_NO_MEMORY.
enum error_code sse_feed(struct sse_decoder *d, struct slice bytes,
                         sse_event_fn fn, void *ctx);

#endif
