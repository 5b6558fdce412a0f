local lab = require "http_lab"
local raw = require "raw_http"
local socket = require "socket"
local start, connect, eventually = lab.start, lab.connect, lab.eventually
local get, post, letters = lab.get, lab.post, lab.letters

after_each(lab.stop)

describe("an HTTP server", function()
  it("answers with a date, a length and what the handler gave", function()
    start()

    local a = connect():ask(post("/echo?q", "hello", "X-One: 1\r\n"))

    assert.equal("HTTP/1.1 200 OK", a.line)
    assert.equal("POST /echo?q 1\nHost=a\nContent-Length=5\nX-One=1\nhello", a.body)
    assert.matches("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$", a.headers.date)
    assert.is_nil(a.headers.connection)
  end)

  it("keeps the connection for any number of requests", function()
    start()
    local c = connect()

    for i = 1, 100 do
      assert.equal("GET /echo/" .. i .. " 1\nHost=a\n", c:ask(get("/echo/" .. i)).body)
    end

    local stats = lab.server:stats()
    assert.same({ 1, 1, 100, 0 }, { stats.accepted, stats.open, stats.requests, stats.running })
  end)

  it("answers fifty pipelined requests in order", function()
    start()
    local c = connect()
    local all = {}
    for i = 1, 50 do all[i] = i % 5 == 0 and get("/later/" .. i % 3) or post("/n" .. i, "body" .. i) end

    c:send(table.concat(all))

    for i = 1, 50 do
      local body = c:answer().body
      if i % 5 == 0 then
        assert.equal("later", body)
      else
        assert.equal("POST /n" .. i .. " 1\nHost=a\nContent-Length=" .. 4 + #tostring(i) .. "\nbody" .. i, body)
      end
    end
  end)

  it("goes on with big pipelined requests behind one that takes its time", function()
    start()
    local c = connect()
    local body = letters(200000)

    c:send(get("/later/30"))
    c:send(post("/a", body) .. post("/b", body) .. get("/c"))

    assert.equal("later", c:answer().body)
    assert.equal(body, c:answer().body:sub(-#body))
    assert.equal(body, c:answer().body:sub(-#body))
    assert.matches("^GET /c", c:answer().body)
  end)

  it("gives the same answers wherever the bytes are cut", function()
    start()
    local text = post("/echo", "hello") .. "\r\n" ..
      "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    local c = connect()
    for cut = 1, #text - 1 do
      c:send(text:sub(1, cut))
      if cut % 7 == 0 then socket.sleep(0.001) end
      c:send(text:sub(cut + 1))
      assert.equal("POST /echo 1\nHost=a\nContent-Length=5\nhello", c:answer().body)
      assert.equal("POST /x 1\nHost=a\nTransfer-Encoding=chunked\nabc", c:answer().body)
    end
  end)

  it("closes when the client asks for it", function()
    start()
    local c = connect()

    local a = c:ask(get("/echo", "Connection: close\r\n"))

    assert.equal("close", a.headers.connection)
    assert.is_true(c:closed())
  end)

  it("closes behind HTTP/1.0, unless asked to stay", function()
    start()
    local c = connect()

    local a = c:ask "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    assert.equal("keep-alive", a.headers.connection)

    a = c:ask "GET / HTTP/1.0\r\n\r\n"
    assert.equal("close", a.headers.connection)
    assert.is_true(c:closed())
  end)

  it("closes after the configured number of requests", function()
    start { max_requests = 2 }
    local c = connect()

    assert.is_nil(c:ask(get "/").headers.connection)
    assert.equal("close", c:ask(get "/").headers.connection)

    assert.is_true(c:closed())
  end)

  it("sends no body for HEAD, but its length", function()
    start()
    local c = connect()
    c:send("HEAD /big/1000 HTTP/1.1\r\nHost: a\r\n\r\n" .. "HEAD /stream/3/10 HTTP/1.1\r\nHost: a\r\n\r\n"
      .. "HEAD /take/100000 HTTP/1.1\r\nHost: a\r\n\r\n" .. get "/x")

    local a, b, take, last = c:answer(true), c:answer(true), c:answer(true), c:answer()

    assert.same({ "1000", 200, "100000" }, { a.headers["content-length"], b.status, take.headers["content-length"] })
    assert.equal("GET /x 1\nHost=a\n", last.body)
  end)

  it("sends neither body nor length with 204, and no body with 304", function()
    start()
    local c = connect()

    local a, b = c:ask(get "/status/204"), c:ask(get "/status/304")

    assert.same({ 204, nil, 304 }, { a.status, a.headers["content-length"], b.status })
    assert.equal("status", c:ask(get "/status/299").body)
  end)

  it("does not let a handler split an answer or give it another length", function()
    start()
    local c = connect()
    c:send(get("/evil", "Connection: close\r\n"))

    local text = c:rest()

    assert.matches("\r\nX%-Good: b\r\n", text)
    assert.is_nil(text:find "X%-Split")
    assert.is_nil(text:find "X%-Bad")
    assert.equal(1, select(2, text:gsub("Content%-Length: ", "")))
    assert.matches("\r\nContent%-Length: 4\r\n\r\nevil$", text)
  end)

  it("says 100 Continue when the body is awaited", function()
    start()
    local c = connect()
    local text = post("/echo", "hello", "Expect: 100-continue\r\n")

    c:send(text:sub(1, -6))
    assert.equal("HTTP/1.1 100 Continue", c:line())
    assert.equal("", c:line())
    c:send "hello"

    assert.matches("hello$", c:answer().body)
    assert.matches("hello$", c:ask(text).body)
  end)

  it("does not invite a body that is too large", function()
    start { max_body_bytes = 10 }
    local c = connect()

    local a = c:ask "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n"

    assert.same({ 413, "close" }, { a.status, a.headers.connection })
    assert.is_true(c:closed())
  end)

  it("tells the peer's address", function()
    start()
    for _ = 1, 3 do
      local c = connect()
      local host, port = c.sock:getsockname()

      assert.equal(host .. ":" .. port, c:ask(get "/peer").body)
    end
  end)

  it("listens on IPv6", function()
    start { address = "[::1]:0" }
    assert.matches("^%[::1%]:%d+$", lab.server:name())

    local c = raw.connect(lab.server:name():gsub("[%[%]]", ""))

    assert.matches("^%[::1%]:%d+$", c:ask(get "/peer").body)
  end)
end)

describe("a request that is refused", function()
  local cases = {
    { 400, "GET / HTTP/1.1\nHost: a\n\n" },
    { 400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" ..
      "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n" },
    { 413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n" .. ("x"):rep(300000) },
    { 414, "GET /" .. ("x"):rep(20000) .. " HTTP/1.1\r\n" },
    { 417, get("/", "Expect: wonders\r\n") },
    { 431, get("/", "X: " .. ("x"):rep(20000) .. "\r\n") },
    { 431, get("/", ("X: x\r\n"):rep(100)) },
    { 501, "FROB / HTTP/1.1\r\nHost: a\r\n\r\n" },
    { 505, "GET / HTTP/3.0\r\nHost: a\r\n\r\n" },
  }
  for i, case in ipairs(cases) do
    it(("gets its %d and the connection ends (%d)"):format(case[1], i), function()
      start()
      local c = connect()
      c:send(case[2])

      local a = c:answer()

      assert.same({ case[1], "close" }, { a.status, a.headers.connection })
      assert.is_true(c:closed())
      local stats = lab.server:stats()
      assert.same({ 1, 0 }, { stats.bad_requests, stats.requests })
      c:close()
      eventually(function(s) return s.open == 0 end)
    end)
  end

  it("may go on sending for a while, so that the answer is not lost", function()
    start()
    local c = connect()
    local begin = socket.gettime()
    local a = c:ask "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n"
    assert.equal(413, a.status)
    assert.is_true(c:closed())
    assert.is_true(socket.gettime() - begin < 1.5)

    for _ = 1, 20 do
      assert.is_truthy(c:send(letters(20000)))
      socket.sleep(0.002)
    end

    c:close()
    eventually(function(s) return s.open == 0 end)
  end)

  it("does not spoil the ones before it", function()
    start()
    local c = connect()
    c:send(get "/one" .. get "/two" .. "GET /three\r\n\r\n" .. get "/four")

    local statuses = { c:answer().status, c:answer().status, c:answer().status }

    assert.same({ 200, 200, 400 }, statuses)
    assert.is_true(c:closed())
    assert.equal(2, lab.server:stats().requests)
  end)
end)

describe("a stream", function()
  it("comes in chunks, and the connection stays", function()
    start()
    local c = connect()

    local a = c:ask(get "/stream/3/5")

    assert.same({ "sssssssssssssss", 3 }, { a.body, a.chunks })
    assert.equal(200, c:ask(get "/").status)
  end)

  it("ends with the connection for HTTP/1.0", function()
    start()
    local c = connect()
    c:send "GET /stream/3/5 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"

    local a = c:answer()

    assert.same({ "sssssssssssssss", "close", nil },
      { a.body, a.headers.connection, a.headers["transfer-encoding"] })
  end)

  it("leaves out empty pieces, which would end it", function()
    start()
    local c = connect()

    local a = c:ask(get "/stream/5/0")

    assert.same({ "", 0 }, { a.body, a.chunks })
    assert.equal(200, c:ask(get "/").status)
  end)

  it("pauses when the peer takes nothing, and goes on when it does", function()
    start()
    local c = connect()
    c:send(get "/stream/400/100000")
    local paused = eventually(function(s) return s.pauses > 0 end)
    assert.equal(1, paused.running)

    local a = c:answer()

    assert.equal(400 * 100000, #a.body)
    assert.equal(400, a.chunks)
    local stats = lab.server:stats()
    assert.is_true(stats.drains > 0)
    assert.equal(stats.pauses, stats.drains)
    assert.equal(0, stats.running)
  end)

  it("that is aborted is seen to be cut", function()
    start()
    local c = connect()

    c:send(get "/abort" .. get "/x")

    local text = c:rest()
    assert.is_nil(text:find("0\r\n\r\n", 1, true))
    assert.same({ 0, 0 }, { lab.server:stats().running, lab.server:stats().open })
  end)

  it("may be over for the client before it is for the handler", function()
    start()
    local c = connect()

    for i = 1, 3 do
      assert.equal("half", c:ask(get "/leave/20").body)
      assert.equal("GET /on 1\nHost=a\n", c:ask(get "/on").body)
      eventually(function(s) return s.left == i end)
    end

    local stats = lab.server:stats()
    assert.same({ 1, 0, 0 }, { stats.open, stats.running, stats.gone })
  end)

  it("that is over for the client closes with what was sent behind it", function()
    start()
    local c = connect()
    c:send(get "/leave/20" .. get "/lost")

    assert.equal("half", c:answer().body)
    assert.is_true(c:closed())
    local stats = eventually(function(s) return s.left == 1 and s.open == 0 end)
    assert.equal(0, stats.running)
  end)

  it("that is over for the client outlives it", function()
    start()
    local c = connect()
    assert.equal("half", c:ask(get "/leave/60").body)
    c:close()

    eventually(function(s) return s.left == 1 end)
  end)

  it("whose reader leaves is told so", function()
    start()
    local c = connect()
    c:send(get "/stream/4000/100000")
    c:read(100000)
    c:close()

    local stats = eventually(function(s) return s.gone == 1 end)

    assert.same({ 0, 0 }, { stats.running, stats.open })
  end)
end)

describe("a stream that lasts", function()
  it("comes whole, and the connection ends behind it", function()
    start()
    local c = connect()

    local a = c:ask(get "/last/3/5")

    assert.same({ "sssssssssssssss", 3 }, { a.body, a.chunks })
    assert.is_true(c:closed())
    assert.same({ 0, 0 }, { lab.server:stats().running, lab.server:stats().open })
  end)

  it("goes on where the reader goes on", function()
    start()
    local c = connect()
    c:send(get "/last/400/100000")
    eventually(function(s) return s.pauses > 0 end)

    local a = c:answer()

    assert.equal(400 * 100000, #a.body)
    assert.equal(lab.server:stats().pauses, lab.server:stats().drains)
  end)

  it("pauses early, and cuts who takes nothing", function()
    start { write_timeout_ms = 50 }
    local c = connect()
    c:send(get "/last/4000/10000")
    eventually(function(s) return s.pauses > 0 end)

    local stats = eventually(function(s) return s.open == 0 end)

    assert.same({ 1, 1, 0 }, { stats.timeouts, stats.gone, stats.running })
  end)

  it("drops what its client still sends, and hears it leave", function()
    start()
    local c = connect()
    c:send(get "/last/4000/10000")
    eventually(function(s) return s.pauses > 0 end)

    for _ = 1, 50 do c:send(get("/echo"):rep(100)) end
    c:close()

    local stats = eventually(function(s) return s.gone == 1 and s.open == 0 end)
    assert.equal(1, stats.requests)
  end)
end)

describe("a large answer", function()
  for _, path in ipairs { "/big/", "/take/" } do
    it("is whole, for a reader at any pace: " .. path, function()
      start()
      for _, n in ipairs { 0, 1, 16383, 16384, 16385, 2 * 1024 * 1024, 9000001 } do
        local c = connect()
        c:send(get(path .. n) .. get(path .. 3))
        if n > 1000000 then socket.sleep(0.05) end

        assert.equal(letters(n), c:answer().body)
        assert.equal("abc", c:answer().body)
        c:close()
      end
    end)
  end
end)
