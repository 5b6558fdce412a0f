// secret.h -- values that must not be seen.
//
// A secret is a reference-counted string that prints as "***". The process
// keeps the set of all secrets alive; secret_scrub() replaces any of them in a
// text that is about to leave (a log line, an error, an answer of an upstream
// that echoes our headers). Values under 6 bytes are not scrubbed: they would
// hit innocent text; the loader warns about them.
//
// The set is safe for threads: a mutex on the rare path of adding and ending,
// while readers take a snapshot without a lock. Snapshots that are out of use
// are freed when no reader is under way. Memory of a secret is wiped before it
// is freed. A secret whose last reference ended is no longer scrubbed.

#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

#define SECRET_SCRUB_MIN 6

struct secret;
struct secret_set;

struct secret_set *secret_set_new(void);
// All secrets must be gone. NULL is fine.
void secret_set_free(struct secret_set *set);

// Copies `value` and adds it to the set, with its base64 (also inside a longer
// text, as in Basic authentication), percent-encoded and JSON-escaped spellings,
// which are scrubbed too. Equal values share one secret. Gives a
// reference: end it with secret_unref(). NULL when out of memory.
struct secret *secret_new(struct secret_set *set, struct slice value);
struct secret *secret_ref(struct secret *s);
void secret_unref(struct secret *s); // NULL is fine
// The bytes; borrows: valid while the reference is held. Never print them.
struct slice secret_reveal(const struct secret *s);

// Does `text` hold any secret of the set? O(len), mostly far less (base/scrub.h).
// NULL set: false.
bool secret_found(const struct secret_set *set, struct slice text);

// Appends `text` to `out` with every secret replaced by "***"; secrets that
// overlap give one "***".
void secret_scrub(const struct secret_set *set, struct slice text,
                  struct buf *out);

// Before `*text` leaves for good: if it holds a secret, also one whose JSON
// spelling is not ours ("\/", "\u003c": what a service echoes), `*text` becomes
// a scrubbed copy in `clean`, which is empty. Without memory nothing of it is
// left. False if there was none.
bool secret_hide(const struct secret_set *set, struct slice *text,
                 struct buf *clean);

#endif
