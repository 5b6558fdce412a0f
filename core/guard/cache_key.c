// cache_key.c -- see cache_key.h for the contract.

#include "guard/cache_key.h"

#include "base/hash.h"

// Each part is hashed with what came before as its key, so that no bytes can
// move from one part to the next.
uint64_t cache_key_hash(const uint64_t seed[2], const struct cache_key *key)
{
  uint64_t first[2] = {seed[0], seed[1]};
  first[0] ^= hash_table(seed, key->space);
  uint64_t second[2] = {seed[0] ^ (key->principal.data != NULL), seed[1]};
  second[0] ^= hash_table(first, key->principal);
  return hash_table(second, key->name);
}

bool cache_key_eq(const struct cache_key *a, const struct cache_key *b)
{
  bool same_scope = (a->principal.data == NULL) == (b->principal.data == NULL);
  return same_scope && slice_eq(a->name, b->name) &&
         slice_eq(a->principal, b->principal) && slice_eq(a->space, b->space);
}

size_t cache_key_len(const struct cache_key *key)
{
  return key->space.len + key->principal.len + key->name.len;
}

static struct slice copy_part(struct slice part, char **to)
{
  if (!part.data) return part;
  struct slice copy = {*to, part.len};
  memcpy(*to, part.data, part.len);
  *to += part.len;
  return copy;
}

struct cache_key cache_key_copy(const struct cache_key *key, char *to)
{
  struct cache_key copy;
  copy.space = copy_part(key->space, &to);
  copy.principal = copy_part(key->principal, &to);
  copy.name = copy_part(key->name, &to);
  return copy;
}

// After a mismatch only the last star has to take one byte more: the ones
// before it have found their shortest match, and a longer one cannot help.
bool cache_pattern_matches(struct slice pattern, struct slice name)
{
  size_t p = 0, n = 0, star = SIZE_MAX, from = 0;
  while (n < name.len) {
    bool star_here = p < pattern.len && pattern.data[p] == '*';
    bool one_here = p < pattern.len && !star_here &&
                    (pattern.data[p] == '?' || pattern.data[p] == name.data[n]);
    if (star_here) {
      star = p++;
      from = n;
    } else if (one_here) {
      p++;
      n++;
    } else if (star != SIZE_MAX) {
      p = star + 1;
      n = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.len && pattern.data[p] == '*')
    p++;
  return p == pattern.len;
}
