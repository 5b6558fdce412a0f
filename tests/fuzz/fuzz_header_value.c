// fuzz_header_value.c -- what Mcp-Name and Mcp-Param-* mean: literal, or exactly
// one spelling in base64 of UTF-8.

#include <stdint.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/json.h"
#include "mcp/header_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
  if (!ok) abort();
}

static void check_meaning(struct slice trimmed, struct slice meaning)
{
  if (slice_eq(trimmed, meaning)) return;
  struct buf again = {0};
  buf_puts(&again, "=?base64?");
  base64_put(&again, meaning);
  buf_puts(&again, "?=");
  check(slice_eq(buf_slice(&again), trimmed));
  check(utf8_valid(meaning, NULL));
  buf_finish(&again);
}

// Whatever the text: in base64 it comes through.
static void check_round(struct slice text, struct arena *arena)
{
  if (!utf8_valid(text, NULL)) return;
  struct buf coded = {0};
  struct slice meaning;
  buf_puts(&coded, " =?base64?");
  base64_put(&coded, text);
  buf_puts(&coded, "?=\t");
  check(header_value_decode(buf_slice(&coded), arena, &meaning));
  check(slice_eq(meaning, text));
  buf_finish(&coded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct slice value = {(const char *)data, size}, meaning;
  struct arena arena = {0};
  if (header_value_decode(value, &arena, &meaning))
    check_meaning(header_value_trim(value), meaning);
  check_round(value, &arena);
  arena_finish(&arena);
  return 0;
}
