// run.h -- the front of a text that needs no thought, many bytes at a time.
//
// A relayed body is mostly plain characters; these find the first byte that
// is not. Each has a version for 16 bytes at a time (SSE2, where there is) and
// one for 8 in a plain register, which also does the short ends; the specs
// compare both with a loop.

#ifndef BASE_RUN_H
#define BASE_RUN_H

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define RUN_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define RUN_HIGH       RUN_EACH(0x80)

static inline uint64_t run_load(const char *p)
{
  uint64_t word;
  memcpy(&word, p, sizeof(word));
  return word;
}

// Not zero if a byte of `word` is below `limit` (at most 0x80). Bytes above
// 0x7F do not count.
static inline uint64_t run_below(uint64_t word, unsigned limit)
{
  return (word - RUN_EACH(limit)) & ~word & RUN_HIGH;
}

// Does JSON allow this ASCII byte in a string as it stands?
static inline int run_is_plain(char c)
{
  return c >= 0x20 && c != '"' && c != '\\';
}

// Has this word a control character, a quote, a backslash or no ASCII?
static inline int run_is_special(uint64_t word)
{
  return ((word & RUN_HIGH) | run_below(word, 0x20) |
          run_below(word ^ RUN_EACH('"'), 1) |
          run_below(word ^ RUN_EACH('\\'), 1)) != 0;
}

// The first byte that is not plain, or `end`. Portable.
static inline const char *run_plain_words(const char *p, const char *end)
{
  while (end - p >= 8 && !run_is_special(run_load(p)))
    p += 8;
  while (p < end && run_is_plain(*p))
    p++;
  return p;
}

#ifdef __SSE2__
// One bit for each byte that is not plain. A signed comparison finds control
// characters and what is not ASCII in one go.
static inline unsigned run_specials(const char *p)
{
  __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
  __m128i low = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));
  __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
  __m128i back = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
  return (unsigned)_mm_movemask_epi8(
      _mm_or_si128(low, _mm_or_si128(quote, back)));
}
#endif

// The first byte that is not plain, or `end`.
static inline const char *run_plain(const char *p, const char *end)
{
#ifdef __SSE2__
  for (; end - p >= 16; p += 16) {
    unsigned special = run_specials(p);
    if (special) return p + __builtin_ctz(special);
  }
#endif
  return run_plain_words(p, end);
}

// The first byte that a field of HTTP may not have -- a control other than the
// tab -- or `end`. Bytes above 0x7F are fine.
static inline const char *run_field(const char *p, const char *end)
{
  while (end - p >= 8) {
    uint64_t word = run_load(p);
    if (run_below(word, 0x20) | run_below(word ^ RUN_EACH(0x7F), 1)) break;
    p += 8;
  }
  while (p < end && (*p >= ' ' || *p == '\t' || *p & 0x80) && *p != 0x7F)
    p++;
  return p;
}

// The first byte above 0x7F, or `end`.
static inline const char *run_ascii(const char *p, const char *end)
{
  while (end - p >= 8 && !(run_load(p) & RUN_HIGH))
    p += 8;
  while (p < end && !(*p & 0x80))
    p++;
  return p;
}

#endif
