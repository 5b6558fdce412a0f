--- The official conformance suite against the real binary, with the integration
--- in tests/conformance/scripts. What is not served yet stands in not_served.yml.

local gateway = require "gateway"
local process = require "process"
local tree = require "tree"

local MODULES = "tests/conformance/node_modules/"
local SUITE = MODULES .. "@modelcontextprotocol/conformance/dist/index.js"
local OLD_SUITE = MODULES .. "conformance-0.1.16/dist/index.js"
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

local function run(suite, ...)
  local results = os.tmpname()
  os.remove(results)
  local argv = {
    "node", suite, "server", "--url", ("http://127.0.0.1:%d/mcp"):format(g.port),
    "--output-dir", results, "--expected-failures", "tests/conformance/not_served.yml",
    env = { LD_PRELOAD = false }, timeout_s = 280,
  }
  for _, arg in ipairs { ... } do argv[#argv + 1] = arg end
  local code, out, err = process.run(argv)
  process.run { "rm", "-rf", results }
  return code, out .. err
end

local function passed(output)
  return tonumber(output:match "Total: (%d+) passed")
end

for _, workers in ipairs { "1", "4" } do
  describe("the conformance suite, with workers: " .. workers, function()
    setup(function()
      g = gateway.start { scripts = scripts(), args = { "--workers", workers } }
    end)

    teardown(function() g:stop() end)

    it("finds nothing that is served wrongly in the legacy era", function()
      local code, output = run(SUITE, "--requirements", "2025-11-25", "--timeout", "20000")

      assert.equal(0, code, output)
      assert.is_true(passed(output) >= 83, output)
    end)

    it("finds nothing that is served wrongly in the modern era", function()
      local code, output = run(SUITE, "--requirements", "2026-07-28", "--timeout", "20000")

      assert.equal(0, code, output)
      assert.is_true(passed(output) >= 196, output)
    end)

    it("of release 0.1.16 finds nothing either, in all its suites", function()
      local code, output = run(OLD_SUITE, "--suite", "all")

      assert.equal(0, code, output)
      assert.is_true(passed(output) >= 46, output)
    end)
  end)
end
