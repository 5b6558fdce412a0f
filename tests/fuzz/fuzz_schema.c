// fuzz_schema.c -- any text as a schema, any value against it.
//
// The first line is JSON Schema, the rest a value. What compiles has a text
// that compiles to itself; loud and quiet checks agree; a completed value is
// JSON. Time is bounded by the checker, so -timeout finds what is not. A line
// that begins with '%' is a Lua pattern instead: what is translated compiles.

#include <stdint.h>
#include <stdlib.h>

#include "script/schema.h"
#include "script/schema_inside.h"
#include "script/schema_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
  if (!ok) abort();
}

static void check_text(const struct schema *s)
{
  struct schema *again = NULL;
  check(schema_compile(schema_text(s), &again, NULL) == OK);
  check(slice_eq(schema_text(s), schema_text(again)));
  schema_free(again);
}

static void check_value(const struct schema *s, struct slice text)
{
  struct arena arena = {0};
  struct json_doc doc;
  struct error err;
  struct buf out = {0};
  if (json_parse(&doc, text, (struct json_limits){0}, &arena, NULL) == OK) {
    enum error_code code = schema_check(s, &doc, 0, &err);
    check(code == schema_check(s, &doc, 0, NULL));
    check(code == OK || utf8_valid(slice_of(err.message), NULL));
    if (schema_complete(s, &doc, 0, &out))
      check(json_valid(buf_slice(&out), (struct json_limits){0}, NULL) == OK);
  }
  buf_finish(&out);
  arena_finish(&arena);
}

static bool is_ascii(struct slice s)
{
  for (size_t i = 0; i < s.len; i++) {
    if ((unsigned char)s.data[i] >= 0x80) return false;
  }
  return true;
}

static void check_pattern(struct slice pattern)
{
  struct buf out = {0};
  struct schema_home home = {0};
  bool ok = !words_translate_pattern(pattern, &out);
  // Ranges are of bytes in Lua, so only ASCII ones are known to be good.
  if (ok && is_ascii(pattern) && out.len < 1000)
    check(schema_regex_new(&home, buf_slice(&out), NULL) != NULL);
  schema_regex_free(home.regexes);
  arena_finish(&home.arena);
  buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct slice line = {(const char *)data, 0}, rest = {0};
  while (line.len < size && data[line.len] != '\n') {
    line.len++;
  }
  if (line.len < size)
    rest = (struct slice){line.data + line.len + 1, size - line.len - 1};
  if (size && data[0] == '%') {
    check_pattern((struct slice){line.data + 1, line.len - 1});
    return 0;
  }
  struct schema *schema;
  if (schema_compile(line, &schema, NULL) != OK) return 0;
  check_text(schema);
  if (rest.data) check_value(schema, rest);
  schema_free(schema);
  return 0;
}
