// calls.c -- calls that jobs make: begun, cancelled, over.

#include "mcp/ask.h"
#include "mcp/result.h"
#include "mcp/serve.h"

static void on_done(void *ctx, struct call *call,
                    const struct call_result *result)
{
  struct job *job = ctx;
  (void)call;
  job->call = NULL;
  job->calls_over++;
  job->stop = NULL;
  mcp_shared_remove(job_server(job)->options.shared, &job->inflight);
  if (job->cancelled)
    job_drop(job);
  else if (!ask_end(job, result))
    job->answer(job, result);
}

static void stop(struct job *job, const char *by)
{
  job_server(job)->runner->cancel(job->call, by);
}

// notifications/cancelled named it; perhaps another worker was told.
static void on_cancelled(struct inflight *inflight)
{
  struct job *job = LIST_ITEM(inflight, struct job, inflight);
  job->cancelled = true;
  job->stop(job, "client");
}

void job_make_cancellable(struct job *job)
{
  const struct inbound *in = &job->exchange->in;
  if (!in->has_session) return;
  const struct mcp_server *s = job_server(job);
  job->inflight.mailbox = s->options.mailbox;
  job->inflight.id = job->env->id;
  job->inflight.cancel = on_cancelled;
  memcpy(job->inflight.session, in->session.id, SESSION_ID_LEN);
  mcp_shared_add(s->options.shared, &job->inflight);
}

// The job may be answered when this returns.
static void start(struct job *job, struct call_options *options)
{
  const struct mcp_server *s = job_server(job);
  uint32_t over = job->calls_over;
  struct call *call = s->runner->start(s->options.live, options, on_done, job);
  if (job->calls_over != over) return; // done at once; another may run
  if (!call) {
    job_out_of_memory(job);
    return;
  }
  job->call = call;
  job->stop = stop;
  job_make_cancellable(job);
  if (job->exchange->in.fields.accepts_sse) reply_wait(&job->exchange->reply);
}

void job_call(struct job *job, struct call_options *options,
              void (*answer)(struct job *job, const struct call_result *result))
{
  struct exchange *ex = job->exchange;
  options->principal = job_principal(job);
  options->request_id = ex->reply.request_id;
  options->listener = &notices;
  job->answer = answer;
  struct refusal why;
  if (!ask_begin(job, options, &why)) {
    job_refuse(job, &why);
    return;
  }
  exchange_hold(ex); // when it follows another call nobody else does
  start(job, options);
  exchange_let_go(ex);
}

// --- what failed ---

static enum rpc_code code_of(const struct job *job, enum error_code code)
{
  bool resource = job->offer && job->offer->handler.kind == KIND_RESOURCE;
  if (code == E_NOT_FOUND && resource && !job_is_modern(job))
    return RPC_NO_RESOURCE;
  if (code == E_INVALID || (code == E_NOT_FOUND && resource))
    return RPC_INVALID_PARAMS;
  return RPC_INTERNAL_ERROR;
}

void job_fail(struct job *job, const struct call_result *result)
{
  struct call_result r = *result;
  struct result_cleaned cleaned = {0};
  struct refusal why;
  struct buf data = {0};
  result_clean(&r, job_server(job)->options.secrets, &cleaned);
  refuse(&why, 200, code_of(job, r.error.code), "%s", r.error.message);
  result_put_error(&data, &r, job->exchange->reply.request_id);
  if (buf_ok(&data))
    why.data = arena_copy(&job->exchange->arena, buf_slice(&data));
  buf_finish(&data);
  result_cleaned_finish(&cleaned);
  job_refuse(job, &why);
}
