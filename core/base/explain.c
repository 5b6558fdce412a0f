// explain.c -- see explain.h for the contract: the timeline and the totals.

#include "base/explain.h"

#include <inttypes.h>
#include <stdio.h>

#define BAR 20

enum span_kind { SPAN_NONE, SPAN_WIRE, SPAN_WAIT };

// A step that lasts: from where to where.
struct span {
  enum span_kind kind;
  uint64_t from, to;
};

struct timeline {
  const struct trail *trail;
  uint64_t total;
  struct span spans[TRAIL_STEPS];
};

static const char *const names[TRAIL_KINDS] = {
#define X(constant, name, a, b) [constant] = (name),
    TRAIL_LIST(X)
#undef X
};

void explain_time(uint64_t ns, char out[24])
{
  if (ns < 1000000)
    snprintf(out, 24, "%" PRIu64 " us", ns / 1000);
  else if (ns < UINT64_C(1000000000))
    snprintf(out, 24, "%.1f ms", (double)ns / 1e6);
  else
    snprintf(out, 24, "%.3f s", (double)ns / 1e9);
}

// --- how long each step lasted ---

static bool is_wait(uint16_t kind)
{
  return kind == TRAIL_BACKOFF || kind == TRAIL_GATE || kind == TRAIL_LIMITER ||
         kind == TRAIL_BULKHEAD || kind == TRAIL_SLEEP;
}

// The first step behind `i` of that kind that nothing before has taken: parallel
// attempts end in the order of their beginning, as far as a trail can tell. Those
// of a call that this one made end in that call.
static uint64_t end_of_attempt(const struct timeline *l, uint32_t i)
{
  const struct trail *t = l->trail;
  uint32_t open = 0;
  for (uint32_t k = 0; k < i; k++) {
    if (t->steps[k].call != t->steps[i].call) continue;
    if (t->steps[k].kind == TRAIL_ATTEMPT) open++;
    if (t->steps[k].kind == TRAIL_ANSWER && open > 0) open--;
  }
  for (uint32_t k = i + 1; k < t->count; k++)
    if (t->steps[k].call == t->steps[i].call &&
        t->steps[k].kind == TRAIL_ANSWER && open-- == 0)
      return t->steps[k].at_ns;
  return l->total;
}

// A wait for a place says only how long it is at most.
static uint64_t end_of_wait(const struct timeline *l, uint32_t i)
{
  const struct trail_step *s = &l->trail->steps[i];
  uint64_t planned = s->at_ns + (uint64_t)s->a * 1000000, next = l->total;
  for (uint32_t k = i + 1; k < l->trail->count; k++) {
    uint16_t kind = l->trail->steps[k].kind;
    bool ends = kind == TRAIL_ATTEMPT || kind == TRAIL_REJECT ||
                kind == TRAIL_CANCEL || is_wait(kind);
    if (!ends || l->trail->steps[k].call != s->call) continue;
    next = l->trail->steps[k].at_ns;
    break;
  }
  bool exact = s->kind == TRAIL_BULKHEAD || next < planned + 1000000;
  return exact ? next : planned;
}

// Who has joined another's flight waits until that has brought something.
static uint64_t end_of_flight(const struct timeline *l, uint32_t i)
{
  const struct trail *t = l->trail;
  for (uint32_t k = i + 1; k < t->count; k++) {
    uint16_t kind = t->steps[k].kind;
    bool ends = kind == TRAIL_ANSWER || kind == TRAIL_REJECT ||
                kind == TRAIL_CANCEL || kind == TRAIL_FLIGHT;
    if (ends && t->steps[k].call == t->steps[i].call) return t->steps[k].at_ns;
  }
  return l->total;
}

static bool waits_for_flight(const struct trail_step *s)
{
  return s->kind == TRAIL_FLIGHT && slice_is(slice_of(s->label), "joined");
}

static void measure(struct timeline *l)
{
  const struct trail *t = l->trail;
  l->total = t->count ? t->steps[t->count - 1].at_ns : 0;
  for (uint32_t i = 0; i < t->count; i++) {
    const struct trail_step *s = &t->steps[i];
    struct span *span = &l->spans[i];
    *span = (struct span){SPAN_NONE, s->at_ns, s->at_ns};
    if (s->kind == TRAIL_ATTEMPT) {
      span->kind = SPAN_WIRE;
      span->to = end_of_attempt(l, i);
    } else if (is_wait(s->kind)) {
      span->kind = SPAN_WAIT;
      span->to = end_of_wait(l, i);
    } else if (waits_for_flight(s)) {
      span->kind = SPAN_WAIT;
      span->to = end_of_flight(l, i);
    }
    if (span->to > l->total) span->to = l->total;
  }
}

// Time in which at least one step of that kind lasted; spans begin in order.
static uint64_t spent(const struct timeline *l, enum span_kind kind)
{
  uint64_t sum = 0, until = 0;
  for (uint32_t i = 0; i < l->trail->count; i++) {
    const struct span *span = &l->spans[i];
    if (span->kind != kind || span->to <= until) continue;
    sum += span->to - (span->from > until ? span->from : until);
    until = span->to;
  }
  return sum;
}

// --- rows ---

static uint32_t column(const struct timeline *l, uint64_t at)
{
  if (l->total == 0) return 0;
  uint64_t c = (uint64_t)((double)at / (double)l->total * BAR);
  return c < BAR ? (uint32_t)c : BAR - 1;
}

static void draw(const struct timeline *l, uint32_t i, char bar[BAR + 1])
{
  const struct span *span = &l->spans[i];
  const struct trail_step *s = &l->trail->steps[i];
  memset(bar, ' ', BAR);
  bar[BAR] = '\0';
  uint32_t from = column(l, span->from), to = column(l, span->to);
  if (span->kind != SPAN_NONE)
    for (uint32_t c = from; c < to || c == from; c++)
      bar[c] = span->kind == SPAN_WIRE ? '=' : '.';
  else if (s->code != OK)
    bar[from] = '!';
}

static void print_row(const struct timeline *l, uint32_t i, struct buf *out)
{
  const struct span *span = &l->spans[i];
  char at[24], took[24] = "", bar[BAR + 1];
  explain_time(span->from, at);
  if (span->kind != SPAN_NONE) explain_time(span->to - span->from, took);
  draw(l, i, bar);
  const struct trail_step *step = &l->trail->steps[i];
  buf_printf(out, "%10s %10s |%s| ", at, took, bar);
  if (step->call) buf_printf(out, "%u> ", step->call);
  buf_printf(out, "%-9s ", names[step->kind]);
  size_t from = out->len;
  explain_step(step, out);
  for (size_t k = from; buf_ok(out) && k < out->len; k++)
    if ((unsigned char)out->data[k] < 0x20 || out->data[k] == 0x7F)
      out->data[k] = '?';
  buf_putc(out, '\n');
}

// --- head and totals ---

static void print_head(const struct timeline *l, const struct explained *e,
                       struct buf *out)
{
  const struct trail *t = e->trail;
  uint16_t code = t->count ? t->steps[t->count - 1].code : OK;
  char total[24];
  explain_time(l->total, total);
  buf_printf(out, "%.*s: %s after %s\n", SLICE_ARG(e->name), error_name(code),
             total);
  if (e->where.len > 0) buf_printf(out, "%.*s\n", SLICE_ARG(e->where));
  buf_printf(out, "\n%10s %10s |%*s|\n", "at", "took", BAR, "");
}

static const char *effect_words(enum side_effect effect)
{
  switch (effect) {
  case SIDE_EFFECT_NONE: return "none: nothing was changed at the service";
  case SIDE_EFFECT_POSSIBLE:
    return "possible: the request may have been executed";
  case SIDE_EFFECT_DONE: return "done: the service has executed the request";
  }
  return "";
}

static void print_totals(const struct timeline *l, const struct explained *e,
                         struct buf *out)
{
  char total[24], wire[24], wait[24], rest[24];
  uint64_t on_wire = spent(l, SPAN_WIRE), waited = spent(l, SPAN_WAIT);
  uint64_t both = on_wire + waited;
  explain_time(l->total, total);
  explain_time(on_wire, wire);
  explain_time(waited, wait);
  explain_time(l->total > both ? l->total - both : 0, rest);
  buf_puts(out, "\n= on the wire   . waiting   ! failed\n");
  buf_printf(out,
             "%s in all: %u attempt%s, %s on the wire, %s waiting, %s else\n"
             "side effect %s\n",
             total, e->attempts, e->attempts == 1 ? "" : "s", wire, wait, rest,
             effect_words(e->side_effect));
}

void explain_print(const struct explained *e, struct buf *out)
{
  struct timeline l = {.trail = e->trail};
  measure(&l);
  print_head(&l, e, out);
  for (uint32_t i = 0; i < e->trail->count; i++)
    print_row(&l, i, out);
  if (e->trail->dropped)
    buf_printf(out, "  and %u more steps, which did not fit\n",
               e->trail->dropped);
  print_totals(&l, e, out);
}
