// report.c -- see report.h for the contract.

#include "app/report.h"

#include "mcp/nearest.h"

void report_print(const struct engine *e, const struct faults *f, FILE *out)
{
  struct buf text = {0}, clean = {0};
  faults_print(f, &text);
  secret_scrub(e->secrets.set, buf_slice(&text), &clean);
  fwrite(clean.data ? clean.data : "", 1, clean.len, out);
  buf_finish(&text);
  buf_finish(&clean);
}

void report_log(struct log *log, const struct faults *f)
{
  for (const struct fault *x = f->first; x; x = x->next)
    log_write(log, x->warning ? LOG_WARN : LOG_ERROR, "app/reload",
              "%.*s%s%.*s%s%.*s", SLICE_ARG(x->file),
              x->file.len > 0 ? ": " : "", SLICE_ARG(x->path),
              x->path.len > 0 ? ": " : "", SLICE_ARG(x->reason));
}

const struct tool *report_find(const struct catalog *c, const char *command,
                               const char *name)
{
  const struct tool *tool = catalog_tool(c, slice_of(name));
  if (tool) return tool;
  const struct tool *near = nearest_tool(c, slice_of(name));
  fprintf(stderr, "tidegate %s: no tool '%s'", command, name);
  if (near) fprintf(stderr, " (did you mean %.*s?)", SLICE_ARG(near->name));
  fputs("; 'tidegate tools' lists them\n", stderr);
  return NULL;
}
