--- Folders of files for a spec: made from strings, gone when it says so.
local folder = {}

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- An empty folder with a name of its own.
function folder.new()
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute("mkdir -p " .. quoted(path)))
  return path
end

--- Writes files { ["a/b.lua"] = text }.
function folder.fill(path, files)
  for name, text in pairs(files) do
    local dir = name:match "^(.*)/"
    if dir then assert(os.execute("mkdir -p " .. quoted(path .. "/" .. dir))) end
    local file = assert(io.open(path .. "/" .. name, "wb"))
    file:write(text)
    file:close()
  end
end

function folder.remove(path)
  os.execute("rm -rf " .. quoted(path))
end

return folder
