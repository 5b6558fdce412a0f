// options_help.c -- the options, for people.

#include <stdio.h>
#include <string.h>

#include "app/options.h"
#include "base/buf.h"

#define TEXT_COLUMN 26
#define LINE_END    79

// Breaks `text` at spaces; continuation lines begin at TEXT_COLUMN.
static void put_wrapped(struct buf *out, const char *text)
{
  size_t column = TEXT_COLUMN;
  while (*text) {
    size_t word = strcspn(text, " ");
    if (column > TEXT_COLUMN && column + 1 + word > LINE_END) {
      buf_printf(out, "\n%*s", TEXT_COLUMN, "");
      column = TEXT_COLUMN;
    } else if (column > TEXT_COLUMN) {
      buf_putc(out, ' ');
      column++;
    }
    buf_append(out, text, word);
    column += word;
    text += word + (text[word] == ' ');
  }
  buf_putc(out, '\n');
}

static void put_flag(struct buf *out, const struct option_row *row)
{
  char flag[64];
  bool on = row->kind == OPTION_FLAG && !strcmp(row->def, "true");
  snprintf(flag, sizeof(flag), "  --%s%s%s%s", on ? "no-" : "", row->name,
           row->value[0] ? " " : "", row->value);
  for (size_t i = 2; flag[i] && flag[i] != ' '; i++)
    if (flag[i] == '_') flag[i] = '-';
  buf_printf(out, "%-*s", TEXT_COLUMN, flag);
  if (strlen(flag) >= TEXT_COLUMN) buf_printf(out, "\n%*s", TEXT_COLUMN, "");
}

void options_help(struct buf *out)
{
  buf_puts(out, "options:\n");
  buf_printf(out, "%-*s", TEXT_COLUMN, "  --config FILE");
  put_wrapped(out, "read options from this file instead of ./tidegate.lua");
  for (size_t i = 0; i < option_row_count; i++) {
    const struct option_row *row = &option_rows[i];
    char text[256];
    bool on = row->kind == OPTION_FLAG && !strcmp(row->def, "true");
    bool shown = row->kind != OPTION_FLAG && row->def[0];
    snprintf(text, sizeof(text), "%s%s%s%s%s", on ? "do not " : "",
             row->meaning, shown ? " (default " : "", shown ? row->def : "",
             shown ? ")" : "");
    put_flag(out, row);
    put_wrapped(out, text);
  }
  buf_puts(out,
           "\nEach option is also a variable (TIDEGATE_LOG_LEVEL, lists with "
           "commas) and a\nkey of tidegate.lua: return { log_level = \"warn\", "
           "listen = { \":8080\" } }\n");
}
