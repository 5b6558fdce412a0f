// server.mjs -- the official TypeScript SDK as a gateway: a stateless server over
// streamable HTTP whose tool fetches from an upstream. For the bench.
//
//   node server.mjs UPSTREAM [TOOLS]
//
// Prints its port. One server and transport per request, as the SDK's own
// stateless example has it.

import http from "node:http";

import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { z } from "zod";

const upstream = process.argv[2];
const extra = Number(process.argv[3] ?? 0);

async function small({ id }) {
  const res = await fetch(`${upstream}/small?id=${id}`);
  const value = await res.json();
  return { content: [{ type: "text", text: JSON.stringify(value) }], structuredContent: value };
}

function register(server) {
  server.registerTool(
    "bench_small",
    { description: "Hand on what /small answers.", inputSchema: { id: z.number().int().min(0) } },
    small,
  );
  for (let i = 1; i <= extra; i++) {
    server.registerTool(
      `many_tool_${i}`,
      {
        description: "Read one of the many things that this service has.",
        inputSchema: {
          id: z.number().int().min(0),
          name: z.string().max(100),
          state: z.enum(["open", "closed"]).default("open"),
        },
      },
      small,
    );
  }
}

async function serve(req, res) {
  const server = new McpServer({ name: "sdk", version: "1" });
  register(server);
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: undefined,
    enableJsonResponse: true,
  });
  res.on("close", () => {
    transport.close();
    server.close();
  });
  await server.connect(transport);
  await transport.handleRequest(req, res);
}

const server = http.createServer((req, res) => {
  serve(req, res).catch((error) => {
    console.error(error);
    if (!res.headersSent) res.writeHead(500).end();
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
