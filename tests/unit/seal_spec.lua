local T = require "T"
local seal, e = T.seal, T.encode

local old, new = ("o"):rep(16), ("n"):rep(32)

describe("a sealed value", function()
  it("opens again, on any replica with the same key", function()
    local here, there = seal.ring(new), seal.ring(new)
    for _, plain in ipairs { "", "x", "{\"a\":1}", "\0\xff", ("p"):rep(65536) } do
      local sealed = here:close("session", plain)

      assert.equal(plain, there:open("session", sealed))
      assert.truthy(sealed:match("^[A-Za-z0-9_-]+$"))
      assert.equal(math.ceil((33 + #plain) * 4 / 3), #sealed)
    end
  end)

  it("is another one each time", function()
    local ring = seal.ring(new)

    assert.not_equal(ring:close("session", "x"), ring:close("session", "x"))
  end)

  it("does not open for another purpose", function()
    local ring = seal.ring(new)
    local sealed = ring:close("session", "x")

    for _, purpose in ipairs { "cursor", "sessioN", "Session", "sessio", "sessions", "" } do
      assert.is_nil(ring:open(purpose, sealed))
    end
  end)

  it("does not open with any single bit changed", function()
    local ring = seal.ring(new, old)
    local sealed = ring:close("session", "some plain text")
    local raw = e.unbase64url(sealed)

    for at = 1, #raw do
      for bit = 0, 7 do
        local forged = raw:sub(1, at - 1) .. string.char(raw:byte(at) ~ (1 << bit)) .. raw:sub(at + 1)
        assert.is_nil(ring:open("session", e.base64url(forged)))
      end
    end
    for at = 1, #sealed do
      for bit = 0, 7 do
        local forged = sealed:sub(1, at - 1) .. string.char(sealed:byte(at) ~ (1 << bit)) ..
          sealed:sub(at + 1)
        assert.is_nil(ring:open("session", forged))
      end
    end
  end)

  it("does not open cut or lengthened", function()
    local ring = seal.ring(new)
    local sealed = ring:close("session", "some plain text")
    local raw = e.unbase64url(sealed)

    for n = 0, #sealed - 1 do
      assert.is_nil(ring:open("session", sealed:sub(1, n)))
      assert.is_nil(ring:open("session", sealed:sub(-n - 1, -2)))
    end
    for n = 0, #raw - 1 do assert.is_nil(ring:open("session", e.base64url(raw:sub(1, n)))) end
    for _, more in ipairs { "A", "AA", "=", " ", "\n", "\0" } do
      assert.is_nil(ring:open("session", sealed .. more))
      assert.is_nil(ring:open("session", more .. sealed))
    end
  end)

  it("is refused when it is too large", function()
    local ring = seal.ring(new)

    assert.is_nil(ring:close("session", ("p"):rep(65537)))
    assert.is_nil(ring:open("session", ("A"):rep(1000000)))
  end)

  it("survives every failing allocation", function()
    local ring = seal.ring(new)
    local sealed = ring:close("session", "plain")
    local failed = 0
    for n = 0, 5 do
      T.buf.fail_after(n)
      local closed = ring:close("session", "plain")
      if T.buf.fired() then
        failed = failed + 1
        assert.is_nil(closed)
      end
      T.buf.fail_after(n)
      local opened = ring:open("session", sealed)
      if T.buf.fired() then assert.is_nil(opened) else assert.equal("plain", opened) end
    end
    assert.is_true(failed >= 2)
  end)
end)

describe("a key ring", function()
  it("seals with its first key and opens with any", function()
    local before, rotated, after = seal.ring(old), seal.ring(new, old), seal.ring(new)

    local by_old, by_new = before:close("s", "1"), rotated:close("s", "2")

    assert.equal("1", rotated:open("s", by_old))
    assert.equal("2", after:open("s", by_new))
    assert.is_nil(after:open("s", by_old))
    assert.is_nil(before:open("s", by_new))
  end)

  it("without keys is random", function()
    local a, b = seal.ring(), seal.ring()
    local sealed = a:close("s", "x")

    assert.equal("x", a:open("s", sealed))
    assert.is_nil(b:open("s", sealed))
  end)

  it("refuses short keys and too many", function()
    local ring, message, code = seal.ring(new, ("x"):rep(15))
    assert.same({ nil, "key 2 is shorter than 16 bytes", "bad_config" }, { ring, message, code })

    local keys = {}
    for i = 1, 9 do keys[i] = new end
    ring, message, code = seal.ring(table.unpack(keys))
    assert.same({ nil, "more than 8 keys", "bad_config" }, { ring, message, code })
    assert.truthy(seal.ring(table.unpack(keys, 1, 8)))
  end)
end)
