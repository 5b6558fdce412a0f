// fuzz_seal.c -- nobody's text opens but what was sealed here.
//
// The input is tried as it is, and as a change to a sealed value: its first
// byte says where, the rest is written over or behind it.

#include <stdint.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
  if (!ok) abort();
}

static void check_refused(const struct seal_ring *ring, struct slice text)
{
  struct buf out = {0};
  check(!unseal(ring, "cursor", text, &out));
  check(out.len == 0);
  buf_finish(&out);
}

static void check_genuine(const struct seal_ring *ring, struct slice sealed,
                          struct slice plain)
{
  struct buf out = {0};
  check(unseal(ring, "cursor", sealed, &out));
  check(slice_eq(buf_slice(&out), plain));
  check(!unseal(ring, "session", sealed, &out));
  buf_finish(&out);
}

static void check_changed(const struct seal_ring *ring, struct slice sealed,
                          struct slice change)
{
  struct buf forged = {0};
  buf_add(&forged, sealed);
  size_t at = (unsigned char)change.data[0] % (sealed.len + 1);
  buf_append(&forged, change.data, change.len); // there is room for all of it
  memcpy(forged.data + at, change.data + 1, change.len - 1);
  size_t end = at + change.len - 1;
  forged.len = end > sealed.len ? end : sealed.len;
  if (!slice_eq(buf_slice(&forged), sealed))
    check_refused(ring, buf_slice(&forged));
  buf_finish(&forged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct slice input = {(const char *)data, size};
  struct seal_ring
      *ring; // a new key each time: libFuzzer remembers what it saw
  check(seal_ring_new(NULL, 0, &ring, NULL) == OK);

  struct buf sealed = {0};
  bool fits = seal(ring, "cursor", input, &sealed);
  check(fits == (size <= SEAL_PLAIN_MAX));
  if (fits) {
    check_genuine(ring, buf_slice(&sealed), input);
    if (size > 0) check_changed(ring, buf_slice(&sealed), input);
  }
  check_refused(ring, input);
  buf_finish(&sealed);
  seal_ring_free(ring);
  return 0;
}
