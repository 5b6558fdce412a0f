// watch.h -- tells when files in the folders of scripts have changed.
//
// inotify on the folders and their subfolders, so that an editor's
// rename-over-write, a checkout and a Kubernetes volume's symlink swap are all
// seen. Changes that come close together are told once, when 100 ms have gone
// by without another. Main thread.

#ifndef APP_WATCH_H
#define APP_WATCH_H

#include "base/error.h"
#include "base/slice.h"
#include "loop/loop.h"

struct watch;

#define WATCH_FOLDERS_MAX 8

struct watch_options {
  struct loop *loop;
  struct slice folders[WATCH_FOLDERS_MAX]; // empty ones are passed over
  void (*on_change)(void *ctx);
  void *ctx; // keeps
};

// Copies the names. E_CONFIG if the kernel gives no inotify.
enum error_code watch_new(const struct watch_options *options,
                          struct watch **watch, struct error *err);
void watch_free(struct watch *w); // NULL is fine

#endif
