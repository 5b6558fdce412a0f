// service.mjs -- a small inventory over HTTP, for the demo.
//
//   INVENTORY_KEY=... node service.mjs [PORT]
//
// Prints its port, then serves until it is told to end. Every request needs the
// key in X-Api-Key.
//
//   GET   /items?page=&per_page=   pages, next one in a Link header
//   GET   /items/:sku
//   POST  /items                   { sku, name, stock }
//   PATCH /items/:sku/stock        { change }
//   GET   /report                  takes two seconds
//   GET   /flaky                   503 every other time
//   GET   /limited                 429 with Retry-After

import http from "node:http";
import { timingSafeEqual } from "node:crypto";

const KEY = process.env.INVENTORY_KEY ?? "";
const PAGE_MAX = 50;
const REPORT_MS = 2000;

const items = new Map();
const NAMES = ["Ball valve", "Gate valve", "Pipe", "Elbow", "Gasket", "Flange", "Pump", "Gauge"];
for (let i = 1; i <= 24; i++) {
  const sku = `P-${String(i).padStart(3, "0")}`;
  const name = `${NAMES[i % NAMES.length]}, ${10 * (1 + (i % 5))} mm`;
  items.set(sku, { sku, name, stock: (i * 37) % 50 });
}
let asked = 0;

function send(res, status, value, headers = {}) {
  const body = JSON.stringify(value);
  res.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    ...headers,
  });
  res.end(body);
}

const problem = (res, status, message, headers) => send(res, status, { message }, headers);

function known(key) {
  const a = Buffer.from(String(key ?? ""));
  const b = Buffer.from(KEY);
  return KEY !== "" && a.length === b.length && timingSafeEqual(a, b);
}

async function body(req) {
  let text = "";
  for await (const part of req) text += part;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function listItems(req, res, url) {
  const page = Math.max(1, Number(url.searchParams.get("page")) || 1);
  const size = Math.min(PAGE_MAX, Math.max(1, Number(url.searchParams.get("per_page")) || 10));
  const all = [...items.values()];
  const headers = {};
  if (page * size < all.length) {
    headers.Link = `</items?page=${page + 1}&per_page=${size}>; rel="next"`;
  }
  send(res, 200, all.slice((page - 1) * size, page * size), headers);
}

function getItem(req, res, url, sku) {
  const item = items.get(sku);
  if (item) send(res, 200, item);
  else problem(res, 404, `no item ${sku}`);
}

async function addItem(req, res) {
  const item = await body(req);
  if (!item?.sku || !item.name) return problem(res, 422, "sku and name are needed");
  if (items.has(item.sku)) return problem(res, 409, `${item.sku} is there already`);
  const { sku, name, stock = 0 } = item;
  items.set(sku, { sku, name, stock });
  return send(res, 201, items.get(sku));
}

async function changeStock(req, res, url, sku) {
  const item = items.get(sku);
  const change = (await body(req))?.change;
  if (!item) return problem(res, 404, `no item ${sku}`);
  if (!Number.isInteger(change)) return problem(res, 422, "change must be an integer");
  if (item.stock + change < 0) return problem(res, 409, `only ${item.stock} of ${sku} in stock`);
  item.stock += change;
  return send(res, 200, item);
}

function report(req, res) {
  const timer = setTimeout(() => {
    const all = [...items.values()];
    const empty = all.filter((item) => item.stock === 0).map((item) => item.sku);
    send(res, 200, { items: all.length, pieces: all.reduce((n, i) => n + i.stock, 0), empty });
  }, REPORT_MS);
  res.on("close", () => clearTimeout(timer));
}

function flaky(req, res) {
  asked++;
  if (asked % 2 === 1) problem(res, 503, "try again");
  else send(res, 200, { answered: asked });
}

function limited(req, res) {
  problem(res, 429, "enough for now", { "Retry-After": "60" });
}

const ROUTES = [
  ["GET", /^\/items$/, listItems],
  ["POST", /^\/items$/, addItem],
  ["GET", /^\/items\/([\w-]+)$/, getItem],
  ["PATCH", /^\/items\/([\w-]+)\/stock$/, changeStock],
  ["GET", /^\/report$/, report],
  ["GET", /^\/flaky$/, flaky],
  ["GET", /^\/limited$/, limited],
];

function route(req, res) {
  const url = new URL(req.url, "http://inventory");
  if (!known(req.headers["x-api-key"])) return problem(res, 401, "X-Api-Key is wrong");
  for (const [method, path, handler] of ROUTES) {
    const found = req.method === method && url.pathname.match(path);
    if (found) return handler(req, res, url, found[1]);
  }
  return problem(res, 404, "no such path");
}

const server = http.createServer(route);
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(server.address().port);
});
process.on("SIGTERM", () => process.exit(0));
