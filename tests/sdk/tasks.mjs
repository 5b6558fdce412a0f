// node tasks.mjs TARGET -- the client of SDK 1.32, which knows the tasks of
// 2025-11-25, drives the tools of tests/e2e/tasks_spec.lua; the spec reads the JSON
// that is printed. TARGET as in transport.mjs. (SDK 2.4 has no tasks: it takes a
// CreateTaskResult of the extension for an answer that it does not know.)
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CallToolResultSchema, CreateTaskResultSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

import { transport as open } from "./transport.mjs";

const client = new Client({ name: "tasks", version: "1" }, { capabilities: { elicitation: { form: {} } } });
const asked = [];
client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
  asked.push(params.message, params._meta["io.modelcontextprotocol/related-task"].taskId.length);
  return { action: "accept", content: { name: "Ada" } };
});
await client.connect(open(process.argv.slice(2), StreamableHTTPClientTransport, StdioClientTransport));
const tasks = client.experimental.tasks;

async function follow(name, args = {}) {
  const seen = { types: [] };
  const stream = tasks.callToolStream({ name, arguments: args }, CallToolResultSchema, { task: { ttl: 60000 } });
  for await (const message of stream) {
    if (seen.types.at(-1) !== message.type) seen.types.push(message.type);
    seen.task = message.task ?? seen.task;
    seen.result = message.result ?? seen.result;
    seen.error = message.error?.message;
  }
  return seen;
}

function begin(name, args) {
  const params = { name, arguments: args, task: { ttl: 60000 } };
  return client.request({ method: "tools/call", params }, CreateTaskResultSchema).then(({ task }) => task);
}

await client.listTools();
const report = {
  capabilities: client.getServerCapabilities().tasks,
  work: await follow("late_work", { ms: 50 }),
  asks: await follow("late_asks"),
  fails: await follow("late_fails"),
};
report.asked = asked;
const slow = await Promise.all(Array.from({ length: 8 }, () => begin("late_work", { ms: 60000 })));
report.cancelled = await Promise.all(slow.map(({ taskId }) => tasks.cancelTask(taskId)));
report.cancelled = report.cancelled.map(({ status }) => status);
report.seen = await Promise.all(slow.map(({ taskId }) => tasks.getTask(taskId)));
report.seen = report.seen.map(({ status }) => status);
report.listed = (await tasks.listTasks()).tasks.length;
report.late = await tasks.getTaskResult(slow[0].taskId, CallToolResultSchema).catch((error) => error.message);
report.unknown = await tasks.getTask("0".repeat(32)).catch((error) => error.code);
await client.close();
console.log(JSON.stringify(report));
