local T = require "T"

-- 2026-11-20T09:15:02.113Z
local now = 1795166102113

local function lines(text)
  local list = {}
  for line in text:gmatch("([^\n]*)\n") do table.insert(list, line) end
  return list
end

describe("the log", function()
  it("writes time, level, module and message", function()
    local log = T.log.new("debug", now)

    log:write("warn", "net/http_client", "upstream refused host=x")

    assert.equal("2026-11-20T09:15:02.113Z warn net/http_client upstream refused host=x\n",
      log:output())
    log:finish()
  end)

  it("writes warnings at once and the rest when it is flushed, in order", function()
    local log = T.log.new("debug", now)

    log:write("debug", "m", "one")
    log:write("info", "m", "two")
    assert.equal("", log:output())
    log:write("error", "m", "three")
    local words = {}
    for _, line in ipairs(lines(log:output())) do table.insert(words, line:match("%w+$")) end
    assert.same({ "one", "two", "three" }, words)

    log:write("info", "m", "four")
    log:flush()
    assert.truthy(log:output():find("four\n$"))
    log:finish()
  end)

  it("can leave out what is no warning, but for one area", function()
    local log, area = T.log.new("debug", now), "scripts/"
    log:only(area)

    log:write("info", "scripts/a", "yes")
    log:write("info", "script/call", "no")
    log:write("debug", "app/x", "no")
    log:write("warn", "script/call", "yes")

    local words = {}
    for _, line in ipairs(lines(log:output())) do table.insert(words, line:match("%w+$")) end
    assert.same({ "yes", "yes" }, words)
    log:finish()
  end)

  it("writes by itself when 16 KiB are full", function()
    local log = T.log.new("info", now)

    for _ = 1, 300 do log:write("info", "m", ("x"):rep(50)) end

    local count = #lines(log:output())
    assert.is_true(count > 150 and count < 300)
    log:finish()
  end)

  it("drops what is below its level", function()
    local log = T.log.new("warn", now)
    log:write("info", "m", "no")
    log:level("error")
    log:write("warn", "m", "no")
    log:level("debug")
    log:write("debug", "m", "yes")
    log:level("off")
    log:write("error", "m", "no")
    log:flush()

    assert.equal("2026-11-20T09:15:02.113Z debug m yes\n", log:output())
    assert.is_false(log:on("error"))
    log:finish()
  end)

  it("keeps one call on one line, whatever the message holds", function()
    local log = T.log.new("debug", now)

    log:write("warn", "m", "a\nb\r\tc\27[31m\127 é \xc2\x9b \xff")

    local out = log:output()
    assert.equal("a\\nb\\r\\tc\\x1b[31m\\x7f é \\xc2\\x9b \\xff", out:match(" m (.*)\n$"))
    log:finish()
  end)

  it("lets no secret through, not even where a long line is cut", function()
    local secret = "s3cr3t-value-of-some-length"
    local log = T.log.new("debug", now, secret)

    log:write("warn", "m", "key=" .. secret)
    assert.truthy(log:output():find("key=***\n", 1, true))
    for before = 4020, 4096 do
      log:write("warn", "m", ("x"):rep(before) .. secret .. ("y"):rep(100))
      assert.is_nil(log:output():find("s3c", 1, true))
    end
    log:finish()
  end)

  it("cuts a line at 4 KiB, at a whole character", function()
    local log = T.log.new("debug", now)
    for extra = 0, 5 do
      log:write("warn", "m", ("x"):rep(extra) .. ("€"):rep(3000))

      local out = log:output()
      assert.is_true(#out <= 4096 and #out > 4090)
      assert.truthy(out:find("€%.%.%.\n$"))
      assert.truthy(utf8.len(out))
    end
    log:write("warn", "m", ("x"):rep(4062))
    assert.truthy(log:output():find("xxx\n$"))
    log:finish()
  end)

  it("drops lines for a full pipe and tells how many", function()
    local log = T.log.new("debug", now)
    for _ = 1, 300 do log:write("warn", "m", ("x"):rep(1000)) end
    for _ = 1, 5 do log:write("info", "m", "several in one write") end
    log:flush()
    local arrived = #lines(log:output())
    assert.is_true(arrived > 20 and arrived < 300)

    log:write("warn", "m", "again")

    local told, count = 0, nil
    for _, line in ipairs(lines(log:output())) do
      count = line:match("lines were dropped count=(%d+)$") or count
      told = told + 1
    end
    assert.equal(2, told)
    assert.equal(305 - arrived, tonumber(count))
    log:finish()
  end)

  it("counts lines that found no memory", function()
    local log = T.log.new("debug", now)
    log:write("warn", "m", "first")
    log:output()

    T.buf.fail_after(0)
    log:write("warn", "m", ("x"):rep(8000))
    assert.is_true(T.buf.fired())
    log:flush()

    assert.truthy(log:output():find("lines were dropped count=1\n", 1, true))
    log:finish()
  end)
end)

describe("a value in a log line", function()
  local function value(text, size) return T.log.value(text, size or 100) end

  it("is bare if it can be, else quoted", function()
    assert.equal("GET", value "GET")
    assert.equal("a_b./:@%+-9", value "a_b./:@%+-9")
    assert.equal('""', value "")
    assert.equal('"a b"', value "a b")
    assert.equal('"a\\"b\\\\c\\n\\r\\t\\x00"', value 'a"b\\c\n\r\t\0')
    assert.equal('"é"', value "é")
    assert.equal('"\\xc2\\x85\\xff"', value "\xc2\x85\xff")
  end)

  it("is cut to what fits, whole characters and escapes only", function()
    assert.equal("1234567", value("1234567", 8))
    assert.equal("1234...", value("12345678", 8))
    assert.equal('"12 4"', value("12 4", 8))
    for size = 8, 40 do
      for _, text in ipairs { ("a b"):rep(20), ("é"):rep(30), ("\n"):rep(30), ("\xff"):rep(30) } do
        local cut = value(text, size)
        assert.is_true(#cut < size and #cut > size - 9)
        assert.truthy(cut:find('^".*%.%.%."$'))
        assert.truthy(utf8.len(cut))
        assert.is_nil(cut:find('\\x?%x?%.%.%."$'))
      end
    end
  end)
end)
