// node sdk_v2.mjs legacy|auto|modern TARGET -- the client of
// @modelcontextprotocol/client, in each of its modes; TARGET as in transport.mjs.
import {
  Client, SSEClientTransport, StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

import { drive } from "./drive.mjs";
import { transport as open } from "./transport.mjs";

const [name, ...target] = process.argv.slice(2);
const mode = name === "modern" ? { pin: "2026-07-28" } : name;
const transport = open(
  target, StreamableHTTPClientTransport, StdioClientTransport, SSEClientTransport,
);
const client = new Client(
  { name: `sdk-v2-${name}`, version: "2.4.0" },
  { versionNegotiation: { mode } },
);
await client.connect(transport);

const report = await drive(client, (signal) => [signal && { signal }]);
report.version = client.getNegotiatedProtocolVersion();
report.session = transport.sessionId !== undefined;
await client.close();
console.log(JSON.stringify(report));
