// command_tools.c -- `tidegate tools`: what agents are offered, in a table.

#include <stdio.h>

#include "app/commands.h"
#include "app/report.h"

#define ABOUT_MAX 60

static const char *kind(const struct annotations *a)
{
  if (a->read_only == 1) return "reads";
  return a->destructive == 1 ? "destroys" : "writes";
}

// The first sentence, or what of it fits.
static int about_length(struct slice about)
{
  size_t n = 0;
  while (n < about.len && n < ABOUT_MAX && about.data[n] != '\n')
    n++;
  while (n < about.len && n > 0 &&
         ((unsigned char)about.data[n] & 0xC0) == 0x80)
    n--;
  return (int)n;
}

static void print_table(const struct catalog *c)
{
  int width = 4;
  for (size_t i = 0; i < c->tool_count; i++)
    if ((int)c->tools[i].name.len > width) width = (int)c->tools[i].name.len;
  printf("%-*s  %-8s  %-12s  %s\n", width, "TOOL", "EFFECT", "POLICY", "ABOUT");
  for (size_t i = 0; i < c->tool_count; i++) {
    const struct tool *t = &c->tools[i];
    printf("%-*.*s  %-8s  %-12.*s  %.*s\n", width, SLICE_ARG(t->name),
           kind(&t->annotations), SLICE_ARG(t->policy->name),
           about_length(t->about), t->about.data);
  }
}

int command_tools(const struct command_line *line)
{
  struct engine e;
  struct error err;
  if (engine_init(&e, line->options, line->environment, &err) != OK) {
    fprintf(stderr, "tidegate: %s\n", err.message);
    return 2;
  }
  struct faults faults = {0};
  struct generation *g = engine_load(&e, 1, &faults);
  report_print(&e, &faults, stderr);
  if (g) print_table(g->catalog);
  int status = g ? 0 : 1;
  engine_discard(g);
  faults_finish(&faults);
  engine_finish(&e);
  return status;
}
