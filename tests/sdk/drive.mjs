// What every SDK client does with the fixture of tests/e2e/sdk_spec.lua; the
// spec reads the JSON that is printed.

async function listAll(client) {
  const tools = [];
  let cursor;
  do {
    const page = await client.listTools(cursor === undefined ? {} : { cursor });
    tools.push(...page.tools);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return tools;
}

// A result as a model sees it, or the protocol's error.
async function call(client, name, args, options) {
  try {
    const result = await client.callTool({ name, arguments: args }, ...options);
    return {
      isError: result.isError ?? false,
      text: result.content[0]?.text,
      types: result.content.map((block) => block.type),
      structured: result.structuredContent,
    };
  } catch (error) {
    return { code: error.code, message: error.message, kind: error.name };
  }
}

// Gives up while the tool still runs.
async function giveUp(client, options) {
  const controller = new AbortController();
  setTimeout(() => controller.abort("enough"), 300);
  const begun = Date.now();
  const answer = await call(client, "sdk_slow", { seconds: 20 }, options(controller.signal));
  const quickly = Date.now() - begun < 5000;
  await new Promise((resolve) => setTimeout(resolve, 300)); // closing would cut the word of it off
  return { gaveUp: answer.message !== undefined, quickly };
}

// `options(signal)`: the arguments of callTool behind the params, which differ
// between the generations of the SDK.
export async function drive(client, options) {
  const none = options(undefined);
  const tools = await listAll(client);
  const report = {
    server: client.getServerVersion(),
    capabilities: client.getServerCapabilities(),
    instructions: client.getInstructions(),
    names: tools.map((tool) => tool.name),
    add: tools.find((tool) => tool.name === "sdk_add"),
    success: await call(client, "sdk_add", { a: 1, b: 2 }, none),
    relayed: await call(client, "sdk_relay", {}, none),
    content: await call(client, "sdk_content", {}, none),
    region: await call(client, "sdk_region", { region: "Zürich" }, none),
    failure: await call(client, "sdk_fail", {}, none),
    badArguments: await call(client, "sdk_add", { a: "one", b: 2 }, none),
    unknown: await call(client, "sdk_ad", {}, none),
    many: (await Promise.all(
      Array.from({ length: 20 }, (_, i) => call(client, "sdk_add", { a: i, b: i }, none)),
    )).map((one) => one.structured.sum),
  };
  report.cancelled = await giveUp(client, options);
  return report;
}
