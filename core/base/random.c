// random.c -- the kernel's randomness, and xoshiro256**.

#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

bool random_bytes(void *out, size_t len)
{
  unsigned char chunk[256]; // getrandom() gives so many whole or not at all
  for (size_t done = 0; done < len;) {
    size_t want = len - done < sizeof(chunk) ? len - done : sizeof(chunk);
    ssize_t n = getrandom((char *)out + done, want, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += (size_t)n;
  }
  return true;
}

static void put_hex(char *out, unsigned byte)
{
  static const char digits[] = "0123456789abcdef";
  out[0] = digits[byte >> 4];
  out[1] = digits[byte & 15];
}

bool random_uuid(char out[UUID_LEN + 1])
{
  unsigned char b[16];
  if (!random_bytes(b, sizeof(b))) return false;
  b[6] = (unsigned char)((b[6] & 0x0F) | 0x40); // version 4
  b[8] = (unsigned char)((b[8] & 0x3F) | 0x80); // variant of RFC 9562

  for (int i = 0, at = 0; i < 16; i++, at += 2) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out[at++] = '-';
    put_hex(out + at, b[i]);
  }
  out[UUID_LEN] = '\0';
  return true;
}

static uint64_t splitmix(uint64_t *state)
{
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

void prng_seed(struct prng *p, uint64_t seed)
{
  for (int i = 0; i < 4; i++)
    p->s[i] = splitmix(&seed);
}

static uint64_t rotate(uint64_t x, int by)
{
  return x << by | x >> (64 - by);
}

uint64_t prng_next(struct prng *p)
{
  uint64_t *s = p->s, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate(s[3], 45);
  return result;
}

double prng_unit(struct prng *p)
{
  return (double)(prng_next(p) >> 11) * 0x1p-53;
}

uint64_t prng_below(struct prng *p, uint64_t limit)
{
  if (limit <= 1) return 0;
  uint64_t reject = (0 - limit) % limit; // 2^64 modulo limit
  uint64_t x;
  do {
    x = prng_next(p);
  } while (x < reject);
  return x % limit;
}
