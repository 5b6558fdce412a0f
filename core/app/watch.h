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

// Keeps ctx; copies the names. E_CONFIG if the kernel gives no inotify.
enum error_code watch_new(struct loop *loop, const struct slice *folders,
                          size_t n, void (*on_change)(void *ctx), void *ctx,
                          struct watch **watch, struct error *err);
void watch_free(struct watch *w); // NULL is fine

#endif
