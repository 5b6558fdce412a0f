local T = require "T"

describe("tide.json", function()
  local vm

  before_each(function() vm = T.vm.new {} end)
  after_each(function() vm:close() end)

  it("encodes with names in order", function()
    assert.equal('{"a":[1,2.5],"b":null,"c":{},"d":[]}',
      vm:load "return tide.json.encode { d = tide.json.array {}, c = {}, b = tide.json.null, a = { 1, 2.5 } }")
    assert.equal("null", vm:load "return tide.json.encode(nil)")
  end)

  it("decodes what it encodes", function()
    assert.is_true(vm:load [[
      local value = tide.json.decode '{"id":9007199254740993,"x":1.0,"list":[],"none":null}'
      return value.id == 9007199254740993 and math.type(value.x) == "float"
        and value.none == tide.json.null
        and tide.json.encode(value) == '{"id":9007199254740993,"list":[],"none":null,"x":1}'
    ]])
  end)

  it("prints an id in a URL as it came", function()
    assert.equal("/items/42", vm:load [[return "/items/" .. tide.json.decode('{"id":42}').id]])
  end)

  it("gives nil and an error with the position for what is not JSON", function()
    assert.equal("bad_response: not JSON: line 1, column 4: expected a value",
      vm:load "local v, e = tide.json.decode '[1,]' return v == nil and tostring(e)")
    assert.equal("bad_response", vm:load "return select(2, tide.json.decode(('['):rep(65))).code")
    assert.equal("nil", vm:load "local v = tide.json.decode '' return type(v)")
  end)

  it("raises for a value that JSON does not know", function()
    local _, _, message = vm:load "tide.json.encode { a = { print = tide.json.encode } }"

    assert.equal("test.lua:1: tide.json.encode: a.print: a function cannot become JSON", message)
    assert.matches("value expected", (select(3, vm:load "tide.json.encode()")))
    assert.matches("string expected", (select(3, vm:load "tide.json.decode {}")))
  end)

  it("marks an array and gives it back, but leaves a metatable alone", function()
    assert.equal("[]", vm:load "local t = {} assert(tide.json.array(t) == t) return tide.json.encode(t)")
    assert.equal("{}", vm:load "local t = setmetatable({}, {}) tide.json.array(t) return tide.json.encode(t)")
    assert.equal("[1]", vm:load "local t = tide.json.array {} t[1] = 1 return tide.json.encode(tide.json.array(t))")
    local _, _, message = vm:load "local t = tide.json.array {} t.a = 1 tide.json.encode(t)"
    assert.matches("not a list without holes", message)
  end)

  it("cannot be made to share a metatable with other scripts", function()
    assert.is_false(vm:load "return getmetatable(tide.json.array {})")
    assert.is_false(vm:load "return getmetatable(tide.json.decode '[]')")
  end)

  it("loses no memory when a document is too big for the VM", function()
    local small = T.vm.new { memory = 1024 * 1024 }
    for _ = 1, 20 do
      local _, code = small:load [[
        local text = "[" .. ("\"\\u0041\","):rep(20000) .. "1]"
        local all = {}
        for i = 1, 100 do all[i] = tide.json.decode(text) end
      ]]
      assert.equal("script_limit", code)
    end
    small:close()
  end)
end)

describe("tide.cjson", function()
  local vm

  before_each(function() vm = T.vm.new {} end)
  after_each(function() vm:close() end)

  it("is lua-cjson, with its floats", function()
    assert.is_true(vm:load [[
      local value = tide.cjson.decode '{"n":1,"none":null}'
      return math.type(value.n) == "float" and value.none == tide.json.null
        and tide.cjson.encode { 1, 2 } == "[1,2]"
    ]])
  end)

  it("raises for what is no JSON, what JSON cannot say, and depth", function()
    assert.is_true(vm:load [[
      return not pcall(tide.cjson.decode, "[1,]") and not pcall(tide.cjson.encode, { 0 / 0 })
        and not pcall(tide.cjson.decode, ("["):rep(100) .. ("]"):rep(100))
        and not pcall(tide.cjson.decode, "[nan]")
    ]])
  end)

  it("cannot be configured", function()
    assert.is_true(vm:load [[
      return not pcall(function() return tide.cjson.encode_max_depth end)
        and not pcall(function() tide.cjson.encode = nil end)
    ]])
  end)
end)
