// node sdk_v1.mjs TARGET -- the client of @modelcontextprotocol/sdk, legacy era;
// TARGET as in transport.mjs.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { drive } from "./drive.mjs";
import { transport as open } from "./transport.mjs";

const transport = open(
  process.argv.slice(2), StreamableHTTPClientTransport, StdioClientTransport, SSEClientTransport,
);
const client = new Client({ name: "sdk-v1", version: "1.32.2" });
await client.connect(transport);

const report = await drive(client, (signal) => [undefined, signal && { signal }]);
report.version = transport.protocolVersion;
report.session = transport.sessionId !== undefined;
await client.ping();
if (report.session) await transport.terminateSession();
report.ended = transport.sessionId === undefined;
await client.close();
console.log(JSON.stringify(report));
