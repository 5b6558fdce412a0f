// prove_lab.c -- see prove_lab.h for the contract.

#include "app/prove_lab.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "guard/bulkhead.h"
#include "loop/mailbox.h"

#define START_NS   (1000 * NS_PER_S)
#define START_WALL INT64_C(1767225600000) // 2026-01-01
#define MEMORY     ((size_t)1 << 30)
#define CACHE      ((size_t)1 << 20)
// Turns without time going by, after which something must be wrong.
#define STANDSTILL 4000000

enum { SLOT_ONCE = 1, SLOT_SAME, SLOT_RESTLESS, SLOT_FALLBACK };

static const struct {
  uint32_t slot;
  const char *text;
} handlers[] = {
    {SLOT_ONCE, "local n, past = 0, { cache = false }\n"
                "return function(ctx, args)\n"
                "  n = n + 1\n"
                "  local path = '/' .. n\n"
                "  local res, err = ctx.http:request(args.method, path, past)\n"
                "  if not res then return nil, err end\n"
                "  return 'done'\n"
                "end"},
    {SLOT_SAME, "return function(ctx, args)\n"
                "  local res, err = ctx.http:request(args.method, '/')\n"
                "  if not res then return nil, err end\n"
                "  return 'done'\n"
                "end"},
    {SLOT_RESTLESS, "local past = { cache = false }\n"
                    "return function(ctx, args)\n"
                    "  while true do\n"
                    "    ctx.http:request(args.method, '/', past)\n"
                    "    tide.time.sleep(0.05 + ctx.deadline / 1e5)\n"
                    "  end\n"
                    "end"},
    {SLOT_FALLBACK, "return function() return 'fallen back' end"},
};

// --- the parts ---

static int64_t wall_clock(void *ctx)
{
  return loop_wall_ms(ctx);
}

static bool load_handlers(struct vm *vm)
{
  struct error err;
  for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
    if (vm_load(vm, SLICE("prover"), slice_of(handlers[i].text), &err) != OK)
      return false;
    vm_set_function(vm, handlers[i].slot);
  }
  return true;
}

static bool open_vm(struct lab *lab)
{
  lab->vm = vm_new((struct vm_options){
      .max_memory = MEMORY,
      .task = {.max_tasks = LAB_CALLS + 1},
      .open_api = bind_open,
      .api_ctx = &lab->bind,
      .seed = lab->seed,
  });
  if (!lab->vm || !load_handlers(lab->vm)) return false;
  vm_attach(lab->vm, lab->loop, lab->log);
  return true;
}

static bool open_service(struct lab *lab)
{
  lab->service = scripted_new(lab->loop);
  if (!lab->service) return false;
  lab->client = scripted_client(lab->service);
  return lab->client != NULL;
}

static bool open_cache(struct lab *lab)
{
  lab->fetches = fetch_shared_new(CACHE, lab->seed);
  if (lab->fetches)
    lab->fetcher =
        fetcher_new(lab->fetches, lab->loop, lab->mailbox, &lab->chance);
  return lab->fetcher != NULL;
}

static void close_cache(struct lab *lab)
{
  fetcher_free(lab->fetcher);
  fetch_shared_free(lab->fetches);
  lab->fetcher = NULL;
  lab->fetches = NULL;
}

bool lab_open(struct lab *lab, const struct bind_env *bind, uint64_t seed)
{
  *lab = (struct lab){.bind = *bind, .seed = seed};
  list_init(&lab->probes);
  lab->loop = loop_new_simulated(START_NS, START_WALL);
  if (!lab->loop) return false;
  lab->log = log_new((struct log_options){.fd = 2,
                                          .level = LOG_OFF,
                                          .clock = wall_clock,
                                          .clock_ctx = lab->loop,
                                          .secrets = bind->secrets});
  lab->bind.log = lab->log;
  lab->bind.seed = seed;
  lab->mailbox = mailbox_new(lab->loop);
  return lab->log && lab->mailbox && open_vm(lab) && open_service(lab) &&
         open_cache(lab);
}

static void drop_all(struct lab *lab)
{
  LIST_EACH (link, &lab->probes)
    lab_drop(LIST_ITEM(link, struct probe, link));
}

void lab_close(struct lab *lab)
{
  drop_all(lab);
  if (lab->loop) lab_settle(lab);
  close_cache(lab);
  http_client_free(lab->client);
  vm_free(lab->vm);
  mailbox_free(lab->mailbox);
  upstream_set_free(lab->set);
  log_free(lab->log);
  loop_free(lab->loop);
  buf_finish(&lab->text);
  arena_finish(&lab->arena);
}

// --- a scenario ---

static void serve(void *ctx, const struct scripted_request *request,
                  struct behaviour *out)
{
  (void)request;
  *out = ((struct lab *)ctx)->does;
}

void lab_fresh(struct lab *lab, uint64_t plus)
{
  drop_all(lab);
  lab_settle(lab);
  if (lab->began_ns) lab->virtual_ns += lab_now(lab) - lab->began_ns;
  lab->began_ns = lab_now(lab);
  lab->calls = 0;
  lab->does = lab_good();
  lab->principal = SLICE("prover");
  if (lab->kept) close_cache(lab);
  if (lab->kept && !open_cache(lab)) lab->broken = true;
  lab->kept = false;
  upstream_set_free(lab->set);
  lab->set = upstream_set_new(lab->seed + plus);
  lab->upstream = NULL;
  prng_seed(&lab->chance, lab->seed + plus);
  scripted_clear(lab->service);
  struct behaviour asks = {.ask = serve, .ask_ctx = lab};
  if (lab->set)
    lab->upstream = upstream_get(lab->set, SLICE("prover"),
                                 lab->integration.policy, lab_now(lab));
  if (!lab->upstream ||
      !scripted_add(lab->service, SLICE("*"), SLICE("*"), &asks, 1))
    lab->broken = true;
  lab->integration.upstream = lab->upstream;
}

void lab_restore(struct lab *lab)
{
  lab->policy = *lab->real->policy;
}

// Nothing of the script: no credentials, no errors of its own, no word on what
// an answer means; its functions are not in this VM.
static void take_integration(struct lab *lab, const struct tool *tool)
{
  lab->integration = *tool->integration;
  lab->integration.auth = (struct auth){0};
  lab->integration.errors_slot = lab->integration.classify_slot = 0;
  if (tool->integration->policy == tool->policy)
    lab->integration.policy = &lab->policy;
}

static void take_arguments(struct lab *lab, bool reads)
{
  struct error err;
  arena_reset(&lab->arena);
  buf_reset(&lab->text, 0);
  buf_printf(&lab->text, "{\"arguments\":{\"method\":\"%s\"}}",
             reads ? "GET" : "POST");
  if (json_parse(&lab->doc, buf_slice(&lab->text), (struct json_limits){0},
                 &lab->arena, &err) != OK)
    lab->broken = true;
}

static bool has_key(const struct tool *tool)
{
  return tool->integration->idempotency.header.data != NULL;
}

void lab_take(struct lab *lab, const struct tool *tool, bool reads)
{
  drop_all(lab);
  lab->real = tool;
  lab->policy = *tool->policy;
  take_integration(lab, tool);
  take_arguments(lab, reads);
  lab->tool = *tool;
  lab->tool.integration = &lab->integration;
  lab->tool.policy = &lab->policy;
  lab->tool.args = lab->tool.result = NULL;
  lab->tool.run_slot = SLOT_ONCE;
  if (tool->fallback_slot) lab->tool.fallback_slot = SLOT_FALLBACK;
  lab->restless = lab->tool;
  lab->restless.run_slot = SLOT_RESTLESS;
  lab->reads = reads;
  lab->repeatable = reads || tool->annotations.idempotent == 1 || has_key(tool);
  lab_fresh(lab, 0);
}

// --- what the service does ---

struct behaviour lab_good(void)
{
  return lab_status(200);
}

struct behaviour lab_status(int status)
{
  return (struct behaviour){
      .end = HTTP_ANSWERED, .status = status, .sent = true};
}

struct behaviour lab_again(int status)
{
  struct behaviour does = lab_status(status);
  does.head = SLICE("Retry-After: 0\n");
  return does;
}

struct behaviour lab_hangs(void)
{
  return (struct behaviour){.hang = true, .sent = true};
}

struct behaviour lab_failing(const struct lab *lab)
{
  if (lab->repeatable) return lab_status(500);
  return (struct behaviour){.end = HTTP_REFUSED};
}

// --- time ---

uint64_t lab_now(const struct lab *lab)
{
  return loop_now(lab->loop);
}

void lab_settle(struct lab *lab)
{
  uint64_t now = lab_now(lab);
  uint32_t turns = 0;
  while (loop_next(lab->loop) <= now) {
    loop_turn(lab->loop, true);
    if (++turns < STANDSTILL) continue;
    lab->broken = true;
    return;
  }
}

void lab_step(struct lab *lab, uint64_t until_ns)
{
  uint64_t next = loop_next(lab->loop);
  loop_run_until(lab->loop, next < until_ns ? next : until_ns);
  lab_settle(lab);
}

void lab_until(struct lab *lab, uint64_t until_ns)
{
  while (!lab->broken && lab_now(lab) < until_ns)
    lab_step(lab, until_ns);
}

// --- calls ---

static void on_done(void *ctx, struct call *call, const struct call_result *r)
{
  (void)call;
  struct probe *p = ctx;
  p->call = NULL;
  p->done = true;
  p->ok = r->form != CALL_ERROR;
  p->error = r->error;
  if (r->error.code == E_NO_MEMORY) p->lab->broken = true;
  p->attempts = r->attempts;
  p->trail = *r->trail;
  p->end_ns = lab_now(p->lab);
}

static struct probe *add_probe(struct lab *lab)
{
  struct probe *p = NULL;
  if (!lab->broken && lab->calls < LAB_CALLS_TOTAL) p = malloc(sizeof(*p));
  if (!p) return NULL;
  memset(p, 0, offsetof(struct probe, trail));
  p->lab = lab;
  p->start_ns = lab_now(lab);
  list_append(&lab->probes, &p->link);
  lab->calls++;
  return p;
}

struct probe *lab_start(struct lab *lab, const struct tool *tool)
{
  struct probe *p = add_probe(lab);
  if (!p) return NULL;
  lab->generation = (struct generation){.number = 1};
  const struct live live = {.generation = &lab->generation,
                            .vm = lab->vm,
                            .http = lab->client,
                            .mailbox = lab->mailbox,
                            .chance = &lab->chance,
                            .fetcher = lab->fetcher};
  const struct call_options o = {
      .tool = tool,
      .doc = &lab->doc,
      .arguments = json_get(&lab->doc, 0, "arguments"),
      .principal = lab->principal,
      .as_task = lab->as_task,
      .request_id = SLICE("proof"),
  };
  struct call *call = call_start(&live, &o, on_done, p);
  if (!call) lab->broken = true;
  if (!p->done) p->call = call;
  return p;
}

struct probe *lab_start_same(struct lab *lab, struct slice principal)
{
  lab->kept = true;
  lab->principal = principal;
  lab->same = lab->tool;
  lab->same.run_slot = SLOT_SAME;
  return lab_start(lab, &lab->same);
}

void lab_drop(struct probe *p)
{
  if (p->call) call_cancel(p->call, "the prover");
  list_remove(&p->link);
  free(p);
}

void lab_wait(struct probe *p)
{
  struct lab *lab = p->lab;
  while (!p->done && !lab->broken && loop_next(lab->loop) != UINT64_MAX)
    lab_step(lab, UINT64_MAX);
}

uint32_t lab_on_wire(const struct lab *lab)
{
  return http_client_stats(lab->client).running;
}

uint64_t lab_sent(const struct lab *lab)
{
  size_t n;
  scripted_requests(lab->service, &n);
  return n;
}

uint64_t lab_sent_at(const struct lab *lab, uint64_t n)
{
  size_t count;
  const struct scripted_request *r = scripted_requests(lab->service, &count);
  return n < count ? r[n].at_ns - lab->began_ns : 0;
}

// --- steps ---

const struct trail *probe_trail(const struct probe *p)
{
  return p->call ? call_trail(p->call) : &p->trail;
}

const struct trail_step *probe_step(const struct probe *p, enum trail_kind kind,
                                    uint32_t n)
{
  const struct trail *t = probe_trail(p);
  for (uint32_t i = 0; i < t->count; i++)
    if (t->steps[i].kind == kind && n-- == 0) return &t->steps[i];
  return NULL;
}

const struct trail_step *lab_wait_step(struct probe *p, enum trail_kind kind,
                                       uint32_t n)
{
  struct lab *lab = p->lab;
  const struct trail_step *step;
  while (!(step = probe_step(p, kind, n)) && !p->done && !lab->broken &&
         loop_next(lab->loop) != UINT64_MAX)
    loop_turn(lab->loop, true);
  return step;
}

static void describe(const struct probe *p, struct lab_try *seen)
{
  const struct trail_step *answer = probe_step(p, TRAIL_ANSWER, 0);
  const struct trail_step *from = probe_step(p, TRAIL_ATTEMPT, 0);
  const struct trail_step *no = probe_step(p, TRAIL_REJECT, 0);
  seen->injected = probe_step(p, TRAIL_FAULT, 0) != NULL;
  if (answer) {
    seen->answered = true;
    seen->status = answer->a;
    if (from) seen->took_ns = answer->at_ns - from->at_ns;
  } else if (no) {
    snprintf(seen->why, sizeof(seen->why), "%s", no->label);
    seen->wait_ns = (uint64_t)no->a * NS_PER_MS;
  }
}

struct lab_try lab_attempt(struct lab *lab, struct behaviour does)
{
  struct lab_try seen = {0};
  lab->does = does;
  struct probe *p = lab_start(lab, &lab->tool);
  if (!p) return seen;
  lab_wait_step(p, TRAIL_ANSWER, 0);
  describe(p, &seen);
  lab_drop(p);
  lab_settle(lab);
  return seen;
}
