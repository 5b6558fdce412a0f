--- The official conformance suite against the real binary, with the integration
--- in tests/conformance/scripts. What is not served yet stands in not_served.yml.

local gateway = require "gateway"
local process = require "process"
local tree = require "tree"

local SUITE = "tests/conformance/node_modules/@modelcontextprotocol/conformance/dist/index.js"
local FIXTURE = "tests/conformance/scripts/"

local g

local function scripts()
  return {
    ["test.lua"] = tree.read(FIXTURE .. "test.lua"),
    ["json.lua"] = tree.read(FIXTURE .. "json.lua"),
    ["test_input.lua"] = tree.read(FIXTURE .. "test_input.lua"),
    ["tasks.lua"] = tree.read(FIXTURE .. "tasks.lua"),
  }
end

local function run(revision)
  local results = os.tmpname()
  os.remove(results)
  local code, out, err = process.run {
    "node", SUITE, "server", "--url", ("http://127.0.0.1:%d/mcp"):format(g.port),
    "--requirements", revision, "--timeout", "20000", "--output-dir", results,
    "--expected-failures", "tests/conformance/not_served.yml",
    env = { LD_PRELOAD = false }, timeout_s = 280,
  }
  process.run { "rm", "-rf", results }
  return code, out .. err
end

local function passed(output)
  return tonumber(output:match "Total: (%d+) passed")
end

describe("the conformance suite", function()
  setup(function()
    g = gateway.start { scripts = scripts(), args = { "--workers", "4" } }
  end)

  teardown(function() g:stop() end)

  it("finds nothing that is served wrongly in the legacy era", function()
    local code, output = run "2025-11-25"

    assert.equal(0, code, output)
    assert.is_true(passed(output) >= 66, output)
  end)

  it("finds nothing that is served wrongly in the modern era", function()
    local code, output = run "2026-07-28"

    assert.equal(0, code, output)
    assert.is_true(passed(output) >= 141, output)
  end)
end)
