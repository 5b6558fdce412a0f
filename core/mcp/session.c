// session.c -- see session.h for the contract.
//
// The plain bytes: form (1), revision (1), capabilities (4), issued (8), id
// (16), length of the client's name (1), the name, the principal. Integers are
// big-endian. Another layout gets another form number.

#include "mcp/session.h"

#include <string.h>

enum { FORM = 1, HEAD_LEN = 1 + 1 + 4 + 8 + SESSION_ID_LEN + 1 };

static const char purpose[] = "session";

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

bool session_seal(const struct seal_ring *ring, const struct session *session,
                  struct buf *out)
{
  struct slice client = session->client;
  if (client.len > SESSION_CLIENT_MAX) client.len = SESSION_CLIENT_MAX;

  struct buf plain = {0};
  buf_putc(&plain, FORM);
  buf_putc(&plain, (char)session->revision);
  put_number(&plain, session->capabilities, 4);
  put_number(&plain, (uint64_t)session->issued_ms, 8);
  buf_append(&plain, session->id, SESSION_ID_LEN);
  buf_putc(&plain, (char)client.len);
  buf_add(&plain, client);
  buf_add(&plain, session->principal);
  bool good = buf_ok(&plain) && seal(ring, purpose, buf_slice(&plain), out);
  buf_finish(&plain);
  return good;
}

// The seal says that we wrote it, so a wrong form is one of another release.
static bool decode(struct slice plain, struct session *session)
{
  const char *p = plain.data;
  if (plain.len < HEAD_LEN || p[0] != FORM) return false;
  size_t client_len = (unsigned char)p[HEAD_LEN - 1];
  if (plain.len < HEAD_LEN + client_len) return false;
  if ((unsigned char)p[1] > REVISION_NEWEST_LEGACY) return false;

  session->revision = (enum revision)p[1];
  session->capabilities = (uint32_t)get_number(p + 2, 4);
  session->issued_ms = (int64_t)get_number(p + 6, 8);
  memcpy(session->id, p + 14, SESSION_ID_LEN);
  session->client = (struct slice){p + HEAD_LEN, client_len};
  session->principal = (struct slice){p + HEAD_LEN + client_len,
                                      plain.len - HEAD_LEN - client_len};
  return true;
}

bool session_open(const struct seal_ring *ring, struct slice text,
                  struct arena *arena, struct session *session)
{
  struct buf plain = {0};
  bool good = unseal(ring, purpose, text, &plain);
  struct slice kept = {0};
  if (good) kept = arena_copy(arena, buf_slice(&plain));
  buf_finish(&plain);
  return kept.data && decode(kept, session);
}

bool session_valid(const struct session *session, struct slice principal,
                   uint32_t ttl_s, int64_t now_ms, struct mcp_shared *shared)
{
  if (session_expires(session, ttl_s) <= now_ms) return false;
  if (!slice_eq(session->principal, principal)) return false;
  return !shared || !mcp_shared_session_ended(shared, session->id, now_ms);
}
