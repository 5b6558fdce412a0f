// breaker.c -- see breaker.h for the contract, breaker_word.h for the words.

#include "guard/breaker.h"

#include <assert.h>

#include "base/random.h"
#include "guard/breaker_word.h"

#define MS          UINT64_C(1000000)
#define FORGIVEN_MS UINT64_C(300000)       // closed that long: first opening
#define HINT_MAX_MS (INT64_C(6) * 3600000) // as guard/retry_after.h
#define BUSY_NS     (UINT64_C(1000) * MS)  // when all probes are out

void breaker_init(struct breaker *b, uint64_t seed, uint64_t now_ns)
{
  *b = (struct breaker){.start_ns = now_ns, .seed = seed};
}

static enum breaker_mode mode_of(struct breaker *b,
                                 const struct breaker_options *o)
{
  uint32_t forced = atomic_load_explicit(&b->forced, memory_order_relaxed);
  return forced ? (enum breaker_mode)(forced - 1) : o->mode;
}

static bool refuses(enum breaker_mode mode, bool is_retry)
{
  switch (mode) {
  case BREAKER_FULL:
  case BREAKER_FORCED_OPEN: return true;
  case BREAKER_RETRIES_ONLY: return is_retry;
  case BREAKER_METRICS_ONLY:
  case BREAKER_DISABLED:
  case BREAKER_MODES: break;
  }
  return false;
}

// --- transitions: each begins a generation ---

static const enum breaker_stat entered[] = {
    [BREAKER_CLOSED] = STAT_CLOSED,
    [BREAKER_OPEN] = STAT_OPENED,
    [BREAKER_HALF_OPEN] = STAT_HALF_OPENED,
};

// From `old`, or not at all if somebody else was faster.
static bool enter(struct breaker *b, uint64_t old, struct breaker_parts next)
{
  next.generation = word_parts(old).generation + 1;
  if (!breaker_swap(b, &old, word_pack(next))) return false;
  breaker_count(b, entered[next.state]);
  return true;
}

static uint32_t opens_after(struct breaker_parts p, uint64_t now_ms)
{
  bool forgiven =
      p.state == BREAKER_CLOSED && now_ms - p.payload >= FORGIVEN_MS;
  uint32_t before = forgiven ? 0 : p.opens;
  return before < OPENS_MAX ? before + 1 : OPENS_MAX;
}

// Jittered by the generation, so that replicas which opened together do not
// probe together.
static uint64_t open_for_ms(const struct breaker *b,
                            const struct breaker_options *o,
                            struct breaker_parts next, int64_t hint_ms)
{
  uint64_t bound = (uint64_t)o->base_open_ms << (next.opens - 1);
  if (bound > o->max_open_ms) bound = o->max_open_ms;

  struct prng chance;
  prng_seed(&chance, b->seed + next.generation);
  double jittered = (double)bound * (0.8 + 0.4 * prng_unit(&chance));

  if (hint_ms > HINT_MAX_MS) hint_ms = HINT_MAX_MS;
  return (double)hint_ms > jittered ? (uint64_t)hint_ms : (uint64_t)jittered;
}

static bool open_from(struct breaker *b, const struct breaker_options *o,
                      uint64_t old, int64_t hint_ms, uint64_t now_ns)
{
  struct breaker_parts p = word_parts(old);
  uint64_t now_ms = breaker_ms(b, now_ns);
  struct breaker_parts next = {.state = BREAKER_OPEN,
                               .opens = opens_after(p, now_ms),
                               .generation = p.generation + 1};
  next.payload = now_ms + 1 + open_for_ms(b, o, next, hint_ms);
  return enter(b, old, next);
}

static bool close_from(struct breaker *b, uint64_t old, uint32_t opens,
                       uint64_t now_ns)
{
  return enter(b, old,
               (struct breaker_parts){.state = BREAKER_CLOSED,
                                      .opens = opens,
                                      .payload = breaker_ms(b, now_ns)});
}

// --- probes ---

static enum breaker_effect probe_bad(struct breaker *b,
                                     const struct breaker_options *o,
                                     uint32_t generation, int64_t hint_ms,
                                     uint64_t now_ns)
{
  uint64_t old = breaker_word(b);
  for (;;) {
    struct breaker_parts p = word_parts(old);
    if (p.generation != generation) return BREAKER_STALE;
    struct breaker_trial trial = trial_of(old);
    if (++trial.bad >= o->failures) {
      if (open_from(b, o, old, hint_ms, now_ns)) return BREAKER_OPENED;
      old = breaker_word(b);
      continue;
    }
    p.payload = trial_payload(trial);
    if (breaker_swap(b, &old, word_pack(p))) return BREAKER_COUNTED;
  }
}

static enum breaker_effect probe_good(struct breaker *b,
                                      const struct breaker_options *o,
                                      uint32_t generation, uint64_t now_ns)
{
  uint64_t old = breaker_word(b);
  for (;;) {
    struct breaker_parts p = word_parts(old);
    if (p.generation != generation) return BREAKER_STALE;
    struct breaker_trial trial = trial_of(old);
    if (++trial.good >= o->successes) {
      if (close_from(b, old, p.opens, now_ns)) return BREAKER_RECLOSED;
      old = breaker_word(b);
      continue;
    }
    p.payload = trial_payload(trial);
    if (breaker_swap(b, &old, word_pack(p))) return BREAKER_COUNTED;
  }
}

// One more or one less of the probes that the generation has admitted.
static bool admit(struct breaker *b, uint32_t generation, uint32_t limit,
                  int by)
{
  uint64_t old = breaker_word(b);
  for (;;) {
    struct breaker_parts p = word_parts(old);
    struct breaker_trial trial = trial_of(old);
    if (p.generation != generation) return false;
    if (by > 0 && trial.admitted >= limit) return false;
    trial.admitted = (uint32_t)((int)trial.admitted + by);
    p.payload = trial_payload(trial);
    if (breaker_swap(b, &old, word_pack(p))) return true;
  }
}

static uint32_t admit_limit(const struct breaker_options *o)
{
  return o->admitted < BREAKER_ADMIT_MAX ? o->admitted : BREAKER_ADMIT_MAX;
}

// Leases that ran out are failures of their generation.
static void sweep(struct breaker *b, const struct breaker_options *o,
                  uint32_t generation, uint64_t now_ns)
{
  uint32_t expired = probe_sweep(b, generation, now_ns);
  for (; expired > 0; expired--)
    probe_bad(b, o, generation, -1, now_ns);
}

static bool take_probe(struct breaker *b, const struct breaker_options *o,
                       uint32_t generation, uint64_t now_ns,
                       struct breaker_token *token)
{
  uint32_t slot;
  uint64_t lease = probe_take(b, o, generation, now_ns, &slot);
  if (lease == 0) return false;
  if (!admit(b, generation, admit_limit(o), 1)) {
    probe_end(b, slot, lease);
    return false;
  }
  *token = (struct breaker_token){TOKEN_PROBE, generation, slot, lease};
  return true;
}

// --- acquire ---

// Waits for OPEN; the first one who comes after that ends it.
static bool still_open(struct breaker *b, uint64_t word, uint64_t now_ns,
                       uint64_t *wait_ns)
{
  struct breaker_parts p = word_parts(word);
  uint64_t now_ms = breaker_ms(b, now_ns);
  if (now_ms >= p.payload) return false;
  *wait_ns = (p.payload - now_ms) * MS;
  return true;
}

static bool take(struct breaker *b, const struct breaker_options *o,
                 uint64_t now_ns, struct breaker_permit *permit)
{
  for (;;) {
    uint64_t word = breaker_word(b);
    struct breaker_parts p = word_parts(word);
    switch (p.state) {
    case BREAKER_CLOSED:
      permit->token = (struct breaker_token){TOKEN_PLAIN, p.generation, 0, 0};
      return true;
    case BREAKER_OPEN:
      if (still_open(b, word, now_ns, &permit->wait_ns)) return false;
      enter(
          b, word,
          (struct breaker_parts){.state = BREAKER_HALF_OPEN, .opens = p.opens});
      break; // whoever did it: look again
    case BREAKER_HALF_OPEN:
      sweep(b, o, p.generation, now_ns);
      if (take_probe(b, o, p.generation, now_ns, &permit->token)) return true;
      permit->wait_ns = BUSY_NS;
      if (word_parts(breaker_word(b)).generation == p.generation) return false;
      break; // it ended meanwhile
    }
  }
}

static struct breaker_permit refuse(struct breaker *b, uint64_t wait_ns)
{
  breaker_count(b, STAT_REJECTED);
  return (struct breaker_permit){.wait_ns = wait_ns};
}

struct breaker_permit breaker_acquire(struct breaker *b,
                                      const struct breaker_options *o,
                                      bool is_retry, uint64_t now_ns)
{
  enum breaker_mode mode = mode_of(b, o);
  if (mode == BREAKER_FORCED_OPEN) return refuse(b, o->base_open_ms * MS);

  struct breaker_permit permit = {.ok = true};
  if (take(b, o, now_ns, &permit)) return permit;
  if (refuses(mode, is_retry)) return refuse(b, permit.wait_ns);

  breaker_count(b, STAT_WOULD_REJECT);
  permit.token = (struct breaker_token){.kind = TOKEN_UNCOUNTED};
  return permit;
}

bool breaker_peek(struct breaker *b, const struct breaker_options *o,
                  bool is_retry, uint64_t now_ns, uint64_t *wait_ns)
{
  enum breaker_mode mode = mode_of(b, o);
  *wait_ns = 0;
  if (!refuses(mode, is_retry)) return true;
  *wait_ns = o->base_open_ms * MS;
  if (mode == BREAKER_FORCED_OPEN) return false;

  uint64_t word = breaker_word(b);
  switch (word_parts(word).state) {
  case BREAKER_CLOSED: return true;
  case BREAKER_OPEN: return !still_open(b, word, now_ns, wait_ns);
  case BREAKER_HALF_OPEN: break;
  }
  *wait_ns = BUSY_NS;
  enum probe_room room = probe_room(b, o, now_ns);
  bool may_admit = trial_of(word).admitted < admit_limit(o);
  return room == ROOM_EXPIRED || (room == ROOM_FREE && may_admit);
}

// --- record ---

static bool trips(const struct breaker_options *o, struct breaker_window w)
{
  if (o->consecutive > 0 && w.in_a_row >= o->consecutive) return true;
  if (w.total == 0 || w.total < o->min_calls) return false;
  return w.failed >= o->fail_ratio * w.total ||
         w.slow >= o->slow_ratio * w.total;
}

static enum breaker_effect record_plain(struct breaker *b,
                                        const struct breaker_options *o,
                                        uint32_t generation,
                                        const struct breaker_result *r,
                                        uint64_t now_ns)
{
  uint64_t word = breaker_word(b);
  if (word_parts(word).generation != generation) return BREAKER_STALE;

  struct breaker_sample sample = {generation, r->verdict == VERDICT_BAD,
                                  r->slow};
  uint32_t in_a_row = window_add(b, o, sample, now_ns);
  if (!sample.bad && !sample.slow) return BREAKER_COUNTED;
  if (mode_of(b, o) == BREAKER_DISABLED) return BREAKER_COUNTED;

  struct breaker_window w = breaker_window(b, o, now_ns);
  w.in_a_row = in_a_row; // what this failure made it
  if (!trips(o, w)) return BREAKER_COUNTED;
  bool won = open_from(b, o, word, r->hint_ms, now_ns);
  return won ? BREAKER_OPENED : BREAKER_COUNTED;
}

static enum breaker_effect record_probe(struct breaker *b,
                                        const struct breaker_options *o,
                                        const struct breaker_token *t,
                                        const struct breaker_result *r,
                                        uint64_t now_ns)
{
  if (!probe_end(b, t->slot, t->lease)) return BREAKER_STALE;
  bool bad = r->verdict == VERDICT_BAD || r->slow;
  breaker_count(b, bad ? STAT_PROBE_BAD : STAT_PROBE_GOOD);
  return bad ? probe_bad(b, o, t->generation, r->hint_ms, now_ns)
             : probe_good(b, o, t->generation, now_ns);
}

enum breaker_effect breaker_record(struct breaker *b,
                                   const struct breaker_options *o,
                                   struct breaker_token *token,
                                   const struct breaker_result *result,
                                   uint64_t now_ns)
{
  struct breaker_token t = *token;
  bool counts = t.kind == TOKEN_PLAIN || t.kind == TOKEN_PROBE;
  if (!counts || result->verdict == VERDICT_NEUTRAL) {
    breaker_release(b, token);
    return BREAKER_RELEASED;
  }
  token->kind = TOKEN_NONE;
  enum breaker_effect effect =
      t.kind == TOKEN_PLAIN ? record_plain(b, o, t.generation, result, now_ns)
                            : record_probe(b, o, &t, result, now_ns);
  if (effect == BREAKER_STALE) breaker_count(b, STAT_STALE);
  return effect;
}

void breaker_release(struct breaker *b, struct breaker_token *token)
{
  struct breaker_token t = *token;
  token->kind = TOKEN_NONE;
  if (t.kind != TOKEN_PROBE || !probe_end(b, t.slot, t.lease)) return;
  breaker_count(b, STAT_PROBE_NEUTRAL);
  admit(b, t.generation, 0, -1);
}

struct breaker_result breaker_judge(enum outcome o, uint64_t elapsed_ns,
                                    uint64_t slow_ns, bool first)
{
  bool slow = elapsed_ns >= slow_ns;
  struct breaker_result good = {VERDICT_GOOD, slow, -1};
  struct breaker_result bad = {VERDICT_BAD, slow, -1};
  struct breaker_result neutral = {VERDICT_NEUTRAL, false, -1};
  switch (outcome_row(o)->health) {
  case HEALTH_GOOD: return good;
  case HEALTH_BAD: return bad;
  case HEALTH_BAD_AGAIN: return first ? neutral : bad;
  case HEALTH_BAD_SLOW: return slow ? bad : neutral;
  case HEALTH_UNSEEN:
  case HEALTH_NEUTRAL: break;
  }
  return neutral;
}

// --- from outside ---

void breaker_force(struct breaker *b, enum breaker_mode mode, uint64_t now_ns)
{
  uint32_t forced = mode < BREAKER_MODES ? (uint32_t)mode + 1 : 0;
  atomic_store_explicit(&b->forced, forced, memory_order_relaxed);
  while (!close_from(b, breaker_word(b), 0, now_ns))
    ;
}

bool breaker_gossip(struct breaker *b, const struct breaker_options *o,
                    uint64_t until_ns, uint64_t now_ns)
{
  uint64_t word = breaker_word(b);
  struct breaker_parts p = word_parts(word);
  uint64_t now_ms = breaker_ms(b, now_ns), until = breaker_ms(b, until_ns);
  if (p.state != BREAKER_CLOSED || until <= now_ms) return false;
  if (breaker_window(b, o, now_ns).failed == 0) return false;

  if (until > now_ms + HINT_MAX_MS) until = now_ms + HINT_MAX_MS;
  return enter(b, word,
               (struct breaker_parts){.state = BREAKER_OPEN,
                                      .opens = opens_after(p, now_ms),
                                      .payload = until});
}

enum breaker_state breaker_state(struct breaker *b)
{
  return word_parts(breaker_word(b)).state;
}

const char *breaker_state_name(enum breaker_state state)
{
  static const char *const names[] = {
      [BREAKER_CLOSED] = "closed",
      [BREAKER_OPEN] = "open",
      [BREAKER_HALF_OPEN] = "half_open",
  };
  assert(state <= BREAKER_HALF_OPEN);
  return names[state];
}

uint32_t breaker_generation(struct breaker *b)
{
  return word_parts(breaker_word(b)).generation;
}

uint64_t breaker_reopen_ns(struct breaker *b)
{
  struct breaker_parts p = word_parts(breaker_word(b));
  return p.state == BREAKER_OPEN ? b->start_ns + p.payload * MS : 0;
}

void breaker_stats(struct breaker *b, struct breaker_stats *out)
{
  uint64_t n[STAT_PROBE_EXPIRED + 1];
  for (int i = 0; i <= STAT_PROBE_EXPIRED; i++)
    n[i] = atomic_load_explicit(&b->stats[i], memory_order_relaxed);
  *out = (struct breaker_stats){n[0], n[1], n[2], n[3], n[4],
                                n[5], n[6], n[7], n[8], n[9]};
}

bool breaker_valid(const struct breaker_options *o)
{
  return o->mode < BREAKER_MODES && o->bucket_ms > 0 && o->min_calls > 0 &&
         o->min_calls <= 10000 && o->fail_ratio > 0 && o->slow_ratio > 0 &&
         o->base_open_ms > 0 && o->max_open_ms >= o->base_open_ms &&
         o->probes > 0 && o->probes <= BREAKER_PROBES_MAX &&
         o->admitted <= BREAKER_ADMIT_MAX && o->successes > 0 &&
         o->failures > 0 && o->admitted >= o->successes + o->failures - 1;
}
