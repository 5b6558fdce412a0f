local header = require("T").header

describe("a field name", function()
  it("may hold the bytes of a token and no others", function()
    local token = "[%w!#$%%&'*+%-.^_`|~]"
    for byte = 0, 255 do
      local c = string.char(byte)
      local wanted = byte < 128 and c:match(token) ~= nil
      assert.equal(wanted, header.name_ok("X" .. c), ("byte %d"):format(byte))
    end
  end)

  it("is not empty", function()
    assert.is_false(header.name_ok "")
  end)
end)

describe("a field value", function()
  it("may hold anything but controls; a tab is fine", function()
    for byte = 0, 255 do
      local wanted = byte == 9 or byte >= 32 and byte ~= 127
      assert.equal(wanted, header.value_ok("a" .. string.char(byte)), ("byte %d"):format(byte))
    end
  end)

  it("is judged alike wherever the byte stands", function()
    for byte = 0, 255 do
      local wanted = byte == 9 or byte >= 32 and byte ~= 127
      for at = 0, 20 do
        local text = ("x"):rep(at) .. string.char(byte) .. ("\u{e9}\t"):rep(5)
        assert.equal(wanted, header.value_ok(text), ("byte %d at %d"):format(byte, at))
      end
    end
  end)

  it("may be empty, and as long as 8 KiB", function()
    assert.is_true(header.value_ok "")
    assert.is_true(header.value_ok(("x"):rep(8192)))
    assert.is_false(header.value_ok(("x"):rep(8193)))
  end)
end)

describe("a list of fields", function()
  it("gives the first of a name, whatever its case, and how many there are", function()
    assert.same({ "1", 2 }, { header.find("x-one", "Y", "0", "X-One", "1", "X-ONE", "2") })
  end)

  it("gives nothing for a name that is not there or only begins alike", function()
    local value, count = header.find("x", "X-One", "1", "Y", "0")

    assert.is_nil(value)
    assert.equal(0, count)
  end)

  it("tells an empty value from none", function()
    assert.equal("", (header.find("x", "X", "")))
  end)
end)
