local process = require "process"
local T = require "T"

local kit = require("client_kit").install {
  setup = setup, teardown = teardown, before_each = before_each, after_each = after_each,
}

describe("connections", function()
  local function stats_of(listener)
    return kit.up:stats().connections[listener] or 0
  end

  it("are used again", function()
    for _ = 1, 10 do kit.get("/json") end

    local stats = kit.client:stats()
    assert.same({ 1, 9, 10, 10, 0 },
      { stats.connections_new, stats.connections_reused, stats.started, stats.answered, stats.running })
  end)

  it("are as many as there are attempts at once, and stay after a burst", function()
    for _ = 1, 3 do
      for _ = 1, 40 do kit.start { url = kit.url("/slow?ms=20") } end
      assert.is_true(kit.client:run())
    end

    assert.equal(40, kit.client:stats().connections_new)
  end)

  it("of TLS without HTTP/2 are as many too", function()
    local all = {}
    for i = 1, 20 do all[i] = kit.start { url = kit.url("/slow?ms=50", "https") } end
    kit.client:run()

    for _, a in ipairs(all) do
      assert.equal("answered", a:answer().end_)
      assert.is_true(a:answer().total_ns < 2e9)
    end
    assert.equal(20, kit.client:stats().connections_new)
  end)

  it("that are waited for by others may fail or be given up", function()
    local url = kit.url("/json", "mute"):gsub("http:", "https:")
    local all = {}
    for i = 1, 4 do all[i] = kit.start { url = url, connect_ms = i * 50 } end
    kit.client:turn(10)
    all[2]:cancel()
    kit.client:run()
    for i, a in ipairs(all) do
      assert.equal(i == 2 and "cancelled" or "connect_timeout", a:answer().end_)
    end

    local first = kit.start { url = kit.url("/json", "h2") }
    local waiting = kit.start { url = kit.url("/json", "h2") }
    kit.client:turn(0)
    first:cancel()
    kit.client:run()
    assert.equal("answered", waiting:answer().end_)
  end)

  it("of HTTP/2 are one for a cold burst", function()
    local before = stats_of("h2")
    local all = {}
    for i = 1, 40 do all[i] = kit.start { url = kit.url("/slow?ms=20", "h2") } end
    kit.client:run()

    for _, a in ipairs(all) do
      assert.same({ "answered", 20 }, { a:answer().end_, a:answer().http_version })
    end
    assert.equal(before + 1, stats_of("h2"))
  end)

  it("that were made without checking are not for those that check", function()
    assert.equal("answered", kit.get("/json", { insecure_tls = true }, "self_signed").end_)
    assert.equal("tls_untrusted", kit.get("/json", {}, "self_signed").end_)
    assert.equal("answered", kit.get("/json", { insecure_tls = true }, "self_signed").end_)
    assert.equal("tls_untrusted", kit.get("/json", {}, "self_signed").end_)

    assert.equal("answered", kit.get("/json", {}, "h2").end_)
    local answer = kit.get("/json", { insecure_tls = true }, "h2")
    assert.same({ "answered", false }, { answer.end_, answer.reused })
  end)

  it("are not used when they have idled too long", function()
    local impatient = T.http_client.new { idle_s = 1 }
    local function once()
      local a = impatient:start { url = kit.url("/json") }
      impatient:run()
      return a:answer().reused
    end

    assert.is_false(once())
    assert.is_true(once())
    impatient:turn(2100)
    assert.is_false(once())
    impatient:free()
  end)

  it("are not used when they are too old", function()
    local impatient = T.http_client.new { max_age_s = 1 }
    local reused = {}
    for i = 1, 8 do
      local a = impatient:start { url = kit.url("/json") }
      impatient:run()
      impatient:turn(400)
      reused[i] = a:answer().reused
    end
    impatient:free()

    local new = 0
    for _, again in ipairs(reused) do new = new + (again and 0 or 1) end
    assert.is_true(new >= 2 and new <= 4, new .. " new connections in 3 s")
  end)

  it("may be UNIX sockets", function()
    local path = os.tmpname()
    os.remove(path)
    local server <close> = process.spawn { "node", "-e", [[
      require("http").createServer((req, res) => res.end("unix " + req.headers.host))
        .listen(process.argv[1], () => console.log("ready"))]], path }
    server:line("ready")

    local answer = kit.attempt { url = "http://service/", unix_socket = path, allow_private = false }
    assert.same({ "answered", "unix service" }, { answer.end_, answer.body })
    assert.equal("no_name", kit.attempt({ url = "http://service.invalid/", allow_private = false }).end_)
    os.remove(path)
  end)

  it("do not look at the environment for a proxy", function()
    local script = [[
      local T = require "T"
      local c = T.http_client.new {}
      local a = c:start { url = arg[1] }
      c:run()
      print(a:answer().end_)
      c:free()]]
    local proxy = "http://127.0.0.1:" .. kit.up.closed
    local code, out, err = process.run {
      "lua5.4", "-e", "arg = { '" .. kit.url("/json") .. "' } " .. script,
      env = {
        http_proxy = proxy, HTTPS_PROXY = proxy, ALL_PROXY = proxy, LD_PRELOAD = process.preload,
        LUA_CPATH = package.cpath, ASAN_OPTIONS = "detect_leaks=0",
      },
    }

    assert.same({ 0, "answered\n" }, { code, out }, err)
  end)

  it("are closed with the client", function()
    local function descriptors()
      local list = io.popen("ls /proc/" .. process.self_pid() .. "/fd")
      local text = list:read("a")
      list:close()
      return select(2, text:gsub("\n", ""))
    end
    -- A lookup that a spec before this one gave up may hold one more for a while.
    local before = descriptors()
    for _ = 1, 5 do
      local c = T.http_client.new { ca_file = kit.up.ca }
      for _, listener in ipairs { "http", "https", "h2", "closed" } do
        for _ = 1, 5 do c:start { url = kit.url("/json", listener) } end
      end
      c:run()
      c:start { url = kit.url("/slow?ms=100") }
      c:turn(10)
      c:free()
    end

    local left = descriptors()
    assert.is_true(left <= before, left .. " after " .. before)
  end)
end)

describe("a reused connection that dies", function()
  -- The service answers the first request of a connection; the second it
  -- reads, executes and answers by closing.
  local function second(options)
    local before = kit.up:count("/close-reused")
    kit.get("/close-reused")
    local answer = kit.get("/close-reused", options)
    return answer, kit.up:count("/close-reused") - before - 1
  end

  for _, method in ipairs { "POST", "DELETE", "PATCH", "GET" } do
    it("does not have an unsafe " .. method .. " sent twice", function()
      local answer, executions = second { method = method, body = method ~= "DELETE" and "x" or nil }

      assert.same({ "stale_connection", 1 }, { answer.end_, executions })
      assert.same({ true, true, 0 }, { answer.reused, answer.sent, answer.replays })
      assert.same({ 1, 0 }, { kit.client:stats().replays_blocked, kit.client:stats().replays_allowed })
    end)
  end

  it("has a replayable one sent once more, counted", function()
    local answer, executions = second { method = "PUT", body = "x", replayable = true }

    assert.same({ "answered", 200, 2 }, { answer.end_, answer.status, executions })
    assert.same({ false, 1 }, { answer.reused, answer.replays })
    assert.equal(1, kit.client:stats().replays_allowed)
  end)

  it("has a replayable one sent at most twice", function()
    -- Three connections in the pool, all of which will die.
    for _ = 1, 3 do kit.start { url = kit.url("/close-reused") } end
    kit.client:run()
    local before = kit.up:count("/close-reused")

    local answer = kit.get("/close-reused", { replayable = true })

    assert.same({ "stale_connection", 1, 2 }, { answer.end_, answer.replays, kit.up:count("/close-reused") - before })
  end)

  it("costs nothing when it had closed before it was used", function()
    local before = kit.up:count("/status/201")
    for i = 1, 3 do
      local answer = kit.get("/status/201", { method = "POST" }, "short")
      assert.same({ "answered", false }, { answer.end_, answer.reused })
      kit.client:turn(120) -- the service closes after 60 ms
      assert.equal(before + i, kit.up:count("/status/201"))
    end
  end)

  it("is never executed more often than it was started, whenever it closes", function()
    local before = kit.up:count("/status/202")
    local answered, stale = 0, 0
    for i = 1, 20 do
      local answer = kit.get("/status/202", { method = "POST" }, "short")
      if answer.end_ == "answered" then answered = answered + 1 else stale = stale + 1 end
      assert.is_true(answer.end_ == "answered" or answer.end_ == "stale_connection", answer.end_)
      kit.client:turn(55 + i % 10)
    end

    local executed = kit.up:count("/status/202") - before
    assert.is_true(answered <= executed and executed <= answered + stale)
  end)
end)

describe("HTTP/2", function()
  it("carries requests of all kinds", function()
    local seen, answer = kit.echo({ method = "POST", body = ("x"):rep(200000) }, "h2")
    assert.same({ "POST", 200000, "2.0", 20 }, { seen.method, #seen.body, seen.http_version, answer.http_version })
    assert.equal(20, kit.get("/json", { method = "HEAD" }, "h2").http_version)
  end)

  it("does not send again what the service refused, unless that is fine", function()
    local before = kit.up:count("/refuse-stream")
    local answer = kit.get("/refuse-stream", { method = "POST" }, "h2")
    assert.same({ "stale_connection", 1 }, { answer.end_, kit.up:count("/refuse-stream") - before })

    answer = kit.get("/refuse-stream", { replayable = true }, "h2")
    assert.same({ "stale_connection", 1, 3 }, { answer.end_, answer.replays, kit.up:count("/refuse-stream") - before })
  end)

  it("loses and doubles nothing when the service says goodbye", function()
    local before = kit.up:count("/slow")
    local all = {}
    for i = 1, 60 do
      local path = i % 7 == 0 and "/goaway" or "/slow?ms=5"
      all[i] = kit.start { url = kit.url(path, "h2"), method = "POST", replayable = i % 2 == 0 }
      if i % 20 == 0 then kit.client:run() end
    end
    kit.client:run()

    local started, unknown = 0, 0
    for i, a in ipairs(all) do
      local answer = a:answer()
      if i % 7 ~= 0 then started = started + 1 + answer.replays end
      if answer.end_ ~= "answered" then
        assert.is_false(T.http_client.ends()[answer.end_].not_executed, answer.end_)
        unknown = unknown + 1
      end
    end
    local executed = kit.up:count("/slow") - before
    assert.is_true(executed <= started and executed >= 60 - 8 - unknown)
  end)

  it("is reset when the stream is, and cancels one stream only", function()
    assert.equal("reset", kit.get("/reset-stream", {}, "h2").end_)

    kit.get("/json", {}, "h2")
    local slow = kit.start { url = kit.url("/slow?ms=100", "h2") }
    local cancelled = kit.start { url = kit.url("/stall-headers", "h2") }
    kit.client:turn(20)
    cancelled:cancel()
    kit.client:run()
    assert.same({ "answered", true }, { slow:answer().end_, slow:answer().reused })
  end)
end)

describe("giving up", function()
  it("ends an attempt at once, in every phase, exactly once", function()
    local phases = {
      { "/json", 0 }, { "/stall-headers", 20 }, { "/stall-body", 20 }, { "/huge?mb=500", 5 }, { "/", 20, "mute" },
    }
    for _, phase in ipairs(phases) do
      local told = 0
      local a = kit.start {
        url = kit.url(phase[1], phase[3]), max_body_bytes = 1 << 30,
        on_done = function() told = told + 1 end,
      }
      if phase[2] > 0 then kit.client:turn(phase[2]) end

      assert.is_true(a:cancel())

      assert.same({ "cancelled", 1, 1 }, { a:answer().end_, a:answer().ends, told })
      kit.client:turn(30)
      assert.equal(1, told)
    end
    assert.same({ 5, 0 }, { kit.client:stats().cancelled, kit.client:stats().running })
  end)

  -- libcurl joins the thread of its resolver when a handle is removed, unless
  -- it is told to exit quickly: the loop would stand still.
  it("does not wait for a name that is being resolved, nor does a timeout", function()
    local slow = os.tmpname()
    assert.equal(0, (process.run { "cc", "-shared", "-fPIC", "-o", slow, "tests/support/slow_names.c", "-ldl" }))
    local script = [[
      local T = require "T"
      local now = T.process.now_ms
      local c = T.http_client.new {}
      local from = now()
      local a = c:start { url = "http://slow.invalid/", connect_ms = 50 }
      c:run()
      print(a:answer().end_)
      a = c:start { url = "http://slow.invalid/" }
      c:turn(50)
      a:cancel()
      c:start { url = "http://slow.invalid/" }
      c:turn(50)
      c:free()
      print(now() - from < 700)
      T.process.sleep_ms(1500)]]
    local _, out, err = process.run {
      "lua5.4", "-e", script,
      env = {
        LD_PRELOAD = (process.preload or "") .. " " .. slow, LUA_CPATH = package.cpath,
        ASAN_OPTIONS = "detect_leaks=0",
      },
    }
    os.remove(slow)

    assert.equal("connect_timeout\ntrue\n", out, err)
  end)

  it("may happen to others from inside done, and others may be started there", function()
    local victim = kit.start { url = kit.url("/stall-headers") }
    local later
    kit.start {
      url = kit.url("/json"),
      on_done = function()
        victim:cancel()
        later = kit.client:start { url = kit.url("/json") }
      end,
    }
    kit.client:turn(200)

    assert.equal("cancelled", victim:answer().end_)
    assert.equal("answered", later:answer().end_)
  end)

  it("is what freeing the client does to all", function()
    local c = T.http_client.new {}
    local all, told = {}, 0
    for i = 1, 10 do
      all[i] = c:start {
        url = kit.url("/stall-headers"),
        on_done = function()
          told = told + 1
          assert.is_nil(c:start { url = kit.url("/json") })
        end,
      }
      if i == 5 then c:turn(20) end
    end

    c:free()

    assert.equal(10, told)
    for _, a in ipairs(all) do assert.same({ "cancelled", 1 }, { a:answer().end_, a:answer().ends }) end
  end)
end)

describe("whatever happens", function()
  it("each attempt ends exactly once and the counts agree", function()
    math.randomseed(17)
    local paths = {
      "/json", "/slow?ms=5", "/reset-before", "/reset-mid", "/close-before", "/close-reused", "/garbage", "/short-body",
      "/gzip", "/stall-headers", "/size?bytes=50000", "/status/500", "/bad-chunk", "/drip?ms=1",
    }
    -- "mute" ends many in the middle of their connecting.
    local listeners = { "http", "http", "http", "https", "h2", "closed", "short", "mute", "self_signed" }
    local all, told = {}, 0
    for i = 1, 600 do
      all[i] = kit.start {
        url = kit.url(paths[math.random(#paths)], listeners[math.random(#listeners)])
          :gsub("^http(://[^/]*:" .. kit.up.mute .. "/)", "https%1"),
        method = ({ "GET", "POST" })[math.random(2)],
        connect_ms = math.random(1, 300),
        total_ms = math.random(1, 300),
        first_byte_ms = math.random(4) == 1 and math.random(1, 50) or nil,
        replayable = math.random(2) == 1,
        on_done = function() told = told + 1 end,
      }
      if math.random(5) == 1 then kit.client:turn(math.random(0, 10)) end
      if math.random(10) == 1 then all[math.random(#all)]:cancel() end
    end
    assert.is_true(kit.client:run(60000)) -- of work on a busy machine, not of waiting

    local seen = {}
    for _, a in ipairs(all) do
      local answer = a:answer()
      assert.equal(1, answer.ends)
      assert.is_true(answer.replays <= 1)
      assert.is_true(answer.total_ns < 5e9 or answer.end_ == "cancelled")
      seen[answer.end_] = (seen[answer.end_] or 0) + 1
    end
    local stats = kit.client:stats()
    assert.same({ 600, 600, 0 }, { told, stats.started, stats.running })
    assert.same({ seen.answered, seen.cancelled, 600 - seen.answered - seen.cancelled },
      { stats.answered, stats.cancelled, stats.failed })
  end)

  it("a failed allocation ends in an answer or in no attempt, and in no leak", function()
    local n, failures = 0, 0
    repeat
      T.buf.fail_after(n)
      local c = T.http_client.new {}
      local a = c and c:start { url = kit.url("/json"), headers = { { "a", "b" } }, first_byte_ms = 5000 }
      if a then
        c:run(3000)
        assert.equal(1, a:answer().ends)
        if a:answer().end_ ~= "answered" then failures = failures + 1 end
      else
        failures = failures + 1
      end
      if c then c:free() end
      local fired = T.buf.fired()
      n = n + 1
    until not fired

    assert.is_true(n > 5 and failures >= 5, n .. " allocations, " .. failures .. " failures")
  end)
end)

describe("TLS", function()
  local bundle = os.tmpname()

  setup(function()
    local file = assert(io.open(bundle, "w"))
    for _, path in ipairs { "/etc/ssl/certs/ca-certificates.crt", kit.up.ca } do
      for line in io.lines(path) do file:write(line, "\n") end
    end
    file:close()
  end)
  teardown(function() os.remove(bundle) end)

  -- libcurl reads all authorities again for each connection (22 ms) when a CA
  -- path is in effect, which Debian compiles in. Without, it is 1 ms; with the
  -- sanitizers and on a machine that does much else up to 4.
  it("costs under 3 ms of CPU for a new connection, with all the authorities of the system #cost", function()
    local most = os.getenv "TIDEGATE_PRESET" == "release" and 3000 or 8000
    local c = T.http_client.new { ca_file = bundle }
    local function once()
      local a = c:start { url = kit.url("/bye", "https") }
      c:run()
      assert.same({ "answered", false }, { a:answer().end_, a:answer().reused })
    end
    once()
    local least = math.huge -- of five rounds: other programs run too
    for _ = 1, 5 do
      local from = T.http_client.cpu_us()
      for _ = 1, 10 do once() end
      least = math.min(least, (T.http_client.cpu_us() - from) / 10)
    end

    assert.is_true(least < most, least .. " us for each new TLS connection")
    assert.equal(51, c:stats().connections_new)
    c:free()
  end)

  it("resumes the session of an earlier connection, whichever handle made it", function()
    local first = kit.get("/bye", {}, "https")
    kit.start { url = kit.url("/slow?ms=50") } -- keeps the handle of the first
    local second = kit.get("/bye", {}, "https")

    assert.same({ '{"resumed":false}', '{"resumed":true}' }, { first.body, second.body })
  end)

  it("does not resume what was made without checking for one that checks", function()
    local loose = kit.get("/bye", { insecure_tls = true }, "https")
    local strict = kit.get("/bye", {}, "https")

    assert.same({ '{"resumed":false}', '{"resumed":false}' }, { loose.body, strict.body })
    assert.equal("tls_untrusted", kit.get("/bye", {}, "self_signed").end_)
  end)
end)
