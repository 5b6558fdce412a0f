// idempotency.c -- see idempotency.h for the contract.

#include "guard/idempotency.h"

#include <string.h>

#include "base/hash.h"

#define PART_MAX 256 // at least SHA256_LEN

static void put_byte(char *out, unsigned byte)
{
  static const char digits[] = "0123456789abcdef";
  out[0] = digits[byte >> 4];
  out[1] = digits[byte & 15];
}

static void put_uuid(struct idempotency_key *key, const unsigned char from[16],
                     unsigned version)
{
  unsigned char b[16];
  memcpy(b, from, sizeof(b));
  b[6] = (unsigned char)((b[6] & 0x0F) | version << 4);
  b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
  for (int i = 0, at = 0; i < 16; i++, at += 2) {
    if (i == 4 || i == 6 || i == 8 || i == 10) key->text[at++] = '-';
    put_byte(key->text + at, b[i]);
  }
  key->text[IDEMPOTENCY_KEY_LEN] = '\0';
}

void idempotency_random(struct idempotency_key *key,
                        const unsigned char chance[16])
{
  put_uuid(key, chance, 4);
}

static size_t put_number(unsigned char *out, uint64_t number)
{
  for (int i = 0; i < 8; i++)
    out[i] = (unsigned char)(number >> (8 * i));
  return 8;
}

// Each part behind its length, so that none can lend bytes to its neighbour; one
// that is long as its hash, behind its length all the same. 0: OpenSSL refuses.
static size_t put_part(unsigned char *out, struct slice part)
{
  size_t at = put_number(out, part.len);
  if (part.len > PART_MAX)
    return hash_sha256(part, out + at) ? at + SHA256_LEN : 0;
  if (part.len) memcpy(out + at, part.data, part.len);
  return at + part.len;
}

bool idempotency_derived(struct idempotency_key *key, struct slice secret,
                         const struct idempotency_step *step)
{
  const struct slice parts[] = {step->tenant, step->run, step->step};
  unsigned char all[8 + 3 * (8 + PART_MAX)], mac[SHA256_LEN];
  size_t len = put_number(all, step->ordinal);
  for (int i = 0; i < 3; i++) {
    size_t n = put_part(all + len, parts[i]);
    if (n == 0) return false;
    len += n;
  }
  if (!hash_hmac_sha256(secret, (struct slice){(const char *)all, len}, mac))
    return false;
  put_uuid(key, mac, 8);
  return true;
}

struct idempotency_header idempotency_spell(const struct idempotency_key *key,
                                            bool quoted)
{
  struct idempotency_header header = {{0}};
  char *at = header.text;
  if (quoted) *at++ = '"';
  memcpy(at, key->text, IDEMPOTENCY_KEY_LEN);
  if (quoted) at[IDEMPOTENCY_KEY_LEN] = '"';
  return header;
}

enum idempotency_answer idempotency_answer(int status)
{
  if (status == 409) return IDEMPOTENCY_RUNNING;
  return status == 422 ? IDEMPOTENCY_MISMATCH : IDEMPOTENCY_NOTHING;
}

bool idempotency_known(uint64_t created_ns, uint64_t retention_ns,
                       uint64_t now_ns)
{
  return now_ns < created_ns || now_ns - created_ns < retention_ns;
}
