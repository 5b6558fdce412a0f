local T = require "T"
local e = T.encode

-- RFC 4648, section 10.
local vectors = {
  { "", "", "" },
  { "f", "Zg==", "66" },
  { "fo", "Zm8=", "666f" },
  { "foo", "Zm9v", "666f6f" },
  { "foob", "Zm9vYg==", "666f6f62" },
  { "fooba", "Zm9vYmE=", "666f6f6261" },
  { "foobar", "Zm9vYmFy", "666f6f626172" },
}

local function random_bytes(n)
  local bytes = {}
  for i = 1, n do bytes[i] = string.char(math.random(0, 255)) end
  return table.concat(bytes)
end

describe("base64 and hex", function()
  it("are those of RFC 4648", function()
    for _, row in ipairs(vectors) do
      assert.equal(row[2], e.base64(row[1]))
      assert.equal((row[2]:gsub("=", "")), e.base64url(row[1]))
      assert.equal(row[3], e.hex(row[1]))
      assert.equal(row[1], e.unbase64(row[2]))
      assert.equal(row[1], e.unhex(row[3]))
      assert.equal(row[1], e.unhex(row[3]:upper()))
    end
    assert.equal("+/+/", e.base64("\xfb\xff\xbf"))
    assert.equal("-_-_", e.base64url("\xfb\xff\xbf"))
  end)

  it("give back what they took", function()
    math.randomseed(1)
    for n = 0, 300 do
      local bytes = random_bytes(n)

      assert.equal(bytes, e.unbase64(e.base64(bytes)))
      assert.equal(bytes, e.unbase64url(e.base64url(bytes)))
      assert.equal(bytes, e.unhex(e.hex(bytes)))
    end
  end)

  it("refuse what is not exact", function()
    for _, text in ipairs {
      "Zg", "Zg=", "Zg===", "Zg==Zg==", "=", "==", "====", "Z===", "Zh==", "Zm9=", " Zg==", "Zg==\n",
      "Zm 9v", "Zm-v", "Zm_v", "Zm9v\0", "Zm9\xff",
    } do
      assert.is_nil(e.unbase64(text), text)
    end
    for _, text in ipairs { "Z", "Zh", "Zg==", "Zm9", "Zm+v", "Zm/v", "Zm9vY", "Zm9v " } do
      assert.is_nil(e.unbase64url(text), text)
    end
    for _, text in ipairs { "0", "0g", "g0", "0x", " 0", "00 " } do
      assert.is_nil(e.unhex(text), text)
    end
  end)

  it("have one spelling for each value", function()
    math.randomseed(2)
    local letters = "ABab01+/-_="
    for _ = 1, 20000 do
      local chars = {}
      for i = 1, math.random(0, 9) do
        local at = math.random(#letters)
        chars[i] = letters:sub(at, at)
      end
      local text = table.concat(chars)
      local plain, plain_url = e.unbase64(text), e.unbase64url(text)
      if plain then assert.equal(text, e.base64(plain)) end
      if plain_url then assert.equal(text, e.base64url(plain_url)) end
    end
  end)
end)

describe("percent-encoding", function()
  it("leaves only what RFC 3986 calls unreserved", function()
    for byte = 0, 255 do
      local c = string.char(byte)
      local expected = c:match("[A-Za-z0-9._~-]") or ("%%%02X"):format(byte)

      assert.equal(expected, e.percent(c))
      assert.equal(c == "/" and "/" or expected, e.percent_path(c))
      assert.equal(c, e.unpercent(e.percent(c)))
    end
  end)

  it("is undone in either case, and '+' stays", function()
    assert.equal("a/b+c é", e.unpercent("a%2fb+c%20%C3%a9"))
  end)

  it("is refused if it is not whole", function()
    for _, text in ipairs { "%", "%4", "a%", "%4g", "%g4", "%%41", "% 41" } do
      assert.is_nil(e.unpercent(text), text)
    end
  end)
end)

describe("every encoding", function()
  it("fails whole when memory is out", function()
    for name, call in pairs(e) do
      local text = name:find("^un") and ("61"):rep(200) or ("/"):rep(100)
      assert.is_string(call(text))

      T.buf.fail_after(name:find("^un") and 1 or 0) -- "before" comes first
      assert.is_nil(call(text))
      assert.is_true(T.buf.fired())
    end
  end)
end)
