// fetch_flight.c -- flights: seats of those who wait, trips that do the work.
//
// A seat is one caller's place in a flight. It is apart from the fetch, since
// its waking may be on its way from another thread when the caller has left; the
// message then finds it and frees it.
//
// A trip is the work of a flight, on the worker of the one who led. It is
// counted: by its worker while it runs, by each caller who has its result, and
// by the message that nobody waits any more. What callers read of it is written
// before it lands and never after.

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"
#include "guard/fetch_inside.h"
#include "guard/memory.h"
#include "loop/clock.h"

struct trip {
  _Atomic uint32_t refs;
  struct list link; // in its fetcher's list while it runs
  struct fetcher *fetcher;
  struct flight *flight; // NULL: it has landed, or was given up
  struct mailbox *mailbox;
  struct message emptied;
  struct exchange exchange;
  struct policy policy;
  struct fetch_job job;
  struct arena arena;                 // of the request
  bool stopped;                       // by its worker's end
  void (*keep)(void *ctx, bool keep); // exchange_options.classify_keep
  void *keep_ctx;
  // The result:
  struct exchange_result result;
  struct http_answer answer;
  bool unfinished; // it could not be done to the end
  struct trail trail;
};

struct fetch_seat {
  struct flight_waiter waiter;
  struct message woken;
  struct mailbox *mailbox;
  struct flights *flights;
  struct fetch *fetch; // NULL: it has left, or nobody waits (a refresh)
  struct trip *result;
  bool leads;
  struct exchange_options request;
};

// --- counting ---

static void ref(void *result)
{
  struct trip *e = result;
  atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
}

static void unref(void *shared)
{
  struct trip *e = shared;
  if (atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) > 1) return;
  http_answer_finish(&e->answer);
  arena_finish(&e->arena);
  free(e);
}

// --- landing ---

// Gives up, once nobody waits. Another may have joined meanwhile.
static void on_emptied(struct message *message)
{
  struct trip *e = LIST_ITEM(message, struct trip, emptied);
  if (e->flight) {
    bool late = flight_deadline_ns(e->flight) <= loop_now(e->fetcher->loop);
    if (flight_abandon(fetch_flights(e->fetcher->shared), e->flight)) {
      e->flight = NULL;
      if (late)
        exchange_expire(&e->exchange);
      else
        exchange_cancel(&e->exchange);
    }
  }
  unref(e);
}

// On any thread, with the table locked.
static void on_empty(void *ctx)
{
  struct trip *e = ctx;
  ref(e);
  mailbox_post(e->mailbox, &e->emptied);
}

static bool ended_early(const struct trip *e)
{
  return e->stopped || e->result.outcome == OUTCOME_DEADLINE ||
         e->result.reject == REJECT_DEADLINE;
}

// First into the cache, then out of the table: see flight.h.
static void land(struct trip *e, const struct exchange_result *result)
{
  struct flight *flight = e->flight;
  e->flight = NULL;
  list_remove(&e->link);
  if (e->keep) e->keep(e->keep_ctx, false);
  if (flight) {
    e->result = *result;
    e->answer = *result->answer;
    *result->answer = (struct http_answer){0};
    e->result.answer = &e->answer;
    e->unfinished = ended_early(e);
    fetch_store(&e->job, e->fetcher, &e->result, &e->trail);
    arena_finish(&e->arena);
    flight_finish(fetch_flights(e->fetcher->shared), flight, e, ref);
  }
  unref(e);
}

static void on_done(void *ctx, const struct exchange_result *result)
{
  land(ctx, result);
}

static void land_without_memory(struct trip *e)
{
  struct http_answer none = {.end = HTTP_FAILED};
  struct exchange_result result = {.code = E_NO_MEMORY,
                                   .outcome = OUTCOME_CANCELLED,
                                   .answer = &none,
                                   .retry_after_ms = -1};
  land(e, &result);
}

void fetcher_free(struct fetcher *f)
{
  if (!f) return;
  while (!list_empty(&f->running)) {
    struct trip *e = LIST_ITEM(f->running.next, struct trip, link);
    e->stopped = true;
    exchange_cancel(&e->exchange);
  }
  free(f);
}

// --- taking off ---

static bool copy(struct arena *arena, struct slice *s)
{
  if (!s->data) return true;
  *s = arena_copy(arena, *s);
  return s->data != NULL;
}

static bool copy_headers(struct arena *arena, struct http_attempt *a)
{
  struct header *headers =
      arena_alloc(arena, (a->header_count + 1) * sizeof(*headers));
  if (!headers) return false;
  for (size_t i = 0; i < a->header_count; i++) {
    headers[i] = a->headers[i];
    if (!copy(arena, &headers[i].name) || !copy(arena, &headers[i].value))
      return false;
  }
  a->headers = headers;
  return true;
}

// Whatever the request and the job point to, so that neither the caller's call
// nor its generation is needed.
static bool copy_request(struct trip *e, struct exchange_options *o)
{
  struct arena *arena = &e->arena;
  struct http_attempt *a = &o->attempt;
  struct fetch_job *job = &e->job;
  char *key = arena_alloc(arena, cache_key_len(&job->key));
  if (!key) return false;
  job->key = cache_key_copy(&job->key, key);
  e->policy = *o->policy;
  o->policy = &e->policy;
  o->trail = &e->trail;
  bool ok = copy(arena, &e->policy.name) && copy(arena, &o->label) &&
            copy(arena, &a->method) && copy(arena, &a->url) &&
            copy(arena, &a->body) && copy_headers(arena, a);
  job->method = a->method;
  return ok;
}

static void take_off(struct trip *e, struct fetcher *fetcher,
                     struct flight *flight, const struct fetch_job *job,
                     const struct exchange_options *request)
{
  memset(e, 0, offsetof(struct trip, trail));
  atomic_init(&e->refs, 2); // the other one is ours, until we have started
  e->fetcher = fetcher;
  e->flight = flight;
  e->mailbox = fetcher->mailbox;
  e->emptied.fn = on_emptied;
  e->job = *job;
  trail_begin(&e->trail, loop_exact(fetcher->loop));
  list_append(&fetcher->running, &e->link);
  struct exchange_options options = *request;
  // As patient as a call that begins now, or as who leads: a task has longer.
  uint64_t usual = loop_now(fetcher->loop) +
                   (uint64_t)request->policy->deadline_ms * NS_PER_MS;
  if (options.deadline_ns < usual) options.deadline_ns = usual;
  e->keep = options.classify_keep;
  e->keep_ctx = options.classify_ctx;
  if (e->keep) e->keep(e->keep_ctx, true);
  if (!copy_request(e, &options) ||
      !exchange_start(&e->exchange, &options, on_done, e))
    land_without_memory(e);
  unref(e);
}

// --- seats ---

// The answer as one of those who waited gets it.
static void give(struct fetch_seat *seat, struct trip *e)
{
  struct fetch *f = seat->fetch;
  struct fetch_result result = {.of = e->result};
  struct http_answer answer = e->answer;
  bool leads = seat->leads;
  answer.release = unref; // our reference
  answer.shared = e;
  if (!leads) {
    result.source = FETCH_JOINED;
    result.of.attempts = 0;
  }
  if (e->stopped) {
    result.of.code = E_UNAVAILABLE;
    result.of.reject = REJECT_STOPPING;
  }
  free(seat);
  fetch_landed(f, &result, &answer);
}

static void on_woken(struct message *message)
{
  struct fetch_seat *seat = LIST_ITEM(message, struct fetch_seat, woken);
  struct fetch *f = seat->fetch;
  struct trip *e = seat->result;
  if (!f) {
    free(seat);
    unref(e);
    return;
  }
  f->seat = NULL;
  trail_share(f->options.trail, &e->trail, f->joined_ns);
  if (!e->unfinished || !fetch_go_again(f, &seat->request)) {
    give(seat, e);
    return;
  }
  free(seat);
  unref(e);
}

// On whichever thread landed the flight.
static void on_wake(struct flight_waiter *w, void *result)
{
  struct fetch_seat *seat = LIST_ITEM(w, struct fetch_seat, waiter);
  seat->result = result;
  mailbox_post(seat->mailbox, &seat->woken);
}

static struct fetch_seat *new_seat(struct fetcher *fetcher, struct fetch *f,
                                   const struct exchange_options *request)
{
  struct fetch_seat *seat = guard_memory(sizeof(*seat));
  if (!seat) return NULL;
  *seat = (struct fetch_seat){
      .waiter = {.wake = on_wake, .deadline_ns = request->deadline_ns},
      .woken = {.fn = on_woken},
      .mailbox = fetcher->mailbox,
      .flights = fetch_flights(fetcher->shared),
      .fetch = f,
      .request = *request,
  };
  return seat;
}

static void say(const struct fetcher *fetcher,
                const struct exchange_options *request, const char *how)
{
  trail_add(request->trail, loop_exact(fetcher->loop), TRAIL_FLIGHT, OK, 0, 0,
            slice_of(how));
}

#define PATIENCE_MAX 128 // bytes of it in a key

// Those who share a flight are as patient as each other: it is tried as often
// and as long as each of them would.
static struct cache_key flight_key(const struct fetch_job *job,
                                   const struct exchange_options *request,
                                   char room[CACHE_KEY_MAX + PATIENCE_MAX])
{
  struct cache_key key = job->key;
  memcpy(room, key.name.data, key.name.len);
  int more = snprintf(room + key.name.len, PATIENCE_MAX, "\n%.*s %u %u",
                      SLICE_ARG(request->policy->name), request->timeout_ms,
                      request->attempts);
  key.name.data = room;
  key.name.len += (size_t)(more < PATIENCE_MAX ? more : PATIENCE_MAX - 1);
  return key;
}

static enum fetch_joined stay_out(struct fetch_seat *seat, struct trip *e,
                                  enum fetch_joined why)
{
  free(seat);
  free(e);
  return why;
}

enum fetch_joined fetch_board(struct fetcher *fetcher, struct fetch *f,
                              const struct fetch_job *job,
                              const struct exchange_options *request)
{
  struct fetch_seat *seat = new_seat(fetcher, f, request);
  // Most likely for nothing, but it must be there before the flight is.
  struct trip *e = seat ? guard_memory(sizeof(*e)) : NULL;
  if (!e) return stay_out(seat, NULL, FETCH_NO_FLIGHT);
  char room[CACHE_KEY_MAX + PATIENCE_MAX];
  struct cache_key key = flight_key(job, request, room);
  struct flight_work work = {on_empty, e};
  struct flight *flight = NULL;
  switch (flight_join(fetch_flights(fetcher->shared), &key, &seat->waiter,
                      &work, &flight)) {
  case FLIGHT_FULL: return stay_out(seat, e, FETCH_FULL);
  case FLIGHT_NO_MEMORY: return stay_out(seat, e, FETCH_NO_FLIGHT);
  case FLIGHT_JOINED:
    free(e);
    say(fetcher, request, "joined");
    break;
  case FLIGHT_LEADS:
    seat->leads = true;
    say(fetcher, request, "leads");
    break;
  }
  if (f) f->seat = seat;
  if (seat->leads) take_off(e, fetcher, flight, job, request);
  return FETCH_IN;
}

void fetch_leave(struct fetch *f)
{
  struct fetch_seat *seat = f->seat;
  f->seat = NULL;
  seat->fetch = NULL;
  if (flight_leave(seat->flights, &seat->waiter) == FLIGHT_LEFT) free(seat);
}
