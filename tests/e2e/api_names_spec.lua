-- The names in scripts/types and .luacheckrc are those of the binary.

local cjson = require "cjson"

local process = require "process"
local tree = require "tree"

local BINARY = os.getenv "TIDEGATE" or "build/dev/tidegate"

-- What a script can see of the API, from inside: `tide` by walking it, the
-- objects of a call by asking for one name after the other.
local PROBE = [==[
local asked = %s

local function walk(value, path, names)
  for name, inner in pairs(value) do
    names[#names + 1] = path .. name
    if type(inner) == "table" then walk(inner, path .. name .. ".", names) end
  end
  return names
end

local function missing(value, names)
  local list = {}
  for _, name in ipairs(names) do
    local ok = pcall(function() return value[name] end)
    if not ok then list[#list + 1] = name end
  end
  return tide.json.array(list)
end

local function complaint(value)
  local _, why = pcall(function() return value.there_is_no_such_name end)
  return tostring(why)
end

local function probe(ctx)
  local res, err = ctx.http:get "/json"
  local _, failure = ctx.http:get "/status/404"
  if not res then return nil, err end
  return {
    tide = walk(tide, "tide.", {}),
    missing = {
      Context = missing(ctx, asked.Context),
      Http = missing(ctx.http, asked.Http),
      Cache = missing(ctx.cache, asked.Cache),
      Log = missing(ctx.log, asked.Log),
      Response = missing(res, asked.Response),
      Error = missing(failure, asked.Error),
    },
    http = complaint(ctx.http),
    cache = complaint(ctx.cache),
    log = complaint(ctx.log),
    response = complaint(res),
  }
end

return {
  name = "probe",
  upstream = { base = "http://127.0.0.1:9" },
  tools = { names = { about = "Tell the names.", run = probe } },
}
]==]

local OBJECTS = { "Context", "Http", "Cache", "Log", "Response", "Error" }

-- { classes = { Http = { "get", ... } }, tide = { ["tide.json"] = true, ... } }
local function read_types()
  local types = { classes = {}, tide = {} }
  for _, path in ipairs(tree.find "scripts/types -name '*.lua'") do
    local class
    for line in tree.lines(tree.read(path)) do
      if line:find "^%-%-%-@class" then class = line:match "tide%.(%u%w*)" or "" end
      local field = line:match "^%-%-%-@field ([%a_][%w_]*)"
      local owner, method = line:match "^function (%u%w*):([%w_]+)%("
      local list = types.classes[owner or class]
      if (owner or class) and not list then
        list = {}
        types.classes[owner or class] = list
      end
      if field then list[#list + 1] = field end
      if method then list[#list + 1] = method end
      local name = line:match "^function (tide[%w_.]+)%(" or line:match "^(tide%.[%w_.]+) = {}"
      if name then types.tide[name] = true end
      local json_field = class == "" and field and path:match "([%w_]+)%.lua$"
      if json_field and json_field ~= "tide" then
        types.tide["tide." .. json_field .. "." .. field] = true
      end
    end
  end
  return types
end

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function lua_list(names)
  local quoted = {}
  for i, name in ipairs(names) do quoted[i] = ("%q"):format(name) end
  return "{ " .. table.concat(quoted, ", ") .. " }"
end

local function probe_script(types)
  local parts = {}
  for i, class in ipairs(OBJECTS) do
    parts[i] = ("%s = %s"):format(class, lua_list(types.classes[class]))
  end
  return PROBE:format("{ " .. table.concat(parts, ", ") .. " }")
end

local function run_probe(types)
  local up = require "upstream".start { plain = true }
  local folder = os.tmpname()
  os.remove(folder)
  os.execute(("mkdir -p %s/policies"):format(folder))
  local file = assert(io.open(folder .. "/probe.lua", "w"))
  file:write(probe_script(types))
  file:close()
  local code, out, err = process.run {
    BINARY, "call", "probe_names", "{}", "--scripts", folder, "--policies", folder .. "/policies",
    "--base", "probe=" .. up:url "",
  }
  up:stop()
  os.execute("rm -r " .. folder)
  assert(code == 0, out .. err)
  return cjson.decode(out)
end

local function names_in(message)
  local set = {}
  for name in message:match "it has ([%l_, ]*)":gmatch "[%l_]+" do set[name] = true end
  return sorted(set)
end

local function methods_and_fields(list)
  local set = {}
  for _, name in ipairs(list) do set[name] = true end
  return sorted(set)
end

local function luacheck_names()
  local env = { stds = {}, files = {} }
  assert(loadfile(".luacheckrc", "t", env))()
  local set = {}
  local function walk(field, path)
    for key, value in pairs(field.fields or {}) do
      local name = type(key) == "string" and key or value
      set[path .. name] = true
      if type(key) == "string" then walk(value, path .. name .. ".") end
    end
  end
  walk(env.stds.tide.read_globals.tide, "tide.")
  return sorted(set)
end

describe("the API", function()
  local types, binary

  setup(function()
    types = read_types()
    binary = run_probe(types)
    table.sort(binary.tide)
  end)

  it("has the types of scripts/types", function()
    assert.same(binary.tide, sorted(types.tide))
  end)

  it("has the names of .luacheckrc", function()
    assert.same(binary.tide, luacheck_names())
  end)

  it("has all fields that the types of a call name", function()
    for _, class in ipairs(OBJECTS) do
      assert.same({}, binary.missing[class], class)
    end
  end)

  it("has nothing in its objects that the types leave out", function()
    assert.same(names_in(binary.http), methods_and_fields(types.classes.Http))
    assert.same(names_in(binary.cache), methods_and_fields(types.classes.Cache))
    assert.same(names_in(binary.log), methods_and_fields(types.classes.Log))
    assert.same(names_in(binary.response), methods_and_fields(types.classes.Response))
  end)
end)
