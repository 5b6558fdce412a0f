local sse = require("T").sse

local function events(text)
  return sse.decode({ text }).events
end

local function message(data, id)
  return { type = "message", data = data, id = id }
end

describe("writing server-sent events", function()
  it("puts fields, a data line for each line, and an empty line", function()
    assert.equal("event: message\nid: 7\ndata: {}\n\n", sse.put("message", "7", "{}"))
    assert.equal("data: a\ndata: b\ndata: \ndata: c\n\n", sse.put(nil, nil, "a\nb\r\n\rc"))
    assert.equal("data: \n\n", sse.put())
  end)

  it("does not let an id or a type break out of their line", function()
    assert.equal("event: ab\nid: cd\ndata: \n\n", sse.put("a\nb", "c\r\n\0d", ""))
  end)

  it("puts comments and the retry time", function()
    assert.equal(": hello\n: you\n\n", sse.comment("hello\nyou"))
    assert.equal("retry: 1500\n\n", sse.retry(1500))
  end)

  it("is read back as it was given, line breaks being LF", function()
    math.randomseed(3)
    for _ = 1, 500 do
      local data = {}
      for i = 1, math.random(0, 20) do data[i] = ({ "a", "\n", "\r", "\r\n", ":", " ", "é", "\0" })[math.random(8)] end
      data = table.concat(data)

      local back = events(sse.put("t", "1", data))

      assert.same({ { type = "t", id = "1", data = (data:gsub("\r\n", "\n"):gsub("\r", "\n")) } }, back)
    end
  end)
end)

describe("reading server-sent events", function()
  -- The examples of the WHATWG specification, section 9.2.6.
  it("joins data lines and wants an empty line at the end", function()
    assert.same({ message("YHOO\n+2\n10") }, events("data: YHOO\ndata: +2\ndata: 10\n\n"))
    assert.same({}, events("data: cut"))
    assert.same({}, events("data: cut\n"))
  end)

  it("knows comments, ids and their end", function()
    local text = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"

    assert.same({ message("first event", "1"), message("second event", ""), message(" third event", "") },
      events(text))
    assert.is_true(sse.decode({ text }).comment)
  end)

  it("gives an event for empty data but none for no data", function()
    assert.same({ message(""), message("\n") }, events("data\n\ndata\ndata\n\ndata:"))
    assert.same({ message("x") }, events("event: gone\n\ndata: x\n\n"))
  end)

  it("takes a colon with or without one space behind", function()
    assert.same({ message("test"), message("test") }, events("data:test\n\ndata: test\n\n"))
    assert.same({ message(":a:b") }, events("data::a:b\n\n"))
  end)

  it("ends lines with LF, CRLF and CR, also mixed", function()
    assert.same({ message("a\nb"), message("c") }, events("data: a\r\ndata: b\r\r\ndata: c\n\r\n"))
  end)

  it("skips a byte order mark at the start only", function()
    assert.same({ message("a") }, events("\u{FEFF}data: a\n\n"))
    assert.same({}, events("\u{FEFF}\u{FEFF}data: a\n\n"))
    assert.same({ message("a") }, events("data: a\n\u{FEFF}data: b\n\n"))
  end)

  it("ignores an id with NUL and unknown fields", function()
    assert.same({ message("a", "1") }, events("id: 1\nid: 2\0\nfoo: bar\ndatax: y\n data: z\ndata: a\n\n"))
  end)

  it("keeps a retry of digits only", function()
    assert.equal(-1, sse.decode({ "data: a\n\n" }).retry_ms)
    assert.equal(2500, sse.decode({ "retry: 2500\nretry: 1s\nretry:\nretry: -3\n" }).retry_ms)
    assert.is_true(sse.decode({ "retry: " .. ("9"):rep(40) .. "\n" }).retry_ms > 0)
  end)

  it("refuses an event over the limit, however it comes", function()
    local text = "data: ok\n\ndata: " .. ("x"):rep(60) .. "\ndata: " .. ("y"):rep(60) .. "\n\n"
    local bytes = {}
    for i = 1, #text do bytes[i] = text:sub(i, i) end

    assert.equal("ok", sse.decode({ text }, 200).code)
    for _, pieces in ipairs { { text }, bytes } do
      local result = sse.decode(pieces, 100)
      assert.equal("too_large", result.code)
      assert.same({ message("ok") }, result.events)
    end
    assert.equal("too_large", sse.decode({ ("z"):rep(101) }, 100).code)
  end)

  it("does not slow down with the number of lines", function()
    local start = os.clock()
    sse.decode({ ("\r"):rep(1000000), ("\n"):rep(1000000) })

    assert.is_true(os.clock() - start < 2)
  end)

  it("gives the same events for any split of the stream", function()
    math.randomseed(5)
    local tokens = {
      "data: ", "data:", "data", "event: x", "id: 1", "id: \0", "id", "retry: 9", ": c", "\n", "\n", "\n\n", "\r",
      "\r\n", "\r\n\r\n", "a", "é", "\u{FEFF}", " ", ":",
    }
    for _ = 1, 1000 do
      local text = {}
      for i = 1, math.random(1, 30) do text[i] = tokens[math.random(#tokens)] end
      text = table.concat(text)
      local pieces, at = {}, 1
      while at <= #text do
        local n = math.random(0, 5)
        pieces[#pieces + 1] = text:sub(at, at + n - 1)
        at = at + n
      end

      assert.same(sse.decode({ text }, 40), sse.decode(pieces, 40))
    end
  end)
end)
