// utf8.h -- characters of UTF-8 (RFC 3629).
//
// utf8_valid() for whole texts is in base/json.h.

#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

// Bytes of the valid character at the front of `p`, 0 if there is none:
// overlong forms, surrogates, above U+10FFFF, cut off at `end`, p == end.
size_t utf8_sequence(const char *p, const char *end);

// Behind all whole characters at the front of `p` that are not ASCII; `p` if
// there is none.
const char *utf8_run(const char *p, const char *end);

// Writes a code point (a scalar value); how many bytes.
size_t utf8_encode(char out[4], uint32_t code);

// As much of a valid text as fits into `most` bytes, without half a character.
struct slice utf8_cut(struct slice text, size_t most);

#endif
