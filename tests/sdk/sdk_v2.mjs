// node sdk_v2.mjs URL legacy|auto|modern -- the client of
// @modelcontextprotocol/client, in each of its modes.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

import { drive } from "./drive.mjs";

const [url, name] = process.argv.slice(2);
const mode = name === "modern" ? { pin: "2026-07-28" } : name;
const transport = new StreamableHTTPClientTransport(new URL(url));
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
