// commands.h -- what `tidegate WORD` does.
//
// Each command gets the options and what is left of the command line (its own
// word first) and returns the process's exit status: 0 done, 1 something is
// wrong with what was given (scripts, arguments, the call), 2 a wrong command
// line.

#ifndef APP_COMMANDS_H
#define APP_COMMANDS_H

#include "app/options.h"

// Flags that belong to a command rather than to the engine: on the command line
// only.
struct command_flags {
  bool explain; // call: the trail as a timeline
  bool json;    // call, check: for machines
  bool prove;   // check: run every policy against a misbehaving service
};

struct command_line {
  const struct options *options;
  struct command_flags flags;
  int argc;
  char **argv; // argv[0] is the command's word
  char **environment;
};

int command_serve(const struct command_line *line);
int command_check(const struct command_line *line);
int command_tools(const struct command_line *line);
int command_call(const struct command_line *line);
int command_version(const struct command_line *line);

// Finds and runs the command; prints help. The whole of main().
int cli_run(int argc, char **argv, char **environment);

#endif
