// command_check.c -- `tidegate check` and `tidegate version`.

#include <stdio.h>

#include "app/commands.h"
#include "app/report.h"

static int print_verdict(const struct generation *g, const struct faults *f)
{
  if (!g) {
    printf("%zu fault%s; nothing would be loaded\n", f->errors,
           f->errors == 1 ? "" : "s");
    return 1;
  }
  printf("ok: %zu integration%s, %zu tool%s, %zu polic%s",
         g->catalog->integration_count,
         g->catalog->integration_count == 1 ? "" : "s", g->catalog->tool_count,
         g->catalog->tool_count == 1 ? "" : "s", g->catalog->policy_count,
         g->catalog->policy_count == 1 ? "y" : "ies");
  if (f->warnings > 0)
    printf(", %zu warning%s", f->warnings, f->warnings == 1 ? "" : "s");
  putchar('\n');
  return 0;
}

int command_check(const struct command_line *line)
{
  struct engine e;
  struct error err;
  if (line->argc > 1) {
    fprintf(stderr,
            "tidegate check: takes no arguments (got '%s'); folders are "
            "given by --scripts and --policies\n",
            line->argv[1]);
    return 2;
  }
  if (engine_init(&e, line->options, line->environment, &err) != OK) {
    fprintf(stderr, "tidegate: %s\n", err.message);
    return 2;
  }
  struct faults faults = {0};
  struct generation *g = engine_load(&e, 1, &faults);
  report_print(&e, &faults, stdout);
  int status = print_verdict(g, &faults);
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
