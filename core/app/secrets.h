// secrets.h -- where secrets and script-visible variables come from.
//
// A secret "github_token" is the file github_token in the secrets directory
// (one trailing newline is dropped), or else the environment variable
// GITHUB_TOKEN. Files are read anew for each generation, so a rotated secret
// needs a reload and no restart. Used on the loader thread.

#ifndef APP_SECRETS_H
#define APP_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

#include "app/options.h"
#include "base/secret.h"

#define SECRETS_KEPT_MAX 256

// Those of the latest load are kept until the next: what is said of a load that
// failed is printed when its scripts are gone, and must be scrubbed still.
struct secrets {
  struct secret_set *set;
  const struct options *options;
  char **environment; // "NAME=value", NULL-terminated
  struct secret *kept[SECRETS_KEPT_MAX];
  size_t kept_count;
};

// A load begins, or all is over: lets go of what was kept.
void secrets_let_go(struct secrets *secrets);

// For generation_options.find_secret. Gives a reference, or NULL and a hint
// that says what to set. The name is [A-Za-z0-9_.-].
struct secret *secrets_find(void *secrets, struct slice name, char *hint,
                            size_t hint_size);

// The value of a variable that scripts may read; NULL if it is not set or not
// allowed (TIDEGATE_* but no seal keys, and --allow-env). Borrows.
const char *secrets_find_env(void *secrets, struct slice name);

#endif
