// limits.mjs -- what is no load: idle connections, streams that listen, start,
// size of the binary.

import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, readFileSync, rmSync, statSync } from "node:fs";
import http from "node:http";
import net from "node:net";

import { request } from "./load.mjs";
import { BINARY, FOLDER, freePort, sleep, stop, tidegateCommand } from "./servers.mjs";

const discover = request({ method: "server/discover" });
const listen = request({ method: "subscriptions/listen" });
listen.body = JSON.stringify({
  ...JSON.parse(listen.body),
  params: { ...JSON.parse(listen.body).params, notifications: { toolsListChanged: true } },
});

function post(port, { headers, body }) {
  const fields = Object.entries({ ...headers, "Content-Length": body.length });
  return `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${fields
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}\r\n${body}`;
}

const rss = (pid) =>
  Number(readFileSync(`/proc/${pid}/status`, "latin1").match(/VmRSS:\s+(\d+)/)[1]) * 1024;

function connectAndAsk(port, bytes) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.once("data", (answer) => {
      if (String(answer).startsWith("HTTP/1.1 200")) resolve(socket);
      else reject(new Error(`idle connections: ${answer}`));
    });
    socket.once("error", reject);
  });
}

async function holding(server, count, bytes) {
  const before = rss(server.pid);
  const sockets = [];
  while (sockets.length < count) {
    const some = Math.min(200, count - sockets.length);
    sockets.push(
      ...(await Promise.all(Array.from({ length: some }, () => connectAndAsk(server.port, bytes)))),
    );
  }
  await sleep(500);
  const during = rss(server.pid);
  const open = sockets.filter((s) => !s.destroyed && s.readyState === "open").length;
  for (const socket of sockets) socket.destroy();
  return { connections: open, before, during };
}

// So many connections that have asked once and stay: resident bytes of the
// server before and with them.
export function idle(server, count) {
  return holding(server, count, post(server.port, discover));
}

// The same for connections that are each a subscription.
export function listening(server, count) {
  return holding(server, count, post(server.port, listen));
}

function ask(port) {
  return new Promise((resolve) => {
    const req = http.request(
      { host: "127.0.0.1", port, path: "/mcp", method: "POST", headers: discover.headers },
      (res) => res.resume().on("end", () => resolve(res.statusCode === 200)),
    );
    req.on("error", () => resolve(false));
    req.end(discover.body);
  });
}

async function firstAnswer(scripts) {
  const port = await freePort();
  const begin = process.hrtime.bigint();
  const child = spawn(BINARY, tidegateCommand(port, scripts), { stdio: "ignore" });
  try {
    while (!(await ask(port))) {
      if (child.exitCode !== null) throw new Error("tidegate ended at start");
      await sleep(1);
    }
    return Number(process.hrtime.bigint() - begin) / 1e6;
  } finally {
    await stop(child);
  }
}

// Milliseconds from spawn to a whole answer, several times.
export async function startTimes(scripts, times) {
  const list = [];
  for (let i = 0; i < times; i++) list.push(await firstAnswer(scripts));
  return list;
}

export function strippedSize() {
  const copy = `${FOLDER}/tidegate.stripped`;
  copyFileSync(BINARY, copy);
  execFileSync("strip", [copy]);
  const { size } = statSync(copy);
  rmSync(copy);
  return size;
}

