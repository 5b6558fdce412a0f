// generation.c -- all scripts and policies, loaded together.
//
// Policies come first, because integrations name them. Then every script runs
// in the first VM and is read; only if nothing is wrong are the other VMs made,
// in which the same texts run and give the same functions. A generation is all
// or nothing.

#include "script/generation.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "script/integration.h"

static const struct slice nowhere = {0};

// "github.lua:12: oops" of github.lua is said as "line 12: oops".
void load_say(struct loading *load, const struct error *err)
{
  struct slice file = load->faults->file;
  const char *text = err->message;
  bool own =
      file.len && !strncmp(text, file.data, file.len) && text[file.len] == ':';
  if (own && text[file.len + 1] >= '0' && text[file.len + 1] <= '9')
    faults_add(load->faults, nowhere, "line %s", text + file.len + 1);
  else
    faults_add(load->faults, nowhere, "%s", text);
}

// --- VMs ---

static struct vm *new_vm(struct loading *load)
{
  struct vm_options options = load->options->vm;
  options.read_module = load_read_module;
  options.module_ctx = load; // require works only while a chunk is loaded
  struct vm *vm = vm_new(options);
  if (!vm) faults_add(load->faults, nowhere, "out of memory");
  return vm;
}

static bool run_file(struct loading *load, struct source_file *file,
                     struct vm *vm)
{
  struct error err;
  faults_set_file(load->faults, file->shown);
  if (vm_load(vm, file->shown, file->text, &err) != OK) {
    load_say(load, &err);
    return false;
  }
  load_keep_table(load, vm);
  return true;
}

// Forgets the last table; what is not held by a function is garbage.
static void clean(struct loading *load, struct vm *vm)
{
  lua_pushnil(vm_state(vm));
  load_keep_table(load, vm);
  lua_gc(vm_state(vm), LUA_GCCOLLECT);
}

static void fill_first(struct loading *load)
{
  load->vms[0] = new_vm(load);
  for (size_t i = 0; load->vms[0] && i < load->file_count; i++) {
    if (run_file(load, &load->files[i], load->vms[0]))
      integration_read(load, &load->files[i]);
  }
  if (load->vms[0]) clean(load, load->vms[0]);
}

static void fill_other(struct loading *load, unsigned worker)
{
  struct vm *vm = load->vms[worker] = new_vm(load);
  for (size_t i = 0; vm && i < load->file_count; i++) {
    if (run_file(load, &load->files[i], vm))
      integration_bind(load, &load->files[i], vm);
  }
  if (vm) clean(load, vm);
}

static void fill(struct loading *load)
{
  const struct faults *faults = load->faults;
  load_policies(load);
  load_find_scripts(load);
  if (!load->catalog->policies) return;
  fill_first(load);
  faults_set_file(load->faults, nowhere);
  if (!catalog_build(load)) faults_add(load->faults, nowhere, "out of memory");
  for (unsigned w = 1; w < load->options->workers && !faults->errors; w++) {
    fill_other(load, w);
  }
  faults_set_file(load->faults, nowhere);
}

// --- the whole ---

static void free_drafts(struct loading *load)
{
  for (struct draft *d = load->drafts; d; d = d->next) {
    for (struct tool_draft *t = d->tools; t; t = t->next) {
      schema_free(t->tool.args);
      schema_free(t->tool.result);
    }
    for (struct offer_draft *o = d->offers; o; o = o->next)
      schema_free(o->offer.handler.args);
  }
}

static void give_up(struct loading *load)
{
  for (unsigned w = 0; load->vms && w < load->options->workers; w++) {
    vm_free(load->vms[w]);
  }
  free(load->vms);
  catalog_free(load->catalog);
}

static struct generation *finish(struct loading *load, uint64_t number)
{
  struct generation *g = load->faults->errors ? NULL : calloc(1, sizeof(*g));
  free_drafts(load);
  buf_finish(&load->text);
  if (!g) {
    if (!load->faults->errors)
      faults_add(load->faults, nowhere, "out of memory");
    give_up(load);
    return NULL;
  }
  load->catalog->number = g->number = number;
  g->catalog = load->catalog;
  g->vms = load->vms;
  g->workers = load->options->workers;
  atomic_init(&g->refs, g->workers);
  return g;
}

struct generation *generation_load(const struct generation_options *options,
                                   uint64_t number, struct faults *faults)
{
  struct loading load = {.options = options, .faults = faults};
  load.catalog = calloc(1, sizeof(*load.catalog));
  load.vms = calloc(options->workers, sizeof(struct vm *));
  if (!load.catalog || !load.vms)
    faults_add(faults, nowhere, "out of memory");
  else
    fill(&load);
  return finish(&load, number);
}

void generation_unref(struct generation *g)
{
  if (atomic_fetch_sub(&g->refs, 1) > 1) return;
  catalog_free(g->catalog);
  free(g->vms);
  free(g);
}
