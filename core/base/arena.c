// arena.c -- memory that is freed all at once.
//
// Blocks of the usual size form a list, newest first. What does not fit into
// half a block gets one of its own, which is put behind the newest so that the
// rest of that one stays in use.

#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"

#define BLOCK_SIZE 4096

struct arena_block {
  struct arena_block *next;
  size_t size, used;  // bytes of `data`
  max_align_t data[]; // so that each piece is aligned for any type
};

#define USUAL (BLOCK_SIZE - sizeof(struct arena_block))

static size_t aligned(size_t size)
{
  size_t unit = sizeof(max_align_t);
  return (size + unit - 1) / unit * unit;
}

static struct arena_block *new_block(size_t size)
{
  struct arena_block *block =
      fault_now() ? NULL : malloc(sizeof(*block) + size);
  if (block) *block = (struct arena_block){.size = size};
  return block;
}

static void push(struct arena *a, struct arena_block *block)
{
  block->next = a->block;
  a->block = block;
}

static void push_behind(struct arena *a, struct arena_block *block)
{
  if (!a->block) {
    push(a, block);
    return;
  }
  block->next = a->block->next;
  a->block->next = block;
}

static void *take(struct arena_block *block, size_t size)
{
  void *piece = (char *)block->data + block->used;
  block->used += size;
  return piece;
}

// A piece as it comes; only what is asked for is ever zeroed or copied to.
static void *take_raw(struct arena *a, size_t size)
{
  if (size > SIZE_MAX - BLOCK_SIZE) return NULL;
  size = aligned(size ? size : 1);
  struct arena_block *block = a->block;
  if (block && block->size - block->used >= size) return take(block, size);

  bool large = size > USUAL / 2;
  block = new_block(large ? size : USUAL);
  if (!block) return NULL;
  if (large)
    push_behind(a, block);
  else
    push(a, block);
  return take(block, size);
}

void *arena_alloc(struct arena *a, size_t size)
{
  void *piece = take_raw(a, size);
  if (piece) memset(piece, 0, size);
  return piece;
}

struct slice arena_copy(struct arena *a, struct slice s)
{
  char *copy = s.len < SIZE_MAX ? take_raw(a, s.len + 1) : NULL;
  if (!copy) return (struct slice){0};
  if (s.len) memcpy(copy, s.data, s.len);
  copy[s.len] = '\0';
  return (struct slice){copy, s.len};
}

static struct slice print(struct arena *a, const char *format, va_list args)
{
  va_list again;
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  char *text = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
  if (text) vsnprintf(text, (size_t)n + 1, format, again);
  va_end(again);
  return (struct slice){text, text ? (size_t)n : 0};
}

struct slice arena_printf(struct arena *a, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  struct slice text = print(a, format, args);
  va_end(args);
  return text;
}

void arena_reset(struct arena *a)
{
  struct arena_block *kept = NULL;
  for (struct arena_block *block = a->block, *next; block; block = next) {
    next = block->next;
    if (!kept && block->size == USUAL)
      kept = block;
    else
      free(block);
  }
  a->block = kept;
  if (!kept) return;
  kept->used = 0;
  kept->next = NULL;
}

void arena_finish(struct arena *a)
{
  if (!a) return;
  for (struct arena_block *block = a->block, *next; block; block = next) {
    next = block->next;
    free(block);
  }
  a->block = NULL;
}
