-- Sizes that keep code readable; the numbers are those of the house style.
local tree = require "tree"

local FILE_MAX, FUNCTION_MAX, FUNCTION_AIM, AIM_SHARE, PARAMETERS_MAX = 700, 80, 45, 0.95, 5
local README_MAX = 80

local MAY_HAVE_MORE = {
  -- one step of a trail written out flat, at many places
  ["core/base/trail.c: trail_add"] = true,
}

local function line_count(path)
  return select(2, tree.read(path):gsub("\n", ""))
end

-- The second half of a pair: bytes and their length, a Lua state and an index.
local HALVES = { n = true, count = true, size = true, len = true, index = true, arg = true,
                 nargs = true }

local function parameters(signature)
  local inside = signature:sub(2, -2):gsub("%b()", "")
  local n = 0
  for parameter in inside:gmatch "[^,]+" do
    local name = parameter:match "([%w_]*)[%[%]]*%s*$"
    if parameter ~= "void" and not HALVES[name] then n = n + 1 end
  end
  return n
end

local function functions()
  local command = "ctags -f - --languages=C --langmap=C:.c.h --kinds-C=f --fields=neS "
    .. "$(find core tests/fuzz -name '*.[ch]')"
  local list = {}
  for line in tree.lines((tree.run(command))) do
    local name, path = line:match "^([^\t]+)\t([^\t]+)"
    local first, last = line:match "line:(%d+)", line:match "end:(%d+)"
    if first and last then
      list[#list + 1] = {
        name = path .. ": " .. name,
        lines = last - first + 1,
        parameters = parameters(line:match "signature:(%b())" or "()"),
      }
    end
  end
  return list
end

local function over(list, field, max)
  local names = {}
  for _, f in ipairs(list) do
    if f[field] > max then names[#names + 1] = ("%s has %d %s"):format(f.name, f[field], field) end
  end
  return names
end

describe("sizes", function()
  local all = functions()

  it("are measured", function()
    assert.is_true(#all > 50)
  end)

  it("are at most 700 lines a file", function()
    for _, path in ipairs(tree.ours()) do
      if path:find "%.[ch]$" or path:find "%.lua$" or path:find "%.mjs$" or path == "./dev" then
        assert(line_count(path) <= FILE_MAX, path .. " is longer than 700 lines")
      end
    end
  end)

  it("are at most 80 lines a function", function()
    assert.same({}, over(all, "lines", FUNCTION_MAX))
  end)

  it("are under 45 lines for 95 % of the functions", function()
    local long = over(all, "lines", FUNCTION_AIM)

    assert(#long <= (1 - AIM_SHARE) * #all, table.concat(long, "\n"))
  end)

  it("are at most five parameters", function()
    local usual = {}
    for _, f in ipairs(all) do
      if not MAY_HAVE_MORE[f.name] then usual[#usual + 1] = f end
    end

    assert.same({}, over(usual, "parameters", PARAMETERS_MAX))
  end)

  it("are one page for a README, and each folder of core/ has one", function()
    for folder in io.popen("ls -d core/*/"):lines() do
      if #tree.find(folder .. " -name '*.[ch]'") > 0 then
        assert(line_count(folder .. "README.md") <= README_MAX, folder .. "README.md is too long")
      end
    end
  end)
end)
