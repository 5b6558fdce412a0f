local T = require "T"
local json = T.json

-- Texts that RFC 8259 allows.
local accepted = {
  "null", "true", "false", "0", "-0", "1", "-1", "10", "1.5", "-0.5", "1e5", "1E+5", "1e-5", "0e0",
  "0.0e00", "123456789012345678901234567890", "1e999", " 1 ",
  '""', '"a"', '"\\u0000"', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\u00e9\\uABCD\\uabcd"',
  '"\\ud83c\\udf0a"', '"\\uDBFF\\uDFFF"', '"é€🌊"', '"\127"', '"/"',
  '"\u{2028}\u{FEFF}\u{FFFF}\u{10FFFF}"', '"' .. ("x"):rep(1000) .. '"',
  "[]", " [ ] ", "[1]", "[1,2]", "[1 , 2 ]", "[[],[[]],{}]", "[{},[[1],2]]", "[null,true,false]",
  "{}", "\t{\n}\r\n", '{"a":1}', '{"a" : 1 }', '{"a":{"b":[]}}', '{"":0}', '{"a":1,"a":2}',
  '{"a":"}","b":"]"}', "[" .. ("1,"):rep(1000) .. "1]",
}

-- Texts that it does not, and what is said: column (of line 1) and reason.
local refused = {
  { "", 1, "expected a value" },
  { " ", 2, "expected a value" },
  { "\u{FEFF}1", 1, "expected a value" },
  { "nul", 1, "expected a value" },
  { "nulll", 5, "expected the end of the text" },
  { "True", 1, "expected a value" },
  { "NaN", 1, "expected a value" },
  { "Infinity", 1, "expected a value" },
  { "-Infinity", 2, "expected a digit after '-'" },
  { "-", 2, "expected a digit after '-'" },
  { "+1", 1, "expected a value" },
  { ".5", 1, "expected a value" },
  { "1.", 3, "expected a digit after '.'" },
  { "1.e1", 3, "expected a digit after '.'" },
  { "1e", 3, "expected a digit in the exponent" },
  { "1e+", 4, "expected a digit in the exponent" },
  { "01", 2, "expected the end of the text" },
  { "-01", 3, "expected the end of the text" },
  { "0x10", 2, "expected the end of the text" },
  { "1 2", 3, "expected the end of the text" },
  { "1\0", 2, "expected the end of the text" },
  { "\0", 1, "expected a value" },
  { "'a'", 1, "expected a value" },
  { "// c\n1", 1, "expected a value" },
  { '"', 2, "expected '\"' at the end of a string" },
  { '"a', 3, "expected '\"' at the end of a string" },
  { '"\\"', 4, "expected '\"' at the end of a string" },
  { '"\\', 2, "expected an escape" },
  { '"\\x41"', 2, "expected an escape" },
  { '"\\U0041"', 2, "expected an escape" },
  { '"\\u"', 2, "expected four hex digits" },
  { '"\\u12g4"', 2, "expected four hex digits" },
  { '"\\u 123"', 2, "expected four hex digits" },
  { '"\\u123', 2, "expected four hex digits" },
  { '"\\ud800"', 2, "expected a low surrogate" },
  { '"\\ud800x"', 2, "expected a low surrogate" },
  { '"\\ud800\\u0041"', 2, "expected a low surrogate" },
  { '"\\ud800\\udbff"', 2, "expected a low surrogate" },
  { '"\\ud800\\ue000"', 2, "expected a low surrogate" },
  { '"\\ud800\\ud800"', 2, "expected a low surrogate" },
  { '"\\ud800\\', 2, "expected a low surrogate" },
  { '"\\udc00"', 2, "expected a high surrogate" },
  { '"a\nb"', 3, "control characters" },
  { '"a\0b"', 3, "control characters" },
  { '"a\31b"', 3, "control characters" },
  { '"é\tb"', 3, "control characters" },
  { '"\xff"', 2, "valid UTF-8" },
  { '"\x80"', 2, "valid UTF-8" },
  { '"\xc3"', 2, "valid UTF-8" },
  { '"\xc0\xaf"', 2, "valid UTF-8" },
  { '"\xe0\x80\xaf"', 2, "valid UTF-8" },
  { '"\xed\xa0\x80"', 2, "valid UTF-8" },
  { '"\xf0\x80\x80\x80"', 2, "valid UTF-8" },
  { '"\xf4\x90\x80\x80"', 2, "valid UTF-8" },
  { '"\xf8\x88\x80\x80\x80"', 2, "valid UTF-8" },
  { '"\xe2\x82', 2, "valid UTF-8" },
  { "[", 2, "expected a value" },
  { "[1", 3, "expected ',' or ']'" },
  { "[1 2]", 4, "expected ',' or ']'" },
  { "[1,", 4, "expected a value" },
  { "[1,]", 4, "expected a value" },
  { "[,1]", 2, "expected a value" },
  { "[1,,2]", 4, "expected a value" },
  { "[1}", 3, "expected ',' or ']'" },
  { "[1]]", 4, "expected the end of the text" },
  { "]", 1, "expected a value" },
  { "{", 2, "expected a member name or '}'" },
  { "{1:2}", 2, "expected a member name or '}'" },
  { "{a:1}", 2, "expected a member name or '}'" },
  { '{"a"', 5, "expected ':' after a member name" },
  { '{"a"}', 5, "expected ':' after a member name" },
  { '{"a",1}', 5, "expected ':' after a member name" },
  { '{"a"::1}', 6, "expected a value" },
  { '{"a":', 6, "expected a value" },
  { '{"a":}', 6, "expected a value" },
  { '{"a":1', 7, "expected ',' or '}'" },
  { '{"a":1]', 7, "expected ',' or '}'" },
  { '{"a":1,}', 8, "expected a member name" },
  { '{"a":1,,', 8, "expected a member name" },
  { '{"a":1 "b":2}', 8, "expected ',' or '}'" },
  { '{"a":1}}', 8, "expected the end of the text" },
  { "[\1]", 2, "expected a value" },
  { "\v1", 1, "expected a value" },
  { "\u{A0}1", 1, "expected a value" },
}

describe("the JSON grammar", function()
  it("accepts what RFC 8259 allows", function()
    for _, text in ipairs(accepted) do
      assert.is_true(json.valid(text), text)
      assert.is_not_nil(json.decode(text), text)
    end
  end)

  for _, row in ipairs(refused) do
    it(("refuses %q and says why"):format(row[1]), function()
      local ok, message, code = json.valid(row[1])

      assert.is_nil(ok)
      assert.equal("invalid_argument", code)
      assert.equal(("line 1, column %d: "):format(row[2]), message:match("^line %d+, column %d+: "))
      assert.truthy(message:find(row[3], 1, true), message)
      assert.equal(message, select(2, json.decode(row[1])))
    end)
  end

  it("counts lines, and columns in characters", function()
    local _, message = json.valid('[1,\n  "é€🌊", x]')

    assert.equal("line 2, column 10: expected a value", message)
  end)

  it("refuses every true beginning of a container or a string", function()
    local text = '{"a":[1,2.5e3,"x\\u00e9\\ud83c\\udf0a",{"b":null}],"c":true}'
    assert.is_true(json.valid(text))

    for n = 0, #text - 1 do
      assert.is_nil((json.valid(text:sub(1, n))))
    end
  end)
end)

describe("the limits of JSON", function()
  it("stop a text that is nested too deeply, at any limit", function()
    for _, depth in ipairs { 1, 2, 63, 64, 65, 128, 1000, 1024 } do
      for _, pair in ipairs { { "[", "]" }, { '{"a":', "}" } } do
        local fits = pair[1]:rep(depth - 1) .. "[]" .. pair[2]:rep(depth - 1)
        local over = pair[1]:rep(depth) .. "[]" .. pair[2]:rep(depth)

        assert.is_true(json.valid(fits, depth))
        assert.is_not_nil(json.decode(fits, depth))
        local _, message, code = json.valid(over, depth)
        assert.equal("too_large", code)
        assert.truthy(message:find("nested", 1, true))
      end
    end
  end)

  it("are 64 levels by default and 1024 at most", function()
    assert.is_true(json.valid(("["):rep(64) .. ("]"):rep(64)))
    assert.is_nil((json.valid(("["):rep(65) .. ("]"):rep(65))))
    assert.is_true(json.valid(("["):rep(1024) .. ("]"):rep(1024), 1000000))
    assert.is_nil((json.valid(("["):rep(100000), 1000000)))
  end)

  it("keep objects and lists apart at every depth", function()
    local rng = 12345
    for _ = 1, 200 do
      local opened, closed = {}, {}
      for i = 1, 300 do
        rng = (rng * 1103515245 + 12345) % 2147483648
        local object = rng > 1073741824
        opened[i] = object and '{"a":' or "["
        table.insert(closed, 1, object and "}" or "]")
      end
      local inner = table.concat(opened) .. "1"
      assert.is_true(json.valid(inner .. table.concat(closed), 1000))

      local wrong = rng % 300 + 1
      closed[wrong] = closed[wrong] == "]" and "}" or "]"
      assert.is_nil((json.valid(inner .. table.concat(closed), 1000)))
    end
  end)

  it("stop a text of too many values", function()
    assert.is_true(json.valid("[1,2,3]", 0, 4))

    local _, message, code = json.valid("[1,2,3]", 0, 3)

    assert.same({ "too_large", "line 1, column 6: more values than allowed" }, { code, message })
  end)
end)

describe("a JSON document", function()
  it("is laid out as the header's picture says", function()
    assert.same({
      '0 object next=5 count=1 {"a":[1,2]}',
      '1 string next=2 count=0 "a"',
      "2 array next=5 count=2 [1,2]",
      "3 number next=4 count=0 integer 1",
      "4 number next=5 count=0 integer 2",
    }, json.nodes('{"a":[1,2]}'))
  end)

  it("marks escapes and integers", function()
    assert.same({
      "0 array next=6 count=5 [1.0, 1e2,-7 , \"\\n\", \"n\" ]",
      "1 number next=2 count=0 1.0",
      "2 number next=3 count=0 1e2",
      "3 number next=4 count=0 integer -7",
      '4 string next=5 count=0 escaped "\\n"',
      '5 string next=6 count=0 "n"',
    }, json.nodes('[1.0, 1e2,-7 , "\\n", "n" ]'))
  end)

  -- A short text is laid out while it is checked, a longer one in a second run.
  it("are the same whether a text is short or long", function()
    local item = '{"a":[1.5,"\\n",true],"b":{}}' -- eight nodes
    local one = json.nodes("[" .. item .. "]")

    local function moved(line, by)
      local index, kind, next_, rest = line:match "^(%d+) (%S+) next=(%d+) (.*)$"
      return ("%d %s next=%d %s"):format(index + by, kind, next_ + by, rest)
    end

    for n = 20, 30 do -- 192 nodes are few
      local all = json.nodes("[" .. (item .. ","):rep(n - 1) .. item .. "]")

      assert.equal(1 + 8 * n, #all)
      assert.matches(("^0 array next=%d count=%d "):format(#all, n), all[1])
      for i = 2, #all do assert.equal(moved(one[2 + (i - 2) % 8], (i - 2) // 8 * 8), all[i]) end
    end
  end)

  it("decodes escapes", function()
    assert.equal('"\\/\b\f\n\r\t', json.decode('"\\"\\\\\\/\\b\\f\\n\\r\\t"'))
    assert.equal("\0aé€🌊\u{10FFFF}", json.decode('"\\u0000\\u0061\\u00e9\\u20AC\\ud83c\\uDF0A\\uDBFF\\uDFFF"'))
  end)

  it("finds the first member of a name, however it is spelled", function()
    local text = '{"b":{"a":0},"\\u0061":[1],"a":2,"":3,"\\\\":4,' ..
      '"caf\\u00e9":5,"\\ud83c\\udf0a":6}'

    assert.equal("[1]", json.get(text, "a"))
    assert.equal('{"a":0}', json.get(text, "b"))
    assert.equal("3", json.get(text, ""))
    assert.equal("4", json.get(text, "\\"))
    assert.equal("5", json.get(text, "café"))
    assert.equal("6", json.get(text, "🌊"))
    for _, name in ipairs { "c", "\\u0061", "caf", "café!", "\\\\", "\0" } do
      assert.is_nil(json.get(text, name))
    end
    assert.is_nil(json.get("[1]", "a"))
  end)

  it("reports a member name that comes twice, in small and large objects", function()
    assert.is_nil(json.duplicate("{}"))
    assert.is_nil(json.duplicate('["a","a"]'))
    assert.is_nil(json.duplicate('{"a":{"b":1},"b":{"a":2}}'))
    assert.equal("b", json.duplicate('{"a":1,"b":2,"b":3,"a":4}'))
    assert.equal("\\u0061", json.duplicate('{"a":1,"\\u0061":2}'))
    assert.equal("é", json.duplicate('{"\\u00e9":1,"é":2}'))
    for _, n in ipairs { 1, 15, 16, 17, 18, 100, 5000 } do
      local members = {}
      for i = 1, n do members[i] = ('"k%d":{"k1":%d}'):format(i, i) end
      assert.is_nil(json.duplicate("{" .. table.concat(members, ",") .. "}"))

      table.insert(members, '"\\u006b1":0')
      assert.equal("\\u006b1", json.duplicate("{" .. table.concat(members, ",") .. "}"))
    end
  end)

  -- Runs `work` with the first, second, third ... allocation failing, until
  -- none fails; how many failed.
  local function walk(work)
    local n = 0
    repeat
      T.buf.fail_after(n)
      local got = table.pack(work())
      local fired = T.buf.fired()
      got.fired = fired
      work(got)
      n = n + 1
    until not fired
    return n - 1
  end

  it("survives every failing allocation", function()
    local members = {}
    for i = 1, 100 do members[i] = ('"k\\u00e9%d%s":[%d]'):format(i, ("x"):rep(100), i) end
    local text = "{" .. table.concat(members, ",") .. "}"
    local whole = json.decode(text)

    local failed = walk(function(got)
      if not got then return json.decode(text) end
      if not got.fired then assert.same(whole, got[1]) end
      if got[1] == nil then assert.equal("no_memory", got[3]) end
    end)

    assert.is_true(failed > 3)
  end)

  it("knows its duplicates without memory too", function()
    local members = {}
    for i = 1, 100 do members[i] = ('"k\\u00e9%d":[%d]'):format(i, i) end
    members[101] = '"ké50":0'
    local text = "{" .. table.concat(members, ",") .. "}"

    local failed = walk(function(got)
      if not got then return json.duplicate(text) end
      assert.truthy(got[1] == "ké50" or got[3] == "no_memory")
    end)

    assert.is_true(failed > 1)
  end)
end)

describe("a JSON number", function()
  it("is an integer if it is written as one and fits", function()
    local function int(text) return (json.number(text)) end
    assert.equal(0, int "0")
    assert.equal(0, int "-0")
    assert.equal(math.maxinteger, int "9223372036854775807")
    assert.equal(math.mininteger, int "-9223372036854775808")
    assert.is_nil(int "9223372036854775808")
    assert.is_nil(int "-9223372036854775809")
    assert.is_nil(int "100000000000000000000000")
    assert.is_nil(int "1.0")
    assert.is_nil(int "1e2")
    assert.is_nil(int '"1"')
  end)

  it("is the nearest double", function()
    local function double(text) return select(2, json.number(text)) end
    local half_way = -- between the largest double and what would be the next
      "17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901" ..
      "79775872070963302864166928879109465555478519404026306574886715058206819089020007083836762" ..
      "73854845817711531764475730270069855571366959622842914819860834936475292719074168444365510" ..
      "704342711559699508093042880.0"
    for _, text in ipairs {
      "0", "1", "-1", "0.1", "1e22", "1e23", "123456789012345", "1234567890123456",
      "9007199254740993", "1.7976931348623157e308", "5e-324", "2.2250738585072011e-308",
      "0.30000000000000004", "1e999", "-1e999", half_way,
    } do
      assert.equal(tonumber(text) + 0.0, double(text))
    end
    assert.equal("-0.0", tostring(double "-0"))
    assert.is_nil(double '"1"')
  end)

  it("is written in the shortest way that reads back the same", function()
    local cases = {
      { 0.0, "0" }, { -0.0, "-0" }, { 1.0, "1" }, { -5.0, "-5" }, { 0.1, "0.1" },
      { 1 / 3, "0.3333333333333333" }, { 0.1 + 0.2, "0.30000000000000004" }, { 19.99, "19.99" },
      { 1e15, "1e+15" }, { 1e300, "1e+300" }, { 1e-7, "1e-07" }, { 5e-324, "5e-324" },
      { 999999999999999.0, "999999999999999" }, { 2 ^ 53 + 2, "9007199254740994" },
      { 1 / 0, "null" }, { -1 / 0, "null" }, { 0 / 0, "null" },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2], json.double(case[1]))
    end
  end)

  it("keeps its value through any round", function()
    math.randomseed(11)
    for _ = 1, 20000 do
      local bits = math.random(math.mininteger, math.maxinteger)
      local value = ("n"):unpack(("j"):pack(bits))
      if value == value and value ~= 1 / 0 and value ~= -1 / 0 then
        assert.equal(value, select(2, json.number(json.double(value))))
      end
      local _, back = nil, (json.number(json.int(bits)))
      assert.equal(bits, back)
    end
    assert.equal("-9223372036854775808", json.int(math.mininteger))
  end)

  it("does not care about the locale", function()
    local before = os.setlocale()
    local found
    for _, name in ipairs { "de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "ps_AF" } do
      found = found or os.setlocale(name)
    end

    local written, read = json.double(0.5), select(2, json.number("0.25"))
    os.setlocale(before)

    assert.same({ "0.5", 0.25 }, { written, read })
  end)
end)

-- The reference: what each byte of valid UTF-8 becomes.
local short = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n",
  ["\r"] = "\\r", ["\t"] = "\\t",
}
local function escaped(s)
  return (s:gsub('[%c"\\]', function(c)
    if c == "\127" then return c end
    return short[c] or ("\\u%04x"):format(c:byte())
  end))
end

describe("a JSON string", function()
  it("is written with only what must be escaped, at every length and place", function()
    for n = 0, 40 do
      for at = 0, n do
        for _, c in ipairs { '"', "\\", "\n", "\1", "\31", "é", "🌊", "\127" } do
          local s = ("x"):rep(at) .. c .. ("y"):rep(n - at)
          assert.equal('"' .. escaped(s) .. '"', json.string(s))
        end
      end
    end
  end)

  it("reads back as it was, whatever it holds", function()
    math.randomseed(3)
    for _ = 1, 3000 do
      local parts = {}
      for i = 1, math.random(0, 60) do
        local kind = math.random(6)
        parts[i] = kind < 4 and string.char(math.random(0, 127)) or
          kind == 4 and utf8.char(math.random(0x80, 0xD7FF)) or
          kind == 5 and utf8.char(math.random(0xE000, 0x10FFFF)) or ("plain"):rep(math.random(8))
      end
      local s = table.concat(parts)

      assert.equal('"' .. escaped(s) .. '"', json.string(s))
      assert.equal(s, json.decode(json.string(s)))
    end
  end)

  it("has U+FFFD for each invalid byte", function()
    assert.equal('"\u{FFFD}"', json.string("\xff"))
    assert.equal('"a\u{FFFD}\u{FFFD}b"', json.string("a\xe2\x82b"))
    assert.equal('"\u{FFFD}\u{FFFD}\u{FFFD}"', json.string("\xed\xa0\x80"))
    assert.equal('"é\u{FFFD}"', json.string("é\xc3"))
  end)

  it("is dropped whole when memory is out", function()
    T.buf.fail_after(1)
    assert.is_nil(json.string(("x\n"):rep(100)))
    assert.is_true(T.buf.fired())
  end)
end)

describe("the JSON writer", function()
  it("puts commas between, and only between", function()
    assert.equal('{"list":[]}', json.object(0))
    assert.equal('{"n":0,"n":1,"list":[0,1]}', json.object(2))
  end)
end)

describe("runs of plain bytes", function()
  local function plain(s)
    return (s:find('[\0-\31"\\\128-\255]') or #s + 1) - 1
  end

  it("are the same by 16, by 8 and by one, for any byte at any place", function()
    for n = 0, 40 do
      for at = 0, n, n > 20 and 3 or 1 do
        for byte = 0, 255, at % 2 == 0 and 1 or 7 do
          local s = ("x"):rep(at) .. string.char(byte) .. ("y"):rep(n - at)
          local by16, by8, ascii = json.runs(s)
          assert.equal(plain(s), by16)
          assert.equal(plain(s), by8)
          assert.equal(#s:match("^[\0-\127]*"), ascii)
        end
      end
    end
  end)
end)

describe("UTF-8", function()
  local function reference(s)
    local good, at = utf8.len(s)
    if good then return true, 0 end
    return false, at - 1
  end

  it("is what Lua's strict utf8.len takes, and the first bad byte is told", function()
    math.randomseed(5)
    for _ = 1, 20000 do
      local bytes = {}
      for i = 1, math.random(1, 12) do
        bytes[i] = math.random() < 0.4 and utf8.char(math.random(0, 0x10FFFF)) or
          string.char(math.random() < 0.5 and math.random(0xC0, 0xFF) or math.random(0x80, 0xBF))
      end
      local s = table.concat(bytes)
      local good, at = json.utf8(s)
      local expected, place = reference(s)
      assert.equal(expected, good)
      if not good then assert.equal(place, at) end
    end
  end)
end)
