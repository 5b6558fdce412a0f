-- luacheck: ignore 631 (tables of cases read best in long lines)
-- What scripts say besides the plain tool: tasks, names, what clients show.
local T = require "T"
local folder = require "folder"

local root, loaded

before_each(function()
  root = folder.new()
  loaded = nil
  folder.fill(root, { ["scripts/.keep"] = "", ["policies/.keep"] = "" })
end)

after_each(function()
  if loaded then loaded:free() end
  folder.remove(root)
end)

-- A script x.lua with these fields, and these of its tool.
local function load(fields, tool)
  local text = ([[
    local function run() return "ran" end
    local function prepare() return "prepared" end
    return { name = "x", upstream = { base = "https://api.example.com" }, %s
      tools = { one = { about = "Does it.", run = run, %s } } }
  ]]):format(fields or "", tool or "")
  folder.fill(root, { ["scripts/x.lua"] = text })
  local faults
  loaded, faults = T.generation.load(root .. "/scripts", root .. "/policies")
  return loaded, faults and (faults:gsub("^x.lua: ", ""):gsub("\n$", ""))
end

local function faults_of(fields, tool) return (select(2, load(fields, tool))) end

describe("a tool that runs on as a task", function()
  it("says so, and what comes before", function()
    local tool = load("", 'task = "optional", prepare = prepare'):find "x_one"

    assert.equal(1, tool.task)
    assert.equal("prepared", loaded:call(1, tool.prepare))
    assert.equal("prepared", loaded:call(2, tool.prepare))
  end)

  it("is not the usual one", function()
    assert.equal(0, load():find("x_one").task)
  end)

  it("has one of two words for it", function()
    assert.equal(2, load("", 'task = "required"'):find("x_one").task)
    assert.equal('tools.one.task: must be "optional" or "required" (did you mean required?)', faults_of("", 'task = "requird"'))
    assert.equal("tools.one.task: expected a string, got true", faults_of("", "task = true"))
    assert.equal("tools.one.taks: unknown key (did you mean task?)", faults_of("", 'taks = "optional"'))
  end)

  it("alone is prepared", function()
    assert.equal('tools.one.prepare: runs before a task begins: say task = "optional" too, or do it in run', faults_of("", "prepare = prepare"))
    assert.equal("tools.one.prepare: expected a function, got a string", faults_of("", 'task = "optional", prepare = "x"'))
  end)
end)

describe("the prefix of names", function()
  it("is the integration's name unless it says another, or none", function()
    assert.truthy(load():find "x_one")
    assert.truthy(load('prefix = "shop",'):find "shop_one")
    assert.truthy(load("prefix = false,"):find "one")
  end)

  it("is one that a name may begin with", function()
    assert.equal("prefix: is a-z, then a-z, 0-9 and _; or false for no prefix", (faults_of('prefix = "My-Shop",'):match "^[^\n]*"))
    assert.equal("prefix: expected a string, got true", (faults_of("prefix = true,"):match "^[^\n]*"))
  end)
end)
