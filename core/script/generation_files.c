// generation_files.c -- the folders, and the text of their files.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "script/integration.h"

#define FILE_MAX  (1024 * 1024)
#define PATH_ROOM 1024
#define STEM_MAX  TOOL_NAME_MAX

static const struct slice nowhere = {0};

// --- names ---

bool load_is_script_name(struct slice name)
{
  for (size_t i = 0; i < name.len; i++) {
    char c = name.data[i];
    bool letter = c >= 'a' && c <= 'z';
    if (!letter && (i == 0 || (!(c >= '0' && c <= '9') && c != '_')))
      return false;
  }
  return name.len > 0;
}

static bool ends_with(struct slice s, const char *end)
{
  size_t n = strlen(end);
  return s.len > n && !memcmp(s.data + s.len - n, end, n);
}

// Hidden files, backups and locks of editors are no scripts.
bool load_is_lua_file(struct slice name)
{
  return name.data[0] != '.' && name.data[0] != '#' && ends_with(name, ".lua");
}

// --- folders ---

static int by_name(const void *a, const void *b)
{
  const struct slice *x = a, *y = b;
  return strcmp(x->data, y->data);
}

static bool add_name(struct loading *load, struct slice **names, size_t *count,
                     const char *name)
{
  struct arena *arena = &load->catalog->arena;
  if ((*count & (*count - 1)) == 0) { // grows at powers of two
    struct slice *more =
        arena_alloc(arena, (*count ? *count * 2 : 1) * sizeof(*more));
    if (!more) return false;
    if (*count) memcpy(more, *names, *count * sizeof(*more));
    *names = more;
  }
  (*names)[*count] = arena_copy(arena, slice_of(name));
  return (*names)[(*count)++].data != NULL;
}

struct slice *load_list(struct loading *load, struct slice dir, size_t *count)
{
  struct arena *arena = &load->catalog->arena;
  struct slice *names = arena_alloc(arena, sizeof(*names));
  struct slice path = arena_copy(arena, dir);
  bool ok = names && path.data;
  DIR *d = ok ? opendir(path.data) : NULL;
  *count = 0;
  if (!ok) faults_add(load->faults, nowhere, "out of memory");
  if (!d) return NULL;
  for (struct dirent *entry; ok && (entry = readdir(d));) {
    if (entry->d_name[0] != '.')
      ok = add_name(load, &names, count, entry->d_name);
  }
  closedir(d);
  if (!ok) faults_add(load->faults, nowhere, "out of memory");
  qsort(names, *count, sizeof(*names), by_name);
  return names;
}

// --- files ---

static enum error_code failed(struct error *err, int number)
{
  char room[128];
  return error_set(err, number == ENOENT ? E_NOT_FOUND : E_CONFIG,
                   "cannot be read: %s",
                   strerror_r(number, room, sizeof(room)));
}

static enum error_code read_all(int fd, struct buf *text, struct error *err)
{
  struct stat status;
  if (fstat(fd, &status)) return failed(err, errno);
  if (!S_ISREG(status.st_mode))
    return error_set(err, E_CONFIG, "is not a file");
  while (text->len <= FILE_MAX) {
    if (!buf_reserve(text, 64 * 1024))
      return error_set(err, E_NO_MEMORY, "out of memory");
    ssize_t n = read(fd, text->data + text->len, text->cap - text->len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(err, errno);
    if (n == 0) return OK;
    text->len += (size_t)n;
  }
  return error_set(err, E_CONFIG, "is larger than 1 MiB");
}

static enum error_code read_path_text(const char *path, struct buf *text,
                                      struct error *err)
{
  buf_reset(text, 1 << 16);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return failed(err, errno);
  enum error_code code = read_all(fd, text, err);
  close(fd);
  return code;
}

struct slice load_read_file(struct loading *load, struct slice dir,
                            struct slice name)
{
  struct error err;
  struct arena *arena = &load->catalog->arena;
  struct slice text = {0};
  struct slice path =
      arena_printf(arena, "%.*s/%.*s", SLICE_ARG(dir), SLICE_ARG(name));
  if (!path.data)
    error_set(&err, E_NO_MEMORY, "out of memory");
  else if (read_path_text(path.data, &load->text, &err) == OK)
    text = arena_copy(arena, buf_slice(&load->text));
  else
    path.data = NULL;
  if (!path.data)
    faults_add(load->faults, nowhere, "%s", err.message);
  else if (!text.data)
    faults_add(load->faults, nowhere, "out of memory");
  return text;
}

// --- scripts ---

// The file behind an entry of the folder: itself, or init.lua in it. Absent for
// what is no script.
static struct slice script_behind(struct loading *load, struct slice entry,
                                  struct slice *stem)
{
  struct arena *arena = &load->catalog->arena;
  struct slice dir = load->options->scripts_dir, none = {0};
  struct slice path =
      arena_printf(arena, "%.*s/%.*s", SLICE_ARG(dir), SLICE_ARG(entry));
  struct slice init = arena_printf(arena, "%.*s/init.lua", SLICE_ARG(path));
  struct stat status;
  *stem = entry;
  if (!path.data || !init.data) {
    faults_add(load->faults, nowhere, "out of memory");
    return none;
  }
  bool folder = !stat(path.data, &status) && S_ISDIR(status.st_mode);
  if (folder) {
    size_t shown = path.len - entry.len; // the folder of scripts before it
    if (stat(init.data, &status)) return none;
    return (struct slice){init.data + shown, init.len - shown};
  }
  if (!load_is_lua_file(entry)) return none;
  stem->len -= strlen(".lua");
  return entry;
}

static bool is_taken(struct loading *load, struct slice stem)
{
  for (size_t i = 0; i < load->file_count; i++) {
    if (!slice_eq(load->files[i].stem, stem)) continue;
    faults_add(load->faults, nowhere, "%.*s is the same integration",
               SLICE_ARG(load->files[i].shown));
    return true;
  }
  return false;
}

static void add_script(struct loading *load, struct slice entry)
{
  struct source_file *file = &load->files[load->file_count];
  file->shown = script_behind(load, entry, &file->stem);
  if (!file->shown.data) return;
  faults_set_file(load->faults, file->shown);
  if (!load_is_script_name(file->stem) || file->stem.len > STEM_MAX) {
    faults_add(load->faults, nowhere,
               "the file's name is the integration's: a-z, then a-z, 0-9 and "
               "_");
    return;
  }
  if (is_taken(load, file->stem)) return;
  file->text = load_read_file(load, load->options->scripts_dir, file->shown);
  if (file->text.data) load->file_count++;
}

void load_find_scripts(struct loading *load)
{
  size_t count;
  struct slice *names = load_list(load, load->options->scripts_dir, &count);
  if (!names) {
    char room[128];
    faults_add(load->faults, nowhere, "the folder %.*s cannot be read: %s",
               SLICE_ARG(load->options->scripts_dir),
               strerror_r(errno, room, sizeof(room)));
    return;
  }
  load->files =
      arena_alloc(&load->catalog->arena, (count + 1) * sizeof(*load->files));
  if (!load->files) faults_add(load->faults, nowhere, "out of memory");
  size_t before = load->faults->errors;
  for (size_t i = 0; i < count && load->files; i++) {
    add_script(load, names[i]);
  }
  faults_set_file(load->faults, nowhere);
  if (load->file_count == 0 && load->faults->errors == before)
    faults_warn(load->faults, nowhere, "there are no scripts in %.*s",
                SLICE_ARG(load->options->scripts_dir));
}

// --- require ---

static const struct module_file *find_module(const struct loading *load,
                                             const char *shown)
{
  for (const struct module_file *m = load->modules; m; m = m->next) {
    if (slice_is(m->shown, shown)) return m;
  }
  return NULL;
}

static enum error_code keep_module(struct loading *load, const char *shown,
                                   struct buf *text, struct error *err)
{
  struct arena *arena = &load->catalog->arena;
  struct module_file *m = arena_alloc(arena, sizeof(*m));
  if (m) {
    m->shown = arena_copy(arena, slice_of(shown));
    m->text = arena_copy(arena, buf_slice(text));
  }
  if (!m || !m->shown.data || !m->text.data)
    return error_set(err, E_NO_MEMORY, "out of memory");
  m->next = load->modules;
  load->modules = m;
  return OK;
}

// "github/pages.lua" of the script "github/init.lua" and the name "pages".
static enum error_code module_path(struct slice script, struct slice name,
                                   char shown[PATH_ROOM], struct error *err)
{
  const char *slash = memchr(script.data, '/', script.len);
  if (!slash)
    return error_set(err, E_CONFIG,
                     "only a script with a folder of its own, such as "
                     "github/init.lua, has files beside it");
  int folder = (int)(slash - script.data);
  int n = snprintf(shown, PATH_ROOM, "%.*s/%.*s", folder, script.data,
                   SLICE_ARG(name));
  for (int i = folder + 1; i < n && i < PATH_ROOM; i++) {
    if (shown[i] == '.') shown[i] = '/';
  }
  if (n + 5 > PATH_ROOM)
    return error_set(err, E_CONFIG, "the path is too long");
  memcpy(shown + n, ".lua", 5);
  return OK;
}

enum error_code load_read_module(void *ctx, struct slice script,
                                 struct slice name, struct vm_module *module,
                                 struct error *err)
{
  struct loading *load = ctx;
  char shown[PATH_ROOM], path[2 * PATH_ROOM];
  enum error_code code = module_path(script, name, shown, err);
  if (code != OK) return code;
  buf_puts(&module->file, shown);
  const struct module_file *m = find_module(load, shown);
  if (m) {
    buf_add(&module->text, m->text);
    return OK;
  }
  int n = snprintf(path, sizeof(path), "%.*s/%s",
                   SLICE_ARG(load->options->scripts_dir), shown);
  if (n < 0 || (size_t)n >= sizeof(path))
    return error_set(err, E_CONFIG, "the path is too long");
  code = read_path_text(path, &module->text, err);
  return code == OK ? keep_module(load, shown, &module->text, err) : code;
}
