// news.h -- what a legacy session is told without having asked just then: that
// a list changed, that a resource it subscribed to was updated.
//
// On stdio and HTTP+SSE the connection is the session: its news are told on it.
// The session of streamable HTTP has a stream of its own (events.h), open on
// some worker or none just now; news are put there, and whoever reads it is
// woken. Each worker that took a subscription tells of it; of the lists tells
// the one that took the last GET, which says so to the others (HUB_SESSION).
//
//   hub -> news (worker 1: resource a) -+
//   hub -> news (worker 2: lists)      -+-> the session's stream -> its reader
//
// Bounded: by what is subscribed to. What a slow connection does not take stays
// due, once. News of a session end with it, and where nobody has read its stream
// for long: then only what is subscribed to stays, for the next GET.

#ifndef MCP_NEWS_H
#define MCP_NEWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "mcp/hub.h"
#include "mcp/session.h"

struct job;
struct mcp_server;

// Where the news of a connection go. False: it is slow; nothing more is said
// until news_go_on().
typedef bool (*news_say_fn)(void *to, struct slice json);

struct news {
  struct list link;          // of its table
  struct mcp_server *server; // NULL: zeroed or ended
  struct hub_sub sub;
  struct list uris; // struct news_uri
  uint32_t count;
  size_t bytes;     // of the URIs
  unsigned due;     // bits 1 << enum hub_topic: lists to be told of
  bool lists, slow; // does it tell of lists?
  uint64_t claim;   // who claims them last, does
  news_say_fn say;  // NULL: streamable HTTP
  void *to;
  unsigned char session[SESSION_ID_LEN];
  int64_t expires_ms;
};

#define NEWS_BUCKETS 256

// Of one worker.
struct news_table {
  struct list sessions[NEWS_BUCKETS]; // of streamable HTTP
  struct list connections;
};

void news_init(struct mcp_server *s);
void news_finish(struct mcp_server *s);

// --- a connection that is a session ---

void news_begin(struct news *n, struct mcp_server *s, news_say_fn say,
                void *to);
void news_end(struct news *n); // zeroed or twice is fine
// The client is ready: it is told of lists from now on.
void news_tell_lists(struct news *n);
// The connection takes bytes again.
void news_go_on(struct news *n);

// --- sessions of streamable HTTP ---

// This worker tells of lists from now on, and no other. False: no memory.
bool news_of_session(struct mcp_server *s, const struct session *session);
// DELETE: on all workers.
void news_session_over(struct mcp_server *s, const struct session *session);
// Ends those that have expired, or have nothing to tell and nobody to tell it.
// True if any are left.
bool news_sweep(struct mcp_server *s, int64_t now_ms);

#endif
