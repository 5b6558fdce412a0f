-- The README's first integration is the one that a new user pastes: it is taken
-- out of the page and run against a recorded answer.

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
end)
