// fuzz_uri_template.c -- script/uri_template: what matches is JSON, what does not
// leaves nothing, and nothing takes long.
//
// The input is a template and a URI with a line feed between them.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "script/uri_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
  if (!ok) abort();
}

static void check_match(const struct uri_template *t, struct slice uri)
{
  struct buf out = {0};
  buf_puts(&out, "kept");
  bool matches = uri_template_match(t, uri, &out);
  check(out.len >= 4 && !memcmp(out.data, "kept", 4));
  struct slice json = {out.data + 4, out.len - 4};
  if (matches)
    check(json_valid(json, (struct json_limits){0}, NULL) == OK);
  else
    check(json.len == 0);
  buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *text = (const char *)data;
  const char *lf = size ? memchr(text, '\n', size) : NULL;
  if (!lf) return 0;
  struct slice pattern = {text, (size_t)(lf - text)};
  struct slice uri = {lf + 1, size - pattern.len - 1};

  struct arena arena = {0};
  struct uri_template t;
  struct error err;
  if (uri_template_read(pattern, &arena, &t, &err) == OK) check_match(&t, uri);
  arena_finish(&arena);
  return 0;
}
