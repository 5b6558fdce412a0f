// command_call.c -- `tidegate call TOOL JSON`: one call of a tool, a prompt or a
// resource (by its URI) through the real engine, without a server. The result goes to stdout, the trail to stderr: in
// columns, or as a timeline (--explain). With --json all goes to stdout.

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/report.h"
#include "base/encode.h"
#include "base/explain.h"
#include "base/random.h"
#include "loop/mailbox.h"
#include "script/call.h"
#include "script/task.h"

#define INPUT_MAX ((size_t)16 * 1024 * 1024)

struct one_call {
  struct engine engine;
  struct loop *loop;
  struct live live;
  struct prng chance;
  const struct tool *tool;
  struct command_flags flags;
  struct buf prepared; // what prepare brought, JSON
  int status;
  bool over; // the call that runs
};

// --- printing ---

static void print_text(const struct one_call *c, struct slice text, FILE *out)
{
  struct buf clean = {0};
  secret_hide(c->engine.secrets.set, &text, &clean);
  fwrite(text.data ? text.data : "", 1, text.len, out);
  fputc('\n', out);
  buf_finish(&clean);
}

// Where it goes and how patiently, which no event of the trail says.
static void describe_tool(const struct tool *tool, struct buf *out)
{
  buf_printf(out, "trail of %.*s", SLICE_ARG(tool->name));
  if (tool->integration->base.len > 0)
    buf_printf(out, " (%.*s, policy %.*s)", SLICE_ARG(tool->integration->base),
               SLICE_ARG(tool->policy->name));
  buf_puts(out, ":\n");
}

// What clients are not told: what a script raised, and where.
static void add_cause(const struct one_call *c, const struct call_result *r,
                      struct buf *out)
{
  struct slice cause = task_failure_text(vm_tasks(c->live.vm));
  bool script = r->error.code == E_SCRIPT || r->error.code == E_SCRIPT_LIMIT;
  const char *end = cause.len ? memchr(cause.data, '\n', cause.len) : NULL;
  if (end) cause.len = (size_t)(end - cause.data);
  if (script && cause.len > 0) buf_printf(out, "\n%.*s", SLICE_ARG(cause));
  if (r->error.code == E_UNSUPPORTED)
    buf_puts(out, "\n`tidegate call` has nobody to ask: a client has, and "
                  "kit:answer() of a spec");
}

static void print_error(const struct one_call *c, const struct call_result *r)
{
  struct buf text = {0};
  buf_printf(&text, "%s: %s", error_name(r->error.code), r->error.message);
  if (r->error.retry_after_ms >= 0)
    buf_printf(&text, "; again in %.1f s",
               (double)r->error.retry_after_ms / 1000);
  buf_printf(&text, " (attempts %u, side effect %s)", r->attempts,
             side_effect_name(r->side_effect));
  if (r->details.data) buf_printf(&text, "\n%.*s", SLICE_ARG(r->details));
  add_cause(c, r, &text);
  print_text(c, buf_slice(&text), stderr);
  buf_finish(&text);
}

static void print_trail(const struct one_call *c, const struct call_result *r)
{
  struct buf text = {0}, where = {0};
  const struct tool *tool = c->tool;
  if (c->flags.explain) {
    if (tool->integration->base.len > 0)
      buf_printf(&where, "%.*s, policy %.*s",
                 SLICE_ARG(tool->integration->base),
                 SLICE_ARG(tool->policy->name));
    struct explained e = {r->trail, tool->name, buf_slice(&where), r->attempts,
                          r->side_effect};
    explain_print(&e, &text);
  } else {
    describe_tool(tool, &text);
    trail_print(r->trail, &text);
  }
  print_text(c, buf_slice(&text), stderr);
  buf_finish(&text);
  buf_finish(&where);
}

static void json_error(const struct call_result *r, struct buf *out)
{
  json_put_name(out, "error");
  buf_putc(out, '{');
  json_put_name(out, "code");
  json_put_string(out, slice_of(error_name(r->error.code)));
  json_put_name(out, "message");
  json_put_string(out, slice_of(r->error.message));
  if (r->error.retry_after_ms >= 0) {
    json_put_name(out, "retry_after_ms");
    json_put_int(out, r->error.retry_after_ms);
  }
  if (r->details.data) {
    json_put_name(out, "details");
    buf_add(out, r->details);
  }
  buf_putc(out, '}');
}

static void print_json(const struct one_call *c, const struct call_result *r)
{
  struct buf out = {0};
  buf_putc(&out, '{');
  json_put_name(&out, "tool");
  json_put_string(&out, c->tool->name);
  json_put_name(&out, "ok");
  buf_puts(&out, r->form == CALL_ERROR ? "false" : "true");
  if (r->form == CALL_ERROR) {
    json_error(r, &out);
  } else if (r->form == CALL_BYTES) {
    json_put_name(&out, "blob");
    buf_putc(&out, '"');
    base64_put(&out, r->body);
    buf_putc(&out, '"');
  } else {
    json_put_name(&out, "result");
    if (r->form == CALL_TEXT)
      json_put_string(&out, r->body);
    else
      buf_add(&out, r->body);
  }
  json_put_name(&out, "attempts");
  json_put_int(&out, r->attempts);
  json_put_name(&out, "side_effect");
  json_put_string(&out, slice_of(side_effect_name(r->side_effect)));
  json_put_name(&out, "trail");
  trail_json(r->trail, &out);
  buf_putc(&out, '}');
  print_text(c, buf_slice(&out), stdout);
  buf_finish(&out);
}

static void on_done(void *ctx, struct call *call, const struct call_result *r)
{
  (void)call;
  struct one_call *c = ctx;
  bool json = c->flags.json;
  if (c->flags.explain || !json) print_trail(c, r);
  if (json)
    print_json(c, r);
  else if (r->form == CALL_ERROR)
    print_error(c, r);
  else if (r->form == CALL_BYTES)
    fwrite(r->body.data, 1, r->body.len, stdout);
  else
    print_text(c, r->body, stdout);
  c->status = r->form == CALL_ERROR;
  c->over = true;
}

// Then the tool itself follows.
static void on_prepared(void *ctx, struct call *call,
                        const struct call_result *r)
{
  struct one_call *c = ctx;
  if (r->form == CALL_ERROR) {
    on_done(c, call, r);
    return;
  }
  if (r->form == CALL_TEXT)
    json_put_string(&c->prepared, r->body);
  else
    buf_add(&c->prepared, r->body);
  c->over = true;
}

// --- input ---

struct input {
  struct buf text;
  struct arena arena;
  struct json_doc doc;
  uint32_t node;
};

static bool read_input(struct buf *out)
{
  char chunk[4096];
  size_t n;
  while ((n = fread(chunk, 1, sizeof(chunk), stdin)) > 0 &&
         out->len < INPUT_MAX)
    buf_append(out, chunk, n);
  return buf_ok(out);
}

static enum error_code read_given(const char *given, struct buf *text,
                                  struct error *err)
{
  if (strcmp(given, "-"))
    buf_puts(text, given);
  else if (!read_input(text))
    return error_set(err, E_NO_MEMORY, "out of memory");
  return json_valid(buf_slice(text), (struct json_limits){0}, err);
}

// The arguments are made a member, since call_options names a node and takes
// the root for "none".
static enum error_code read_arguments(struct input *in, const char *given,
                                      struct error *err)
{
  struct buf text = {0};
  enum error_code code = read_given(given, &text, err);
  if (code == OK) {
    buf_puts(&in->text, "{\"arguments\":");
    buf_add(&in->text, buf_slice(&text));
    buf_putc(&in->text, '}');
    code = json_parse(&in->doc, buf_slice(&in->text), (struct json_limits){0},
                      &in->arena, err);
  }
  buf_finish(&text);
  if (code != OK) return code;
  in->node = json_get(&in->doc, 0, "arguments");
  if (json_type(&in->doc, in->node) == JSON_OBJECT) return OK;
  return error_set(err, E_INVALID, "not an object");
}

// --- running ---

static void wait_for(struct one_call *c, const struct call_options *o,
                     call_done_fn done)
{
  c->over = false;
  if (!call_start(&c->live, o, done, c)) {
    fputs("tidegate: out of memory\n", stderr);
    return;
  }
  while (!c->over)
    loop_turn(c->loop, true);
}

// Nobody else waits, so what could run on as a task has the time of one.
static void start(struct one_call *c, const struct tool *tool,
                  const struct input *in)
{
  char id[UUID_LEN + 1] = "call";
  c->tool = tool;
  random_uuid(id);
  struct call_options o = {
      .tool = tool,
      .doc = &in->doc,
      .arguments = in->node,
      .slot = tool->prepare_slot,
      .principal = SLICE("command line"),
      .request_id = slice_of(id),
      .as_task = tool->task != TASK_NEVER,
  };
  if (o.slot) {
    wait_for(c, &o, on_prepared);
    if (!c->prepared.len) return; // it said no
    o.slot = 0;
    o.prepared = buf_slice(&c->prepared);
  }
  wait_for(c, &o, on_done);
}

// A tool, a prompt, or what a URI names; a template's variables are appended to
// `variables`. NULL: there is none, and it has said so.
static const struct tool *find_handler(const struct catalog *catalog,
                                       const char *word, struct buf *variables)
{
  struct slice name = slice_of(word);
  const struct offer *offer = catalog_offer(catalog, OFFER_PROMPT, name);
  if (!offer) offer = catalog_offer(catalog, OFFER_RESOURCE, name);
  if (!offer) offer = catalog_template(catalog, name, variables);
  if (offer) return &offer->handler;
  if (!strstr(word, "://")) return report_find(catalog, "call", word);
  fprintf(stderr,
          "tidegate call: no resource or template '%s'; 'tidegate tools' "
          "lists them\n",
          word);
  return NULL;
}

static void run_call(struct one_call *c, const struct command_line *line,
                     const struct catalog *catalog)
{
  struct input in = {0};
  struct error err;
  struct buf variables = {0};
  const char *given = line->argc > 2 ? line->argv[2] : "{}";
  const struct tool *tool = find_handler(catalog, line->argv[1], &variables);
  buf_putc(&variables, '\0');
  if (variables.len > 1) given = variables.data;
  c->status = 2;
  if (tool && tool->kind == KIND_RESOURCE && line->argc > 2)
    fputs("tidegate call: a resource has no arguments but its URI\n", stderr);
  else if (tool && read_arguments(&in, given, &err) != OK)
    fprintf(stderr,
            "tidegate call: arguments are a JSON object, as '{\"city\": "
            "\"Bergen\"}': %s\n",
            err.message);
  else if (tool)
    start(c, tool, &in);
  buf_finish(&in.text);
  buf_finish(&variables);
  buf_finish(&c->prepared);
  arena_finish(&in.arena);
}

static int run(struct one_call *c, const struct command_line *line)
{
  struct faults faults = {0};
  struct generation *g = engine_load(&c->engine, 1, &faults);
  report_print(&c->engine, &faults, stderr);
  faults_finish(&faults);
  if (!g) return 1;
  vm_attach(g->vms[0], c->loop, c->engine.log);
  prng_seed(&c->chance, engine_seed());
  c->live = (struct live){
      .generation = g,
      .vm = g->vms[0],
      .http = engine_new_client(&c->engine, c->loop, c->engine.log),
      .mailbox = mailbox_new(c->loop),
      .chance = &c->chance,
  };
  if (c->live.mailbox)
    c->live.fetcher =
        fetcher_new(c->engine.fetches, c->loop, c->live.mailbox, &c->chance);
  if (c->live.http && c->live.fetcher) run_call(c, line, g->catalog);
  fetcher_free(c->live.fetcher);
  http_client_free(c->live.http);
  mailbox_free(c->live.mailbox);
  engine_discard(g);
  return c->status;
}

int command_call(const struct command_line *line)
{
  struct one_call c = {.status = 2, .flags = line->flags};
  struct error err;
  if (line->argc < 2 || line->argc > 3) {
    fputs("usage: tidegate call TOOL [JSON]; 'tidegate tools' lists them\n",
          stderr);
    if (line->argc > 3)
      fputs("The JSON is one argument, in single quotes: '{\"id\": 3}'\n",
            stderr);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  if (engine_init(&c.engine, line->options, line->environment, &err) != OK) {
    fprintf(stderr, "tidegate: %s\n", err.message);
    return 2;
  }
  // The trail and the error tell what the engine's lines would.
  if (line->options->log_level.len == 0) log_only(c.engine.log, "scripts/");
  c.loop = loop_new();
  int status = c.loop ? run(&c, line) : 2;
  loop_free(c.loop);
  engine_finish(&c.engine);
  return status;
}
