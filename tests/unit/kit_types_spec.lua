--- scripts/types/testing.lua names what the kit has, no more and no less.

local testing = require "tidegate.testing"

local tree = require "tree"

local TYPES = tree.read "scripts/types/testing.lua"

local function sorted(iterator)
  local list = {}
  for name in iterator do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function fields(class)
  local block = TYPES:match("%-%-%-@class tide%." .. class .. "\n(.-)\n[^-]")
  return sorted(block:gmatch "@field ([%w_]+)")
end

local function keys(value)
  local list = {}
  for key in pairs(value) do list[#list + 1] = key end
  table.sort(list)
  return list
end

-- The strings of a C array that ends in NULL.
local function words_of_c(path, before)
  local block = tree.read(path):match(before .. ".-(%b{})")
  return sorted(block:gmatch '"([%w_]+)"')
end

local kit

before_each(function() kit = testing.new() end)

after_each(function() kit:close() end)

describe("the types of the kit", function()
  it("have its methods", function()
    local methods = debug.getmetatable(kit).__index

    assert.same(keys(methods), sorted(TYPES:gmatch "function Kit:([%w_]+)"))
  end)

  it("have the functions of the module", function()
    assert.same({ "json", "new" }, keys(testing))
    assert.same({ "array", "decode", "encode", "null" }, keys(testing.json))
    assert.same({ "new" }, sorted(TYPES:gmatch "function testing%.([%w_]+)%("))
    assert.same({ "array", "decode", "encode" },
      sorted(TYPES:gmatch "function testing%.json%.([%w_]+)%("))
  end)

  it("have the fields and methods of a call", function()
    local source = tree.read "core/testing/kit_call.c" .. tree.read "core/testing/kit_fields.c"
    local names = sorted(source:gmatch '{"([%w_]+)", get_')
    for name in source:gmatch '{"([%w_]+)", live_' do names[#names + 1] = name end
    table.sort(names)

    assert.same(names, fields "KitCall")
    assert.same(sorted(source:gmatch '{"([%w_]+)", method_'),
      sorted(TYPES:gmatch "function KitCall:([%w_]+)"))
  end)

  it("have the fields of a request", function()
    kit:upstream("* *", {})
    kit:call("github_create_issue", { repo = "a/b", title = "x" })

    assert.same(keys(kit:requests()[1]), fields "SentRequest")
  end)

  it("have the options", function()
    assert.same(words_of_c("core/testing/kit.c", "int kit_new%(.-names%[%]"), fields "KitOptions")
    assert.same(words_of_c("core/testing/kit_call.c", "read_options%(.-names%[%]"),
      fields "CallOptions")
    assert.same(words_of_c("core/testing/kit_behaviour.c", "known%[%]"), fields "Behaviour")
  end)

  it("have the ways to fail", function()
    local _, message = pcall(kit.upstream, kit, "* *", { fail = "" })

    assert.same(sorted(message:match "it can by (.*)$":gmatch "[%w_]+"),
      sorted(TYPES:match "@alias tide%.Failure\n(.-)\n\n":gmatch '"([%w_]+)"'))
  end)
end)
