-- Tools judge the form: clang-format for C, luacheck for Lua, bash for ./dev.
local tree = require "tree"

local function silent(command)
  local output, ok = tree.run(command)
  assert(ok, output)
end

describe("the form", function()
  it("of C is clang-format's", function()
    silent [[find core tests -name node_modules -prune -o -name '*.[ch]' -print |
      xargs clang-format-14 --dry-run -Werror]]
  end)

  it("of Lua is luacheck's", function()
    silent "luacheck -q --no-color $(ls -d core scripts policies tests 2>/dev/null)"
  end)

  it("of shell scripts is valid bash", function()
    silent "bash -n dev && bash -n .ci/run"
  end)

  it("of text is: no tabs, no blanks at a line's end, a final newline", function()
    local faults = {}
    for _, path in ipairs(tree.ours()) do
      local plain = path:find "%.[ch]$" or path:find "%.lua$" or path:find "%.mjs$"
        or path:find "%.md$" or path:find "/dev$" or path:find "CMakeLists.txt$"
      if plain then
        local text = tree.read(path)
        if text:find "\t" then faults[#faults + 1] = path .. ": a tab" end
        if text:find " \n" then faults[#faults + 1] = path .. ": a blank at a line's end" end
        if not text:find "\n$" then faults[#faults + 1] = path .. ": no final newline" end
      end
    end
    assert.same({}, faults)
  end)
end)
