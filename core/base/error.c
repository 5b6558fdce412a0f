// error.c -- the table behind error.h.

#include "base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static const struct {
  const char *name;
  int http_status;
  bool may_retry;
  const char *sentence;
} table[ERROR_CODES] = {
#define X(constant, name, http, retry, sentence)                               \
  [constant] = {name, http, retry, sentence},
    ERROR_LIST(X)
#undef X
};

const char *error_name(enum error_code code)
{
  assert(code < ERROR_CODES);
  return table[code].name;
}

const char *error_sentence(enum error_code code)
{
  assert(code < ERROR_CODES);
  return table[code].sentence;
}

int error_http_status(enum error_code code)
{
  assert(code < ERROR_CODES);
  return table[code].http_status;
}

bool error_may_retry(enum error_code code)
{
  assert(code < ERROR_CODES);
  return table[code].may_retry;
}

const char *side_effect_name(enum side_effect effect)
{
  switch (effect) {
  case SIDE_EFFECT_NONE: return "none";
  case SIDE_EFFECT_POSSIBLE: return "possible";
  case SIDE_EFFECT_DONE: return "done";
  }
  assert(0);
  return "possible";
}

bool error_parse(struct slice name, enum error_code *code)
{
  for (unsigned i = 0; i < ERROR_CODES; i++) {
    if (!slice_is(name, table[i].name)) continue;
    *code = (enum error_code)i;
    return true;
  }
  return false;
}

// How many bytes a character has that begins with `lead`; 1 for what is none.
static size_t character_size(unsigned char lead)
{
  if (lead >= 0xF0) return 4;
  if (lead >= 0xE0) return 3;
  return lead >= 0xC0 ? 2 : 1;
}

// Drops a character of which only the first bytes fitted.
static void cut_whole(char *text, size_t len)
{
  size_t at = len;
  while (at > 0 && len - at < 4) {
    unsigned char c = (unsigned char)text[--at];
    if ((c & 0xC0) == 0x80) continue;
    if (at + character_size(c) > len) text[at] = '\0';
    return;
  }
}

enum error_code error_set(struct error *err, enum error_code code,
                          const char *format, ...)
{
  if (!err) return code;
  err->code = code;
  err->status = 0;
  err->retry_after_ms = -1;

  va_list args;
  va_start(args, format);
  int n = vsnprintf(err->message, sizeof(err->message), format, args);
  va_end(args);
  if (n < 0) err->message[0] = '\0';
  if (n >= (int)sizeof(err->message)) {
    cut_whole(err->message, sizeof(err->message) - 1);
  }
  return code;
}
