// bench.mjs -- our speed beside nginx + Lua and the TypeScript SDK, in one run.
//
//   ./dev bench [--quick]
//
// Every gateway has one worker. CPU per call is user + system time of the
// gateway's processes over completed calls: it is far steadier than calls per
// second on a machine that does other things too. Rounds of the gateways
// alternate, and the medians count; a ratio is the median of the rounds' ratios,
// because neighbours in time have met the same machine. Raw figures: build/bench/<time>.json.

import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";

import { idle, listening, startTimes, strippedSize } from "./limits.mjs";
import { load, once, request } from "./load.mjs";
import * as servers from "./servers.mjs";
import { limitTable, loadTable, median, medians, ratioOf } from "./table.mjs";

const quick = process.argv.includes("--quick");
const only = process.argv.find((a) => a.startsWith("--only="))?.slice(7);
const ROUNDS = quick ? 1 : 5;
const SECONDS = quick ? 2 : 3;
const CALLS_MIN = 64; // each connection has had one

const call = (name) => ({ method: "tools/call", name, args: { id: 7 } });

// who: which gateways serve it; many: the instances with 200 tools
const CASES = [
  { title: "answer without upstream", ask: { method: "server/discover" }, who: ["ours", "nginx"] },
  {
    title: "tool call, 150 B",
    ask: call("bench_small"),
    who: ["ours", "nginx", "sdk"],
    target: 1.15,
  },
  { title: "tool call, script looks inside", ask: call("bench_inside"), who: ["ours", "nginx"] },
  { title: "64 KiB handed on", ask: call("bench_medium"), who: ["ours", "nginx"] },
  { title: "1 MiB handed on", ask: call("bench_large"), who: ["ours", "nginx"], target: 0.15 },
  { title: "tools/list of 200", ask: { method: "tools/list" }, who: ["many", "nginx", "sdkMany"] },
];

const NAMES = {
  ours: "tidegate", many: "tidegate", nginx: "nginx + Lua", sdk: "TypeScript SDK",
  sdkMany: "TypeScript SDK",
};

const say = (text) => process.stderr.write(`${text}\n`);

async function startAll() {
  mkdirSync(servers.FOLDER, { recursive: true });
  const up = await servers.upstream();
  const many = servers.manyScripts();
  return {
    up,
    ours: await servers.tidegate(up),
    many: await servers.tidegate(up, many, ["--page-size", "200"]),
    nginx: await servers.nginxLua(up),
    sdk: await servers.sdk(up),
    sdkMany: await servers.sdk(up, 200),
  };
}

// Load until some calls have ended: a slow one needs longer on a busy machine.
async function enough(server, req) {
  for (let seconds = SECONDS; ; seconds *= 3) {
    const figures = await load(server, req, { seconds, folder: servers.FOLDER });
    if (figures.calls >= CALLS_MIN) return figures;
    if (seconds > 60) throw new Error(`${server.name}: ${figures.calls} calls in ${seconds} s`);
  }
}

// The rounds of one case, gateways taking turns.
async function measure(running, { title, ask, who }) {
  const rounds = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const id of who) {
      const server = running[id];
      const req = request({ ...ask, legacy: id.startsWith("sdk") });
      await once(server.url, req);
      if (round === 0) await load(server, req, { seconds: 1, folder: servers.FOLDER });
      const figures = await enough(server, req);
      if (figures.errors) throw new Error(`${title}: ${NAMES[id]}: ${figures.errors} errors`);
      (rounds[NAMES[id]] ??= []).push(figures);
      say(`  ${title}: ${NAMES[id]}: ${figures.cpu_us.toFixed(1)} us`);
    }
  }
  return rounds;
}

async function limits(running) {
  const fresh = await servers.tidegate(running.up); // whose heap no load has grown
  const count = quick ? 1000 : 10000;
  const idleFigures = await idle(fresh, count);
  const streams = await listening(await servers.tidegate(running.up), count);
  const starts = await startTimes(`${servers.FOLDER}/many`, quick ? 3 : 9);
  return { idle: idleFigures, streams, start_ms: starts, stripped_bytes: strippedSize() };
}

function report(raw) {
  const rows = raw.cases.map(({ title, target, rounds }) => ({
    title,
    target,
    who: Object.fromEntries(
      Object.entries(rounds).map(([name, r]) => [
        name,
        { ...medians(r), ratio: ratioOf(r, rounds["nginx + Lua"]) },
      ]),
    ),
  }));
  const { idle: i, streams, start_ms, stripped_bytes } = raw.limits;
  const count = i.connections.toLocaleString("en");
  const each = (streams.during - streams.before) / streams.connections;
  const others = [
    [`${count} idle connections, resident`, i.during / 1e6, "MB", 60],
    [`${streams.connections.toLocaleString("en")} subscriptions, each`, each / 1e3, "kB", 4.4],
    ["start to first answer, 20 integrations", median(start_ms), "ms", 50],
    ["stripped binary", stripped_bytes / 1e6, "MB", 3],
  ];
  const how = `${raw.machine}, ${ROUNDS} rounds of ${SECONDS} s, 64 connections`;
  return [loadTable(rows), limitTable(others), how].join("\n\n");
}

async function main() {
  const running = await startAll();
  const raw = {
    at: new Date().toISOString(),
    machine: `${os.cpus().length} x ${os.cpus()[0].model.trim()}, Linux ${os.release()}`,
    cases: [],
  };
  for (const one of CASES) {
    if (only && !one.title.includes(only)) continue;
    raw.cases.push({ ...one, rounds: await measure(running, one) });
  }
  raw.limits = await limits(running);
  const file = `${servers.FOLDER}/${raw.at.replace(/[:.]/g, "-")}.json`;
  writeFileSync(file, `${JSON.stringify(raw, null, 1)}\n`);
  console.log(`${report(raw)}\n\nRaw figures: ${file.slice(servers.ROOT.length)}`);
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => servers.stopAll().then(() => process.exit(130)));
}
try {
  await main();
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
} finally {
  await servers.stopAll();
}
