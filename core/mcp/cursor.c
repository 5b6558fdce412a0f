// cursor.c -- see cursor.h for the contract.
//
// The plain bytes: form (1), list (1), expires (8), length of the principal
// (2), the principal, the key. Integers are big-endian.

#include "mcp/cursor.h"

#include "base/json.h"
#include "mcp/serve.h"

enum { FORM = 1, HEAD_LEN = 1 + 1 + 8 + 2 };

static const char purpose[] = "cursor";

static void put_number(struct buf *b, uint64_t value, int bytes)
{
  while (bytes-- > 0)
    buf_putc(b, (char)(value >> (8 * bytes) & 0xff));
}

static uint64_t get_number(const char *p, int bytes)
{
  uint64_t value = 0;
  while (bytes-- > 0)
    value = value << 8 | (unsigned char)*p++;
  return value;
}

bool cursor_seal(const struct seal_ring *ring, const struct cursor *cursor,
                 struct buf *out)
{
  struct buf plain = {0};
  buf_putc(&plain, FORM);
  buf_putc(&plain, (char)cursor->list);
  put_number(&plain, (uint64_t)cursor->expires_ms, 8);
  put_number(&plain, cursor->principal.len, 2);
  buf_add(&plain, cursor->principal);
  buf_add(&plain, cursor->last);
  bool good = cursor->principal.len <= UINT16_MAX && buf_ok(&plain) &&
              seal(ring, purpose, buf_slice(&plain), out);
  buf_finish(&plain);
  return good;
}

// The seal says that we wrote it, so a wrong form is one of another release.
static bool decode(struct slice plain, struct cursor *cursor)
{
  const char *p = plain.data;
  if (plain.len < HEAD_LEN || p[0] != FORM) return false;
  size_t len = (size_t)get_number(p + 10, 2);
  if (plain.len < HEAD_LEN + len) return false;
  cursor->list = (enum cursor_list)p[1];
  cursor->expires_ms = (int64_t)get_number(p + 2, 8);
  cursor->principal = (struct slice){p + HEAD_LEN, len};
  cursor->last = (struct slice){p + HEAD_LEN + len, plain.len - HEAD_LEN - len};
  return true;
}

bool cursor_open(const struct seal_ring *ring, struct slice text,
                 struct arena *arena, struct cursor *cursor)
{
  struct buf plain = {0};
  struct slice kept = {0};
  if (unseal(ring, purpose, text, &plain))
    kept = arena_copy(arena, buf_slice(&plain));
  buf_finish(&plain);
  return kept.data && decode(kept, cursor);
}

// --- for methods ---

bool job_read_cursor(struct job *job, enum cursor_list list, struct slice *last,
                     struct refusal *why)
{
  struct arena *arena = &job->exchange->arena;
  struct inbound_rules rules = serve_rules(job_server(job));
  uint32_t node = job_param(job, "cursor");
  struct cursor cursor;
  *last = (struct slice){0};
  if (node == JSON_NONE) return true;
  struct slice text = json_string(job->env->doc, node, arena);
  bool good = text.data && cursor_open(rules.seals, text, arena, &cursor) &&
              cursor.list == list && cursor.expires_ms > rules.now_ms &&
              slice_eq(cursor.principal, rules.principal);
  if (!good)
    return job_bad_params(why, "Invalid cursor: list again from the start");
  *last = cursor.last;
  return true;
}

void job_put_cursor(struct job *job, enum cursor_list list, struct slice last,
                    struct buf *out)
{
  struct inbound_rules rules = serve_rules(job_server(job));
  struct cursor cursor = {list, rules.principal,
                          rules.now_ms + CURSOR_TTL_S * (int64_t)1000, last};
  buf_add(out, SLICE(",\"nextCursor\":\""));
  if (!cursor_seal(rules.seals, &cursor, out)) out->failed = true;
  buf_putc(out, '"');
}
