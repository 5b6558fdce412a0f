// integration_shown.h -- for integration_shown.c and integration_meta.c alone.

#ifndef SCRIPT_INTEGRATION_SHOWN_H
#define SCRIPT_INTEGRATION_SHOWN_H

#include "script/integration.h"

struct shown_reader {
  struct integration_reader *up;
  struct slice path;
  int table;
  struct buf *out; // load->text
};

typedef void (*shown_text_fn)(struct shown_reader *s, struct slice path,
                              struct slice text);
struct shown_list {
  int table;
  const char *name, *as; // of the field, of the member
  shown_text_fn put;     // each text
};
// The list of texts of a table at `path` as a member. -0 +0
void shown_put_list(struct shown_reader *s, struct slice path,
                    const struct shown_list *list);
// Notes it when the text is none of the words.
void shown_put_one_of(struct shown_reader *s, struct slice path,
                      struct slice text, struct word_list words);

void shown_put_meta(struct shown_reader *s);
void shown_put_ui(struct shown_reader *s, enum shown_kind kind);

#endif
