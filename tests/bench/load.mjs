// load.mjs -- wrk against a server, and what that cost the server's process.

import { execFile } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";

const run = promisify(execFile);
const TICKS_PER_S = 100; // sysconf(_SC_CLK_TCK) on Linux

export const VERSION = "2026-07-28";

// One POST as modern clients send it; legacy for the SDK's server.
export function request({ method, name, args, legacy }) {
  const params = {};
  if (name) Object.assign(params, { name, arguments: args ?? {} });
  const headers = {
    "Content-Type": "application/json",
    Accept: "application/json, text/event-stream",
    "MCP-Protocol-Version": legacy ? "2025-11-25" : VERSION,
  };
  if (!legacy) {
    headers["Mcp-Method"] = method;
    if (name) headers["Mcp-Name"] = name;
    params._meta = {
      "io.modelcontextprotocol/protocolVersion": VERSION,
      "io.modelcontextprotocol/clientCapabilities": {},
    };
  }
  return { headers, body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }) };
}

// One request, checked: a result, and no tool that failed.
export async function once(url, req) {
  const res = await fetch(url, { method: "POST", headers: req.headers, body: req.body });
  const text = await res.text();
  const fail = (what) => {
    throw new Error(`${url}: ${what}: ${res.status} ${text.slice(0, 400)}`);
  };
  if (res.status !== 200) fail("not 200");
  const { result } = JSON.parse(text);
  if (!result || result.isError) fail("no result");
  return result;
}

function children(pid) {
  const list = [pid];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const after = readFileSync(`/proc/${entry}/stat`, "latin1").split(") ").pop().split(" ");
      if (Number(after[1]) === pid) list.push(...children(Number(entry)));
    } catch {
      // it has ended meanwhile
    }
  }
  return list;
}

// Seconds of CPU (user and system) of a process and its children so far.
export function cpu(pid) {
  let ticks = 0;
  for (const one of children(pid)) {
    const after = readFileSync(`/proc/${one}/stat`, "latin1").split(") ").pop().split(" ");
    ticks += Number(after[11]) + Number(after[12]);
  }
  return ticks / TICKS_PER_S;
}

const lua = (text) => `[==[${text}]==]`;

function script(req) {
  const headers = Object.entries(req.headers).map(
    ([name, value]) => `wrk.headers[ ${lua(name)} ] = ${lua(value)}`,
  );
  return `wrk.method = "POST"
wrk.body = ${lua(req.body)}
${headers.join("\n")}
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\n@{"calls":%d,"us":%d,"p50":%d,"p99":%d,"bytes":%d,"errors":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.bytes, e.connect + e.read + e.write + e.status + e.timeout))
end
`;
}

// Load for so many seconds; { calls_per_s, cpu_us, p50_us, p99_us, errors, calls }.
export async function load(server, req, { seconds, connections = 64, folder }) {
  const file = `${folder}/wrk.lua`;
  writeFileSync(file, script(req));
  const before = cpu(server.pid);
  const { stdout } = await run("wrk", [
    "-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "30s", "--latency", "-s", file,
    server.url,
  ]);
  const used = cpu(server.pid) - before;
  if (!/^@/m.test(stdout)) throw new Error(`wrk: ${stdout}`);
  const sum = JSON.parse(stdout.match(/^@(.*)$/m)[1]);
  return {
    calls: sum.calls,
    calls_per_s: (sum.calls / sum.us) * 1e6,
    cpu_us: (used / sum.calls) * 1e6,
    p50_us: sum.p50,
    p99_us: sum.p99,
    bytes_per_call: sum.bytes / sum.calls,
    errors: sum.errors,
  };
}
