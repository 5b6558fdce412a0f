// fuzz_encode.c -- base64, hex and percent: any bytes go through and come
// back; what a decoder accepts has one spelling; a refusal changes nothing.

#include <stdint.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
  if (!ok) abort();
}

typedef void (*put_fn)(struct buf *b, struct slice s);
typedef bool (*get_fn)(struct buf *b, struct slice s);

static void check_round(put_fn put, get_fn get, struct slice bytes)
{
  struct buf coded = {0}, back = {0};
  put(&coded, bytes);
  check(get(&back, buf_slice(&coded)));
  check(slice_eq(buf_slice(&back), bytes));
  buf_finish(&coded);
  buf_finish(&back);
}

static void check_text(put_fn put, get_fn get, struct slice text)
{
  struct buf plain = {0}, again = {0};
  buf_puts(&plain, "x");
  if (get(&plain, text)) {
    buf_consume(&plain, 1);
    if (put) put(&again, buf_slice(&plain));
    if (put) check(slice_eq(buf_slice(&again), text));
  } else {
    check(slice_is(buf_slice(&plain), "x"));
  }
  buf_finish(&plain);
  buf_finish(&again);
}

// Whatever the bytes: as a JSON string they are valid JSON.
static void check_json(struct slice bytes)
{
  struct buf b = {0};
  json_put_string(&b, bytes);
  check(json_valid(buf_slice(&b), (struct json_limits){0}, NULL) == OK);
  check(utf8_valid(buf_slice(&b), NULL));
  buf_finish(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct slice s = {(const char *)data, size};
  check_round(base64_put, base64_get, s);
  check_round(base64url_put, base64url_get, s);
  check_round(hex_put, hex_get, s);
  check_round(percent_put, percent_get, s);
  check_round(percent_put_path, percent_get, s);
  check_text(base64_put, base64_get, s);
  check_text(base64url_put, base64url_get, s);
  check_text(NULL, hex_get, s); // two cases
  check_text(NULL, percent_get, s);
  check_json(s);
  return 0;
}
