-- The folders of core/ are layers; an include may only point down or sideways.
local tree = require "tree"

local ORDER = { "base", "loop", "net", "guard", "script", "mcp", "bind", "app", "testing" }

local rank = {}
for i, folder in ipairs(ORDER) do rank[folder] = i end

local function included(line)
  return line:match '^#%s*include%s*"([^"]+)"'
end

local function points_up(line, path)
  local header = included(line)
  if not header or header == "t_list.h" then return end
  local from, to = path:match "^core/([^/]+)/", header:match "^([^/]+)/"
  if not rank[to] then return header .. " does not name a folder of core/" end
  if rank[from] < rank[to] then return from .. " includes " .. header end
end

local function first_include(path)
  for line in tree.lines(tree.read(path)) do
    local header = line:match '^#%s*include%s*["<]([^">]+)[">]'
    if header then return header end
  end
end

describe("the layers of core/", function()
  it("are all there is", function()
    for _, path in ipairs(tree.core()) do
      assert(rank[path:match "^core/([^/]+)/"], path .. " is in no layer")
    end
  end)

  it("include only themselves and those below", function()
    assert.same({}, tree.faults(tree.core(), points_up))
  end)

  it("stand in CMakeLists.txt in the same order", function()
    local layers = tree.read("CMakeLists.txt"):match "set%(LAYERS ([%w ]+)%)"

    assert.equal(table.concat(ORDER, " ", 1, #ORDER - 1), layers)
  end)

  it("include a module's own header first", function()
    for _, path in ipairs(tree.find "core -name '*.c'") do
      local own = path:match "^core/(.*)%.c$" .. ".h"
      local file = io.open("core/" .. own)
      if file then
        file:close()
        assert.equal(own, first_include(path), path)
      end
    end
  end)

  it("guard each header by its folder and name", function()
    for _, path in ipairs(tree.find "core -name '*.h'") do
      local guard = path:match "^core/(.*)$":upper():gsub("[/.]", "_")
      local found = tree.read(path):match "#ifndef ([%w_]+)"
      assert.equal(guard, found, path)
    end
  end)
end)

describe("the check itself", function()
  it("sees an include that points up", function()
    assert.truthy(points_up('#include "mcp/server.h"', "core/base/buf.c"))
    assert.is_nil((points_up('#include "base/buf.h"', "core/mcp/server.c")))
  end)
end)
