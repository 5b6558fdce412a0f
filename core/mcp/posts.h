// posts.h -- messages for a connection that perhaps another worker holds.
//
// In HTTP+SSE the client's messages come as requests of their own, which any
// worker takes; the event stream on which they are answered is a connection of
// one. It has a box here, under its id; a message is copied and goes to its
// worker through the mailbox.
//
// Bounded per box, in number and bytes of what is not done with. Safe for
// threads; a box belongs to its worker's.

#ifndef MCP_POSTS_H
#define MCP_POSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"
#include "loop/mailbox.h"

#define POSTS_ID_LEN 16
#define POSTS_MAX    256        // that one connection has with us
#define POSTS_BYTES  (8u << 20) // of them

struct posts;

struct post {
  struct message message;
  struct posts *posts;
  struct mailbox *mailbox;
  unsigned char id[POSTS_ID_LEN];
  struct list link; // for whoever it was delivered to
  bool can_wait;    // the same
  size_t len;
  char text[];
};

// Embedded in the connection; the first three are its own to set.
struct post_box {
  unsigned char id[POSTS_ID_LEN];
  struct mailbox *mailbox; // of its worker
  // On that worker's thread. Takes the post; free() it.
  void (*deliver)(struct post_box *box, struct post *post);
  struct list link; // from here: under the lock
  bool open;
  uint32_t count;
  size_t bytes;
};

// NULL when out of memory.
struct posts *posts_new(void);
void posts_free(struct posts *all); // no box is open; NULL is fine

void posts_open(struct posts *all, struct post_box *box);
// Nothing is delivered any more. Twice or zeroed is fine.
void posts_close(struct posts *all, struct post_box *box);
// A post that was delivered is done with.
void posts_done(struct posts *all, struct post_box *box,
                const struct post *post);

enum posted { POST_SENT, POST_UNKNOWN, POST_FULL, POST_NO_MEMORY };

// Any thread. Copies.
enum posted posts_send(struct posts *all, const unsigned char id[POSTS_ID_LEN],
                       struct slice text);

#endif
