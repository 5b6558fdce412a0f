// hash.c -- SHA-256 and HMAC by OpenSSL, SipHash-1-3 by ourselves.

#include "base/hash.h"

#include <endian.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

bool hash_sha256(struct slice s, unsigned char out[SHA256_LEN])
{
  return EVP_Digest(s.data, s.len, out, NULL, EVP_sha256(), NULL) == 1;
}

bool hash_hmac_sha256(struct slice key, struct slice s,
                      unsigned char out[SHA256_LEN])
{
  if (key.len > INT_MAX) return false;
  // a NULL key would mean "the key of before" to OpenSSL
  return HMAC(EVP_sha256(), key.data ? key.data : "", (int)key.len,
              (const unsigned char *)s.data, s.len, out, NULL) != NULL;
}

bool hash_equal(struct slice a, struct slice b)
{
  return a.len == b.len &&
         (a.len == 0 || !CRYPTO_memcmp(a.data, b.data, a.len));
}

// --- SipHash-1-3 (Aumasson and Bernstein, 2012): one round a word, three at
// the end ---

struct sip {
  uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t x, int by)
{
  return x << by | x >> (64 - by);
}

static void sip_round(struct sip *v)
{
  v->a += v->b;
  v->c += v->d;
  v->b = rotate(v->b, 13) ^ v->a;
  v->d = rotate(v->d, 16) ^ v->c;
  v->a = rotate(v->a, 32);
  v->c += v->b;
  v->a += v->d;
  v->b = rotate(v->b, 17) ^ v->c;
  v->d = rotate(v->d, 21) ^ v->a;
  v->c = rotate(v->c, 32);
}

static void sip_word(struct sip *v, uint64_t word)
{
  v->d ^= word;
  sip_round(v);
  v->a ^= word;
}

// Little-endian on every machine, so that a hash is the same everywhere.
static uint64_t load_word(const char *p)
{
  uint64_t word;
  memcpy(&word, p, sizeof(word));
  return le64toh(word);
}

static uint64_t load_rest(const char *p, size_t n)
{
  uint64_t word = 0;
  for (size_t i = 0; i < n; i++) {
    word |= (uint64_t)(unsigned char)p[i] << (8 * i);
  }
  return word;
}

uint64_t hash_table(const uint64_t key[2], struct slice s)
{
  struct sip v = {
      key[0] ^ UINT64_C(0x736f6d6570736575),
      key[1] ^ UINT64_C(0x646f72616e646f6d),
      key[0] ^ UINT64_C(0x6c7967656e657261),
      key[1] ^ UINT64_C(0x7465646279746573),
  };
  size_t at = 0;
  for (; s.len - at >= 8; at += 8) {
    sip_word(&v, load_word(s.data + at));
  }
  sip_word(&v, load_rest(s.data + at, s.len - at) | (uint64_t)s.len << 56);

  v.c ^= 0xFF;
  for (int i = 0; i < 3; i++)
    sip_round(&v);
  return v.a ^ v.b ^ v.c ^ v.d;
}
