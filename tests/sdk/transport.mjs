// How a client reaches tidegate: transport(argv, Http, Stdio, Sse) with
//
//   URL                     streamable HTTP
//   sse: URL                HTTP+SSE of 2024-11-05
//   stdio: COMMAND ARG...   a process of its own, whose log is ours

export function transport(argv, Http, Stdio, Sse) {
  const [target, command, ...args] = argv;
  if (target === "sse:") return new Sse(new URL(command));
  if (target !== "stdio:") return new Http(new URL(target));
  return new Stdio({ command, args, stderr: "inherit" });
}
