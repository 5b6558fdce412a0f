// mailbox.h -- the one door between threads: post a message, the owner's loop
// runs it.
//
// Any thread posts; the owner's thread delivers in order of arrival, in one of
// its next turns. A message is an embedded struct: posting allocates nothing
// and cannot fail.

#ifndef LOOP_MAILBOX_H
#define LOOP_MAILBOX_H

#include "base/list.h"
#include "loop/loop.h"

struct mailbox;
struct message;
typedef void (*message_fn)(struct message *message);

struct message {
  struct message *next;
  message_fn fn; // runs on the owner's thread and takes the message
};

// The mailbox delivers on `loop`'s thread. NULL when out of memory.
struct mailbox *mailbox_new(struct loop *loop);
// Owner's thread, after every poster has stopped. Delivers what is left.
void mailbox_free(struct mailbox *box);

// Any thread. Takes the message (its fn frees it, or it is embedded in
// something that outlives delivery).
void mailbox_post(struct mailbox *box, struct message *message);

#endif
