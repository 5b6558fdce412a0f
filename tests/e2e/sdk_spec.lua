--- The official MCP clients, of both eras, drive the real binary.

local cjson = require "cjson"

local gateway = require "gateway"
local process = require "process"

local SCRIPT = [[
local schema = tide.schema

local function add(_, args) return { sum = args.a + args.b } end
local function relay(ctx) return ctx.http:get("/json") end
local function fail() return nil, tide.error("conflict", "the shelf is taken") end
local function region(_, args) return { region = args.region } end
local function slow(_, args)
  tide.time.sleep(args.seconds)
  return { slept = args.seconds }
end
local function content()
  return { tide.content.text("hello"), tide.content.link("https://example.com/a", { name = "a" }) }
end

return {
  name = "sdk", about = "For the SDKs.", upstream = { base = "$UPSTREAM" },
  tools = {
    add = {
      about = "Adds.", args = { a = schema.integer(), b = schema.integer() },
      result = { sum = schema.integer() }, run = add,
    },
    relay = { about = "Relays.", args = {}, run = relay },
    fail = { about = "Fails.", args = {}, run = fail },
    content = { about = "Content.", args = {}, run = content },
    slow = { about = "Slow.", args = { seconds = schema.number() }, run = slow },
    region = {
      about = "Region.", run = region,
      args = schema.raw { type = "object", properties = {
        region = { type = "string", ["x-mcp-header"] = "Region" },
      } },
    },
  },
}]]

local NAMES = { "sdk_add", "sdk_content", "sdk_fail", "sdk_region", "sdk_relay", "sdk_slow" }

local g, up

local OPTIONS = { "--page-size", "4", "--instructions", "Be kind." }

-- The client's report, and what the processes that it started logged.
local function run(argv)
  table.insert(argv, 1, "node")
  argv.env = { LD_PRELOAD = false }
  local code, out, err = process.run(argv)
  assert(code == 0, err)
  return cjson.decode(out), err
end

local function over_http(...)
  local argv = { ... }
  argv[#argv + 1] = ("http://127.0.0.1:%d/mcp"):format(g.port)
  return run(argv)
end

local function over_stdio(...)
  local argv = { ... }
  for _, arg in ipairs {
    "stdio:", gateway.binary, "serve", "--stdio", "--scripts", g.folder .. "/scripts",
    "--policies", g.folder .. "/policies", table.unpack(OPTIONS),
  } do
    argv[#argv + 1] = arg
  end
  return run(argv)
end

local function doubled()
  local sums = {}
  for i = 1, 20 do sums[i] = 2 * (i - 1) end
  return sums
end

-- What is the same in every era.
local function check(report)
  assert.same({ name = "tidegate", version = report.server.version }, report.server)
  assert.same({ tools = { listChanged = true }, logging = {} }, report.capabilities)
  assert.equal("Be kind.", report.instructions)
  assert.same(NAMES, report.names)
  assert.equal("Adds.", report.add.description)
  assert.same({ isError = false, text = '{"sum":3}', types = { "text" }, structured = { sum = 3 } },
    report.success)
  assert.is_false(report.relayed.isError)
  assert.same({ "text", "resource_link" }, report.content.types)
  assert.equal("Zürich", report.region.structured.region)
  assert.is_true(report.failure.isError)
  assert.equal("the shelf is taken", report.failure.text)
  assert.equal("conflict", report.failure.structured.code)
  assert.is_true(report.badArguments.isError)
  assert.truthy(report.badArguments.text:find("a must be", 1, true))
  assert.equal(-32602, report.unknown.code)
  assert.truthy(report.unknown.message:find("did you mean sdk_add?", 1, true))
  assert.same(doubled(), report.many)
  assert.same({ gaveUp = true, quickly = true }, report.cancelled)
end

local function cancelled_calls(log)
  local _, n = log:gsub("tool=sdk_slow[^\n]*code=cancelled", "")
  return n
end

-- The call that the client gave up ends here too, soon.
local function check_cancelled(before)
  assert.truthy(process.eventually(function() return cancelled_calls(g:log()) > before end))
end

describe("the official client", function()
  setup(function()
    up = require("upstream").start { plain = true }
    g = gateway.start {
      scripts = { ["sdk.lua"] = SCRIPT },
      replace = { UPSTREAM = up:url("/"):gsub("/$", "") },
      args = { "--workers", "2", table.unpack(OPTIONS) },
    }
  end)

  teardown(function()
    if g then g:stop() end
    if up then up:stop() end
  end)

  it("of SDK 1.32 lists and calls tools, gives up a call and ends its session", function()
    local before = cancelled_calls(g:log())
    local report = over_http "tests/sdk/sdk_v1.mjs"

    check(report)
    assert.same({ "2025-11-25", true, true }, { report.version, report.session, report.ended })
    check_cancelled(before)
  end)

  it("of SDK 1.32 does so over HTTP+SSE", function()
    local before = cancelled_calls(g:log())
    local report = run {
      "tests/sdk/sdk_v1.mjs", "sse:", ("http://127.0.0.1:%d/sse"):format(g.port),
    }

    check(report)
    check_cancelled(before)
  end)

  it("of SDK 2.4 does so over HTTP+SSE", function()
    local before = cancelled_calls(g:log())
    local report = run {
      "tests/sdk/sdk_v2.mjs", "legacy", "sse:", ("http://127.0.0.1:%d/sse"):format(g.port),
    }

    check(report)
    assert.equal("2025-11-25", report.version)
    check_cancelled(before)
  end)

  it("of SDK 1.32 does so over stdio", function()
    local report, log = over_stdio "tests/sdk/sdk_v1.mjs"

    check(report)
    assert.equal(1, cancelled_calls(log))
  end)

  local MODES = { legacy = "2025-11-25", auto = "2026-07-28", modern = "2026-07-28" }
  for mode, version in pairs(MODES) do
    it("of SDK 2.4 lists and calls tools, gives up a call, in mode " .. mode, function()
      local before = cancelled_calls(g:log())
      local report = over_http("tests/sdk/sdk_v2.mjs", mode)

      check(report)
      assert.same({ version, mode == "legacy" }, { report.version, report.session })
      check_cancelled(before)
    end)

    it("of SDK 2.4 does so over stdio, in mode " .. mode, function()
      local report, log = over_stdio("tests/sdk/sdk_v2.mjs", mode)

      check(report)
      assert.equal(version, report.version)
      assert.equal(1, cancelled_calls(log))
    end)
  end
end)
