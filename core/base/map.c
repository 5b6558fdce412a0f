// map.c -- open addressing with linear probing; at most two thirds full.
//
// A removal moves later entries of the same run back, so that there are no
// tombstones and a map that is written for years does not get slower.

#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/hash.h"

#define FIRST_SIZE 8

void map_finish(struct map *m)
{
  if (!m) return;
  free(m->entries);
  m->entries = NULL;
  m->count = m->size = 0;
}

static size_t home(const struct map *m, struct slice key)
{
  return hash_table(m->seed, key) & (m->size - 1);
}

static size_t after(const struct map *m, size_t at)
{
  return (at + 1) & (m->size - 1);
}

// The entry of that key, or the free one where it belongs. Needs size > 0.
static struct map_entry *find(const struct map *m, struct slice key)
{
  size_t at = home(m, key);
  while (m->entries[at].key.data && !slice_eq(m->entries[at].key, key))
    at = after(m, at);
  return &m->entries[at];
}

static bool grow(struct map *m)
{
  struct map bigger = *m;
  bigger.size = m->size ? 2 * m->size : FIRST_SIZE;
  bigger.entries = fault_calloc(bigger.size, sizeof(*bigger.entries));
  if (!bigger.entries) return false;
  for (size_t i = 0; i < m->size; i++) {
    struct map_entry *e = &m->entries[i];
    if (e->key.data) *find(&bigger, e->key) = *e;
  }
  free(m->entries);
  *m = bigger;
  return true;
}

bool map_put(struct map *m, struct slice key, void *value)
{
  assert(key.data);
  if (3 * (m->count + 1) > 2 * m->size && !grow(m)) return false;
  struct map_entry *e = find(m, key);
  if (!e->key.data) m->count++;
  *e = (struct map_entry){key, value};
  return true;
}

void *map_get(const struct map *m, struct slice key)
{
  return m->size ? find(m, key)->value : NULL;
}

// Does `at` lie in the run from `from` (behind it) to `to`, around the end?
static bool between(size_t from, size_t at, size_t to)
{
  return from <= to ? from < at && at <= to : from < at || at <= to;
}

// Frees `hole` and moves back what a search would no longer find.
static void close_gap(struct map *m, size_t hole)
{
  for (size_t at = after(m, hole); m->entries[at].key.data; at = after(m, at)) {
    if (between(hole, home(m, m->entries[at].key), at)) continue;
    m->entries[hole] = m->entries[at];
    hole = at;
  }
  m->entries[hole] = (struct map_entry){{0}, NULL};
}

void *map_remove(struct map *m, struct slice key)
{
  if (!m->size) return NULL;
  struct map_entry *e = find(m, key);
  if (!e->key.data) return NULL;
  void *value = e->value;
  close_gap(m, (size_t)(e - m->entries));
  m->count--;
  return value;
}
