local lab = require "http_lab"
local T = require "T"
local http_server = T.http_server
local raw = require "raw_http"
local socket = require "socket"
local start, connect, eventually = lab.start, lab.connect, lab.eventually
local get, post, letters = lab.get, lab.post, lab.letters

after_each(lab.stop)

describe("a timeout", function()
  it("ends a head that does not come to its end with 408", function()
    start { header_timeout_ms = 40 }
    local c = connect()

    local a = c:ask "GET / HTTP/1.1\r\nHost"

    assert.same({ 408, "close" }, { a.status, a.headers.connection })
    assert.is_true(c:closed())
    assert.equal(1, lab.server:stats().timeouts)
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
    assert.same({ 0, 0 }, { lab.server:stats().open, lab.server:stats().timeouts })
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
    assert.equal(0, lab.server:stats().timeouts)
  end)

  it("does not get more requests answered than it can take", function()
    start()
    local c = connect()
    c:send(get("/big/16000"):rep(1500))
    local before, now = -1, 0
    while before ~= now or now == 0 do
      socket.sleep(0.05)
      before, now = now, lab.server:stats().requests
    end
    assert.is_true(now < 1500)

    for _ = 1, 1500 do assert.equal(16000, #c:answer().body) end

    assert.equal(1500, lab.server:stats().requests)
  end)
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
    lab.server:release()
    stats = lab.server:stats()
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
    lab.server:release()

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

    lab.server:drain(5000)

    assert.is_true(idle:closed())
    assert.is_nil(socket.connect(lab.server:name():match "^(.*):(%d+)$"))
    assert.equal(0, lab.server:stats().drained)
    lab.server:release()
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

    lab.server:drain(60000)

    local a = c:answer()
    assert.same({ 20000000, nil }, { #a.body, a.headers.connection })
    assert.is_true(c:closed())
    eventually(function(s) return s.drained == 1 end)
  end)

  it("tells at once when there is nobody", function()
    start()

    lab.server:drain(5000)

    eventually(function(s) return s.drained == 1 end)
  end)

  it("cuts the rest at the deadline", function()
    start()
    local c = connect()
    c:send(get "/hang")
    eventually(function(s) return s.running == 1 end)

    lab.server:drain(30)

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

    lab.server:drain(5000)
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

    lab.server:stop()

    assert.is_true(c:closed())
    assert.equal(2, lab.server:gone())
  end)

  it("tells nobody twice", function()
    start()
    local c = connect()
    c:send(get "/hang")
    eventually(function(s) return s.running == 1 end)
    c:close()
    eventually(function(s) return s.gone == 1 end)

    lab.server:stop()

    assert.equal(1, lab.server:gone())
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
    assert.equal(1, lab.server:stats().refused)
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
    assert.equal(1, lab.server:stats().accepted)
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
    assert.equal(2000, lab.server:stats().open)

    for _, c in ipairs(clients) do c:close() end

    eventually(function(s) return s.open == 0 end)
  end)
end)

describe("memory that is out", function()
  after_each(function() T.buf.fail_after(-1) end)

  -- What one connection can ask for; false if it was cut or refused.
  local function whole_conversation()
    local c = raw.connect(lab.server:name())
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
