-- luacheck: ignore 631 (tables of cases read best in long lines)
local T = require "T"
local schema = T.schema

local function maker(kind)
  return function(options) return schema.word(kind, options or {}) end
end
local str, int, num, bool = maker "string", maker "integer", maker "number", maker "boolean"
local list, map, object, raw = maker "list", maker "map", maker "object", maker "raw"

-- The text of one word; raises its faults.
local function text_of(word)
  local text, faults = schema.words(word)
  return assert(text, faults)
end

describe("words", function()
  it("become JSON Schema", function()
    for _, case in ipairs {
      { str(), '{"type":"string"}' },
      { str { min = 1, max = 5 }, '{"type":"string","minLength":1,"maxLength":5}' },
      { str { min_length = 1, max_length = 5 }, '{"type":"string","minLength":1,"maxLength":5}' },
      { str { format = "date" }, '{"type":"string","format":"date"}' },
      { str { pattern = "^%u+$" }, '{"type":"string","pattern":"^[A-Z]+$"}' },
      { str { regex = "^\\d{4}$" }, '{"type":"string","pattern":"^\\\\d{4}$"}' },
      { str { "b", "a" }, '{"type":"string","enum":["b","a"]}' },
      { str { enum = { "b", "a" } }, '{"type":"string","enum":["b","a"]}' },
      { str { about = 'say "x"', title = "T" }, '{"type":"string","title":"T","description":"say \\"x\\""}' },
      { int { min = 1, max = 2.0, multiple_of = 3 }, '{"type":"integer","minimum":1,"maximum":2,"multipleOf":3}' },
      { int { 1, 2 }, '{"type":"integer","enum":[1,2]}' },
      { num { above = 0.5, below = 1e30 }, '{"type":"number","exclusiveMinimum":0.5,"exclusiveMaximum":1e+30}' },
      { bool { default = false }, '{"type":"boolean","default":false}' },
      { list(), '{"type":"array"}' },
      { list { of = str(), min = 1, max = 3, unique = true }, '{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":3,"uniqueItems":true}' },
      { list { int(), min_items = 1, max_items = 2 }, '{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":2}' },
      { list { of = int(), default = {} }, '{"type":"array","items":{"type":"integer"},"default":[]}' },
      { map { of = int(), min = 1 }, '{"type":"object","additionalProperties":{"type":"integer"},"minProperties":1}' },
      { map { num() }, '{"type":"object","additionalProperties":{"type":"number"}}' },
      { object { fields = { b = int(), a = str { optional = true } } }, '{"type":"object","properties":{"a":{"type":"string","optional":0},"b":{"type":"integer"}},"required":["b"],"additionalProperties":false}' },
      { object { { a = str() }, open = true, about = "x" }, '{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"description":"x"}' },
      { object { {}, default = {} }, '{"type":"object","properties":{},"additionalProperties":false,"default":{}}' },
      { raw { schema = { type = "array", items = { type = "null" } } }, '{"items":{"type":"null"},"type":"array"}' },
      { raw { '{ "type": [ "null" ] }' }, '{"type":["null"]}' },
    } do
      assert.equal(case[2]:gsub(',"optional":0', ""), text_of(case[1]))
    end
  end)

  it("as fields are an object, sorted, that takes nothing else", function()
    local text = schema.words({ z = int(), a = str { default = "x" }, m = bool { optional = true } })

    assert.equal('{"type":"object","properties":{"a":{"type":"string","default":"x"},"m":{"type":"boolean"},"z":{"type":"integer"}},"required":["z"],"additionalProperties":false}', text)
    assert.equal('{"type":"object","properties":{},"additionalProperties":false}', (schema.words({}, true)))
  end)

  it("may be one word for all", function()
    assert.equal('{"type":"object"}', (schema.words(raw { { type = "object" } }, true)))
  end)

  it("give the same text each time", function()
    local fields = {}
    for i = 1, 50 do fields["f" .. i] = int() end

    local first = schema.words(fields)

    for _ = 1, 5 do
      local again = {}
      for i = 50, 1, -1 do again["f" .. i] = int() end
      assert.equal(first, (schema.words(again, true)))
    end
  end)
end)

describe("a word that is wrong", function()
  -- The faults of one field `x`.
  local function faults_of(value)
    local text, faults = schema.words({ x = value })
    assert.is_nil(text)
    return faults
  end

  it("is refused with its path and the reason", function()
    for _, case in ipairs {
      { str { "a", "b", "a" }, "args.x: a is listed twice" },
      { str { enum = {} }, "args.x.enum: expected a list with at least one value, got a table" },
      { str { "a", enum = { "b" } }, "args.x.enum: the values are listed already" },
      { str { "a", 1 }, "args.x[2]: expected a string, got an integer" },
      { int { "a" }, "args.x[1]: expected a number, got a string" },
      { int { min = 3, max = 2 }, "args.x: max is below min" },
      { num { above = 3, below = 3 }, "args.x: below is not above above" },
      { str { min = 3, max = 2 }, "args.x: max is below min" },
      { str { min = -1 }, "args.x.min: expected an integer from 0 on, got an integer" },
      { str { min = 1, min_length = 1 }, "args.x.min_length: is the same as min" },
      { int { min = 1.5 }, "args.x.min: expected an integer, got a number" },
      { int { min = "1" }, "args.x.min: expected an integer, got a string" },
      { num { max = 0 / 0 }, "args.x.max: expected a number, got a number" },
      { int { multiple_of = 0 }, "args.x: multiple_of must be above 0" },
      { int { default = 1.5 }, "args.x: default must be an integer (got 1.5)" },
      { int { min = 1, max = 5, default = 7 }, "args.x: default must be at most 5 (got 7)" },
      { str { "open", "closed", default = "opn" }, 'args.x: default must be one of open, closed (got "opn", did you mean open?)' },
      { str { pattern = "^a", default = "b" }, 'args.x: default must match ^a (got "b")' },
      { str { default = print }, "args.x: default: a function cannot become JSON" },
      { list { of = int(), default = { "a" } }, 'args.x: default: [0] must be an integer (got "a")' },
      { object { { a = int() }, default = {} }, "args.x: default: a is required" },
      { str { fromat = "date" }, "args.x.fromat: unknown key (did you mean format?)" },
      { bool { min = 1 }, "args.x.min: unknown key" },
      { bool { true }, "args.x: expected names only, got the number 1" },
      { str { format = "emial" }, "args.x.format: there is no such format (did you mean email?)" },
      { str { regex = "(" }, "args.x.regex: not a regular expression: missing closing parenthesis, at character 2" },
      { str { regex = "a", pattern = "a" }, "args.x.regex: there is a pattern already" },
      { str { optional = "yes" }, "args.x.optional: expected true or false, got a string" },
      { str { about = "" }, "args.x.about: must not be empty" },
      { str { about = "\xff" }, "args.x.about: is not valid UTF-8" },
      { list { of = "string" }, "args.x.of: expected a word such as str {}, got a string" },
      { list { of = list { of = 1 } }, "args.x.of.of: expected a word such as str {}, got an integer" },
      { object { { y = 3 } }, "args.x.y: expected a word such as str {}, got an integer" },
      { object(), "args.x: expected a table of fields, got nothing" },
      { raw(), "args.x: expected JSON Schema: a table or JSON text, got nothing" },
      { raw { { type = "int" } }, 'args.x: type: "int" is not a type of JSON' },
      { raw { "{" }, "args.x: line 1, column 2: expected a member name or '}'" },
      { str, "args.x: expected a word, got a function; call it, as in str()" },
      { { y = str() }, "args.x: expected a word such as str {}, got a table (fields within fields are tide.schema.object)" },
      { schema.word("strin", {}), "args.x: expected a word such as str {}, got a table (fields within fields are tide.schema.object)" },
    } do
      local expected = case[2]
      assert.equal(expected, (faults_of(case[1]):gsub("\n$", "")))
    end
  end)

  it("does not hide the others", function()
    local _, faults = schema.words({ a = int { min = 2, max = 1 }, ["b c"] = str(), [1] = str(), d = str { "x", "x" } })

    assert.equal([[
args: expected names only, got the number 1
args.a: max is below min
args["b c"]: a name is 1 to 64 of A-Z a-z 0-9 _ . -
args.d: x is listed twice
]], faults)
  end)

  it("cannot be nested without end", function()
    local word = list()
    word.of = word

    assert.truthy(faults_of(word):find("is nested too deeply", 1, true))
  end)
end)

describe("a Lua pattern", function()
  local function matches(pattern, text)
    local regex, why = schema.pattern(pattern)
    local compiled = assert(schema.compile('{"pattern":"' .. assert(regex, why):gsub('[\\"]', "\\%0") .. '"}'), regex)
    return compiled:check('"' .. text:gsub('[\\"]', "\\%0"):gsub("%c", function(c) return ("\\u%04x"):format(c:byte()) end) .. '"') == true
  end

  it("becomes a regular expression", function()
    for pattern, regex in pairs {
      ["^[%w-]+/[%w._-]+$"] = "^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$",
      ["^%u%l*$"] = "^[A-Z][a-z]*$",
      ["a-b"] = "a*?b",
      ["^(%d+)%.(%d+)$"] = "^(?:[0-9]+)\\.(?:[0-9]+)$",
      ["a$b^"] = "a\\$b\\^",
      ["[]x]"] = "[\\]x]",
      ["[^%s,]"] = "[^ \\t-\\r,]",
      ["[%W]"] = "[\\W_]",
      ["é?"] = "é?",
      ["."] = "[\\s\\S]",
      ["%%"] = "%",
      ["[%.x.]"] = "[\\x2Ex.]",
      ["()"] = "(?:)",
    } do
      assert.equal(regex, schema.pattern(pattern))
    end
  end)

  it("that has no regular expression is refused", function()
    for pattern, why in pairs {
      ["%b()"] = "%b and %f have no regular expression",
      ["%f[%w]"] = "%b and %f have no regular expression",
      ["(a)%1"] = "it refers back to a group",
      ["a%"] = "it ends with %",
      ["[%"] = "it ends with %",
      ["[a"] = "a set has no ]",
      ["[]"] = "a set has no ]",
      ["(a"] = "a ( has no )",
      ["a)"] = "a ) has no (",
      ["(ab)+"] = "a group cannot be repeated in a Lua pattern; use `regex`",
      ["^\\d+$"] = "a backslash means nothing in a Lua pattern; use %, or `regex` for a regular expression",
      ["a|b"] = "| { and } stand for themselves in a Lua pattern; write %| %{ %} for that, or use `regex`",
      ["a{2}"] = "| { and } stand for themselves in a Lua pattern; write %| %{ %} for that, or use `regex`",
      ["%y"] = "there is no such class",
      ["[z-a]"] = "a range must go upwards",
      ["[%P]"] = "this class cannot stand in a set",
    } do
      assert.same({ pattern, why }, { pattern, select(2, schema.pattern(pattern)) })
    end
  end)

  it("matches what Lua matches", function()
    math.randomseed(11)
    local letters = { "a", "b", "A", "7", "_", "-", ".", " ", "^", "$", "]", "/", "*", "é" }
    local classes = { "%a", "%d", "%l", "%u", "%s", "%w", "%x", "%p", "%c", "%A", "%D", "%L", "%U", "%S", "%W", "%X" }
    local function pick(from) return from[math.random(#from)] end
    local function item()
      local kind = math.random(6)
      if kind == 1 then return "." end
      if kind == 2 then return pick(classes) end
      if kind == 3 then return "%" .. pick { ".", "-", "*", "%", "[", "|", "{" } end
      if kind < 6 then return pick { "a", "b", "A", "7", "_", " ", "/" } end
      local set = "[" .. pick { "", "^" }
      for _ = 1, math.random(3) do
        set = set .. pick { "a", "7", "_", "a-f", "0-5", pick(classes), "%-", "%]", ".", "*" }
      end
      return set .. "]"
    end
    for _ = 1, 3000 do
      local pattern = pick { "", "^" }
      for _ = 1, math.random(4) do pattern = pattern .. item() .. pick { "", "", "*", "+", "?", "-" } end
      pattern = pattern .. pick { "", "$" }
      local text = ""
      -- A byte of é alone can match in Lua; then characters are not bytes.
      for _ = 1, math.random(0, 6) do text = text .. pick(letters):gsub("é", "b") end

      assert.same({ pattern, text, text:find(pattern) ~= nil }, { pattern, text, matches(pattern, text) })
    end
  end)
end)

-- A reference that says of a word and a value what the schema must say. Values
-- are { json = text, kind = ..., ... } so that arrays and objects differ.
local reference = {}

local function fits(word, value)
  return reference[word.kind](word, value)
end

local function listed(word, value)
  if word[1] == nil then return true end
  for _, v in ipairs(word) do
    if v == value then return true end
  end
  return false
end

local function within(word, n, low, high)
  return n >= (word[low] or -math.huge) and n <= (word[high] or math.huge)
end

function reference.string(word, v)
  return v.kind == "string" and listed(word, v.value) and within(word, utf8.len(v.value), "min", "max")
    and (not word.pattern or v.value:find(word.pattern) ~= nil)
end

function reference.number(word, v)
  return v.kind == "number" and listed(word, v.value) and within(word, v.value, "min", "max")
    and (not word.above or v.value > word.above) and (not word.below or v.value < word.below)
    and (not word.multiple_of or v.value % word.multiple_of == 0)
end

function reference.integer(word, v)
  return reference.number(word, v) and v.value == math.floor(v.value)
end

function reference.boolean(_, v)
  return v.kind == "boolean"
end

function reference.list(word, v)
  if v.kind ~= "list" or not within(word, #v.items, "min", "max") then return false end
  local seen = {}
  for _, item in ipairs(v.items) do
    if word.of and not fits(word.of, item) then return false end
    if word.unique and seen[item.json] then return false end
    seen[item.json] = true
  end
  return true
end

function reference.map(word, v)
  if v.kind ~= "object" then return false end
  local n = 0
  for _, member in pairs(v.members) do
    n = n + 1
    if word.of and not fits(word.of, member) then return false end
  end
  return within(word, n, "min", "max")
end

function reference.object(word, v)
  if v.kind ~= "object" then return false end
  for name, field in pairs(word.fields) do
    local member = v.members[name]
    if member and not fits(field, member) then return false end
    if not member and not field.optional and field.default == nil then return false end
  end
  for name in pairs(v.members) do
    if not word.fields[name] and not word.open then return false end
  end
  return true
end

local chance = math.random
local names = { "a", "b", "c", "limit", "é" }
local texts = { "", "a", "b", "ab", "abc", "é", "éa", "7", "x7" }
local numbers = { -1, 0, 1, 2, 3, 6, 0.5, 2.5, 100, 1e15 }

local function maybe(value) return chance() < 0.4 and value or nil end

local words = {}
local function random_word(depth)
  local kinds = { "string", "integer", "number", "boolean", "list", "map", "object" }
  return words[kinds[chance(depth > 0 and 7 or 4)]](depth - 1)
end

local function limits(options, top)
  options.min = maybe(chance(0, top))
  options.max = maybe((options.min or 0) + chance(0, top))
  return options
end

function words.string()
  local options = limits({}, 2)
  options.pattern = maybe(({ "^a", "%d", "^%l*$", "b$" })[chance(4)])
  if chance() < 0.2 then options[1], options[2] = "a", "ab" end
  return str(options)
end

function words.integer()
  local options = limits({ multiple_of = maybe(chance(3)) }, 5)
  if chance() < 0.2 then options[1], options[2] = 1, 3 end
  return int(options)
end

function words.number()
  return num(limits({ above = maybe(chance(0, 2) / 2), multiple_of = maybe(0.5) }, 5))
end

function words.boolean() return bool() end
function words.list(depth) return list(limits({ of = random_word(depth), unique = maybe(true) }, 3)) end
function words.map(depth) return map(limits({ of = random_word(depth) }, 3)) end

function words.object(depth)
  local fields = {}
  for _ = 1, chance(0, 3) do
    local word = random_word(depth)
    word.optional = maybe(true)
    fields[names[chance(4)]] = word
  end
  return object { fields = fields, open = maybe(true) }
end

local values = {}
local function random_value(depth)
  return values[chance(depth > 0 and 5 or 3)](depth - 1)
end

values[1] = function()
  local text = texts[chance(#texts)]
  return { kind = "string", value = text, json = '"' .. text .. '"' }
end
values[2] = function()
  local n = numbers[chance(#numbers)]
  return { kind = "number", value = n, json = ("%.17g"):format(n) }
end
values[3] = function()
  return chance() < 0.7 and { kind = "boolean", json = "true" } or { kind = "null", json = "null" }
end
values[4] = function(depth)
  local items, json = {}, {}
  for i = 1, chance(0, 4) do
    items[i] = random_value(depth)
    json[i] = items[i].json
  end
  return { kind = "list", items = items, json = "[" .. table.concat(json, ",") .. "]" }
end
values[5] = function(depth)
  local members, json = {}, {}
  for _ = 1, chance(0, 3) do
    local name = names[chance(#names)]
    members[name] = members[name] or random_value(depth)
  end
  for name, member in pairs(members) do json[#json + 1] = ('"%s":%s'):format(name, member.json) end
  table.sort(json)
  return { kind = "object", members = members, json = "{" .. table.concat(json, ",") .. "}" }
end

-- A value with a fair chance to fit.
local function value_for(word, depth)
  if chance() < 0.2 then return random_value(depth) end
  if word.kind == "string" then return values[1]() end
  if word.kind == "integer" or word.kind == "number" then return values[2]() end
  if word.kind == "list" then
    local items, json = {}, {}
    for i = 1, chance(0, 3) do
      items[i] = value_for(word.of, depth - 1)
      json[i] = items[i].json
    end
    return { kind = "list", items = items, json = "[" .. table.concat(json, ",") .. "]" }
  end
  if word.kind == "object" or word.kind == "map" then
    local members, json = {}, {}
    for name, field in pairs(word.fields or { a = word.of, b = word.of }) do
      if chance() < 0.8 then members[name] = value_for(field, depth - 1) end
    end
    for name, member in pairs(members) do json[#json + 1] = ('"%s":%s'):format(name, member.json) end
    table.sort(json)
    return { kind = "object", members = members, json = "{" .. table.concat(json, ",") .. "}" }
  end
  return values[3]()
end

describe("random words", function()
  it("accept and refuse random values as a plain reading of them says", function()
    math.randomseed(42)
    local good, bad = 0, 0
    for _ = 1, 1500 do
      local word = random_word(3)
      local text = text_of(word)
      local compiled = assert(schema.compile(text))
      assert.equal(text, compiled:text())
      for _ = 1, 10 do
        local value = value_for(word, 3)
        local expected = fits(word, value)
        local ok = compiled:check(value.json) == true
        assert.same({ text, value.json, expected }, { text, value.json, ok })
        if ok then good = good + 1 else bad = bad + 1 end
      end
    end

    assert.is_true(good > 2000 and bad > 2000)
  end)
end)
