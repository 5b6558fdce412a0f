// node ask.mjs v1|legacy|auto|modern TARGET -- the official clients answer what
// the tools of tests/e2e/ask_spec.lua ask; the spec reads the JSON that is
// printed. TARGET as in transport.mjs.
import { transport as open } from "./transport.mjs";

const [mode, ...target] = process.argv.slice(2);
const CAPABILITIES = {
  elicitation: { form: {}, url: {} }, sampling: { tools: {} }, roots: {},
};

let completed = 0; // URLs that are done, as the server says

// A client, and how a handler is set for a method.
async function v1() {
  const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
  const { StdioClientTransport } = await import("@modelcontextprotocol/sdk/client/stdio.js");
  const { StreamableHTTPClientTransport } =
    await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
  const { SSEClientTransport } = await import("@modelcontextprotocol/sdk/client/sse.js");
  const types = await import("@modelcontextprotocol/sdk/types.js");
  const client = new Client({ name: "ask", version: "1" }, { capabilities: CAPABILITIES });
  const complete = types.ElicitationCompleteNotificationSchema;
  client.setNotificationHandler(complete, () => { completed++; });
  const schemas = {
    "elicitation/create": types.ElicitRequestSchema,
    "sampling/createMessage": types.CreateMessageRequestSchema,
    "roots/list": types.ListRootsRequestSchema,
  };
  return {
    client,
    transport: open(target, StreamableHTTPClientTransport, StdioClientTransport,
      SSEClientTransport),
    handle: (method, fn) => client.setRequestHandler(schemas[method], fn),
  };
}

async function v2() {
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
  const client = new Client({ name: "ask", version: "1" }, {
    capabilities: CAPABILITIES,
    versionNegotiation: { mode: mode === "modern" ? { pin: "2026-07-28" } : mode },
  });
  return {
    client, transport: open(target, StreamableHTTPClientTransport, StdioClientTransport),
    handle: (method, fn) => client.setRequestHandler(method, fn),
  };
}

const { client, transport, handle } = await (mode === "v1" ? v1() : v2());

const asked = [];
function answer({ params }) {
  asked.push(params.mode ?? "form");
  if (params.message.startsWith("Decline")) return { action: "decline" };
  if (params.mode === "url") return { action: "accept" };
  const content = {};
  for (const [name, field] of Object.entries(params.requestedSchema.properties))
    content[name] = field.type === "integer" ? 42 : `${name} of ${params.message}`;
  return { action: "accept", content };
}

handle("elicitation/create", answer);
handle("sampling/createMessage", ({ params }) => {
  asked.push("sample");
  return {
    role: "assistant", model: "m-1", stopReason: "endTurn",
    content: { type: "text", text: `heard: ${params.messages[0].content.text}` },
  };
});
handle("roots/list", () => {
  asked.push("roots");
  return { roots: [{ uri: "file:///home/ada", name: "Home" }] };
});

async function call(name, args = {}) {
  try {
    const result = await client.callTool({ name, arguments: args });
    return result.isError ? { error: result.content[0].text } : result.structuredContent;
  } catch (error) {
    return { code: error.code, error: error.message };
  }
}

await client.connect(transport);
const report = {
  accept: await call("ask_form", { message: "Who?" }),
  decline: await call("ask_form", { message: "Decline this" }),
  url: await call("ask_url"),
  sample: await call("ask_sample"),
  roots: await call("ask_roots"),
  both: await call("ask_both"),
  twice: await call("ask_twice"),
  acted: await call("ask_acted"),
};
report.asked = asked.splice(0);
report.completed = completed;
report.many = await Promise.all(
  Array.from({ length: 12 }, (_, i) => call("ask_form", { message: `${i}?` })),
);
await client.close();
console.log(JSON.stringify(report));
