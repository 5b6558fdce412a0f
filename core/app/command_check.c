// command_check.c -- `tidegate check` and `tidegate version`.

#include <stdio.h>

#include "app/commands.h"
#include "app/prove.h"
#include "app/report.h"

static void put_count(struct buf *out, size_t n, const char *one,
                      const char *many)
{
  buf_printf(out, "%s%zu %s", out->len > 0 ? ", " : "", n, n == 1 ? one : many);
}

static void put_offers(struct buf *out, const struct catalog *c)
{
  static const struct {
    const char *one, *many;
  } names[OFFER_KINDS] = {
      [OFFER_RESOURCE] = {"resource", "resources"},
      [OFFER_TEMPLATE] = {"template", "templates"},
      [OFFER_PROMPT] = {"prompt", "prompts"},
  };
  for (size_t kind = 0; kind < OFFER_KINDS; kind++)
    if (c->offers[kind].count > 0)
      put_count(out, c->offers[kind].count, names[kind].one, names[kind].many);
}

static int print_verdict(const struct generation *g, const struct faults *f)
{
  if (!g) {
    printf("%zu fault%s; nothing would be loaded\n", f->errors,
           f->errors == 1 ? "" : "s");
    return 1;
  }
  const struct catalog *c = g->catalog;
  struct buf text = {0};
  put_count(&text, c->integration_count, "integration", "integrations");
  put_count(&text, c->tool_count, "tool", "tools");
  put_offers(&text, c);
  put_count(&text, c->policy_count, "policy", "policies");
  if (f->warnings > 0) put_count(&text, f->warnings, "warning", "warnings");
  printf("ok: %.*s\n", SLICE_ARG(buf_slice(&text)));
  buf_finish(&text);
  return 0;
}

// --- --prove ---

static const char *wanted_tool(const struct command_line *line)
{
  return line->argc > 1 ? line->argv[1] : NULL;
}

static int print_proof(const struct engine *e, const struct command_line *line,
                       const struct catalog *c)
{
  struct buf text = {0};
  struct prove_printer printer = {.out = &text, .json = line->flags.json};
  struct proof_sink sink = prove_printer_sink(&printer);
  struct prove_options o = {.catalog = c, .bind = &e->bind, .seed = 1};
  struct prove_sum sum;
  const char *name = wanted_tool(line);
  if (name && !(o.only = report_find(c, "check", name))) return 2;
  bool ok = prove(&o, &sink, &sum);
  if (ok) prove_print_end(&printer, &sum);
  fwrite(text.data ? text.data : "", 1, text.len, stdout);
  buf_finish(&text);
  if (!ok) fputs("tidegate check: out of memory\n", stderr);
  return ok && sum.faults == 0 ? 0 : 1;
}

// --- the command ---

static bool line_is_fine(const struct command_line *line)
{
  const char *more = line->argc > 1 ? line->argv[1] : NULL;
  if (line->flags.prove && line->argc > 2) more = line->argv[2];
  if (!more || (line->flags.prove && line->argc == 2)) {
    if (!line->flags.json || line->flags.prove) return true;
    fputs("tidegate check: --json goes with --prove\n", stderr);
    return false;
  }
  fprintf(stderr,
          "tidegate check: takes no arguments%s (got '%s'); folders are "
          "given by --scripts and --policies\n",
          line->flags.prove ? " but the name of a tool" : "", more);
  return false;
}

int command_check(const struct command_line *line)
{
  struct engine e;
  struct error err;
  if (!line_is_fine(line)) return 2;
  if (engine_init(&e, line->options, line->environment, &err) != OK) {
    fprintf(stderr, "tidegate: %s\n", err.message);
    return 2;
  }
  struct faults faults = {0};
  struct generation *g = engine_load(&e, 1, &faults);
  bool proves = line->flags.prove && g;
  report_print(&e, &faults, line->flags.prove ? stderr : stdout);
  int status =
      proves ? print_proof(&e, line, g->catalog) : print_verdict(g, &faults);
  engine_discard(g);
  faults_finish(&faults);
  engine_finish(&e);
  return status;
}

int command_version(const struct command_line *line)
{
  (void)line;
  puts("tidegate " TIDEGATE_VERSION);
  return 0;
}
