// curl_transport.h -- HTTP by libcurl's multi interface on our loop. Only for
// http_client.c and the curl_transport_*.c files.
//
//   curl_transport.c        the life of a client and of its transfers
//   curl_transport_loop.c   libcurl's sockets and timer on our loop
//   curl_transport_easy.c   what is set on an easy handle
//   curl_transport_watch.c  what happens during a transfer: guards and answer
//   curl_transport_end.c    which end a CURLcode means
//
// A transfer waits in `queued` from start until the loop's next deferred work,
// where all that wait are added and libcurl is run once: it is not added from
// the path that finishes another one, or a fast service would keep the loop to
// itself. From then on it is `running`. It is finished outside of libcurl's
// callbacks only, from curl_multi_info_read().

#ifndef NET_CURL_TRANSPORT_H
#define NET_CURL_TRANSPORT_H

#include <curl/curl.h>

#include "base/list.h"
#include "base/random.h"
#include "loop/loop.h"
#include "net/curl_origin.h"
#include "net/http_client.h"

struct curl_transport;

struct curl_transfer {
  struct http_transfer base; // first
  struct curl_transport *owner;
  struct list link;  // in owner->queued or owner->running
  CURL *easy;        // while running
  struct timer wait; // for the first byte
  struct http_attempt attempt;
  http_done_fn done;
  void *ctx;

  // what libcurl wants with a NUL behind, in one piece with this struct
  const char *target, *method;
  struct curl_slist *headers;
  struct curl_origin *origin; // while running

  struct http_answer answer;
  uint64_t start_ns;
  unsigned sends;      // times libcurl was about to send the request
  long connects;       // CURLINFO_NUM_CONNECTS at the last of them
  size_t header_bytes; // of all header blocks
  bool head_done;      // the empty line came; what follows are trailers
  bool blocked;        // an address of the name was not allowed
  const char *why;     // we ended it ourselves, with answer.end; else NULL
  char words[CURL_ERROR_SIZE];
};

// One descriptor of libcurl's. Kept by number, for the life of the client.
struct curl_socket {
  struct io io;
  struct curl_transport *owner;
};

struct curl_transport {
  struct loop *loop;
  struct http_client_options options;
  CURLM *multi;
  CURLSH *share;
  struct timer timer; // libcurl's one
  struct deferred starter;
  struct list queued, running;
  struct curl_socket **sockets; // by descriptor
  size_t socket_count;
  CURL **pool; // idle easy handles
  size_t pool_count, pool_size;
  struct curl_origins origins;
  struct header user_agent, accept_encoding; // of who says nothing else
  struct prng chance;
  struct http_client_stats stats;
  bool closing;
};

// --- curl_transport.c ---

extern const struct http_transport curl_transport;

// Borrows the options; keeps what they point to. NULL: no memory.
struct curl_transport *curl_transport_new(struct loop *loop,
                                          const struct http_client_options *o);
// After each call of curl_multi_socket_action(): ends what is finished.
void curl_transport_drain(struct curl_transport *self);

// --- curl_transport_loop.c ---

bool curl_loop_init(struct curl_transport *self);
// After curl_multi_cleanup().
void curl_loop_finish(struct curl_transport *self);
// Lets libcurl do what is due.
void curl_loop_kick(struct curl_transport *self);

// --- curl_transport_easy.c ---

// A handle with all that is the same for every transfer. NULL: no memory.
CURL *curl_easy_for(struct curl_transport *self);
// Sets what differs from transfer to transfer. False: no memory.
bool curl_easy_aim(struct curl_transfer *t);
// What every request says unless its headers do. Once.
void curl_transport_manners(struct curl_transport *self);
// Makes a transfer with its strings and headers. NULL: no memory.
struct curl_transfer *curl_transfer_new(struct curl_transport *self,
                                        const struct http_attempt *attempt);

// --- curl_transport_watch.c ---

// Sets the callbacks; for each transfer, what they are given.
void curl_watch_easy(CURL *easy);
void curl_watch_transfer(struct curl_transfer *t);
// It ends, and not because of libcurl. Keeps `why`.
void curl_transfer_stop(struct curl_transfer *t, enum http_end end,
                        const char *why);

// --- curl_transport_end.c ---

// Completes the answer of a transfer that libcurl has ended with `code`.
void curl_transfer_judge(struct curl_transfer *t, CURLcode code);

#endif
