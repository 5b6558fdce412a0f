// posts.c -- see posts.h for the contract.

#include "mcp/posts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

enum { BUCKETS = 256 };

struct posts {
  pthread_mutex_t lock;
  struct list buckets[BUCKETS];
};

struct posts *posts_new(void)
{
  struct posts *all = fault_calloc(1, sizeof(*all));
  if (!all) return NULL;
  pthread_mutex_init(&all->lock, NULL);
  for (size_t i = 0; i < BUCKETS; i++)
    list_init(&all->buckets[i]);
  return all;
}

void posts_free(struct posts *all)
{
  if (!all) return;
  pthread_mutex_destroy(&all->lock);
  free(all);
}

static struct list *bucket_of(struct posts *all, const unsigned char id[])
{
  return &all->buckets[id[0] % BUCKETS];
}

static struct post_box *find(struct posts *all,
                             const unsigned char id[POSTS_ID_LEN])
{
  LIST_EACH (it, bucket_of(all, id)) {
    struct post_box *box = LIST_ITEM(it, struct post_box, link);
    if (!memcmp(box->id, id, POSTS_ID_LEN)) return box;
  }
  return NULL;
}

void posts_open(struct posts *all, struct post_box *box)
{
  pthread_mutex_lock(&all->lock);
  list_append(bucket_of(all, box->id), &box->link);
  box->open = true;
  pthread_mutex_unlock(&all->lock);
}

void posts_close(struct posts *all, struct post_box *box)
{
  if (!box->open) return;
  pthread_mutex_lock(&all->lock);
  list_remove(&box->link);
  box->open = false;
  pthread_mutex_unlock(&all->lock);
}

void posts_done(struct posts *all, struct post_box *box,
                const struct post *post)
{
  pthread_mutex_lock(&all->lock);
  box->count--;
  box->bytes -= post->len;
  pthread_mutex_unlock(&all->lock);
}

// Only the owner closes a box, so on its thread what was found stays valid
// without the lock.
static void on_post(struct message *message)
{
  struct post *post = LIST_ITEM(message, struct post, message);
  struct posts *all = post->posts;
  pthread_mutex_lock(&all->lock);
  struct post_box *box = find(all, post->id);
  pthread_mutex_unlock(&all->lock);
  if (box)
    box->deliver(box, post);
  else
    free(post);
}

static struct post *new_post(struct posts *all, const struct post_box *box,
                             struct slice text)
{
  struct post *post = fault_now() ? NULL : malloc(sizeof(*post) + text.len);
  if (!post) return NULL;
  *post = (struct post){.message = {.fn = on_post},
                        .posts = all,
                        .mailbox = box->mailbox,
                        .len = text.len};
  memcpy(post->id, box->id, POSTS_ID_LEN);
  memcpy(post->text, text.data, text.len);
  list_init(&post->link);
  return post;
}

static enum posted put(struct posts *all, struct post_box *box,
                       struct slice text)
{
  if (!box) return POST_UNKNOWN;
  if (box->count >= POSTS_MAX || box->bytes + text.len > POSTS_BYTES)
    return POST_FULL;
  struct post *post = new_post(all, box, text);
  if (!post) return POST_NO_MEMORY;
  box->count++;
  box->bytes += text.len;
  mailbox_post(box->mailbox, &post->message);
  return POST_SENT;
}

// Posted under the lock, so that the owner, which must take it to close the box,
// is still there to get it.
enum posted posts_send(struct posts *all, const unsigned char id[POSTS_ID_LEN],
                       struct slice text)
{
  pthread_mutex_lock(&all->lock);
  enum posted how = put(all, find(all, id), text);
  pthread_mutex_unlock(&all->lock);
  return how;
}
