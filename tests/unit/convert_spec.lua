local T = require "T"
local cjson = require "cjson"

local push, put = T.convert.push, T.convert.put

describe("JSON as Lua values", function()
  it("keeps integers integers and floats floats", function()
    local cases = {
      ["1"] = 1, ["-7"] = -7, ["1.0"] = 1.0, ["1e2"] = 100.0, ["0.1"] = 0.1,
      ["9223372036854775807"] = math.maxinteger, ["-9223372036854775808"] = math.mininteger,
      ["9007199254740993"] = 9007199254740993, ["9223372036854775808"] = 2.0 ^ 63,
    }
    for text, expected in pairs(cases) do
      local value = push(text)

      assert.equal(expected, value, text)
      assert.equal(math.type(expected), math.type(value), text)
    end
  end)

  it("decodes strings, also in names", function()
    assert.same({ ["a\n"] = "\u{e9}\u{1F600}\0/" }, push [[{"a\n":"\u00e9\ud83d\ude00\u0000\/"}]])
  end)

  it("has null as the same value as cjson", function()
    assert.equal(cjson.null, push "null")
    assert.equal(cjson.null, push '{"a":null}'.a)
  end)

  it("remembers that an empty array was one", function()
    assert.equal('{"a":[],"b":{},"c":[[]]}', put(push '{"b":{},"a":[],"c":[[]]}'))
  end)

  it("takes the last of two members of the same name", function()
    assert.same({ a = 2 }, push '{"a":1,"a":2}')
  end)
end)

describe("Lua values as JSON", function()
  it("are lists, objects with their names in order, or simple", function()
    assert.equal("[1,2,3]", put { 1, 2, 3 })
    assert.equal('{"a":1,"b":[true,false],"c":{}}', put { c = {}, b = { true, false }, a = 1 })
    assert.equal('"a\\"\\n\\u0001"', put 'a"\n\1')
    assert.equal("null", put(nil))
    assert.equal("null", put(cjson.null))
    assert.equal("[1,1.5,-3,1e+100,9007199254740993]", put { 1.0, 1.5, -3, 1e100, 9007199254740993 })
    assert.equal("[]", put(T.convert.mark {}))
    assert.equal('{"aa":1,"ab":2,"b":3}', put { b = 3, ab = 2, aa = 1 })
  end)

  it("become what the schema says", function()
    local list, map = '{"type":"array"}', '{"type":"object"}'
    local deep = '{"type":"object","properties":{"a":{"type":"array","items":{"type":"array"}},'
      .. '"b":{"type":"object","additionalProperties":{"type":["array","null"]}}}}'

    assert.equal("[]", put({}, list))
    assert.equal("{}", put({}, map))
    assert.equal("{}", put(T.convert.mark {}, map))
    assert.equal('{"a":[[],[1]],"b":{"x":[]},"c":{}}', put({ a = { {}, { 1 } }, b = { x = {} }, c = {} }, deep))
    assert.equal("[1]", put({ 1 }, "{}"))
    assert.equal("[]", put(T.convert.mark {}, "{}"))
  end)

  it("are refused with the path where they cannot become JSON", function()
    local loop = {}
    loop.a = { b = loop }
    local keys = "a table must have either names only or the keys 1 to n only to become JSON"
    local cases = {
      { print, "a function cannot become JSON" },
      { { items = { 1, 2, { when = print } } }, "items[3].when: a function cannot become JSON" },
      { { { 0 / 0 } }, "[1][1]: NaN cannot become JSON" },
      { { a = math.huge }, "a: infinity cannot become JSON" },
      { { a = -math.huge }, "a: infinity cannot become JSON" },
      { { 1, 2, nil, 4 }, keys },
      { { 1, a = 2 }, keys },
      { { [1.5] = 1 }, keys },
      { { [true] = 1 }, keys },
      { { [0] = 1 }, keys },
      { { [2] = 1 }, keys },
      { loop, "a.b: a table that holds itself cannot become JSON" },
      { { x = "\xff" }, "x: a string that is not UTF-8 cannot become JSON: use tide.base64.encode" },
      { { ["\xff"] = 1 }, "a string that is not UTF-8 cannot become JSON: use tide.base64.encode" },
      { coroutine.create(print), "a coroutine cannot become JSON" },
      { io.stdout, "a userdata cannot become JSON" },
      { { f = io.stdout }, "f: a userdata cannot become JSON" },
    }
    for _, case in ipairs(cases) do
      local text, message = put(case[1])

      assert.is_nil(text)
      assert.equal(case[2], (message:gsub("^\u{FFFD}: ", "")))
    end
  end)

  it("are refused where the schema wants another kind", function()
    assert.equal("not a list without holes", select(2, put({ a = 1 }, '{"type":"array"}')))
    assert.equal("not a list without holes", select(2, put({ 1, nil, 3 }, '{"type":"array"}')))
    assert.equal("a table must have either names only or the keys 1 to n only to become JSON",
      select(2, put({ 1 }, '{"type":"object"}')))
    assert.equal("not a list without holes", select(2, put(T.convert.mark { a = 1 })))
  end)

  it("may be nested 64 deep, and no deeper", function()
    local function nest(depth)
      local value = 1
      for _ = 1, depth do value = { value } end
      return value
    end

    assert.equal(("["):rep(64) .. "1" .. ("]"):rep(64), put(nest(64)))
    assert.matches("nested too deeply$", select(2, put(nest(65))))
  end)

  it("that hold the same table again and again have an end", function()
    local many = { 1 }
    for _ = 1, 60 do many = { many, many } end
    local long, lists = ("x"):rep(1024 * 1024), {}
    for i = 1, 17 do lists[i] = { long } end

    assert.equal("more than 1,000,000 values", select(2, put(many)))
    assert.equal("more than 16 MiB of JSON", select(2, put(lists)))
  end)

  it("are not asked by their metamethods", function()
    local asked = setmetatable({ a = 1 }, {
      __index = function() error "asked" end, __len = function() return 7 end,
      __pairs = function() error "asked" end, __tostring = function() error "asked" end,
    })

    assert.equal('{"a":1}', put(asked))
  end)

  it("may be userdata that know how", function()
    assert.equal('{"a":["hooked"]}', put { a = T.convert.hooked(1) })
    assert.equal("a.b: too big", select(2, put { a = { b = T.convert.hooked(2) } }))
  end)

  it("sort any number of names", function()
    for _, n in ipairs { 1, 31, 32, 33, 1000, 20000 } do
      local object, names = {}, {}
      for i = 1, n do
        names[i] = ("%x"):format(i * 2654435761 % 4294967296)
        object[names[i]] = i
      end
      table.sort(names)
      local at = 0
      for name in put(object):gmatch '"(%x+)":' do
        at = at + 1
        assert.equal(names[at], name)
      end
      assert.equal(n, at)
    end
  end)

  it("survive each allocation that fails", function()
    local value = { items = {}, list = {} }
    for i = 1, 50 do value.items["n" .. i], value.list[i] = ("x"):rep(i * 20), i end
    local n = 0
    while true do
      T.buf.fail_after(n)
      local text, message = put(value)
      if not T.buf.fired() then break end
      assert.is_nil(text)
      assert.equal("out of memory", message)
      n = n + 1
    end
    assert.is_true(n > 3)
  end)
end)

describe("any value", function()
  local strings = { "", "a", "\u{e9}", "\u{1F600}", "\0", "\"\\", "\127", ("long"):rep(30), "\n\r\t\b\f" }

  local function random_value(depth)
    local kind = math.random(depth > 0 and 9 or 6)
    if kind == 1 then return math.random(-1000, 1000) end
    if kind == 2 then return math.random(0) end
    if kind == 3 then return (math.random() - 0.5) * 10.0 ^ math.random(-30, 30) end
    if kind == 4 then return strings[math.random(#strings)] end
    if kind == 5 then return math.random(2) == 1 end
    if kind == 6 then return cjson.null end
    local value, n = {}, math.random(0, 5)
    if kind == 7 then
      for i = 1, n do value[i] = random_value(depth - 1) end
      return T.convert.mark(value)
    end
    for i = 1, n do value[strings[math.random(#strings)] .. i] = random_value(depth - 1) end
    return value
  end

  local function same(a, b, exactly)
    if math.type(a) == "float" and a == math.floor(a) and not exactly then
      return type(b) == "number" and a == b
    end
    if type(a) ~= "table" then return a == b and (not exactly or math.type(a) == math.type(b)) end
    if type(b) ~= "table" then return false end
    for k, v in pairs(a) do if not same(v, b[k], exactly) then return false end end
    for k in pairs(b) do if a[k] == nil then return false end end
    return true
  end

  it("comes back as it went, and cjson reads the same", function()
    cjson.decode_max_depth(100)
    for seed = 1, 3000 do
      math.randomseed(seed)
      local value = random_value(4)

      local text = assert(put { value })
      local back = push(text)

      assert.is_true(same({ value }, back), text)
      assert.equal(text, put(back))
      local theirs = cjson.decode(text)
      if not text:find "%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d" then
        assert.is_true(same(theirs, back), text)
      end
    end
  end)
end)
