// node sdk_v1.mjs URL -- the client of @modelcontextprotocol/sdk, legacy era.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { drive } from "./drive.mjs";

const transport = new StreamableHTTPClientTransport(new URL(process.argv[2]));
const client = new Client({ name: "sdk-v1", version: "1.32.2" });
await client.connect(transport);

const report = await drive(client, (signal) => [undefined, signal && { signal }]);
report.version = transport.protocolVersion;
report.session = transport.sessionId !== undefined;
await client.ping();
await transport.terminateSession();
report.ended = transport.sessionId === undefined;
await client.close();
console.log(JSON.stringify(report));
