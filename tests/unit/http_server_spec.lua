local T = require "T"
local http_server = T.http_server
local raw = require "raw_http"
local socket = require "socket"

local server

local function start(options)
  server = assert(http_server.start(options or {}))
  return server
end

local function connect()
  return raw.connect(server:name())
end

local function get(path, fields)
  return "GET " .. path .. " HTTP/1.1\r\nHost: a\r\n" .. (fields or "") .. "\r\n"
end

local function post(path, body, fields)
  return ("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%s\r\n%s"):format(path, #body,
    fields or "", body)
end

local function letters(n)
  return ("abcdefghijklmnopqrstuvwxyz"):rep(n // 26 + 1):sub(1, n)
end

-- The server runs in another thread: wait for what must come.
local function eventually(check)
  for _ = 1, 500 do
    local stats = server:stats()
    if check(stats) then return stats end
    socket.sleep(0.01)
  end
  error("it did not come to that", 2)
end

after_each(function()
  http_server.files()
  if server then server:stop() end
  server = nil
end)

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

    local stats = server:stats()
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
    assert.matches("^%[::1%]:%d+$", server:name())

    local c = raw.connect(server:name():gsub("[%[%]]", ""))

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
      local stats = server:stats()
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
    assert.equal(2, server:stats().requests)
  end)
end)

describe("a timeout", function()
  it("ends a head that does not come to its end with 408", function()
    start { header_timeout_ms = 40 }
    local c = connect()

    local a = c:ask "GET / HTTP/1.1\r\nHost"

    assert.same({ 408, "close" }, { a.status, a.headers.connection })
    assert.is_true(c:closed())
    assert.equal(1, server:stats().timeouts)
  end)

  it("counts for a head from its first byte, however it dribbles", function()
    start { header_timeout_ms = 60 }
    local c = connect()
    local begin = socket.gettime()
    for i = 1, 100 do
      if not c:send(("x"):sub(1, 1)) then break end
      c.sock:settimeout(0.01)
      local line = c:line()
      if line then
        assert.matches(" 408 ", line)
        assert.is_true(i > 1)
        break
      end
    end
    assert.is_true(socket.gettime() - begin < 1)
  end)

  it("counts for each head anew, when it begins behind another request", function()
    start { header_timeout_ms = 300 }
    local c = connect()
    local text = get "/x"
    c:send(text:sub(1, 9))
    for _ = 1, 8 do
      socket.sleep(0.06)
      c:send(text:sub(10) .. text:sub(1, 9))
      assert.equal(200, c:answer().status)
    end
  end)

  it("ends a body that stops coming with 408", function()
    start { body_timeout_ms = 40 }
    local c = connect()

    local a = c:ask "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"

    assert.equal(408, a.status)
    assert.is_true(c:closed())
  end)

  it("lets a body come slowly, as long as it comes", function()
    start { body_timeout_ms = 400, header_timeout_ms = 400 }
    local c = connect()
    c:send "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
    for _ = 1, 10 do
      socket.sleep(0.06)
      c:send "x"
    end

    assert.matches("xxxxxxxxxx$", c:answer().body)
  end)

  it("closes an idle connection without a word", function()
    start { idle_timeout_ms = 40 }
    local c = connect()
    c:ask(get "/")

    assert.equal("", (c:rest()))
    assert.same({ 0, 0 }, { server:stats().open, server:stats().timeouts })
  end)

  it("does not hit a connection that is used again and again", function()
    start { idle_timeout_ms = 400 }
    local c = connect()
    for _ = 1, 10 do
      assert.equal(200, c:ask(get "/").status)
      socket.sleep(0.06)
    end
  end)

  it("does not hit a request that runs", function()
    start { idle_timeout_ms = 30, header_timeout_ms = 30, body_timeout_ms = 30, write_timeout_ms = 30 }

    assert.equal("later", connect():ask(get "/later/150").body)
  end)

  it("cuts a peer that takes nothing", function()
    start { write_timeout_ms = 50 }
    local c = connect()
    c:send(get "/big/30000000")

    local stats = eventually(function(s) return s.requests == 1 and s.open == 0 end)

    assert.equal(1, stats.timeouts)
  end)
end)

describe("a peer that takes bytes slowly", function()
  it("is not cut as long as it takes some", function()
    start { write_timeout_ms = 500 }
    local c = connect()
    c:send(get "/big/30000000")
    local sum = 0
    for _ = 1, 14 do
      socket.sleep(0.06)
      sum = sum + #c:read(1500000)
    end

    sum = sum + #c:read(30000000 - sum)

    assert.equal(30000000, sum)
    assert.equal(0, server:stats().timeouts)
  end)

  it("does not get more requests answered than it can take", function()
    start()
    local c = connect()
    c:send(get("/big/16000"):rep(1500))
    socket.sleep(0.1)
    assert.is_true(server:stats().requests < 1500)

    for _ = 1, 1500 do assert.equal(16000, #c:answer().body) end

    assert.equal(1500, server:stats().requests)
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
    local stats = server:stats()
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
    assert.same({ 0, 0 }, { server:stats().running, server:stats().open })
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

describe("a client that leaves", function()
  it("is noticed while its request runs, once", function()
    start()
    local c = connect()
    local host, port = c.sock:getsockname()
    c:send(get "/hang")
    eventually(function(s) return s.running == 1 end)

    c:close()

    local stats = eventually(function(s) return s.gone == 1 end)
    assert.same({ 0, 1, host .. ":" .. port }, { stats.open, stats.running, stats.gone_peer })
    server:release()
    stats = server:stats()
    assert.same({ 1, 0 }, { stats.gone, stats.running })
  end)

  it("is noticed although it has sent more requests", function()
    start()
    local c = connect()
    c:send(get "/hang" .. get("/x"):rep(300))
    eventually(function(s) return s.running == 1 end)

    c:close()

    eventually(function(s) return s.gone == 1 and s.open == 0 end)
  end)

  it("is not noticed beyond 64 KiB of other requests, which are not read", function()
    start()
    local c = connect()
    c:send(get "/hang")
    c:send(post("/x", letters(1000000)):rep(2):sub(1, 300000))
    eventually(function(s) return s.running == 1 end)
    local begin, cpu = socket.gettime(), os.clock()
    socket.sleep(0.15)
    assert.is_true(os.clock() - cpu < (socket.gettime() - begin) / 5)
    server:release()

    assert.equal("released", c:answer().body)
  end)

  it("is told of also when the handler asks only afterwards", function()
    start()
    local c = connect()
    c:send(get "/late/40")
    eventually(function(s) return s.running == 1 end)

    c:close()

    eventually(function(s) return s.gone == 1 and s.running == 0 end)
  end)

  it("counts as gone when it closes its half", function()
    start()
    local c = connect()
    c:send(get "/hang")
    eventually(function(s) return s.running == 1 end)

    c.sock:shutdown "send"

    eventually(function(s) return s.gone == 1 and s.open == 0 end)
  end)

  it("in the middle of a request leaves nothing behind", function()
    start()
    for _, text in ipairs { "", "GET", get "/":sub(1, -3), post("/", "abcdef"):sub(1, -3) } do
      local c = connect()
      c:send(text)
      c:close()
    end

    local stats = eventually(function(s) return s.accepted == 4 and s.open == 0 end)

    assert.same({ 0, 0 }, { stats.requests, stats.bad_requests })
  end)
end)

describe("draining", function()
  it("closes what is idle, answers what runs with close, and tells when all is done", function()
    start()
    local idle, running = connect(), connect()
    idle:ask(get "/")
    running:send(get "/hang")
    eventually(function(s) return s.running == 1 end)

    server:drain(5000)

    assert.is_true(idle:closed())
    assert.is_nil(socket.connect(server:name():match "^(.*):(%d+)$"))
    assert.equal(0, server:stats().drained)
    server:release()
    local a = running:answer()
    assert.same({ "released", "close" }, { a.body, a.headers.connection })
    assert.is_true(running:closed())
    eventually(function(s) return s.drained == 1 end)
  end)

  it("closes behind an answer that was begun before", function()
    start()
    local c = connect()
    c:send(get "/big/20000000")
    eventually(function(s) return s.requests == 1 and s.running == 0 end)

    server:drain(5000)

    local a = c:answer()
    assert.same({ 20000000, nil }, { #a.body, a.headers.connection })
    assert.is_true(c:closed())
    eventually(function(s) return s.drained == 1 end)
  end)

  it("tells at once when there is nobody", function()
    start()

    server:drain(5000)

    eventually(function(s) return s.drained == 1 end)
  end)

  it("cuts the rest at the deadline", function()
    start()
    local c = connect()
    c:send(get "/hang")
    eventually(function(s) return s.running == 1 end)

    server:drain(30)

    local stats = eventually(function(s) return s.drained == 1 end)
    assert.same({ 1, 0 }, { stats.gone, stats.open })
    assert.is_true(c:closed())
  end)

  it("lets a request that has begun come to its end", function()
    start()
    local c = connect()
    c:send(get "/echo":sub(1, 10))
    eventually(function(s) return s.open == 1 end)
    socket.sleep(0.02)

    server:drain(5000)
    c:send(get "/echo":sub(11))

    local a = c:answer()
    assert.same({ 200, "close" }, { a.status, a.headers.connection })
    eventually(function(s) return s.drained == 1 end)
  end)
end)

describe("stopping", function()
  it("tells every running request, which may outlive the server", function()
    start()
    local c = connect()
    c:send(get "/hang")
    connect():send(get "/hang")
    eventually(function(s) return s.running == 2 end)

    server:stop()

    assert.is_true(c:closed())
    assert.equal(2, server:gone())
  end)

  it("tells nobody twice", function()
    start()
    local c = connect()
    c:send(get "/hang")
    eventually(function(s) return s.running == 1 end)
    c:close()
    eventually(function(s) return s.gone == 1 end)

    server:stop()

    assert.equal(1, server:gone())
  end)
end)

describe("connections", function()
  it("beyond the limit are refused with 503, and there is room again later", function()
    start { max_connections = 2 }
    local one, two = connect(), connect()
    one:ask(get "/")
    two:ask(get "/")

    local three = connect()
    local a = three:answer()

    assert.same({ 503, "close" }, { a.status, a.headers.connection })
    assert.is_true(three:closed())
    assert.equal(1, server:stats().refused)
    one:close()
    eventually(function(s) return s.open == 1 end)
    assert.equal(200, connect():ask(get "/").status)
  end)

  it("are accepted later when there are no descriptors, without spinning", function()
    start()
    http_server.files(3) -- both ends of one connection, and one end
    local one, two = connect(), connect()
    one:ask(get "/")
    two:send(get "/")
    local begin, cpu = socket.gettime(), os.clock()
    socket.sleep(0.25)
    assert.equal(1, server:stats().accepted)
    assert.is_true(os.clock() - cpu < (socket.gettime() - begin) / 5)

    one:close()

    assert.equal(200, two:answer().status)
    http_server.files()
  end)

  it("of two thousand clients are served and closed", function()
    start()
    local clients = {}
    for i = 1, 2000 do
      clients[i] = connect()
      clients[i]:send(get("/echo/" .. i))
    end
    for i, c in ipairs(clients) do
      assert.equal("GET /echo/" .. i .. " 1\nHost=a\n", c:answer().body)
    end
    assert.equal(2000, server:stats().open)

    for _, c in ipairs(clients) do c:close() end

    eventually(function(s) return s.open == 0 end)
  end)
end)

describe("memory that is out", function()
  after_each(function() T.buf.fail_after(-1) end)

  -- What one connection can ask for; false if it was cut or refused.
  local function whole_conversation()
    local c = raw.connect(server:name())
    local function ask(text, wanted)
      local a = c:send(text) and c:answer()
      return a and a.status == 200 and #a.body == wanted
    end
    local fine = ask(post("/x", letters(50000)), 50038) and ask(get "/stream/3/20000", 60000)
      and ask(get "/take/100000", 100000) and ask(get "/later/1", 5) and ask(get "/big/5000000", 5000000)
    c:close()
    return fine
  end

  it("costs a connection at most, and the server goes on", function()
    start()
    assert.is_true(whole_conversation())
    local n, failed = 0, true
    while failed do
      T.buf.fail_after(n)
      local done, fine = pcall(whole_conversation)
      failed = T.buf.fired()
      if not failed then assert.is_true(done and fine) end
      assert.is_true(whole_conversation(), "behind allocation " .. n)
      n = n + 1
    end
    assert.is_true(n > 3)
    eventually(function(s) return s.open == 0 and s.running == 0 end)
  end)
end)

describe("a listener", function()
  local function refuse(address)
    local none, message = http_server.start { address = address }
    assert.is_nil(none)
    return message
  end

  it("takes loopback when no host is given", function()
    start { address = ":0" }
    assert.matches("^127%.0%.0%.1:%d+$", server:name())
  end)

  it("says what it does not understand", function()
    for _, address in ipairs { "", "8080", "a:b", "1.2.3:80", "127.0.0.1:65536", "127.0.0.1:", "[::1]", "[::1:80",
      "::1:80", "example.com:80", "unix:", "unix:/" .. ("x"):rep(120) } do
      assert.matches("is not understood; write 127.0.0.1:8080", refuse(address))
    end
  end)

  it("says why it cannot open an address, and what may help", function()
    assert.matches("cannot listen on 192.0.2.1:80: .*; this machine has no such address", refuse "192.0.2.1:80")
  end)

  it("of several workers may have the same address", function()
    start()
    local second = assert(http_server.start { address = server:name() })
    second:stop()
  end)
end)

describe("a unix socket", function()
  local path
  before_each(function() path = os.tmpname() .. ".sock" end)
  after_each(function() os.remove(path) end)

  it("is served; the peer is 'unix'", function()
    start { address = "unix:" .. path }
    assert.equal("unix:" .. path, server:name())

    assert.equal("unix", connect():ask(get "/peer").body)
  end)

  it("may be used by owner and group alone", function()
    start { address = "unix:" .. path }

    local pipe = io.popen("stat -c %a " .. path)
    assert.equal("660", pipe:read "l")
    pipe:close()
  end)

  it("replaces a dead socket file", function()
    start { address = "unix:" .. path }
    server:stop()

    start { address = "unix:" .. path }

    assert.equal(200, connect():ask(get "/").status)
  end)

  it("does not replace one that lives, nor any other file", function()
    start { address = "unix:" .. path }
    local none, message = http_server.start { address = "unix:" .. path }
    assert.is_nil(none)
    assert.matches("another process listens there", message)
    assert.equal(200, connect():ask(get "/").status)

    local file = os.tmpname()
    assert.is_nil((http_server.start { address = "unix:" .. file }))
    assert.is_true(os.remove(file))
  end)
end)
