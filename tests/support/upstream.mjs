// upstream.mjs -- a service that misbehaves on request, for tests.
//
//   node upstream.mjs [--plain]
//
// Prints one JSON line with where it listens, then serves until its standard
// input closes (so it cannot outlive the test that started it):
//
//   { "host": "127.0.0.1",
//     "http": port,    keep-alive, all routes
//     "short": port,   the same, but closes a connection that idles for 60 ms
//     "mute": port,    accepts and never says a word
//     "closed": port,  nobody listens
//     "https": port, "self_signed": port, "expired": port, "wrong_name": port,
//     "h2": port,      HTTP/2 over TLS (and HTTP/1.1), good certificate
//     "ca": path }     the authority behind all certificates but self_signed
//
// --plain leaves the TLS listeners (and the 0.3 s for their keys) away.
//
// Every request whose body has been read counts as executed; GET /stats tells
// { counts: { path: n }, connections: accepted ones per listener, open }.

import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import zlib from "node:zlib";
import { rmSync } from "node:fs";

import { makeCertificates } from "./certificates.mjs";

const HOST = "127.0.0.1";
const CLOSE = "connection: close\r\n"; // or the end of a raw answer races the next request
const stats = { counts: {}, connections: {}, open: 0 };

const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

function number(query, name, otherwise) {
  const value = Number(query.get(name));
  return query.has(name) && Number.isFinite(value) ? value : otherwise;
}

function json(res, value, status = 200, headers = {}) {
  const body = Buffer.from(JSON.stringify(value));
  res.writeHead(status, {
    "content-type": "application/json",
    "content-length": body.length,
    ...headers,
  });
  res.end(body);
}

// JSON of exactly that many bytes (at least 32).
function sized(bytes) {
  const frame = JSON.stringify({ size: bytes, padding: "" }).length;
  return JSON.stringify({ size: bytes, padding: "x".repeat(Math.max(0, bytes - frame)) });
}

// HTTP/1.x bytes behind node's back.
function raw(req, bytes, end = true) {
  if (end) req.socket.end(bytes);
  else req.socket.write(bytes);
}

async function streamed(res, bytes, chunk) {
  for (let left = bytes; left > 0 && !res.destroyed; left -= chunk.length) {
    const piece = left < chunk.length ? chunk.subarray(0, left) : chunk;
    if (!res.write(piece)) await new Promise((go) => res.once("drain", go).once("close", go));
  }
  res.end();
}

async function dripped(res, text, ms) {
  for (const byte of text) {
    if (res.destroyed) return;
    res.write(byte);
    await sleep(ms);
  }
  res.end();
}

const keys = []; // of /keyed

const routes = {
  "/pretty": (req, res) => {
    const body = '{\n  "a": 1,\r\n  "b": [ 2 ]\n}\n';
    res.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    res.end(body);
  },
  "/json": (req, res) => json(res, { ok: true, text: "héllo", list: [1, 2.5, null] }),

  "/echo": (req, res, { query, body }) => json(res, {
    method: req.method,
    path: req.url,
    query: Object.fromEntries(query),
    headers: req.headers,
    raw_headers: req.rawHeaders,
    body: body.toString("latin1"),
    http_version: req.httpVersion,
    connection: req.socket.number,
    resumed: req.socket.isSessionReused?.() ?? false,
  }),

  // What it was sent, in the JSON of other writers than this one.
  "/respelled": (req, res, { query }) => {
    const risky = { php: /[/]/g, go: /[<>&]/g, net: /[+<>&'"/]/g, ascii: /[^]/g }[query.get("as")];
    const hex = (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0").toUpperCase();
    const escape = (c) => (query.get("as") === "php" ? "\\/" : hex(c));
    const said = req.headers.authorization.replace(risky, escape);
    res.writeHead(200, { "content-type": "application/json" });
    res.end(`{"said":"${said}"}`);
  },
  // Refuses, and says what it was sent behind n other characters.
  "/refused": (req, res, { query }) =>
    json(res, { message: "x".repeat(number(query, "n", 0)) + req.headers.authorization }, 401),

  "/slow": async (req, res, { query }) => {
    await sleep(number(query, "ms", 100));
    json(res, { slow: true });
  },

  "/stall-headers": () => {},
  "/stall-body": (req, res) => {
    res.writeHead(200, { "content-length": 1000 });
    res.write("the beginning");
  },
  "/drip": (req, res, { query }) => {
    res.writeHead(200, { "content-type": "application/json" });
    return dripped(res, '{"dripped":true}', number(query, "ms", 10));
  },
  "/sse": async (req, res, { query }) => {
    res.writeHead(200, { "content-type": "text/event-stream" });
    for (let i = 1; i <= number(query, "n", 3); i++) {
      res.write(`id: ${i}\nevent: tick\ndata: {"n":${i}}\n\n`);
      await sleep(number(query, "ms", 10));
    }
    res.end();
  },

  "/reset-before": (req) => req.socket.resetAndDestroy(),
  "/close-before": (req) => req.socket.destroy(),
  "/reset-mid": async (req) => {
    raw(req, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nthe beginning", false);
    await sleep(20);
    req.socket.resetAndDestroy();
  },
  // The first request of a connection is answered; a later one is read,
  // executed (see /stats) and answered by closing.
  "/close-reused": (req, res) => {
    if (req.socket.requests > 1) req.socket.destroy();
    else json(res, { requests: req.socket.requests });
  },

  "/garbage": (req) => raw(req, "\x16\x03\x01 this is no HTTP at all\r\n\r\n"),
  "/http09": (req) => raw(req, "hello, I have no status line\n"),
  "/bad-chunk": (req) =>
    raw(req, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzzz\r\n"),
  "/cut-chunk": (req) =>
    raw(req, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
  "/cut-headers": (req) => raw(req, "HTTP/1.1 200 OK\r\ncontent-le"),
  "/short-body": (req) => raw(req, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nonly this"),
  "/long-body": (req) =>
    raw(req, `HTTP/1.1 200 OK\r\ncontent-length: 5\r\n${CLOSE}\r\nhello and much more`),
  "/bad-status": (req) => raw(req, "HTTP/1.1 banana\r\ncontent-length: 0\r\n\r\n"),
  // Says that it closes, and does.
  "/bye": (req, res) => json(res, { resumed: req.socket.isSessionReused?.() ?? false }, 200,
    { connection: "close" }),
  // An interim answer before the real one.
  "/early-hints": (req, res) => {
    res.writeEarlyHints({ link: "</a>; rel=preload", "x-interim": "yes" });
    json(res, { ok: true }, 200, { "x-real": "yes" });
  },
  "/trailers": (req) =>
    raw(req, `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-first: 1\r\n${CLOSE}\r\n` +
      "2\r\nok\r\n0\r\nx-trailer: 2\r\n\r\n"),
  "/folded": (req) =>
    raw(req, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-folded: one\r\n   two\r\nX-Empty:\r\n" +
      `${CLOSE}\r\nok`),

  "/huge": (req, res, { query }) => {
    res.writeHead(200, { "content-type": "application/octet-stream" });
    return streamed(res, number(query, "mb", 10) * 1048576, Buffer.alloc(65536, "x"));
  },
  "/size": (req, res, { query }) => {
    const body = sized(number(query, "bytes", 1000));
    res.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    res.end(body);
  },
  "/headers-huge": (req, res, { query }) => {
    const lines = [];
    for (let i = 0; i < number(query, "kb", 100); i++) lines.push(`x-filler-${i}: ${"y".repeat(1005)}`);
    raw(req, `HTTP/1.1 200 OK\r\n${lines.join("\r\n")}\r\ncontent-length: 2\r\n${CLOSE}\r\nok`);
  },

  "/gzip": (req, res) => {
    const body = zlib.gzipSync(JSON.stringify({ zipped: true, accept: req.headers["accept-encoding"] }));
    res.writeHead(200, { "content-encoding": "gzip", "content-length": body.length });
    res.end(body);
  },
  "/gzip-bomb": (req, res, { query }) => {
    const body = zlib.gzipSync(Buffer.alloc(number(query, "mb", 64) * 1048576));
    res.writeHead(200, { "content-encoding": "gzip", "content-length": body.length });
    res.end(body);
  },
  "/bad-gzip": (req, res) => {
    res.writeHead(200, { "content-encoding": "gzip", "content-length": 11 });
    res.end("not gzipped");
  },

  "/redirect": (req, res, { query }) => {
    res.writeHead(302, { location: query.get("to") ?? "/json", "content-length": 0 });
    res.end();
  },
  // Every other one fails, beginning with the first.
  "/flaky": (req, res, { count }) =>
    count % 2 ? json(res, { error: "flaky" }, 500) : json(res, { ok: true, count }),
  // Every other one takes its time, beginning with the first.
  "/tardy": async (req, res, { count, query }) => {
    if (count % 2) await sleep(number(query, "ms", 3000));
    json(res, { count });
  },
  // Fails twice, then tells the idempotency keys of all three requests.
  "/keyed": (req, res, { count }) => {
    keys.push(req.headers["idempotency-key"] ?? null);
    json(res, { keys: count % 3 ? [] : keys.splice(0) }, count % 3 ? 500 : 200);
  },
  "/limited": (req, res, { query }) =>
    json(res, { error: "slow down" }, 429, { "retry-after": number(query, "s", 2) }),

  // HTTP/2 only.
  "/refuse-stream": (req, res) => res.stream.close(http2.constants.NGHTTP2_REFUSED_STREAM),
  "/reset-stream": (req, res) => res.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR),
  "/goaway": (req, res) => {
    json(res, { goaway: true });
    req.stream.session.goaway();
  },
};

function status(req, res, path) {
  const code = Number(path.slice("/status/".length));
  const empty = code === 204 || code === 304;
  if (empty) res.writeHead(code).end();
  else json(res, { status: code }, code);
}

async function bodyOf(req) {
  const pieces = [];
  for await (const piece of req) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function serve(req, res) {
  const url = new URL(req.url, "http://upstream");
  const path = req.url.split("?")[0]; // as it came: no ".." taken away
  const socket = req.socket;
  socket.requests = (socket.requests ?? 0) + 1;
  const body = await bodyOf(req);
  if (path === "/stats") return json(res, stats);

  const count = (stats.counts[path] = (stats.counts[path] ?? 0) + 1);
  if (path.startsWith("/status/")) return status(req, res, path);
  const route = routes[path];
  if (!route) return json(res, { error: "no such route" }, 404);
  return route(req, res, { query: url.searchParams, body, count });
}

function onRequest(req, res) {
  serve(req, res).catch((error) => {
    if (!res.destroyed && !res.headersSent) json(res, { error: String(error) }, 500);
  });
}

// Resolves to the port.
function listen(server, name) {
  const accepted = server instanceof https.Server || name === "h2" ? "secureConnection" : "connection";
  server.on(accepted, (socket) => {
    stats.connections[name] = (stats.connections[name] ?? 0) + 1;
    stats.open++;
    socket.number = stats.connections[name];
    socket.on("close", () => stats.open--);
    socket.on("error", () => {});
  });
  server.on("sessionError", () => {});
  server.on("tlsClientError", () => {});
  return new Promise((ready, fail) => {
    server.on("error", fail);
    server.listen(0, HOST, () => ready(server.address().port));
  });
}

function plain() {
  return http.createServer({ keepAliveTimeout: 75000 }, onRequest);
}

// Closes a connection that idles for so long. (Node's own keepAliveTimeout
// waits for a second more, so that clients do not notice.)
function closeIdle(server, ms) {
  return server.on("request", (req, res) => res.on("finish", () => {
    const seen = req.socket.requests;
    setTimeout(() => { if (req.socket.requests === seen) req.socket.end(); }, ms);
  }));
}

async function closedPort() {
  const server = net.createServer();
  const port = await listen(server, "closed");
  await new Promise((done) => server.close(done));
  return port;
}

async function main() {
  const where = {
    host: HOST,
    http: await listen(plain(), "http"),
    short: await listen(closeIdle(plain(), 60), "short"),
    mute: await listen(net.createServer(), "mute"),
    closed: await closedPort(),
  };
  if (!process.argv.includes("--plain")) {
    const made = makeCertificates();
    process.on("exit", () => rmSync(made.dir, { recursive: true, force: true }));
    const tls = (name) => https.createServer(made.pair(name), onRequest);
    where.ca = made.ca;
    where.https = await listen(tls("good"), "https");
    where.self_signed = await listen(tls("self"), "self_signed");
    where.expired = await listen(tls("expired"), "expired");
    where.wrong_name = await listen(tls("wrong"), "wrong_name");
    where.h2 = await listen(
      http2.createSecureServer({ ...made.pair("good"), allowHTTP1: true }, onRequest), "h2");
  }
  console.log(JSON.stringify(where));
}

process.stdin.on("end", () => process.exit(0)).on("error", () => process.exit(0)).resume();
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
await main();
