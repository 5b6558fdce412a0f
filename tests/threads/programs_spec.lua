-- The programs of this folder: each checks itself and says so by its exit code.
local tree = require "tree"

local build = package.searchpath("T", package.cpath):match "^(.*)/"

for _, source in ipairs(tree.find "tests/threads -name '*_stress.c'") do
  local name = source:match "([^/]+)%.c$"

  describe(name, function()
    it("finds no fault", function()
      local output, ok = tree.run(build .. "/tests/threads/" .. name)

      assert(ok, output)
    end)
  end)
end
