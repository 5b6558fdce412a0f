// map.h -- string keys to pointers, open addressing. Keeps neither keys nor
// values: both must outlive the map. Not thread-safe for writing; a finished
// map that nobody writes is safe for readers.

#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct map_entry {
  struct slice key; // data == NULL: free
  void *value;
};

struct map {
  struct map_entry *entries;
  size_t count, size; // size is a power of two
  uint64_t seed[2];
};

// A zeroed struct is an empty map with a fixed seed; set `seed` from
// random_bytes() where keys come from outside.
void map_finish(struct map *m); // NULL and zeroed are fine
// Replaces what was there, the key too. `key.data` must not be NULL. False: no
// memory, and nothing changed.
bool map_put(struct map *m, struct slice key, void *value);
void *map_get(const struct map *m, struct slice key); // NULL: none
void *map_remove(struct map *m, struct slice key);    // what was there

#endif
