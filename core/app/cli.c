// cli.c -- the words that follow `tidegate`, and help.

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "app/commands.h"
#include "base/buf.h"
#include "script/faults.h"

struct flag {
  const char *name;
  const char *meaning;
  size_t offset; // in struct command_flags
};
#define FLAG(name, meaning)                                                    \
  {                                                                            \
    "--" #name, meaning, offsetof(struct command_flags, name)                  \
  }
#define FLAGS 3 // and one without a name that ends them

static const struct command {
  const char *word;
  const char *arguments;
  const char *about;
  const char *more; // printed by `tidegate help WORD`
  int (*run)(const struct command_line *line);
  struct flag flags[FLAGS];
} commands[] = {
    {"serve",
     "",
     "serve the integrations to MCP clients, at /mcp",
     "Loads all scripts and policies, listens, and serves MCP (2026-07-28 and\n"
     "the legacy revisions) over streamable HTTP. Files that change are "
     "loaded\n"
     "again without dropping a call; SIGHUP does the same; a broken edit is\n"
     "reported and changes nothing. SIGTERM finishes what runs and ends.\n\n"
     "With --stdio it serves the one client that started it, on standard input "
     "and\noutput, and ends when the input does.\n",
     command_serve,
     {{0}}},
    {"check",
     "[--prove [TOOL]]",
     "load everything, print what is wrong",
     "Prints every fault as FILE: PATH: REASON. Exit status 0 if there is "
     "none.\n\n"
     "With --prove [TOOL] each setting of every tool's policy (or of that "
     "tool's) is\nrun in virtual time against a service that misbehaves, with "
     "all other settings\non: it prints when each fires, as measured. One that "
     "is stated and can never\nfire is a fault.\n",
     command_check,
     {FLAG(prove, "run every policy, print when each setting fires"),
      FLAG(json, "with --prove: as one JSON object")}},
    {"tools",
     "",
     "list tools, resources, templates and prompts",
     "",
     command_tools,
     {{0}}},
    {"call",
     "TOOL [JSON]",
     "make one call through the engine, with its trail",
     "TOOL is a name that `tidegate tools` prints, or a prompt's, or the URI "
     "of a\n"
     "resource; JSON is an object with the arguments ('-' reads it from "
     "standard\n"
     "input). The result goes to standard output, the trail to standard "
     "error.\n"
     "Exit status 1 if the call failed.\n\n"
     "  tidegate call --explain open_meteo_places_find '{\"name\": "
     "\"Bergen\"}'\n",
     command_call,
     {FLAG(explain, "the trail as a timeline, in words, with totals"),
      FLAG(json, "result, error and trail as one JSON object")}},
    {"version", "", "print the version", "", command_version, {{0}}},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *word)
{
  for (size_t i = 0; i < COMMANDS; i++)
    if (!strcmp(commands[i].word, word)) return &commands[i];
  return NULL;
}

static void print_help(FILE *out)
{
  fputs("tidegate -- gives AI agents (MCP) safe access to services, by Lua "
        "scripts\n\nusage: tidegate COMMAND [OPTIONS]\n\n",
        out);
  for (size_t i = 0; i < COMMANDS; i++) {
    char head[32];
    snprintf(head, sizeof(head), "%s %s", commands[i].word,
             commands[i].arguments);
    fprintf(out, "  %-23s %s\n", head, commands[i].about);
    for (const struct flag *f = commands[i].flags; f->name; f++)
      fprintf(out, "    %-21s %s\n", f->name, f->meaning);
  }
  fputs("  help [COMMAND]          say more\n\n", out);
  struct buf text = {0};
  options_help(&text);
  fwrite(text.data, 1, text.len, out);
  buf_finish(&text);
}

static int unknown(const char *word)
{
  const char *words[COMMANDS + 1];
  for (size_t i = 0; i < COMMANDS; i++)
    words[i] = commands[i].word;
  words[COMMANDS] = "help";
  struct slice near = faults_suggest(slice_of(word), words, COMMANDS + 1);
  fprintf(stderr, "tidegate: unknown command '%s'", word);
  if (near.data) fprintf(stderr, " (did you mean %.*s?)", SLICE_ARG(near));
  fputs("; 'tidegate help' lists them\n", stderr);
  return 2;
}

static int help(int argc, char **argv)
{
  const struct command *c = argc > 2 ? find(argv[2]) : NULL;
  if (argc > 2 && !c && strcmp(argv[2], "help")) return unknown(argv[2]);
  if (!c) {
    print_help(stdout);
    return 0;
  }
  printf("usage: tidegate %s %s%s[OPTIONS]\n\n%s\n%s\n", c->word, c->arguments,
         c->arguments[0] ? " " : "", c->about, c->more);
  for (const struct flag *f = c->flags; f->name; f++)
    printf("  %-12s %s\n", f->name, f->meaning);
  puts("`tidegate help` lists the options.");
  return 0;
}

static bool asks_for_help(int argc, char **argv)
{
  for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
    if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return true;
  return false;
}

static void print_suspects(char **environment)
{
  struct buf text = {0};
  options_suspects(environment, &text);
  fwrite(text.data ? text.data : "", 1, text.len, stderr);
  buf_finish(&text);
}

// Takes the command's own flags out of the line.
static struct command_flags take_flags(const struct command *c, int *argc,
                                       char **argv)
{
  struct command_flags flags = {0};
  int kept = 1, i = 1;
  for (; i < *argc && strcmp(argv[i], "--"); i++) {
    const struct flag *f = c->flags;
    while (f->name && strcmp(f->name, argv[i]))
      f++;
    if (f->name)
      *(bool *)(void *)((char *)&flags + f->offset) = true;
    else
      argv[kept++] = argv[i];
  }
  while (i < *argc)
    argv[kept++] = argv[i++];
  *argc = kept;
  return flags;
}

// "--prov" is no option of the engine, but nearly one of the command's own.
static void print_near_flag(const struct command *c, int argc, char **argv)
{
  const char *names[FLAGS];
  size_t n = 0;
  for (; c->flags[n].name; n++)
    names[n] = c->flags[n].name;
  for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
    if (strncmp(argv[i], "--", 2)) continue;
    struct slice near = faults_suggest(slice_of(argv[i]), names, n);
    if (near.data)
      fprintf(stderr, "tidegate %s: did you mean %.*s?\n", c->word,
              SLICE_ARG(near));
  }
}

static int run(const struct command *c, int argc, char **argv,
               char **environment)
{
  struct options options = {0};
  struct error err;
  int status = 2;
  // The command's word stands where options_read() expects the program's name.
  argc--;
  argv++;
  struct command_flags flags = take_flags(c, &argc, argv);
  int count = argc; // options_read() stops at what it does not know
  if (options_read(&options, &argc, argv, environment, &err) == OK) {
    struct command_line line = {&options, flags, argc, argv, environment};
    print_suspects(environment);
    status = c->run(&line);
  } else {
    fprintf(stderr, "tidegate: %s\n", err.message);
    print_near_flag(c, count, argv);
  }
  options_finish(&options);
  return status;
}

int cli_run(int argc, char **argv, char **environment)
{
  if (argc < 2) {
    print_help(stderr);
    return 2;
  }
  if (!strcmp(argv[1], "--version")) return command_version(NULL);
  if (!strcmp(argv[1], "help")) return help(argc, argv);
  const struct command *c = find(argv[1]);
  if (asks_for_help(argc, argv)) {
    char *words[] = {argv[0], argv[1], argv[1], NULL};
    return help(c ? 3 : 2, words);
  }
  return c ? run(c, argc, argv, environment) : unknown(argv[1]);
}
