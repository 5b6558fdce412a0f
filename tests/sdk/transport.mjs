// How a client reaches tidegate: transport(argv, Http, Stdio) with
//
//   URL                     streamable HTTP
//   stdio: COMMAND ARG...   a process of its own, whose log is ours

export function transport(argv, Http, Stdio) {
  const [target, command, ...args] = argv;
  if (target !== "stdio:") return new Http(new URL(target));
  return new Stdio({ command, args, stderr: "inherit" });
}
