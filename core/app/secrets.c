// secrets.c -- see secrets.h for the contract.

#include "app/secrets.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define NAME_MAX_LEN 128
#define SECRET_MAX   (64 * 1024)
#define WHY_MAX      64

static const char *variable(char **environment, const char *name, size_t len)
{
  for (char **e = environment; *e; e++)
    if (!strncmp(*e, name, len) && (*e)[len] == '=') return *e + len + 1;
  return NULL;
}

static bool name_ok(struct slice name)
{
  if (name.len == 0 || name.len > NAME_MAX_LEN || name.data[0] == '.')
    return false;
  for (size_t i = 0; i < name.len; i++)
    if (!isalnum((unsigned char)name.data[i]) && !strchr("_.-", name.data[i]))
      return false;
  return true;
}

// GITHUB_TOKEN for github_token; what no variable can have becomes '_'.
static void variable_name(struct slice name, char out[NAME_MAX_LEN + 1])
{
  for (size_t i = 0; i < name.len; i++) {
    unsigned char c = (unsigned char)name.data[i];
    out[i] = (char)(isalnum(c) ? toupper(c) : '_');
  }
  out[name.len] = '\0';
}

// What is wrong with a file that is there, as " (it is empty)".
static void say_why(char why[WHY_MAX], int number)
{
  char room[WHY_MAX - 4];
  if (number != ENOENT)
    snprintf(why, WHY_MAX, " (%s)",
             number ? strerror_r(number, room, sizeof(room)) : "it is empty");
}

static bool read_file(const char *path, struct buf *out, char why[WHY_MAX])
{
  FILE *file = fopen(path, "re");
  if (!file) {
    say_why(why, errno);
    return false;
  }
  char chunk[1024];
  size_t n;
  while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0 &&
         out->len < SECRET_MAX)
    buf_append(out, chunk, n);
  say_why(why, ferror(file) ? errno : 0);
  fclose(file);
  if (out->len > 0 && out->data[out->len - 1] == '\n') out->len--;
  if (out->len > 0 && out->data[out->len - 1] == '\r') out->len--;
  return buf_ok(out) && out->len > 0;
}

static struct secret *from_file(const struct secrets *s, struct slice name,
                                char why[WHY_MAX])
{
  struct slice dir = s->options->secrets;
  if (dir.len == 0) return NULL;
  char path[4096];
  int len = snprintf(path, sizeof(path), "%.*s/%.*s", SLICE_ARG(dir),
                     SLICE_ARG(name));
  if (len < 0 || (size_t)len >= sizeof(path)) return NULL;

  struct buf text = {0};
  struct secret *found = NULL;
  if (read_file(path, &text, why)) found = secret_new(s->set, buf_slice(&text));
  if (text.data) explicit_bzero(text.data, text.cap);
  buf_finish(&text);
  return found;
}

void secrets_let_go(struct secrets *s)
{
  while (s->kept_count > 0)
    secret_unref(s->kept[--s->kept_count]);
}

static struct secret *keep(struct secrets *s, struct secret *found)
{
  if (found && s->kept_count < SECRETS_KEPT_MAX)
    s->kept[s->kept_count++] = secret_ref(found);
  return found;
}

struct secret *secrets_find(void *ctx, struct slice name, char *hint,
                            size_t hint_size)
{
  struct secrets *s = ctx;
  if (!name_ok(name)) {
    snprintf(hint, hint_size, "a name of [A-Za-z0-9_.-]");
    return NULL;
  }
  char why[WHY_MAX] = "";
  struct secret *found = from_file(s, name, why);
  if (found) return keep(s, found);

  char upper[NAME_MAX_LEN + 1];
  variable_name(name, upper);
  const char *value = variable(s->environment, upper, strlen(upper));
  if (value && *value) return keep(s, secret_new(s->set, slice_of(value)));

  struct slice dir = s->options->secrets;
  if (dir.len > 0)
    snprintf(hint, hint_size,
             "the file %.*s/%.*s%s or the environment variable %s",
             SLICE_ARG(dir), SLICE_ARG(name), why, upper);
  else
    snprintf(hint, hint_size, "the environment variable %s", upper);
  return NULL;
}

const char *secrets_find_env(void *ctx, struct slice name)
{
  const struct secrets *s = ctx;
  bool allowed = name.len > 9 && !memcmp(name.data, "TIDEGATE_", 9);
  for (size_t i = 0; i < s->options->allow_env.count && !allowed; i++)
    allowed = slice_eq(s->options->allow_env.items[i], name);
  return allowed ? variable(s->environment, name.data, name.len) : NULL;
}
