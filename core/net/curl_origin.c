// curl_origin.c -- see curl_origin.h for the contract.

#include "net/curl_origin.h"

#include <stdlib.h>

#include "base/fault.h"

void curl_origins_init(struct curl_origins *o)
{
  list_init(&o->all);
  o->count = 0;
}

static void drop(struct curl_origins *o, struct curl_origin *origin)
{
  list_remove(&origin->link);
  o->count--;
  curl_url_cleanup(origin->url);
  free(origin);
}

void curl_origins_finish(struct curl_origins *o)
{
  while (!list_empty(&o->all))
    drop(o, LIST_ITEM(o->all.next, struct curl_origin, link));
}

size_t curl_origin_len(struct slice url)
{
  const char *end = url.data + url.len;
  const char *at = memchr(url.data, ':', url.len);
  if (!at || end - at < 3) return url.len;
  for (at += 3; at < end; at++) // after "://"
    if (*at == '/' || *at == '?' || *at == '#') break;
  return (size_t)(at - url.data);
}

static struct curl_origin *make(struct slice text)
{
  struct curl_origin *origin =
      fault_now() ? NULL : malloc(sizeof(*origin) + text.len + 1);
  if (!origin) return NULL;
  char *copy = (char *)(origin + 1);
  memcpy(copy, text.data, text.len);
  copy[text.len] = '\0';
  *origin = (struct curl_origin){.text = {copy, text.len}, .url = curl_url()};
  list_init(&origin->link);
  if (origin->url && !curl_url_set(origin->url, CURLUPART_URL, copy,
                                   CURLU_DISALLOW_USER | CURLU_PATH_AS_IS))
    return origin;
  curl_url_cleanup(origin->url);
  free(origin);
  return NULL;
}

static struct curl_origin *find(struct curl_origins *o, struct slice text)
{
  LIST_EACH (link, &o->all) {
    struct curl_origin *origin = LIST_ITEM(link, struct curl_origin, link);
    if (slice_eq(origin->text, text)) return origin;
  }
  return NULL;
}

// The one that was not used for longest, if nobody uses it now.
static void forget_one(struct curl_origins *o)
{
  for (struct list *link = o->all.prev; link != &o->all; link = link->prev) {
    struct curl_origin *origin = LIST_ITEM(link, struct curl_origin, link);
    if (origin->users > 0) continue;
    drop(o, origin);
    return;
  }
}

struct curl_origin *curl_origin_take(struct curl_origins *o, struct slice text)
{
  struct curl_origin *origin = find(o, text);
  if (!origin) {
    origin = make(text);
    if (!origin) return NULL;
    if (o->count >= ORIGINS_MAX) forget_one(o);
    o->count++;
  } else {
    list_remove(&origin->link);
  }
  list_append(o->all.next, &origin->link); // before the first
  origin->users++;
  return origin;
}

void curl_origin_give(struct curl_origin *origin)
{
  origin->users--;
}
