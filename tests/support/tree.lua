--- The source tree as lint specs see it: files, their text, their C code.
local tree = {}

--- Paths from the root, sorted; `arguments` are those of find(1).
function tree.find(arguments)
  local pipe = assert(io.popen("find " .. arguments .. " -type f -print | LC_ALL=C sort"))
  local paths = {}
  for path in pipe:lines() do paths[#paths + 1] = path end
  pipe:close()
  return paths
end

--- Everything that we wrote: no builds, no packages, nothing of git's.
function tree.ours()
  return tree.find [[. \( -name .git -o -name build -o -name node_modules -o -name .cache \) \
    -prune -o -name '*.swp' -prune -o]]
end

--- The C files of core/, headers included.
function tree.core()
  return tree.find [[core -name '*.[ch]']]
end

function tree.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

--- Runs a command: its output, and whether it ended well.
function tree.run(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local output = pipe:read("a")
  return output, (pipe:close())
end

local function blank(text)
  return (text:gsub("[^\n]", " "))
end

local function string_end(text, from, quote)
  local at = from + 1
  while at <= #text do
    local c = text:sub(at, at)
    if c == "\\" then
      at = at + 1
    elseif c == quote or c == "\n" then
      return at
    end
    at = at + 1
  end
  return #text
end

--- C text with what comments and literals say blanked out; lines stay where
--- they are, and so do the names of included files.
function tree.c_code(text)
  local out, at = {}, 1
  while true do
    local from = text:find('[/"\']', at)
    if not from then break end
    local c, stop = text:sub(from, from + 1), from
    if c == "//" then
      stop = (text:find("\n", from, true) or #text + 1) - 1
    elseif c == "/*" then
      stop = select(2, text:find("*/", from, true)) or #text
    elseif c:sub(1, 1) ~= "/" then
      stop = string_end(text, from, c:sub(1, 1))
    end
    local line = text:sub(math.max(1, from - 20), from):match("[^\n]*$")
    local keep = stop == from or line:find('^#include "')
    out[#out + 1] = text:sub(at, from - 1)
    out[#out + 1] = keep and text:sub(from, stop) or blank(text:sub(from, stop))
    at = stop + 1
  end
  out[#out + 1] = text:sub(at)
  return table.concat(out)
end

local codes = {}

--- The code of a file, read once.
function tree.code(path)
  codes[path] = codes[path] or tree.c_code(tree.read(path))
  return codes[path]
end

--- Iterates over number and text of the lines.
function tree.lines(text)
  local n = 0
  return function(rest)
    n = n + 1
    local line = rest()
    if line then return line, n end
  end, text:gmatch("([^\n]*)\n?")
end

--- "path:line: what" for every line of the code on which `check` says what is
--- wrong.
function tree.faults(paths, check)
  local faults = {}
  for _, path in ipairs(paths) do
    for line, n in tree.lines(tree.code(path)) do
      local what = check(line, path)
      if what then faults[#faults + 1] = ("%s:%d: %s"):format(path, n, what) end
    end
  end
  return faults
end

return tree
