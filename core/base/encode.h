// encode.h -- base64, base64url, hex and percent-encoding.

#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

void base64_put(struct buf *b, struct slice s);    // with padding
void base64url_put(struct buf *b, struct slice s); // without padding

// Strict decoders: no white space, exact padding, no stray bits. False leaves
// `b` as it was.
bool base64_get(struct buf *b, struct slice s);
bool base64url_get(struct buf *b, struct slice s);

void hex_put(struct buf *b, struct slice s); // lower case
bool hex_get(struct buf *b, struct slice s);

// Everything but RFC 3986 unreserved becomes %XX (upper case).
void percent_put(struct buf *b, struct slice s);
// The same, but '/' stays: for a path.
void percent_put_path(struct buf *b, struct slice s);
// False for a '%' without two hex digits.
bool percent_get(struct buf *b, struct slice s);

#endif
