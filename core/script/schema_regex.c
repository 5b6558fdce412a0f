// schema_regex.c -- regular expressions that cannot hold the worker.
//
// PCRE2 in the mode that comes nearest to ECMA-262, which JSON Schema means.
// A short text is matched by the quick form under a match limit. When that is
// not enough -- a long text, a pattern that backtracks, or simply many texts in
// one check -- the counted form runs: it calls us before every item of the
// pattern, and each such step is taken from the budget of the whole check. PCRE2
// counts its limit per starting position and not at all inside `[^b]*`, so a
// limit alone would not bound the work; that is why a step costs what was
// scanned since the last one, and more for patterns with large {n}.

#define PCRE2_CODE_UNIT_WIDTH 8

#include <pcre2.h>
#include <stdlib.h>

#include "script/schema_inside.h"

#define SOURCE_MAX  2048 // bytes of a pattern
#define QUICK_TEXT  512  // bytes of a text for the quick form
#define QUICK_STEPS 4096 // over all starting positions
#define HEAP_KIB    16384
#define DEPTH_MAX   100000

// As ECMA-262 (flag u): $ only at the very end, [] matches nothing, \uXXXX.
static const uint32_t options =
    PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX |
    PCRE2_MATCH_UNSET_BACKREF | PCRE2_ALLOW_EMPTY_CLASS |
    PCRE2_NEVER_BACKSLASH_C;

static pcre2_code *compile(struct slice source, uint32_t more,
                           struct error *err)
{
  pcre2_compile_context *context = pcre2_compile_context_create(NULL);
  if (!context) {
    error_set(err, E_NO_MEMORY, "out of memory");
    return NULL;
  }
  pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
  pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX);
  int number;
  PCRE2_SIZE at;
  pcre2_code *code = pcre2_compile((PCRE2_SPTR)source.data, source.len,
                                   options | more, &number, &at, context);
  pcre2_compile_context_free(context);
  if (code) return code;
  char why[128];
  pcre2_get_error_message(number, (PCRE2_UCHAR *)why, sizeof(why));
  error_set(err, E_INVALID, "not a regular expression: %s, at character %zu",
            why, at + 1);
  return NULL;
}

// The largest number in braces: what one item may scan without a callout.
static uint32_t largest_repeat(struct slice source)
{
  uint32_t largest = 0;
  for (size_t i = 0; i < source.len; i++) {
    uint32_t n = 0;
    while (i < source.len && source.data[i] >= '0' && source.data[i] <= '9') {
      n = n > 100000 ? n : n * 10 + (uint32_t)(source.data[i] - '0');
      i++;
    }
    if (n > largest) largest = n;
  }
  return largest;
}

static bool is_anchored(const pcre2_code *code)
{
  uint32_t all = 0;
  pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &all);
  return all & PCRE2_ANCHORED;
}

static bool compile_both(struct schema_regex *regex, struct error *err)
{
  regex->quick = compile(regex->source, 0, err);
  if (!regex->quick) return false;
  regex->counted = compile(regex->source, PCRE2_AUTO_CALLOUT, err);
  return regex->counted != NULL;
}

struct schema_regex *schema_regex_new(struct schema_home *home,
                                      struct slice source, struct error *err)
{
  if (source.len > SOURCE_MAX) {
    error_set(err, E_INVALID, "a pattern may have at most %d bytes",
              SOURCE_MAX);
    return NULL;
  }
  if (source.len >= 2 && !memcmp(source.data, "(*", 2)) {
    error_set(err, E_INVALID, "not a regular expression: \"(*\"");
    return NULL;
  }
  struct schema_regex *regex = arena_alloc(&home->arena, sizeof(*regex));
  if (!regex) {
    error_set(err, E_NO_MEMORY, "out of memory");
    return NULL;
  }
  regex->source = source;
  regex->next = home->regexes;
  home->regexes = regex; // so that it is freed also if only one form compiles
  if (!compile_both(regex, err)) return NULL;
  regex->anchored = is_anchored(regex->quick);
  regex->weight = 1 + largest_repeat(source) / 32;
  return regex;
}

void schema_regex_free(struct schema_regex *regex)
{
  for (; regex; regex = regex->next) {
    pcre2_code_free(regex->quick);
    pcre2_code_free(regex->counted);
  }
}

// --- matching ---

struct count {
  struct schema_budget *budget;
  uint32_t weight;
  size_t last;
};

static int on_step(pcre2_callout_block *block, void *ctx)
{
  struct count *count = ctx;
  size_t at = block->current_position;
  size_t moved = at > count->last ? at - count->last : count->last - at;
  count->last = at;
  count->budget->steps -= (int64_t)(count->weight + moved / 32);
  return count->budget->steps < 0 ? PCRE2_ERROR_CALLOUT : 0;
}

static int run(const pcre2_code *code, struct slice text,
               pcre2_match_context *context)
{
  pcre2_match_data *data = pcre2_match_data_create(1, NULL);
  if (!data) return PCRE2_ERROR_NOMEMORY;
  int result = pcre2_match(code, (PCRE2_SPTR)text.data, text.len, 0,
                           PCRE2_NO_UTF_CHECK, data, context);
  pcre2_match_data_free(data);
  return result;
}

static int run_quick(const struct schema_regex *regex, struct slice text,
                     pcre2_match_context *context)
{
  size_t starts = regex->anchored ? 1 : text.len + 1;
  pcre2_set_match_limit(context, (uint32_t)(QUICK_STEPS / starts + 8));
  return run(regex->quick, text, context);
}

static int run_counted(const struct schema_regex *regex, struct slice text,
                       struct schema_budget *budget,
                       pcre2_match_context *context)
{
  struct count count = {budget, regex->weight, 0};
  budget->steps -= 64 + (int64_t)(text.len / 64);
  pcre2_set_match_limit(context, UINT32_MAX);
  pcre2_set_callout(context, on_step, &count);
  return run(regex->counted, text, context);
}

bool schema_regex_match(const struct schema_regex *regex, struct slice text,
                        struct schema_budget *budget)
{
  pcre2_match_context *context = pcre2_match_context_create(NULL);
  int result = PCRE2_ERROR_NOMEMORY;
  if (context) {
    pcre2_set_heap_limit(context, HEAP_KIB);
    pcre2_set_depth_limit(context, DEPTH_MAX);
    result = PCRE2_ERROR_MATCHLIMIT;
    if (text.len <= QUICK_TEXT && budget->quick > 0) {
      budget->quick--;
      budget->steps -= 8;
      result = run_quick(regex, text, context);
    }
    if (result == PCRE2_ERROR_MATCHLIMIT)
      result = run_counted(regex, text, budget, context);
    pcre2_match_context_free(context);
  }
  if (result >= 0) return true;
  if (result != PCRE2_ERROR_NOMATCH) budget->steps = -1;
  return false;
}
