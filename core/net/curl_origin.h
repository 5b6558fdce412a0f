// curl_origin.h -- scheme, host and port, parsed once for all transfers there.
//
// libcurl parses a URL for each transfer, prints it anew byte by byte and
// prints its query again: 12,000 instructions of 150,000 that a tool call
// costs. An origin is parsed once and lent to each transfer, which then names
// only its target. Counted; the table keeps a few that nobody uses. For the
// worker's thread.

#ifndef NET_CURL_ORIGIN_H
#define NET_CURL_ORIGIN_H

#include <curl/curl.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slice.h"

#define ORIGINS_MAX 64 // kept, beside those in use

struct curl_origin {
  struct list link; // newest first
  struct slice text;
  CURLU *url;
  uint32_t users;
};

struct curl_origins {
  struct list all;
  uint32_t count;
};

void curl_origins_init(struct curl_origins *o);
void curl_origins_finish(struct curl_origins *o); // nobody uses any

// Where `url` ends its origin; what follows is the target ("/path?query").
size_t curl_origin_len(struct slice url);

// Ends with curl_origin_give(). NULL: no memory, or not an http(s) origin.
struct curl_origin *curl_origin_take(struct curl_origins *o, struct slice text);
void curl_origin_give(struct curl_origin *origin);

#endif
