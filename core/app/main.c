// main.c -- hands over to the commands.

#include "app/commands.h"

extern char **environ;

int main(int argc, char **argv)
{
  return cli_run(argc, argv, environ);
}
