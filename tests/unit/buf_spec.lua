local T = require "T"
local buf = T.buf

describe("a buffer", function()
  it("holds what was appended, in order", function()
    assert.equal("", (buf.append()))
    assert.equal("a\0bc", (buf.append("a\0", "", "b", "c")))
  end)

  it("grows to any size", function()
    local big = ("x"):rep(100000)

    assert.equal("!<" .. big .. ">", buf.print(big))
    assert.equal(big .. big .. "y", (buf.append(big, big, "y")))
  end)

  it("prints at every length around its first size", function()
    for n = 50, 140 do
      local text = ("x"):rep(n)
      assert.equal("!<" .. text .. ">", buf.print(text))
    end
  end)

  it("drops bytes from the front", function()
    assert.equal("cd", buf.consume("abcd", 2))
    assert.equal("", buf.consume("abcd", 4))
    assert.equal("", buf.consume("", 0))
  end)

  it("keeps small memory and frees large memory when it is reset", function()
    local len, cap = buf.reset(("x"):rep(1000), 4096)
    assert.equal(0, len)
    assert.is_true(cap >= 1000)

    len, cap = buf.reset(("x"):rep(5000), 4096)
    assert.same({ 0, 0 }, { len, cap })
  end)

  it("keeps what it has and drops the rest when memory is out", function()
    local part = ("x"):rep(100)
    local parts = { part, part, part, part, part, part }
    local kept = { 0, 100, 200, 500 } -- it grows to 128, 256, 512, 1024
    for n, expected in ipairs(kept) do
      buf.fail_after(n - 1)
      local bytes, len = buf.append(table.unpack(parts))

      assert.is_true(buf.fired())
      assert.is_nil(bytes)
      assert.equal(expected, len)
    end

    buf.fail_after(#kept)
    assert.equal(table.concat(parts), (buf.append(table.unpack(parts))))
    assert.is_false(buf.fired())
  end)
end)

describe("an arena", function()
  it("gives zeroed and aligned pieces that do not overlap, after resets too", function()
    math.randomseed(7)
    for _ = 1, 50 do
      local sizes = {}
      for i = 1, math.random(1, 200) do
        sizes[i] = math.random() < 0.1 and math.random(0, 20000) or math.random(0, 300)
      end

      local missing, good = buf.arena(sizes, 3)

      assert.equal(0, missing)
      assert.is_true(good)
    end
  end)

  it("copies with a NUL behind", function()
    local copied, printed, ended = buf.copy("abc")

    assert.same({ "abc", "abc!", true }, { copied, printed, ended })
  end)

  it("says NULL for a failed allocation and stays usable", function()
    for n = 0, 3 do
      buf.fail_after(n)
      local missing, good = buf.arena({ 10, 5000, 5000, 3000, 3000, 10 }, 1)

      assert.is_true(buf.fired())
      assert.is_true(missing >= 1)
      assert.is_true(good)
    end
  end)
end)
