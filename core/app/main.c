// main.c -- hands over to the commands.

#include <stdlib.h>

#include "app/commands.h"
#include "base/fault.h"

extern char **environ;

// For specs, in builds with fault points alone: the allocation after so many
// fails.
static void arm_fault(void)
{
#ifdef TIDEGATE_FAULTS
  const char *after = getenv("TIDEGATE_FAIL_AFTER");
  if (after) fault_fail_after(strtol(after, NULL, 10));
#endif
}

int main(int argc, char **argv)
{
  arm_fault();
  return cli_run(argc, argv, environ);
}
