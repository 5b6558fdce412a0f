// trail.c -- what was decided for one call, in order.

#include "base/trail.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "base/utf8.h"

static const struct {
  const char *name, *a, *b;
} kinds[TRAIL_KINDS] = {
#define X(constant, name, a, b) [constant] = {name, a, b},
    TRAIL_LIST(X)
#undef X
};

void trail_begin(struct trail *t, uint64_t now_ns)
{
  t->start_ns = now_ns;
  t->count = t->dropped = 0;
}

// Whole characters only; what is no UTF-8 becomes '?'.
static void set_label(char out[TRAIL_LABEL + 1], struct slice label)
{
  const char *p = label.data, *end = p + label.len;
  size_t len = 0;
  while (p < end) {
    size_t n = utf8_sequence(p, end);
    if (len + (n ? n : 1) > TRAIL_LABEL) break;
    if (n)
      memcpy(out + len, p, n);
    else
      out[len] = '?';
    len += n ? n : 1;
    p += n ? n : 1;
  }
  out[len] = '\0';
}

void trail_add(struct trail *t, uint64_t now_ns, enum trail_kind kind,
               enum error_code code, int64_t a, int64_t b, struct slice label)
{
  if (t->count == TRAIL_STEPS) {
    t->dropped++;
    if (kind != TRAIL_RESULT) return;
    t->count--;
  }
  struct trail_step *step = &t->steps[t->count++];
  step->at_ns = now_ns > t->start_ns ? now_ns - t->start_ns : 0;
  step->a = a;
  step->b = b;
  step->kind = (uint16_t)kind;
  step->code = (uint16_t)code;
  step->call = 0;
  set_label(step->label, label);
}

// --- the steps of an inner call ---

#define ROOM_KEPT 6 // steps that the outer call may still make

static void insert(struct trail *t, const struct trail_step *step)
{
  uint32_t at = t->count++;
  for (; at > 0 && t->steps[at - 1].at_ns > step->at_ns; at--)
    t->steps[at] = t->steps[at - 1];
  t->steps[at] = *step;
}

void trail_join(struct trail *t, const struct trail *inner, uint16_t number)
{
  uint32_t room = TRAIL_STEPS - t->count, n = inner->count;
  uint32_t keep = room > ROOM_KEPT ? room - ROOM_KEPT : room > 0;
  if (keep > n) keep = n;
  t->dropped += inner->dropped + n - keep;
  for (uint32_t i = 0; i < keep; i++) {
    struct trail_step step = inner->steps[i + 1 < keep ? i : n - 1];
    uint64_t at_ns = inner->start_ns + step.at_ns;
    step.at_ns = at_ns > t->start_ns ? at_ns - t->start_ns : 0;
    if (!step.call) step.call = number;
    insert(t, &step);
  }
}

void trail_share(struct trail *t, const struct trail *flight, uint64_t since_ns)
{
  t->dropped += flight->dropped;
  for (uint32_t i = 0; i < flight->count; i++) {
    struct trail_step step = flight->steps[i];
    uint64_t at_ns = flight->start_ns + step.at_ns;
    if (at_ns < since_ns) continue;
    step.at_ns = at_ns > t->start_ns ? at_ns - t->start_ns : 0;
    if (t->count < TRAIL_STEPS)
      insert(t, &step);
    else
      t->dropped++;
  }
}

// --- for people ---

// A row of the table before it is lined up.
struct row {
  char time[24];
  char name[32];
  char numbers[64];
};

static void human_time(char out[24], uint64_t ns)
{
  if (ns < 1000000)
    snprintf(out, 24, "+%" PRIu64 " us", ns / 1000);
  else if (ns < UINT64_C(1000000000))
    snprintf(out, 24, "+%.1f ms", (double)ns / 1e6);
  else
    snprintf(out, 24, "+%.2f s", (double)ns / 1e9);
}

// "1" in the row of that name, "140 ms", "150 bytes", "status 503".
static void human_number(char *out, size_t size, const char *step,
                         const char *name, int64_t value)
{
  struct slice unit = slice_of(name);
  if (slice_is(unit, step))
    snprintf(out, size, "%" PRId64, value);
  else if (slice_is(unit, "ms") || slice_is(unit, "bytes"))
    snprintf(out, size, "%" PRId64 " %s", value, name);
  else
    snprintf(out, size, "%s %" PRId64, name, value);
}

static struct row row_of(const struct trail_step *step)
{
  struct row row = {0};
  human_time(row.time, step->at_ns);
  const char *name = kinds[step->kind].name;
  if (step->call)
    snprintf(row.name, sizeof(row.name), "%u> %s", step->call, name);
  else
    snprintf(row.name, sizeof(row.name), "%s", name);
  const char *a = kinds[step->kind].a, *b = kinds[step->kind].b;
  char first[32] = "", second[30] = "";
  if (*a) human_number(first, sizeof(first), name, a, step->a);
  if (*b) human_number(second, sizeof(second), name, b, step->b);
  snprintf(row.numbers, sizeof(row.numbers), "%s%s%s", first, *b ? ", " : "",
           second);
  return row;
}

static size_t width_of(const char *text)
{
  size_t width = 0;
  for (; *text; text++)
    width += (*text & 0xC0) != 0x80;
  return width;
}

static void widen(size_t *width, const char *text)
{
  size_t w = width_of(text);
  if (w > *width) *width = w;
}

static void pad(struct buf *out, size_t from, size_t to)
{
  for (; from < to; from++)
    buf_putc(out, ' ');
}

static void put_cell(struct buf *out, const char *text, size_t width)
{
  buf_puts(out, "  ");
  for (const char *p = text; *p; p++) {
    bool control = (unsigned char)*p < 0x20 || *p == 0x7F;
    buf_putc(out, control ? '?' : *p);
  }
  pad(out, width_of(text), width);
}

struct widths {
  size_t time, name, numbers, label;
};

static struct widths measure(const struct trail *t)
{
  struct widths w = {.time = 8};
  for (uint32_t i = 0; i < t->count; i++) {
    struct row row = row_of(&t->steps[i]);
    widen(&w.time, row.time);
    widen(&w.name, row.name);
    widen(&w.numbers, row.numbers);
    widen(&w.label, t->steps[i].label);
  }
  return w;
}

static void print_step(const struct trail_step *step, struct widths w,
                       struct buf *out)
{
  struct row row = row_of(step);
  pad(out, width_of(row.time), w.time);
  put_cell(out, row.time, 0);
  put_cell(out, row.name, w.name);
  if (w.numbers) put_cell(out, row.numbers, w.numbers);
  if (w.label) put_cell(out, step->label, w.label);
  if (step->code != OK) put_cell(out, error_name(step->code), 0);
  while (buf_ok(out) && out->data[out->len - 1] == ' ')
    out->len--;
  buf_putc(out, '\n');
}

void trail_print(const struct trail *t, struct buf *out)
{
  struct widths w = measure(t);
  for (uint32_t i = 0; i < t->count; i++)
    print_step(&t->steps[i], w, out);
  if (t->dropped) buf_printf(out, "  and %u more steps\n", t->dropped);
}

// --- for machines ---

static void put_number(struct buf *out, const char *name, int64_t value)
{
  if (!*name) return;
  json_put_name(out, name);
  json_put_int(out, value);
}

static void step_json(const struct trail_step *step, struct buf *out)
{
  buf_putc(out, '{');
  put_number(out, "at_us", (int64_t)(step->at_ns / 1000));
  if (step->call) put_number(out, "in", step->call);
  json_put_name(out, "step");
  json_put_string(out, slice_of(kinds[step->kind].name));
  json_put_name(out, "code");
  json_put_string(out, slice_of(error_name(step->code)));
  put_number(out, kinds[step->kind].a, step->a);
  put_number(out, kinds[step->kind].b, step->b);
  if (step->label[0]) {
    json_put_name(out, "label");
    json_put_string(out, slice_of(step->label));
  }
  buf_putc(out, '}');
}

void trail_json(const struct trail *t, struct buf *out)
{
  buf_putc(out, '[');
  for (uint32_t i = 0; i < t->count; i++) {
    if (i > 0) buf_putc(out, ',');
    step_json(&t->steps[i], out);
  }
  if (t->dropped) {
    buf_puts(out, ",{\"step\":\"dropped\",\"count\":");
    json_put_int(out, t->dropped);
    buf_putc(out, '}');
  }
  buf_putc(out, ']');
}
