local T = require "T"
local hash, hex = T.hash, T.encode.hex

describe("SHA-256", function()
  it("is that of FIPS 180-4", function()
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      hex(hash.sha256("")))
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      hex(hash.sha256("abc")))
  end)

  it("makes the HMAC of RFC 4231", function()
    assert.equal("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
      hex(hash.hmac(("\x0b"):rep(20), "Hi There")))
    assert.equal("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      hex(hash.hmac("Jefe", "what do ya want for nothing?")))
    assert.equal("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
      hex(hash.hmac(("\xaa"):rep(131), "Test Using Larger Than Block-Size Key - Hash Key First")))
    assert.equal("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
      hex(hash.hmac("", "")))
  end)
end)

describe("comparing hashes", function()
  it("says whether all bytes are the same", function()
    assert.is_true(hash.equal("", ""))
    assert.is_true(hash.equal("abc\0d", "abc\0d"))
    assert.is_false(hash.equal("abc", "abd"))
    assert.is_false(hash.equal("abc", "ab"))
    assert.is_false(hash.equal("", "a"))
  end)
end)

-- SipHash-1-3 by its definition, straight.
local function sip_reference(k0, k1, text)
  local v0, v1 = k0 ~ 0x736f6d6570736575, k1 ~ 0x646f72616e646f6d
  local v2, v3 = k0 ~ 0x6c7967656e657261, k1 ~ 0x7465646279746573
  local function rotl(x, n) return x << n | x >> (64 - n) end
  local function round()
    v0 = v0 + v1; v1 = rotl(v1, 13); v1 = v1 ~ v0; v0 = rotl(v0, 32)
    v2 = v2 + v3; v3 = rotl(v3, 16); v3 = v3 ~ v2
    v0 = v0 + v3; v3 = rotl(v3, 21); v3 = v3 ~ v0
    v2 = v2 + v1; v1 = rotl(v1, 17); v1 = v1 ~ v2; v2 = rotl(v2, 32)
  end
  local padded = text .. ("\0"):rep(7 - #text % 8) .. string.char(#text % 256)
  for at = 1, #padded, 8 do
    local word = ("<i8"):unpack(padded, at)
    v3 = v3 ~ word
    round()
    v0 = v0 ~ word
  end
  v2 = v2 ~ 0xff
  round() round() round()
  return v0 ~ v1 ~ v2 ~ v3
end

describe("the hash of tables", function()
  it("is SipHash-1-3", function()
    math.randomseed(4)
    for n = 0, 70 do
      local bytes = {}
      for i = 1, n do bytes[i] = string.char(math.random(0, 255)) end
      local text = table.concat(bytes)
      local k0, k1 = math.random(0), math.random(0)

      assert.equal(sip_reference(k0, k1, text), hash.sip(k0, k1, text))
    end
  end)
end)

describe("chance", function()
  it("from the kernel has any length and does not repeat", function()
    assert.equal("", hash.bytes(0))
    for _, n in ipairs { 16, 255, 256, 257, 1000 } do
      assert.equal(n, #hash.bytes(n))
      assert.not_equal(hash.bytes(n), hash.bytes(n))
    end
  end)

  it("makes version 4 UUIDs", function()
    local seen = {}
    for _ = 1, 1000 do
      local id = hash.uuid()
      assert.truthy(id:match("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x+$"))
      assert.equal(36, #id)
      assert.equal(id:lower(), id)
      assert.is_nil(seen[id])
      seen[id] = true
    end
  end)

  it("from a seed is the same each time and differs between seeds", function()
    assert.same(hash.prng(7, 100), hash.prng(7, 100))
    assert.not_same(hash.prng(7, 100), hash.prng(8, 100))
  end)

  it("from a seed is xoshiro256** seeded by splitmix64", function()
    local function rotl(x, n) return x << n | x >> (64 - n) end
    local s, state = {}, 42
    for i = 1, 4 do
      state = state + 0x9e3779b97f4a7c15
      local z = state
      z = (z ~ (z >> 30)) * 0xbf58476d1ce4e5b9
      z = (z ~ (z >> 27)) * 0x94d049bb133111eb
      s[i] = z ~ (z >> 31)
    end
    local expected = {}
    for i = 1, 50 do
      expected[i] = ((rotl(s[2] * 5, 7) * 9) >> 11) * 0x1p-53
      local t = s[2] << 17
      s[3] = s[3] ~ s[1]; s[4] = s[4] ~ s[2]; s[2] = s[2] ~ s[3]; s[1] = s[1] ~ s[4]
      s[3] = s[3] ~ t; s[4] = rotl(s[4], 45)
    end

    assert.same(expected, hash.prng(42, 50))
  end)

  it("stays in its limits and reaches all of them", function()
    for _, limit in ipairs { 1, 2, 3, 10 } do
      local seen, kinds = {}, 0
      for _, n in ipairs(hash.prng(1, 500, limit)) do
        assert.is_true(n >= 0 and n < limit)
        if not seen[n] then kinds = kinds + 1 end
        seen[n] = true
      end
      assert.equal(limit, kinds)
    end
    local limit, low = 3 << 62, 0 -- a plain modulo would favour the lowest third
    for _, n in ipairs(hash.prng(1, 3000, limit)) do
      assert.is_true(math.ult(n, limit))
      if math.ult(n, 1 << 62) then low = low + 1 end
    end
    assert.is_true(low > 800 and low < 1200)
    for _, x in ipairs(hash.prng(1, 1000)) do assert.is_true(x >= 0 and x < 1) end
    for _, n in ipairs(hash.prng(1, 3, 0)) do assert.equal(0, n) end
  end)
end)
