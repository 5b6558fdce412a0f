// seal.c -- AES-256-GCM with a key ring.
//
//   version 1 | key id 4 | nonce 12 | ciphertext | tag 16, all as base64url
//
// Version, key id and purpose are the associated data. A key and its id are
// derived from a secret by HKDF-SHA256 under two names, so that every replica
// with the same secret has the same id and the id says nothing of the key.

#include "base/seal.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/fault.h"
#include "base/random.h"

#define VERSION    1
#define KEY_LEN    32
#define ID_LEN     4
#define NONCE_LEN  12
#define TAG_LEN    16
#define HEAD_LEN   (1 + ID_LEN)
#define SECRET_MIN 16
#define SEALED_MAX                                                             \
  ((HEAD_LEN + NONCE_LEN + SEAL_PLAIN_MAX + TAG_LEN) * 4 / 3 + 4)

struct seal_key {
  unsigned char key[KEY_LEN];
  unsigned char id[ID_LEN];
};

struct seal_ring {
  EVP_CIPHER *cipher;
  size_t count;
  struct seal_key keys[SEAL_KEYS_MAX];
};

// --- the ring ---

static bool derive(struct slice secret, const char *info, unsigned char *out,
                   size_t len)
{
  EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
  EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(
          OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret.data, secret.len),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
                                        (void *)(uintptr_t)info, strlen(info)),
      OSSL_PARAM_construct_end(),
  };
  bool good = ctx && EVP_KDF_derive(ctx, out, len, params) == 1;
  EVP_KDF_CTX_free(ctx);
  EVP_KDF_free(kdf);
  return good;
}

static bool add_key(struct seal_ring *ring, struct slice secret)
{
  struct seal_key *key = &ring->keys[ring->count++];
  return derive(secret, "tidegate seal key", key->key, KEY_LEN) &&
         derive(secret, "tidegate seal id", key->id, ID_LEN);
}

static bool add_random(struct seal_ring *ring)
{
  unsigned char secret[KEY_LEN];
  bool good =
      random_bytes(secret, sizeof(secret)) &&
      add_key(ring, (struct slice){(const char *)secret, sizeof(secret)});
  OPENSSL_cleanse(secret, sizeof(secret));
  return good;
}

static bool add_keys(struct seal_ring *ring, const struct slice *keys, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    if (!add_key(ring, keys[i])) return false;
  }
  return n > 0 || add_random(ring);
}

enum error_code seal_ring_new(const struct slice *keys, size_t n,
                              struct seal_ring **ring, struct error *err)
{
  *ring = NULL;
  if (n > SEAL_KEYS_MAX) {
    return error_set(err, E_CONFIG, "more than %d keys", SEAL_KEYS_MAX);
  }
  for (size_t i = 0; i < n; i++) {
    if (keys[i].len >= SECRET_MIN) continue;
    return error_set(err, E_CONFIG, "key %zu is shorter than %d bytes", i + 1,
                     SECRET_MIN);
  }
  struct seal_ring *made = fault_calloc(1, sizeof(*made));
  if (!made) return error_set(err, E_NO_MEMORY, "out of memory");
  made->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
  if (!made->cipher || !add_keys(made, keys, n)) {
    seal_ring_free(made);
    return error_set(err, E_INTERNAL, "no key could be made");
  }
  *ring = made;
  return OK;
}

void seal_ring_free(struct seal_ring *ring)
{
  if (!ring) return;
  EVP_CIPHER_free(ring->cipher);
  OPENSSL_cleanse(ring, sizeof(*ring));
  free(ring);
}

// --- AES-256-GCM ---

// What is being sealed or opened. `in` and `out` have the same length.
struct job {
  const struct seal_ring *ring;
  const unsigned char *head; // version and key id
  const char *purpose;
  const unsigned char *nonce, *key;
  const unsigned char *in;
  unsigned char *out;
  size_t len;
};

static bool run(EVP_CIPHER_CTX *ctx, const struct job *job, int encrypt)
{
  int n;
  size_t purpose_len = strlen(job->purpose);
  return EVP_CipherInit_ex2(ctx, job->ring->cipher, job->key, job->nonce,
                            encrypt, NULL) == 1 &&
         EVP_CipherUpdate(ctx, NULL, &n, job->head, HEAD_LEN) == 1 &&
         EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)job->purpose,
                          (int)purpose_len) == 1 &&
         (job->len == 0 ||
          EVP_CipherUpdate(ctx, job->out, &n, job->in, (int)job->len) == 1);
}

static bool encrypt(const struct job *job, unsigned char tag[TAG_LEN])
{
  unsigned char none[TAG_LEN];
  int n;
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  bool good =
      ctx && run(ctx, job, 1) && EVP_CipherFinal_ex(ctx, none, &n) == 1 &&
      EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag) == 1;
  EVP_CIPHER_CTX_free(ctx);
  return good;
}

static bool decrypt(const struct job *job, const unsigned char tag[TAG_LEN])
{
  unsigned char none[TAG_LEN];
  int n;
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  bool good = ctx && run(ctx, job, 0) &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN,
                                  (void *)(uintptr_t)tag) == 1 &&
              EVP_CipherFinal_ex(ctx, none, &n) == 1;
  EVP_CIPHER_CTX_free(ctx);
  return good;
}

// --- sealing ---

// Lays out a sealed value around `plain` in `raw`, which has the room.
static bool seal_raw(const struct seal_ring *ring, const char *purpose,
                     struct slice plain, unsigned char *raw)
{
  const struct seal_key *key = &ring->keys[0];
  unsigned char *nonce = raw + HEAD_LEN, *text = nonce + NONCE_LEN;
  raw[0] = VERSION;
  memcpy(raw + 1, key->id, ID_LEN);
  if (!random_bytes(nonce, NONCE_LEN)) return false;
  struct job job = {.ring = ring,
                    .head = raw,
                    .purpose = purpose,
                    .nonce = nonce,
                    .key = key->key,
                    .in = (const unsigned char *)plain.data,
                    .out = text,
                    .len = plain.len};
  return encrypt(&job, text + plain.len);
}

#define OVERHEAD (HEAD_LEN + NONCE_LEN + TAG_LEN)

bool seal(const struct seal_ring *ring, const char *purpose, struct slice plain,
          struct buf *out)
{
  if (plain.len > SEAL_PLAIN_MAX) return false;
  struct buf raw = {0};
  size_t len = OVERHEAD + plain.len;
  bool good = buf_reserve(&raw, len) &&
              seal_raw(ring, purpose, plain, (unsigned char *)raw.data);
  if (good) base64url_put(out, (struct slice){raw.data, len});
  buf_finish(&raw);
  return good && buf_ok(out);
}

// The key of that id; for an unknown one the first, with which it then fails
// as late as a forged value does.
static const struct seal_key *find_key(const struct seal_ring *ring,
                                       const unsigned char *id, bool *known)
{
  *known = true;
  for (size_t i = 0; i < ring->count; i++) {
    if (!memcmp(ring->keys[i].id, id, ID_LEN)) return &ring->keys[i];
  }
  *known = false;
  return &ring->keys[0];
}

static bool unseal_raw(const struct seal_ring *ring, const char *purpose,
                       struct slice raw, unsigned char *plain)
{
  const unsigned char *head = (const unsigned char *)raw.data;
  const unsigned char *nonce = head + HEAD_LEN, *text = nonce + NONCE_LEN;
  bool known;
  const struct seal_key *key = find_key(ring, head + 1, &known);
  struct job job = {.ring = ring,
                    .head = head,
                    .purpose = purpose,
                    .nonce = nonce,
                    .key = key->key,
                    .in = text,
                    .out = plain,
                    .len = raw.len - OVERHEAD};
  bool genuine = decrypt(&job, text + job.len);
  return genuine && known && head[0] == VERSION;
}

bool unseal(const struct seal_ring *ring, const char *purpose,
            struct slice sealed, struct buf *out)
{
  if (sealed.len > SEALED_MAX) return false;
  struct buf raw = {0};
  bool good = base64url_get(&raw, sealed) && raw.len >= OVERHEAD &&
              buf_reserve(out, raw.len) &&
              unseal_raw(ring, purpose, buf_slice(&raw),
                         (unsigned char *)out->data + out->len);
  if (good) out->len += raw.len - OVERHEAD;
  buf_finish(&raw);
  return good;
}
