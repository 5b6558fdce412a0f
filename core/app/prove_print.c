// prove_print.c -- proofs for people, and as JSON.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/prove.h"
#include "base/json.h"

#define INDENT 38 // where words begin
#define EDGE   100

// --- for people ---

static bool ends_in(const char *text, const char *end)
{
  size_t n = strlen(text), k = strlen(end);
  return n >= k && !strcmp(text + n - k, end);
}

static void put_value(const struct proof *p, char out[32])
{
  int64_t v = p->value;
  if (!p->field)
    out[0] = '\0';
  else if (ends_in(p->setting, "_ms") && v >= 1000)
    snprintf(out, 32, "%.6g s", (double)v / 1000);
  else if (ends_in(p->setting, "_ms"))
    snprintf(out, 32, "%" PRId64 " ms", v);
  else if (ends_in(p->setting, "_s"))
    snprintf(out, 32, "%" PRId64 " s", v);
  else if (ends_in(p->setting, "_bytes") && v % (1 << 20) == 0)
    snprintf(out, 32, "%" PRId64 " MiB", v >> 20);
  else if (ends_in(p->setting, "_percent"))
    snprintf(out, 32, "%" PRId64 " %%", v);
  else
    snprintf(out, 32, "%" PRId64, v);
}

static const char *kind_of(const struct proof_group *g)
{
  if (g->reads) return "reads: GET";
  if (g->tools[0]->annotations.idempotent == 1)
    return "writes that may be repeated: POST";
  return g->tools[0]->integration->idempotency.header.data
             ? "writes with a key: POST"
             : "writes: POST";
}

static void print_group(struct prove_printer *p, const struct proof_group *g)
{
  const struct tool *tool = g->tools[0];
  if (p->groups > 0) buf_putc(p->out, '\n');
  for (size_t i = 0; i < g->count; i++)
    buf_printf(p->out, "%.*s\n", SLICE_ARG(g->tools[i]->name));
  buf_printf(p->out, "  policy %.*s, %s", SLICE_ARG(tool->policy->name),
             kind_of(g));
  if (tool->integration->policy != tool->policy)
    buf_printf(p->out, "; the integration's is %.*s",
               SLICE_ARG(tool->integration->policy->name));
  buf_puts(p->out, "\n\n");
}

// A default that is off, or has nothing to be tried with, is no news.
static bool is_news(const struct proof *p)
{
  return p->said || p->verdict == PROOF_FIRES || p->verdict == PROOF_NEVER;
}

// A word; a number goes with its unit.
static size_t word_length(const char *words)
{
  static const char *const units[] = {" s", " ms", " %"};
  size_t n = strcspn(words, " ");
  bool number = words[0] >= '0' && words[0] <= '9';
  for (size_t i = 0; number && i < sizeof(units) / sizeof(units[0]); i++) {
    size_t len = strlen(units[i]);
    char next = strncmp(words + n, units[i], len) ? 'x' : words[n + len];
    if (next == '\0' || strchr(" ,;:.", next))
      return n + 1 + strcspn(words + n + 1, " ");
  }
  return n;
}

// Begins a new line behind `indent` where the words would pass the edge.
static void put_wrapped(struct buf *out, const char *words, size_t indent)
{
  size_t column = indent;
  while (*words) {
    size_t n = word_length(words);
    if (column > indent && column + 1 + n > EDGE) {
      buf_printf(out, "\n%*s", (int)indent, "");
      column = indent;
    } else if (column > indent) {
      buf_putc(out, ' ');
      column++;
    }
    buf_append(out, words, n);
    column += n;
    words += n + (words[n] == ' ');
  }
  buf_putc(out, '\n');
}

static void print_proof(struct prove_printer *printer, const struct proof *p)
{
  char value[32], shown[40];
  if (!is_news(p)) return;
  put_value(p, value);
  snprintf(shown, sizeof(shown), p->said || !p->field ? "%s" : "(%s)", value);
  buf_printf(printer->out, "%2s %-23s %9s  ", p->fault ? "!!" : "", p->setting,
             shown);
  char words[PROOF_WORDS + 40];
  snprintf(words, sizeof(words), "%s%s", p->words,
           p->elsewhere ? "; it fires for other tools" : "");
  put_wrapped(printer->out, words, INDENT);
}

static void print_time(struct buf *out, uint64_t ns)
{
  uint64_t s = ns / UINT64_C(1000000000);
  if (s >= 7200)
    buf_printf(out, "%" PRIu64 " hours", s / 3600);
  else
    buf_printf(out, "%" PRIu64 " minute%s", s / 60 + 1, s < 60 ? "" : "s");
}

static void print_sum(struct prove_printer *p, const struct prove_sum *sum)
{
  if (p->unused > 0) buf_putc(p->out, '\n');
  buf_printf(p->out, "\n%zu setting%s fire%s, in ", sum->fire,
             sum->fire == 1 ? "" : "s", sum->fire == 1 ? "s" : "");
  print_time(p->out, sum->virtual_ns);
  buf_puts(p->out, " of virtual time; (values) are defaults\n");
  if (sum->faults > 0)
    buf_printf(p->out,
               "%zu setting%s (!!) can never fire: change %s, or say nothing\n",
               sum->faults, sum->faults == 1 ? "" : "s",
               sum->faults == 1 ? "it" : "them");
}

// --- JSON ---

static void json_text(struct buf *out, const char *name, struct slice text)
{
  json_put_name(out, name);
  json_put_string(out, text);
}

static void json_group(struct prove_printer *p, const struct proof_group *g)
{
  buf_puts(p->out, p->groups > 0 ? "]},{" : "{\"groups\":[{");
  json_put_name(p->out, "tools");
  buf_putc(p->out, '[');
  for (size_t i = 0; i < g->count; i++) {
    json_sep(p->out);
    json_put_string(p->out, g->tools[i]->name);
  }
  buf_putc(p->out, ']');
  json_text(p->out, "policy", g->tools[0]->policy->name);
  json_text(p->out, "method", g->reads ? SLICE("GET") : SLICE("POST"));
  json_put_name(p->out, "settings");
  buf_putc(p->out, '[');
}

static void json_proof(struct prove_printer *printer, const struct proof *p)
{
  struct buf *out = printer->out;
  json_sep(out);
  buf_putc(out, '{');
  json_text(out, "setting", slice_of(p->setting));
  if (p->field) {
    json_put_name(out, "value");
    json_put_int(out, p->value);
    json_put_name(out, "stated");
    buf_puts(out, p->said ? "true" : "false");
  }
  json_text(out, "verdict", slice_of(proof_verdict_name(p->verdict)));
  json_put_name(out, "fault");
  buf_puts(out, p->fault ? "true" : "false");
  json_text(out, "measured", slice_of(p->words));
  buf_putc(out, '}');
}

static void json_unused(struct prove_printer *p, const struct policy *policy)
{
  if (p->unused == 0) {
    buf_puts(p->out, p->groups > 0 ? "]}]" : "{\"groups\":[]");
    json_put_name(p->out, "unused");
    buf_putc(p->out, '[');
  }
  json_sep(p->out);
  json_put_string(p->out, policy->name);
}

static void json_sum(struct prove_printer *p, const struct prove_sum *sum)
{
  const char *empty = p->groups > 0 ? "]}]" : "{\"groups\":[]";
  buf_puts(p->out, p->unused > 0 ? "]" : empty);
  json_put_name(p->out, "fire");
  json_put_int(p->out, (int64_t)sum->fire);
  json_put_name(p->out, "never");
  json_put_int(p->out, (int64_t)sum->faults);
  json_put_name(p->out, "virtual_s");
  json_put_int(p->out, (int64_t)(sum->virtual_ns / UINT64_C(1000000000)));
  buf_puts(p->out, "}\n");
}

// --- the sink ---

static void on_group(void *ctx, const struct proof_group *group)
{
  struct prove_printer *p = ctx;
  (p->json ? json_group : print_group)(p, group);
  p->groups++;
}

static void on_proof(void *ctx, const struct proof *proof)
{
  struct prove_printer *p = ctx;
  (p->json ? json_proof : print_proof)(p, proof);
}

static void on_unused(void *ctx, const struct policy *policy)
{
  struct prove_printer *p = ctx;
  if (p->json)
    json_unused(p, policy);
  else
    buf_printf(p->out, "%s%.*s",
               p->unused ? ", " : "\nnot run, for nothing has them: ",
               SLICE_ARG(policy->name));
  p->unused++;
}

struct proof_sink prove_printer_sink(struct prove_printer *p)
{
  return (struct proof_sink){on_group, on_proof, on_unused, p};
}

void prove_print_end(struct prove_printer *p, const struct prove_sum *sum)
{
  (p->json ? json_sum : print_sum)(p, sum);
}
