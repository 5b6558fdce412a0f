// scrub.c -- Wu-Manber with blocks of three bytes.

#include "base/scrub.h"

#include <openssl/crypto.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/fault.h"

#define BLOCK      3
#define BLOCK_BITS 13  // of the hash of a block: a table of 8 KiB
#define WINDOW_MAX 200 // distances are bytes
#define CHAINS     64
#define END        UINT32_MAX

struct pattern {
  const char *data;
  size_t len;
  uint32_t next; // of the same chain
};

struct scrub {
  uint8_t skip[1 << BLOCK_BITS]; // by block; 0: a window may end here
  size_t window;                 // 0: there are no patterns
  uint32_t chains[CHAINS];       // by the block at the end of the window
  uint32_t count;
  struct pattern *patterns;
  char *bytes;
  size_t bytes_len;
};

static uint32_t block_at(const char *p)
{
  const unsigned char *u = (const unsigned char *)p;
  uint32_t block = u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16;
  return block * UINT32_C(2654435761) >> (32 - BLOCK_BITS);
}

void scrub_free(struct scrub *s)
{
  if (!s) return;
  if (s->bytes) OPENSSL_cleanse(s->bytes, s->bytes_len);
  free(s->bytes);
  free(s->patterns);
  OPENSSL_cleanse(s, sizeof(*s));
  free(s);
}

static bool take_memory(struct scrub *s, const struct slice *patterns, size_t n)
{
  for (size_t i = 0; i < n; i++)
    s->bytes_len += patterns[i].len;
  s->bytes = fault_calloc(1, s->bytes_len + 1);
  s->patterns = fault_calloc(n + 1, sizeof(*s->patterns));
  return s->bytes && s->patterns;
}

static void copy(struct scrub *s, const struct slice *patterns, size_t n)
{
  char *to = s->bytes;
  s->window = WINDOW_MAX;
  for (size_t i = 0; i < n; i++) {
    size_t len = patterns[i].len;
    if (len < BLOCK) continue;
    memcpy(to, patterns[i].data, len);
    s->patterns[s->count++] = (struct pattern){to, len, END};
    to += len;
    if (len < s->window) s->window = len;
  }
  if (s->count == 0) s->window = 0;
}

// Of the blocks in a window the last one counts: the smallest distance.
static void add_skips(struct scrub *s, const char *data)
{
  for (size_t end = BLOCK; end <= s->window; end++) {
    uint8_t *skip = &s->skip[block_at(data + end - BLOCK)];
    uint8_t distance = (uint8_t)(s->window - end);
    if (distance < *skip) *skip = distance;
  }
}

static void build(struct scrub *s)
{
  if (s->count == 0) return;
  memset(s->skip, (int)(s->window - BLOCK + 1), sizeof(s->skip));
  for (int i = 0; i < CHAINS; i++)
    s->chains[i] = END;
  for (uint32_t i = 0; i < s->count; i++) {
    struct pattern *p = &s->patterns[i];
    add_skips(s, p->data);
    uint32_t *chain =
        &s->chains[block_at(p->data + s->window - BLOCK) % CHAINS];
    p->next = *chain;
    *chain = i;
  }
}

struct scrub *scrub_new(const struct slice *patterns, size_t n)
{
  struct scrub *s = fault_calloc(1, sizeof(*s));
  if (!s) return NULL;
  if (!take_memory(s, patterns, n)) {
    scrub_free(s);
    return NULL;
  }
  copy(s, patterns, n);
  build(s);
  return s;
}

// The longest pattern at `p`, whose window's last block has that hash; 0: none.
static size_t longest_at(const struct scrub *s, const char *p, const char *end,
                         uint32_t block)
{
  size_t longest = 0, left = (size_t)(end - p);
  for (uint32_t i = s->chains[block % CHAINS]; i != END;) {
    const struct pattern *pattern = &s->patterns[i];
    if (pattern->len > longest && pattern->len <= left &&
        memcmp(p, pattern->data, pattern->len) == 0) {
      longest = pattern->len;
    }
    i = pattern->next;
  }
  return longest;
}

bool scrub_find(const struct scrub *s, struct slice text, size_t from,
                size_t *at, size_t *len)
{
  if (s->window == 0 || text.len < from || text.len - from < s->window) {
    return false;
  }
  const char *p = text.data + from, *end = text.data + text.len;
  const char *last = end - s->window;
  size_t block_in_window = s->window - BLOCK;
  while (p <= last) {
    uint32_t block = block_at(p + block_in_window);
    size_t skip = s->skip[block];
    if (skip == 0) {
      *len = longest_at(s, p, end, block);
      *at = (size_t)(p - text.data);
      if (*len) return true;
      skip = 1;
    }
    if ((size_t)(last - p) < skip) return false;
    p += skip;
  }
  return false;
}
