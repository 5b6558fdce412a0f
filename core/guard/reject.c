// reject.c -- the table behind reject.h.

#include "guard/reject.h"

#include <assert.h>

static const struct {
  const char *name;
  enum error_code code;
  const char *sentence;
} rejects[] = {
#define X(constant, name, code, sentence) [constant] = {name, code, sentence},
    REJECT_LIST(X)
#undef X
};

const char *reject_name(enum reject r)
{
  assert(r < REJECTS);
  return rejects[r].name;
}

enum error_code reject_code(enum reject r)
{
  assert(r < REJECTS);
  return rejects[r].code;
}

const char *reject_sentence(enum reject r)
{
  assert(r < REJECTS);
  return rejects[r].sentence;
}
