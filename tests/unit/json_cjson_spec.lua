-- base/json beside lua-cjson, which scripts use: whatever we accept, cjson must
-- accept, with the same value. cjson is laxer; the last test lists where.

local T = require "T"
local cjson = require "cjson"
local json = T.json

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b and math.type(a) == math.type(b)
  end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

-- Does this text break the promise? Then why.
local function fault(text)
  local ours, message = json.decode(text, 900)
  assert((ours ~= nil) == (json.valid(text, 900) == true), "decode and valid differ")
  if ours == nil then return message == nil and "nil without a message" or nil end
  local ok, theirs = pcall(cjson.decode, text)
  if not ok then return "cjson refuses it: " .. theirs end
  return not same(ours, theirs) and "the values differ" or nil
end

local function pick(list)
  return list[math.random(#list)]
end

local spaces = { "", "", "", "", " ", "\n", "\t", "\r\n", "  " }
local numbers = {
  "0", "-0", "1", "-1", "12", "1.5", "-0.25", "1e3", "1E-3", "1.5e+10", "0.1", "123456789012",
  "9007199254740993", "18446744073709551616", "3.141592653589793", "1e308", "5e-324",
}
local pieces = {
  "a", "b c", "é", "€", "🌊", "\\n", "\\\\", '\\"', "\\/", "\\u0041", "\\u00e9", "\\u20AC", "\\ud83c\\udf0a",
  "\\u0000", "\127", ("long"):rep(9), "}", "]", ",", ":",
}

local function string_text()
  local parts = {}
  for i = 1, math.random(0, 4) do parts[i] = pick(pieces) end
  return '"' .. table.concat(parts) .. '"'
end

local value_text

local function items_text(depth, item)
  local parts = {}
  for i = 1, math.random(0, 4) do
    parts[i] = pick(spaces) .. item(depth) .. pick(spaces)
  end
  return #parts > 0 and table.concat(parts, ",") or pick(spaces)
end

local function member_text(depth)
  return string_text() .. pick(spaces) .. ":" .. pick(spaces) .. value_text(depth)
end

function value_text(depth)
  local kind = math.random(depth > 0 and 9 or 6)
  if kind <= 2 then return pick(numbers) end
  if kind <= 4 then return string_text() end
  if kind <= 6 then return pick { "null", "true", "false" } end
  if kind == 7 then return "[" .. items_text(depth - 1, value_text) .. "]" end
  return "{" .. items_text(depth - 1, member_text) .. "}"
end

local junk = {
  "{", "}", "[", "]", ",", ":", '"', "\\", "u", "0", "9", "-", "+", ".", "e", "E", "t", "n", "x", " ", "\n", "\0",
  "\xff", "\xc3", "\xa9", "\xed", "\xa0", "\x80", "/", "'", "\\u", "\\ud800", "\\udc00", "null", "NaN",
}

-- One byte gone, changed or more, or the text cut, or two places swapped.
local function mutate(text)
  local at = math.random(0, #text)
  local how = math.random(5)
  if how == 1 then return text:sub(1, at) .. text:sub(at + 2) end
  if how == 2 then return text:sub(1, at) .. pick(junk) .. text:sub(at + 2) end
  if how == 3 then return text:sub(1, at) .. pick(junk) .. text:sub(at + 1) end
  if how == 4 then return text:sub(1, at) end
  return text:sub(at + 1) .. text:sub(1, at)
end

describe("our JSON beside cjson", function()
  it("accepts 20,000 random documents, with the same values", function()
    math.randomseed(20)
    for _ = 1, 20000 do
      local text = pick(spaces) .. value_text(5) .. pick(spaces)

      assert.is_true(json.valid(text), text)
      assert.is_nil(fault(text), text)
    end
  end)

  it("accepts nothing that cjson refuses, in 20,000 mutations", function()
    math.randomseed(21)
    local accepted, refused = 0, 0
    for _ = 1, 20000 do
      local text = value_text(4)
      for _ = 1, math.random(3) do text = mutate(text) end

      assert.is_nil(fault(text), text)
      if json.valid(text) then accepted = accepted + 1 else refused = refused + 1 end
    end

    assert.is_true(accepted > 1000 and refused > 1000)
  end)

  it("writes strings that cjson reads, and reads those that it writes", function()
    math.randomseed(22)
    for _ = 1, 5000 do
      local chars = {}
      for i = 1, math.random(0, 20) do
        chars[i] = utf8.char(math.random(3) == 1 and math.random(0xE000, 0x10FFFF) or math.random(0, 0xFF))
      end
      local s = table.concat(chars)

      assert.equal(s, cjson.decode("[" .. json.string(s) .. "]")[1])
      assert.equal(s, json.decode(cjson.encode(s)))
    end
  end)

  it("is stricter in just these ways", function()
    local laxer = {
      "nan", "NaN", "-nan", "inf", "Infinity", "-infinity", -- no numbers in JSON
      "0x10", "-0x1F", "0x1p4", -- hex
      "01", "-01", "00", "+1", -- leading zeros, a plus
      "1.", "-1.e5", -- a dot without digits
      '"\n"', '"\t"', '"\1"', -- control characters in a string
      '"\xff"', '"\xc0\xaf"', '"\xed\xa0\x80"', -- no UTF-8
    }
    for _, text in ipairs(laxer) do
      local list = "[" .. text .. "]"

      assert.is_true((pcall(cjson.decode, list)), list)
      assert.is_nil((json.valid(list)), list)
    end
  end)
end)
