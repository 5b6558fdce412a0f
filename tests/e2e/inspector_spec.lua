--- MCP Inspector's command line against the real binary, over each transport.

local cjson = require "cjson"

local gateway = require "gateway"
local process = require "process"

local CLI = "tests/inspector/node_modules/.bin/mcp-inspector"

local SCRIPT = [[
local str, int = tide.schema.string, tide.schema.integer

local function greet(_, args) return { text = "Hello " .. args.name, times = args.times } end
local function fail() return nil, tide.error("conflict", "the shelf is taken") end
local function guide() return "Turn it off and on again." end
local function review(_, args) return "Review " .. args.what end

return {
  name = "shop", about = "For the Inspector.",
  tools = {
    greet = {
      about = "Greets.", args = { name = str(), times = int { default = 1 } }, run = greet,
      result = { text = str(), times = int() },
    },
    fail = { about = "Fails.", args = {}, run = fail },
  },
  resources = { repair = { uri = "guide://repair", about = "How to.", read = guide } },
  prompts = { review = { about = "Reviews.", args = { what = str() }, run = review } },
}]]

local g

setup(function()
  g = gateway.start { scripts = { ["shop.lua"] = SCRIPT }, args = { "--workers", "2" } }
end)

teardown(function() g:stop() end)

local TARGETS = {
  http = function() return { ("http://127.0.0.1:%d/mcp"):format(g.port) } end,
  sse = function() return { ("http://127.0.0.1:%d/sse"):format(g.port) } end,
  stdio = function()
    local scripts, policies = g.folder .. "/scripts", g.folder .. "/policies"
    return { gateway.binary, "serve", "--stdio", "--scripts", scripts, "--policies", policies }
  end,
}

-- Its exit code, what it printed as JSON, and what it said aside.
local function inspect(transport, ...)
  local argv = { "node", CLI, "--cli" }
  for _, word in ipairs(TARGETS[transport]()) do argv[#argv + 1] = word end
  for _, word in ipairs { "--transport", transport, "--method", ... } do argv[#argv + 1] = word end
  argv.env = { LD_PRELOAD = false, HOME = g.folder }
  argv.timeout_s = 60
  local code, out, err = process.run(argv)
  local ok, value = pcall(cjson.decode, out)
  return code, ok and value or out, err
end

local function names(list)
  local found = {}
  for i, item in ipairs(list) do found[i] = item.name end
  return found
end

for transport in pairs(TARGETS) do
  describe("MCP Inspector over " .. transport, function()
    it("lists tools, and finds their schemas portable", function()
      local code, out, err = inspect(transport, "tools/list", "--strict")

      assert.equal(0, code, err)
      assert.same({ "shop_fail", "shop_greet" }, names(out.tools))
    end)

    it("calls a tool", function()
      local code, out, err = inspect(transport, "tools/call", "--tool-name", "shop_greet",
        "--tool-arg", "name=Ann", "--tool-arg", "times=2")

      assert.equal(0, code, err)
      assert.same({ text = "Hello Ann", times = 2 }, out.structuredContent)
    end)

    it("shows a failure as the tool's", function()
      local _, out = inspect(transport, "tools/call", "--tool-name", "shop_fail")

      assert.same({ true, "conflict" }, { out.isError, out.structuredContent.code })
    end)

    it("reads a resource and gets a prompt", function()
      local _, resources = inspect(transport, "resources/read", "--uri", "guide://repair")
      local _, prompt = inspect(transport, "prompts/get",
        "--prompt-name", "shop_review", "--prompt-args", "what=this")

      assert.equal("Turn it off and on again.", resources.contents[1].text)
      assert.equal("Review this", prompt.messages[1].content.text)
    end)
  end)
end
