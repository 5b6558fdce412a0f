// news.c -- see news.h for the contract; resources/subscribe and unsubscribe.

#include "mcp/news.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "mcp/serve.h"
#include "mcp/subscriptions.h"

// What workers tell each other of a session: a letter, and a number.
enum { NOTE_LEN = 1 + sizeof(uint64_t) };
#define NOTE_LISTS 'L' // another tells of lists, by this claim
#define NOTE_DROP  'U' // the subscription with this serial is over
#define NOTE_OVER  'X' // the session is

enum { LOOKS = 64 }; // at subscriptions, for one that can go

struct news_uri {
  struct list link;
  uint64_t serial;
  bool due;
  size_t len;
  char text[];
};

static struct slice text_of(const struct news_uri *uri)
{
  return (struct slice){uri->text, uri->len};
}

// --- saying it ---

static void put_list(struct buf *out, enum hub_topic topic)
{
  static const char *const names[] = {"tools", "prompts", "resources"};
  buf_printf(out,
             "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/%s/"
             "list_changed\"}",
             names[topic]);
}

static void put_updated(struct buf *out, struct slice uri)
{
  buf_add(out, SLICE("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/"
                     "resources/updated\",\"params\":{\"uri\":"));
  json_put_string(out, uri);
  buf_add(out, SLICE("}}"));
}

static void say(struct news *n, struct buf *out)
{
  const struct mcp_server *s = n->server;
  if (!buf_ok(out)) return; // no memory: it is not told
  if (n->say)
    n->slow = !n->say(n->to, buf_slice(out));
  else
    event_session_add(mcp_shared_events(s->options.shared), n->session,
                      buf_slice(out), loop_wall_ms(s->options.loop));
}

static void say_lists(struct news *n)
{
  for (int topic = 0; topic < HUB_LISTS && !n->slow; topic++) {
    if (!(n->due & 1u << topic)) continue;
    struct buf out = {0};
    n->due &= ~(1u << topic);
    put_list(&out, (enum hub_topic)topic);
    say(n, &out);
    buf_finish(&out);
  }
}

static void say_uri(struct news *n, struct news_uri *uri)
{
  struct buf out = {0};
  uri->due = false;
  put_updated(&out, text_of(uri));
  say(n, &out);
  buf_finish(&out);
}

void news_go_on(struct news *n)
{
  n->slow = false;
  say_lists(n);
  LIST_EACH (it, &n->uris) {
    struct news_uri *uri = LIST_ITEM(it, struct news_uri, link);
    if (uri->due && !n->slow) say_uri(n, uri);
  }
}

// --- what is watched ---

static struct news_uri *find_uri(const struct news *n, struct slice text)
{
  LIST_EACH (it, &n->uris) {
    struct news_uri *uri = LIST_ITEM(it, struct news_uri, link);
    if (slice_eq(text_of(uri), text)) return uri;
  }
  return NULL;
}

static bool add_uri(struct news *n, struct slice text, uint64_t serial)
{
  struct news_uri *uri = find_uri(n, text);
  if (uri) { // its end has not come yet, and means the older one
    uri->serial = serial;
    return true;
  }
  uri = fault_calloc(1, sizeof(*uri) + text.len);
  if (!uri) return false;
  if (!hub_watch(&n->sub, HUB_RESOURCE, text)) {
    free(uri);
    return false;
  }
  uri->serial = serial;
  uri->len = text.len;
  memcpy(uri->text, text.data, text.len);
  list_append(&n->uris, &uri->link);
  n->count++;
  n->bytes += text.len;
  return true;
}

static void drop_uri(struct news *n, struct news_uri *uri)
{
  hub_unwatch(&n->sub, HUB_RESOURCE, text_of(uri));
  list_remove(&uri->link);
  n->count--;
  n->bytes -= uri->len;
  free(uri);
}

static void drop_serial(struct news *n, uint64_t serial)
{
  LIST_EACH (it, &n->uris) {
    struct news_uri *uri = LIST_ITEM(it, struct news_uri, link);
    if (uri->serial == serial) drop_uri(n, uri);
  }
}

void news_tell_lists(struct news *n)
{
  n->lists = true;
  for (int topic = 0; topic < HUB_LISTS; topic++)
    hub_watch(&n->sub, (enum hub_topic)topic, (struct slice){0});
}

static void stop_lists(struct news *n)
{
  n->lists = false;
  n->due = 0;
  for (int topic = 0; topic < HUB_LISTS; topic++)
    hub_unwatch(&n->sub, (enum hub_topic)topic, (struct slice){0});
}

void news_end(struct news *n)
{
  if (!n->server) return;
  while (!list_empty(&n->uris))
    drop_uri(n, LIST_ITEM(n->uris.next, struct news_uri, link));
  hub_sub_finish(&n->sub);
  list_remove(&n->link);
  n->server = NULL;
}

// --- notes between workers ---

static void post(const struct mcp_server *s, const unsigned char session[],
                 char what, uint64_t number)
{
  char note[NOTE_LEN] = {what};
  memcpy(note + 1, &number, sizeof(number));
  hub_publish(s->options.hub, HUB_SESSION,
              (struct slice){(const char *)session, SESSION_ID_LEN},
              (struct slice){note, NOTE_LEN});
}

static void forget(struct news *n)
{
  news_end(n);
  free(n);
}

static void on_note(struct news *n, struct slice note)
{
  uint64_t number;
  if (note.len != NOTE_LEN) return;
  memcpy(&number, note.data + 1, sizeof(number));
  if (note.data[0] == NOTE_LISTS && number > n->claim)
    stop_lists(n);
  else if (note.data[0] == NOTE_DROP)
    drop_serial(n, number);
  else if (note.data[0] == NOTE_OVER)
    forget(n);
}

static void on_event(struct hub_sub *sub, const struct hub_event *e)
{
  struct news *n = LIST_ITEM(sub, struct news, sub);
  if (e->topic == HUB_SESSION) {
    on_note(n, e->payload);
    return;
  }
  struct news_uri *uri = e->topic == HUB_RESOURCE ? find_uri(n, e->key) : NULL;
  if (uri) uri->due = true;
  if (e->topic < HUB_LISTS && n->lists) n->due |= 1u << e->topic;
  if (!n->slow) news_go_on(n);
}

void news_begin(struct news *n, struct mcp_server *s, news_say_fn say_fn,
                void *to)
{
  *n = (struct news){.server = s, .say = say_fn, .to = to};
  list_init(&n->link);
  list_init(&n->uris);
  if (say_fn) list_append(&s->news.connections, &n->link);
  hub_sub_init(&n->sub, s->streams.port, on_event);
}

// --- sessions of streamable HTTP ---

static struct list *bucket_of(struct mcp_server *s,
                              const unsigned char session[])
{
  return &s->news.sessions[session[0] % NEWS_BUCKETS];
}

static struct news *find(struct mcp_server *s, const unsigned char session[])
{
  LIST_EACH (it, bucket_of(s, session)) {
    struct news *n = LIST_ITEM(it, struct news, link);
    if (!memcmp(n->session, session, SESSION_ID_LEN)) return n;
  }
  return NULL;
}

static struct news *take(struct mcp_server *s, const struct session *session)
{
  struct news *n = find(s, session->id);
  if (n) return n;
  n = fault_calloc(1, sizeof(*n));
  if (!n) return NULL;
  news_begin(n, s, NULL, NULL);
  struct slice key = {(const char *)session->id, SESSION_ID_LEN};
  if (!hub_watch(&n->sub, HUB_SESSION, key)) {
    forget(n);
    return NULL;
  }
  memcpy(n->session, session->id, SESSION_ID_LEN);
  n->expires_ms = session_expires(session, s->options.session_ttl_s);
  list_append(bucket_of(s, session->id), &n->link);
  away_sweep_soon(s);
  return n;
}

bool news_of_session(struct mcp_server *s, const struct session *session)
{
  struct news *n = take(s, session);
  if (!n) return false;
  n->claim = subscriptions_serial(mcp_shared_subscriptions(s->options.shared));
  news_tell_lists(n);
  post(s, session->id, NOTE_LISTS, n->claim);
  return true;
}

void news_session_over(struct mcp_server *s, const struct session *session)
{
  subscriptions_end(mcp_shared_subscriptions(s->options.shared), session->id);
  post(s, session->id, NOTE_OVER, 0);
}

static bool is_idle(const struct mcp_server *s, const struct news *n,
                    int64_t now_ms)
{
  struct event_store *store = mcp_shared_events(s->options.shared);
  if (n->expires_ms <= now_ms) return true;
  if (n->count) return false;
  return !n->lists || !event_session_has_own(store, n->session);
}

bool news_sweep(struct mcp_server *s, int64_t now_ms)
{
  bool any = false;
  struct event_store *events = mcp_shared_events(s->options.shared);
  for (size_t i = 0; i < NEWS_BUCKETS; i++) {
    LIST_EACH (it, &s->news.sessions[i]) {
      struct news *n = LIST_ITEM(it, struct news, link);
      if (n->expires_ms <= now_ms) event_session_end(events, n->session);
      if (is_idle(s, n, now_ms)) forget(n);
    }
    any |= !list_empty(&s->news.sessions[i]);
  }
  return any;
}

void news_init(struct mcp_server *s)
{
  list_init(&s->news.connections);
  for (size_t i = 0; i < NEWS_BUCKETS; i++)
    list_init(&s->news.sessions[i]);
}

void news_finish(struct mcp_server *s)
{
  for (size_t i = 0; i < NEWS_BUCKETS; i++)
    while (!list_empty(&s->news.sessions[i]))
      forget(LIST_ITEM(s->news.sessions[i].next, struct news, link));
  while (!list_empty(&s->news.connections))
    news_end(LIST_ITEM(s->news.connections.next, struct news, link));
}

// --- resources/subscribe and unsubscribe ---

static bool refuse_room(struct refusal *why)
{
  return refuse(why, 200, RPC_INVALID_PARAMS,
                "Too many subscriptions: at most %d of a session, with %u "
                "bytes of URIs",
                SUBSCRIPTION_URIS, SUBSCRIPTION_URI_SUM);
}

static bool out_of_memory(struct refusal *why)
{
  return refuse(why, 500, RPC_INTERNAL_ERROR, "Out of memory");
}

static bool watch_here(struct news *n, struct slice uri, struct refusal *why)
{
  if (find_uri(n, uri)) return true;
  if (n->count == SUBSCRIPTION_URIS ||
      n->bytes + uri.len > SUBSCRIPTION_URI_SUM)
    return refuse_room(why);
  return add_uri(n, uri, 0) || out_of_memory(why);
}

// One of a session that nobody listens for goes. It may have none yet, but among
// 65,536 subscriptions of sessions that cost nothing some must.
static bool make_way(struct mcp_server *s)
{
  struct subscriptions *all = mcp_shared_subscriptions(s->options.shared);
  struct event_store *events = mcp_shared_events(s->options.shared);
  for (int i = 0; i < LOOKS; i++) {
    struct subscription seen;
    if (!subscriptions_look(all, &seen)) return false;
    if (event_session_has_own(events, seen.session)) continue;
    if (subscriptions_drop(all, &seen))
      post(s, seen.session, NOTE_DROP, seen.serial);
    return true;
  }
  return false;
}

static enum subscribed subscribe(struct mcp_server *s,
                                 const struct session *session,
                                 struct slice uri, uint64_t *serial)
{
  struct subscriptions *all = mcp_shared_subscriptions(s->options.shared);
  struct session_key key = {session->id,
                            session_expires(session, s->options.session_ttl_s)};
  int64_t now = loop_wall_ms(s->options.loop);
  enum subscribed how = subscriptions_add(all, key, uri, serial, now);
  if (how == SUB_FULL && make_way(s))
    how = subscriptions_add(all, key, uri, serial, now);
  return how;
}

static bool watch_for(struct mcp_server *s, const struct session *session,
                      struct slice uri, struct refusal *why)
{
  struct subscriptions *all = mcp_shared_subscriptions(s->options.shared);
  uint64_t serial;
  switch (subscribe(s, session, uri, &serial)) {
  case SUB_THERE: return true;
  case SUB_TOO_MANY: return refuse_room(why);
  case SUB_FULL:
    return refuse(why, 503, RPC_TRANSPORT,
                  "Too many subscriptions of all clients; try again later");
  case SUB_NO_MEMORY: return out_of_memory(why);
  case SUB_NEW: break;
  }
  struct news *n = take(s, session);
  if (n && add_uri(n, uri, serial)) return true;
  subscriptions_remove(all, session->id, uri);
  return out_of_memory(why);
}

bool job_may_hear(const struct job *job, enum revision revision)
{
  const struct exchange *ex = job->exchange;
  if (ex->peer) return ex->peer->news != NULL;
  return revision >= REVISION_2025_03_26 && ex->server->options.mailbox;
}

static bool can_be_told(const struct job *job)
{
  return job->exchange->in.has_session &&
         job_may_hear(job, job_revision(job)) &&
         server_lists(job_server(job), HUB_RESOURCES);
}

static void answer_empty(struct job *job)
{
  buf_add(job_begin(job), SLICE("{}"));
  job_end(job);
}

// The URI that is meant; absent: the job has been refused.
static struct slice read_uri(struct job *job)
{
  struct refusal why;
  if (!can_be_told(job)) {
    job_refuse_method(job);
    return (struct slice){0};
  }
  struct slice uri = job_string(job, job->env->params, "uri", &why);
  if (uri.len > SUBSCRIPTION_URI_LEN) {
    job_bad_params(&why, "uri is too long: at most %d bytes",
                   SUBSCRIPTION_URI_LEN);
    uri.data = NULL;
  }
  if (!uri.data) job_refuse(job, &why);
  return uri;
}

void subscribe_run(struct job *job)
{
  struct exchange *ex = job->exchange;
  const struct catalog *catalog = server_catalog(ex->server);
  struct slice uri = read_uri(job);
  if (!uri.data) return;
  if (!catalog || !catalog_has_resource(catalog, uri)) {
    job_refuse_resource(job, uri);
    return;
  }
  struct refusal why;
  if (ex->peer ? watch_here(ex->peer->news, uri, &why)
               : watch_for(ex->server, &ex->in.session, uri, &why))
    answer_empty(job);
  else
    job_refuse(job, &why);
}

static void unwatch_for(struct mcp_server *s, const unsigned char session[],
                        struct slice uri)
{
  struct subscriptions *all = mcp_shared_subscriptions(s->options.shared);
  uint64_t serial = subscriptions_remove(all, session, uri);
  if (serial) post(s, session, NOTE_DROP, serial);
}

// What was not subscribed to is not any more, either.
void unsubscribe_run(struct job *job)
{
  struct exchange *ex = job->exchange;
  struct slice uri = read_uri(job);
  if (!uri.data) return;
  struct news_uri *here = ex->peer ? find_uri(ex->peer->news, uri) : NULL;
  if (here)
    drop_uri(ex->peer->news, here);
  else if (!ex->peer)
    unwatch_for(ex->server, ex->in.session.id, uri);
  answer_empty(job);
}

// notifications/initialized: a connection may be told from now on.
void initialized_run(struct job *job)
{
  const struct session *peer = job->exchange->peer;
  if (peer && peer->news && !peer->news->lists) news_tell_lists(peer->news);
}
