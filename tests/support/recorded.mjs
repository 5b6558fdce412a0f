// recorded.mjs -- a service that gives recorded answers, for integrations' specs.
//
//   node recorded.mjs FOLDER
//
// Each FOLDER/*.json is one exchange:
//
//   { "request":  { "method": "GET", "path": "/a", "query": { "page": "1" },
//                   "headers": { "accept": "..." }, "json": ... },
//     "response": { "status": 200, "headers": {}, "json": ... } }
//
// A request is answered when method, path, the whole query, the headers that are
// named and the JSON body are as recorded; else with 599 and what differs.
// Prints its port and ends when its standard input closes. GET /@requests tells
// what has been asked.

import http from "node:http";
import { readFileSync, readdirSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

const folder = process.argv[2];
const exchanges = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .sort()
  .map((name) => ({ name, ...JSON.parse(readFileSync(`${folder}/${name}`, "utf8")) }));
const asked = [];

function difference(wanted, got) {
  if (wanted.method !== got.method) return "method";
  if (wanted.path !== got.path) return "path";
  if (!isDeepStrictEqual(wanted.query ?? {}, got.query)) return "query";
  for (const [name, value] of Object.entries(wanted.headers ?? {})) {
    if (got.headers[name.toLowerCase()] !== value) return `header ${name}`;
  }
  if (!isDeepStrictEqual(wanted.json, got.json)) return "body";
  return undefined;
}

async function received(req) {
  let text = "";
  for await (const part of req) text += part;
  const url = new URL(req.url, "http://recorded");
  return {
    method: req.method,
    path: decodeURIComponent(url.pathname),
    query: Object.fromEntries(url.searchParams),
    headers: req.headers,
    json: text === "" ? undefined : JSON.parse(text),
  };
}

function send(res, status, value, headers = {}) {
  const body = value === undefined ? "" : JSON.stringify(value);
  res.writeHead(status, { "content-type": "application/json", ...headers });
  res.end(body);
}

async function answer(req, res) {
  const got = await received(req);
  if (got.path === "/@requests") return send(res, 200, asked);
  asked.push(got);
  const near = [];
  for (const { name, request, response } of exchanges) {
    const what = difference(request, got);
    if (!what) return send(res, response.status, response.json, response.headers);
    if (what !== "method" && what !== "path") near.push(`${name}: another ${what}`);
  }
  return send(res, 599, { message: "no such recording", near, got });
}

const server = http.createServer((req, res) => {
  answer(req, res).catch((error) => send(res, 599, { message: String(error) }));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit(0));
