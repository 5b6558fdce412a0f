--- The spec that tests/README.md shows, for the script that README.md shows, run
--- as the page says.

local folder = require "folder"
local process = require "process"
local tree = require "tree"

local function first_lua(page)
  return tree.read(page):match "```lua\n(.-)```"
end

describe("the spec of tests/README.md", function()
  it("passes", function()
    local root = folder.new()
    folder.fill(root, {
      ["scripts/wikipedia.lua"] = first_lua "README.md",
      ["policies/rest.lua"] = tree.read "policies/rest.lua",
      ["wikipedia_spec.lua"] = first_lua "tests/README.md",
    })
    local busted = tree.run("command -v busted"):gsub("%s+$", "")

    local code, out, err = process.run {
      "lua5.4", busted, "wikipedia_spec.lua",
      cwd = root, env = { LD_PRELOAD = process.preload },
    }
    folder.remove(root)

    assert.equal(0, code, out .. err)
    assert.matches("5 successes / 0 failures", out)
  end)

  it("names a command that finds the module", function()
    local path = tree.read("tests/README.md"):match 'LUA_CPATH="(%S+)"'
    local target = tree.read("core/testing/CMakeLists.txt"):match "BINARY_DIR}/(lua/tidegate)"

    assert.equal("build/release/lua/?.so;;", path)
    assert.equal("lua/tidegate", target)
  end)
end)
