// node listen.mjs SCRIPT TARGET -- the client of @modelcontextprotocol/client,
// pinned to the modern revision, subscribes to the shop of
// tests/support/listen_shop.lua; prints what it heard. SCRIPT is the integration's
// file, which is rewritten for a reload; TARGET as in transport.mjs.
import { readFileSync, renameSync, writeFileSync } from "node:fs";

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

import { transport as open } from "./transport.mjs";

const [script, ...target] = process.argv.slice(2);
const transport = open(target, StreamableHTTPClientTransport, StdioClientTransport);
const client = new Client(
  { name: "sdk-listen", version: "2.4.0" },
  { versionNegotiation: { mode: { pin: "2026-07-28" } } },
);
await client.connect(transport);

const heard = [];
let wake = () => {};
for (const method of ["tools/list_changed", "prompts/list_changed", "resources/updated"]) {
  client.setNotificationHandler(`notifications/${method}`, (notification) => {
    heard.push([method, notification.params?.uri ?? null]);
    wake();
  });
}

async function until(count) {
  const late = setTimeout(() => wake(), 8000);
  const begun = Date.now();
  while (heard.length < count && Date.now() - begun < 8000)
    await new Promise((resolve) => { wake = resolve; });
  clearTimeout(late);
}

function reload() {
  const text = readFileSync(script, "utf8").replace("Says.", "Says more.");
  writeFileSync(`${script}.new`, text);
  renameSync(`${script}.new`, script);
}

const say = (args) => client.callTool({ name: "shop_say", arguments: args });

const one = await client.listen({ toolsListChanged: true, promptsListChanged: true });
const two = await client.listen({ resourceSubscriptions: ["shop://stock", "shop://nowhere"] });
await say({ list: "prompts" });
await until(1);
await say({ uri: "shop://item/7" });
await say({ uri: "shop://stock" });
await until(2);
reload();
await until(3);
const { tools } = await client.listTools();
await one.close();
await say({ list: "tools" });
await say({ uri: "shop://stock" });
await until(4);
await two.close();

const report = {
  capabilities: client.getServerCapabilities(),
  honored: [one.honoredFilter, two.honoredFilter],
  heard,
  about: tools.find((tool) => tool.name === "shop_say").description,
  closed: [await one.closed, await two.closed],
};
await client.close();
console.log(JSON.stringify(report));
