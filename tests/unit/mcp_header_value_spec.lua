-- What the value of Mcp-Name and Mcp-Param-* means (section 3.3 of the digest).
local T = require "T"
local decode, base64 = T.mcp.header_value, T.encode.base64

describe("a header value", function()
  local MEANS = {
    ["plain"] = "plain",
    ["  plain  "] = "plain",
    ["\tinner  blanks\tstay "] = "inner  blanks\tstay",
    [""] = "",
    ["=?base64?SGVsbG8=?="] = "Hello",
    ["=?base64?WsO8cmljaA==?="] = "Zürich",
    ["=?base64??="] = "",
    ["  =?base64?SGVsbG8=?=\t"] = "Hello",
    ["=?base64?SGVsbG8="] = "=?base64?SGVsbG8=",
    ["SGVsbG8=?="] = "SGVsbG8=?=",
    ["=?BASE64?SGVsbG8=?="] = "=?BASE64?SGVsbG8=?=",
    ["=?base64?="] = "=?base64?=",
    ["=?base64?AA==?="] = "\0",
  }
  local FAULTY = {
    "=?base64?SGVsbG8?=", "=?base64?SGVs!!!bG8=?=", "=?base64?SGVs bG8=?=",
    "=?base64?SGVsbG9=?=", "=?base64?====?=", "=?base64?/w==?=", "=?base64?7aCA?=",
    "=?base64?SGVsbG8=SGVsbG8=?=", "=?base64?SGVsbG8_?=",
  }

  it("is literal unless it is marked at both ends", function()
    for value, meaning in pairs(MEANS) do assert.equal(meaning, decode(value), value) end
  end)

  it("that is marked must be strict base64 of UTF-8", function()
    for _, value in ipairs(FAULTY) do assert.is_nil((decode(value)), value) end
  end)

  it("carries any UTF-8 text", function()
    math.randomseed(3)
    for _ = 1, 300 do
      local text = {}
      for i = 1, math.random(0, 40) do
        text[i] = utf8.char(math.random() < 0.5 and math.random(0, 127) or math.random(160, 0xD7FF))
      end
      text = table.concat(text)

      assert.equal(text, decode("=?base64?" .. base64(text) .. "?="))
    end
  end)
end)
