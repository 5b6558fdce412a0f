// list.h -- an intrusive doubly linked list; header only.
//
// A `struct list` is both the head and the link. An unlinked link points at
// itself, so list_remove() may be called twice.

#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
  struct list *next, *prev;
};

#define LIST_ITEM(link, type, member)                                          \
  ((type *)(void *)((char *)(link)-offsetof(type, member)))

// The body may remove `it`.
#define LIST_EACH(it, head)                                                    \
  for (struct list *it = (head)->next, *it##_next = it->next; it != (head);    \
       it = it##_next, it##_next = it->next)

static inline void list_init(struct list *l)
{
  l->next = l->prev = l;
}

static inline bool list_empty(const struct list *head)
{
  return head->next == head;
}

static inline void list_append(struct list *head, struct list *l)
{
  l->prev = head->prev;
  l->next = head;
  head->prev->next = l;
  head->prev = l;
}

static inline void list_remove(struct list *l)
{
  l->prev->next = l->next;
  l->next->prev = l->prev;
  list_init(l);
}

#endif
