// servers.mjs -- what the bench runs: an nginx upstream and the three gateways,
// each a process of its own with one worker, on a free port of 127.0.0.1.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const FOLDER = `${ROOT}build/bench`;
export const BINARY = `${ROOT}build/release/tidegate`;
const MODULES = "/usr/lib/nginx/modules";
const HOST = "127.0.0.1";

const running = new Set();

export const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on("error", reject);
    server.listen(0, HOST, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function opens(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, HOST);
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

async function listening(child, port, name) {
  for (let i = 0; i < 1000; i++) {
    if (child.exitCode !== null) throw new Error(`${name} ended: see build/bench/${name}.log`);
    if (await opens(port)) return;
    await sleep(10);
  }
  throw new Error(`${name} does not listen`);
}

export function start(name, command, args, env = {}) {
  const log = openSync(`${FOLDER}/${name}.log`, "w");
  const child = spawn(command, args, {
    stdio: ["ignore", log, log],
    env: { ...process.env, ...env },
  });
  running.add(child);
  child.on("exit", () => running.delete(child));
  return child;
}

export function stop(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.on("exit", resolve);
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), 3000).unref();
  });
}

export async function stopAll() {
  await Promise.all([...running].map(stop));
}

// Items like those of the demo's inventory, as many as fit.
function items(bytes) {
  const list = [];
  for (let size = 20; ; ) {
    const n = list.length + 1;
    const item = {
      sku: `SKU-${String(n).padStart(6, "0")}`,
      name: `Part number ${n} "as drawn"`,
      stock: (n * 7919) % 1000,
      price: Math.round(n * 1234.5) / 100,
      tags: ["steel", "spare", `shelf-${n % 40}`],
      discontinued: n % 9 === 0,
    };
    size += JSON.stringify(item).length + 1;
    if (size > bytes) break;
    list.push(item);
  }
  return JSON.stringify({ items: list, next: null });
}

const SMALL = JSON.stringify({
  sku: "SKU-000001",
  name: "Ball valve, brass, half inch",
  stock: 42,
  price: 17.35,
  tags: ["brass", "spare", "shelf-7"],
  place: { hall: 3, shelf: 7 },
  discontinued: false,
});

const nginxHead = (name, modules = "") => `daemon off;
${modules}
worker_processes 1;
pid ${FOLDER}/${name}.pid;
error_log ${FOLDER}/${name}.error.log warn;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
`;

const nginxHttp = `
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 75s;
  client_body_temp_path ${FOLDER}/tmp/body;
  proxy_temp_path ${FOLDER}/tmp/proxy;
  fastcgi_temp_path ${FOLDER}/tmp/fastcgi;
  uwsgi_temp_path ${FOLDER}/tmp/uwsgi;
  scgi_temp_path ${FOLDER}/tmp/scgi;
  types { application/json json; }
  default_type application/json;
`;

async function nginx(name, port, conf) {
  const file = `${FOLDER}/${name}.conf`;
  writeFileSync(file, conf);
  const child = start(name, "nginx", ["-c", file, "-e", `${FOLDER}/${name}.error.log`]);
  await listening(child, port, name);
  return { name, pid: child.pid, child, port, url: `http://${HOST}:${port}/mcp` };
}

// Answers /small from memory, /64k.json and /1m.json from files.
export async function upstream() {
  const port = await freePort();
  mkdirSync(`${FOLDER}/www`, { recursive: true });
  mkdirSync(`${FOLDER}/tmp`, { recursive: true });
  writeFileSync(`${FOLDER}/www/64k.json`, items(64 * 1024));
  writeFileSync(`${FOLDER}/www/1m.json`, items(1024 * 1024));
  return nginx("upstream", port, `${nginxHead("upstream")}
http {${nginxHttp}
  sendfile on;
  open_file_cache max=10;
  server {
    listen ${HOST}:${port} backlog=4096;
    root ${FOLDER}/www;
    location = /small { return 200 '${SMALL}'; }
    location / { }
  }
}
`);
}

export async function nginxLua(up) {
  const port = await freePort();
  const modules = ["ndk_http_module", "ngx_http_lua_module"]
    .map((m) => `load_module ${MODULES}/${m}.so;`)
    .join("\n");
  return nginx("nginx-lua", port, `${nginxHead("nginx-lua", modules)}
http {${nginxHttp}
  lua_package_path "${HERE}?.lua;;";
  lua_package_cpath "/usr/lib/${multiarch()}/lua/5.1/?.so;;";
  lua_load_resty_core on;
  upstream up { server ${HOST}:${up.port}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen ${HOST}:${port} backlog=4096;
    client_body_buffer_size 64k;
    location = /mcp { content_by_lua_block { require("gateway").serve() } }
    location /upstream/ {
      internal;
      proxy_pass http://up/;
      proxy_method GET;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_pass_request_headers off;
      proxy_pass_request_body off;
      proxy_buffer_size 64k;
      proxy_buffers 40 64k;
    }
  }
}
`);
}

function multiarch() {
  return process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
}

export async function sdk(up, tools = 0) {
  const name = `sdk-${tools}`;
  const args = [`${ROOT}tests/sdk/server.mjs`, `http://${HOST}:${up.port}`, `${tools}`];
  const child = spawn("node", args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_ENV: "production" },
  });
  running.add(child);
  const port = await new Promise((resolve, reject) => {
    child.stdout.on("data", (text) => resolve(Number(String(text).trim())));
    child.on("exit", () => reject(new Error("the SDK server ended")));
  });
  return { name, pid: child.pid, child, port, url: `http://${HOST}:${port}/mcp` };
}

// 20 integrations with 10 tools each.
export function manyScripts() {
  const folder = `${FOLDER}/many`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (let i = 1; i <= 20; i++) {
    const name = `many${String(i).padStart(2, "0")}`;
    const tools = [];
    for (let t = 1; t <= 10; t++) {
      tools.push(`    tool_${t} = {
      about = "Read one of the many things that this service has.",
      args = {
        id = int { min = 0 },
        name = str { max_length = 100 },
        state = str { "open", "closed", default = "open" },
      },
      run = read,
    },`);
    }
    writeFileSync(`${folder}/${name}.lua`, `--- One of many services, for the bench.
local str, int = tide.schema.string, tide.schema.integer

local function read(ctx, args)
  return ctx.http:get("/small", { query = { id = args.id } })
end

return {
  name = "${name}",
  upstream = { base = "http://127.0.0.1:9" },
  tools = {
${tools.join("\n")}
  },
}
`);
  }
  return folder;
}

// No line per call in the log, as nginx has its access log off here.
export function tidegateCommand(port, scripts, extra = []) {
  const listen = ["--listen", `${HOST}:${port}`, "--workers", "1"];
  return ["serve", "--scripts", scripts, ...listen, "--log-level", "warn", ...extra];
}

export async function tidegate(up, scripts = `${HERE}scripts`, extra = []) {
  if (!existsSync(BINARY)) throw new Error("build/release/tidegate is missing: ./dev build");
  const port = await freePort();
  const base = scripts.endsWith("many") ? [] : ["--base", `bench=http://${HOST}:${up.port}`];
  const command = tidegateCommand(port, scripts, [...base, ...extra]);
  const child = start(`tidegate-${port}`, BINARY, command);
  await listening(child, port, `tidegate-${port}`);
  return { name: "tidegate", pid: child.pid, child, port, url: `http://${HOST}:${port}/mcp` };
}
