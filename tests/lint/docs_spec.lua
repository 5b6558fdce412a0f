-- What pages say about lists is what the lists say.
local tree = require "tree"

-- { ["attempt.timeout_ms"] = { default = "10000", meaning = "one try ..." } }
local function settings()
  local list = tree.read("core/guard/policy.h"):match "#define POLICY_LIST%(X%)(.-)\n\n"
  local found = {}
  for path, default, text in list:gmatch 'X%("([%w_.]+)",%s*[%w_]+,%s*(%-?%d+),[^"]*(".-")%)' do
    local meaning = text:gsub('"%s*\\%s*"', ""):gsub('"', "")
    found[path] = { default = default, meaning = meaning }
  end
  return found
end

local function page_rows()
  local found = {}
  for line in tree.lines(tree.read "policies/README.md") do
    local path, default, meaning = line:match "^| `([%w_.]+)` | (%-?%d+) | (.-) |$"
    if path then found[path] = { default = default, meaning = meaning } end
  end
  return found
end

describe("the pages", function()
  it("list the settings of a policy as core/guard/policy.h has them", function()
    assert.same(settings(), page_rows())
  end)

  it("and the types know their names", function()
    local types = tree.read "scripts/types/policy.lua"
    for path in pairs(settings()) do
      assert(types:find("@field " .. path:match "[%w_]+$" .. "?", 1, true), path)
    end
  end)

  it("name only words of ./dev that it has", function()
    local help = tree.run "./dev help"
    for _, path in ipairs(tree.find [[. -name node_modules -prune -o -name build -prune -o \
        -name '*.md']]) do
      for word in tree.read(path):gmatch "%./dev (%l+)" do
        assert(help:find("\n  " .. word, 1, true), path .. ": ./dev " .. word)
      end
    end
  end)

  it("point at files that are there", function()
    for _, path in ipairs(tree.find [[. -name node_modules -prune -o -name build -prune -o \
        -name '*.md']]) do
      local folder = path:match "^(.*)/"
      for target in tree.read(path):gmatch "%]%(([^)#:]+)%)" do
        local file = io.open(folder .. "/" .. target)
        assert(file, path .. " points at " .. target)
        file:close()
      end
    end
  end)
end)
