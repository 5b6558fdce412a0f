// ask.c -- see ask.h for the contract.

#include "mcp/ask.h"

#include "mcp/capability.h"

static const struct {
  unsigned need;
  uint32_t capability;
  enum revision since;
} abilities[] = {
    {ASK_NEEDS_FORM, CAPABILITY_ELICIT_FORM, REVISION_2025_06_18},
    {ASK_NEEDS_URL, CAPABILITY_ELICIT_URL, REVISION_2025_11_25},
    {ASK_NEEDS_SAMPLING, CAPABILITY_SAMPLING, REVISION_2024_11_05},
    {ASK_NEEDS_TOOLS, CAPABILITY_SAMPLING_TOOLS, REVISION_2025_11_25},
    {ASK_NEEDS_CONTEXT, CAPABILITY_SAMPLING_CONTEXT, REVISION_2025_11_25},
    {ASK_NEEDS_ROOTS, CAPABILITY_ROOTS, REVISION_2024_11_05},
};

enum { ABILITIES = sizeof(abilities) / sizeof(abilities[0]) };

unsigned ask_can(const struct job *job)
{
  const struct inbound *in = &job->exchange->in;
  bool reachable = job_is_modern(job) ||
                   (in->has_session && !in->batch && in->fields.accepts_sse);
  unsigned can = 0;
  for (size_t i = 0; reachable && i < ABILITIES; i++)
    if ((in->capabilities & abilities[i].capability) &&
        in->revision >= abilities[i].since)
      can |= abilities[i].need;
  // Before it had a name of its own, whoever sampled took contexts.
  if ((can & ASK_NEEDS_SAMPLING) && in->revision < REVISION_2025_11_25)
    can |= ASK_NEEDS_CONTEXT;
  return can;
}

static uint32_t capabilities_of(unsigned needs)
{
  uint32_t bits = 0;
  for (size_t i = 0; i < ABILITIES; i++)
    if (needs & abilities[i].need) bits |= abilities[i].capability;
  return bits;
}

bool ask_was_answered(const struct job *job)
{
  return job->rounds && rounds_were_answered(job->rounds);
}

bool ask_begin(struct job *job, struct call_options *options,
               struct refusal *why)
{
  if (!(job->method->flags & METHOD_ASKS)) return true;
  if (job_is_modern(job)) {
    // After prepare its own goes on: what that was answered is used up.
    if (!job->rounds) job->rounds = rounds_new(job, why);
    if (!job->rounds) return false;
    options->asker = rounds_asker(job->rounds);
    options->run = rounds_run(job->rounds);
    return true;
  }
  job->park = park_new(job);
  if (!job->park) return refuse(why, 500, RPC_INTERNAL_ERROR, "Out of memory");
  options->asker = park_asker(job->park);
  return true;
}

// The handler gave up because of what its client cannot do.
static void refuse_lacking(struct job *job, const struct call_result *result)
{
  struct refusal why;
  struct buf data = {0};
  refuse(&why, 400, RPC_MISSING_CAPABILITY, "%s", result->error.message);
  capability_put_required(&data, capabilities_of(result->lacked));
  if (buf_ok(&data))
    why.data = arena_copy(&job->exchange->arena, buf_slice(&data));
  buf_finish(&data);
  job_refuse(job, &why);
}

bool ask_end(struct job *job, const struct call_result *result)
{
  if (result->suspended) {
    rounds_end(job->rounds, result);
    return true;
  }
  bool lacking = job_is_modern(job) && result->form == CALL_ERROR &&
                 result->error.code == E_UNSUPPORTED && result->lacked;
  if (lacking) refuse_lacking(job, result);
  return lacking;
}
