// node legacy.mjs sse|http URL -- the client of SDK 1.32 hears what changes, and
// comes back for an answer; for tests/e2e/legacy_spec.lua.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  ElicitRequestSchema, PromptListChangedNotificationSchema, ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";

const [how, url] = process.argv.slice(2);
let connections = 0;
const counted = (input, init) => {
  if (init?.method === "GET") connections++;
  return fetch(input, init);
};
const transport = how === "sse"
  ? new SSEClientTransport(new URL(url))
  : new StreamableHTTPClientTransport(new URL(url), { fetch: counted });
const client = new Client(
  { name: "legacy", version: "1" }, { capabilities: { elicitation: { form: {} } } },
);
client.setRequestHandler(ElicitRequestSchema, () => ({ action: "decline" }));

// A promise that is kept when `count` notices are there.
const heard = [];
const until = async (count) => {
  for (let i = 0; i < 500 && heard.length < count; i++) await new Promise((r) => setTimeout(r, 10));
};
client.setNotificationHandler(ToolListChangedNotificationSchema, () => { heard.push("tools"); });
client.setNotificationHandler(PromptListChangedNotificationSchema, () => { heard.push("prompts"); });
client.setNotificationHandler(ResourceUpdatedNotificationSchema, (n) => { heard.push(n.params.uri); });

await client.connect(transport);
if (how === "http") {
  for (let i = 0; i < 500 && connections < 1; i++) await new Promise((r) => setTimeout(r, 10));
  await new Promise((r) => setTimeout(r, 100)); // its stream is being opened
}
const say = (args) => client.callTool({ name: "shop_say", arguments: args });

await say({ list: "tools" });
await until(1);
await client.subscribeResource({ uri: "shop://stock" });
await say({ uri: "shop://stock" });
await until(2);
await client.unsubscribeResource({ uri: "shop://stock" });
await say({ uri: "shop://stock" });
await say({ list: "prompts" });
await until(3);

const before = connections;
const long = await client.callTool({ name: "shop_long", arguments: {} });
const asked = await client.callTool({ name: "shop_ask", arguments: {} });
const report = {
  heard, long: long.content[0].text, asked: asked.content[0].text, returned: connections - before,
};
if (how === "http") {
  report.session = transport.sessionId;
  await transport.terminateSession();
}
await client.close();
console.log(JSON.stringify(report));
