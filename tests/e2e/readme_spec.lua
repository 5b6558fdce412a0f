-- The README's first integration is the one that a new user pastes: it is taken
-- out of the page and run against a recorded answer.

local gateway = require "gateway"
local process = require "process"
local recorded = require "recorded"
local tree = require "tree"

local function script_of_readme(folder)
  local text = tree.read("README.md"):match "```lua\n(.-)```"
  local file = assert(io.open(folder .. "/wikipedia.lua", "w"))
  file:write(text)
  file:close()
end

describe("the README", function()
  local folder, wikipedia

  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
    script_of_readme(folder)
    wikipedia = recorded.start("wikipedia", { scripts = folder })
  end)

  teardown(function()
    wikipedia:stop()
    os.execute("rm -r " .. folder)
  end)

  it("has a first integration without a fault", function()
    local output, ok = wikipedia:check()

    assert(ok, output)
  end)

  it("has a first integration that answers", function()
    local result = wikipedia:call("wikipedia_summary", { title = "Tide" })

    assert.same({ title = "Tide", text = "Tides are the rise and fall of sea levels." }, result)
  end)

  it("is right that a missing article is not_found", function()
    local _, err = wikipedia:call("wikipedia_summary", { title = "Tyde" })

    assert.equal("not_found", err.code)
  end)

  it("has lines by hand that clients of both eras could have sent", function()
    local script = tree.read("README.md"):match "```lua\n(.-)```"
    local g = gateway.start {
      scripts = { ["wikipedia.lua"] = script },
      args = { "--base", "wikipedia=http://127.0.0.1:" .. wikipedia.port },
    }
    local lines = {}
    for block in tree.read("README.md"):gmatch "```sh\n(.-)```" do lines[#lines + 1] = block end
    local typed = table.concat(lines):gsub("127%.0%.0%.1:8080", "127.0.0.1:" .. g.port)

    local _, out = process.run { "bash", "-c", (typed:gsub("curl ", "curl -s -m 1 ")) }
    g:stop()

    assert.matches('"tools":[{"name":"wikipedia_summary"', out, 1, true)
    assert.matches('"structuredContent":{[^}]*"title":"Tide"', out)
    assert.matches("notifications/subscriptions/acknowledged", out, 1, true)
  end)
end)
