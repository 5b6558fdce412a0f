// command_tools.c -- `tidegate tools`: what clients are offered, in tables.

#include <stdio.h>
#include <string.h>

#include "app/commands.h"
#include "app/report.h"

#define ABOUT_MAX 60

static const char *kind(const struct annotations *a)
{
  if (a->read_only == 1) return "reads";
  return a->destructive == 1 ? "destroys" : "writes";
}

// The first line, or the words of it that fit.
static void print_about(struct slice about)
{
  const char *end = memchr(about.data, '\n', about.len);
  size_t len = end ? (size_t)(end - about.data) : about.len;
  size_t n = len;
  if (len > ABOUT_MAX)
    for (n = ABOUT_MAX - 3; n > 0 && about.data[n] != ' '; n--)
      ;
  printf("%.*s%s\n", (int)n, about.data, n < about.len ? "..." : "");
}

static void print_table(const struct catalog *c)
{
  int width = 4;
  for (size_t i = 0; i < c->tool_count; i++)
    if ((int)c->tools[i].name.len > width) width = (int)c->tools[i].name.len;
  printf("%-*s  %-8s  %-12s  %s\n", width, "TOOL", "EFFECT", "POLICY", "ABOUT");
  for (size_t i = 0; i < c->tool_count; i++) {
    const struct tool *t = &c->tools[i];
    printf("%-*.*s  %-8s  %-12.*s  ", width, SLICE_ARG(t->name),
           kind(&t->annotations), SLICE_ARG(t->policy->name));
    print_about(t->about);
  }
}

static void print_offers(const struct offer_list *list, const char *head)
{
  int width = (int)strlen(head);
  for (size_t i = 0; i < list->count; i++)
    if ((int)list->items[i].key.len > width)
      width = (int)list->items[i].key.len;
  printf("\n%-*s  %-12s  %s\n", width, head, "POLICY", "ABOUT");
  for (size_t i = 0; i < list->count; i++) {
    const struct tool *handler = &list->items[i].handler;
    printf("%-*.*s  %-12.*s  ", width, SLICE_ARG(list->items[i].key),
           SLICE_ARG(handler->policy->name));
    print_about(handler->about);
  }
}

// Agents do not call these, users pick them.
static void print_others(const struct catalog *c)
{
  static const char *const heads[OFFER_KINDS] = {[OFFER_RESOURCE] = "RESOURCE",
                                                 [OFFER_TEMPLATE] = "TEMPLATE",
                                                 [OFFER_PROMPT] = "PROMPT"};
  for (size_t kind = 0; kind < OFFER_KINDS; kind++)
    if (c->offers[kind].count > 0) print_offers(&c->offers[kind], heads[kind]);
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
  if (g) print_others(g->catalog);
  int status = g ? 0 : 1;
  engine_discard(g);
  faults_finish(&faults);
  engine_finish(&e);
  return status;
}
