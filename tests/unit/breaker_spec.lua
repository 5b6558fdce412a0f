local T = require "T"
local model = require "breaker_model"

local MS, S = 1000000, 1000000000

local function breaker(options, ...) return T.breaker.new(options or {}, ...) end

local function state(b) return (b:state()) end

local function call(b, verdict, now, slow)
  local token = assert(b:acquire(now))
  return b:record(token, verdict, now, slow)
end

local function calls(b, times, verdict, now)
  for _ = 1, times do call(b, verdict, now) end
end

-- An open one, and when it lets probes through.
local function opened(options)
  local b = breaker(options)
  calls(b, 8, "bad", 0)
  local _, _, reopen = b:state()
  return b, reopen
end

describe("a closed breaker", function()
  it("opens when half of at least twenty calls failed", function()
    local b = breaker { consecutive = 0 }
    calls(b, 10, "good", 0)
    calls(b, 9, "bad", 0)

    local effect = call(b, "bad", 0)

    assert.equal("opened", effect)
    assert.equal("open", state(b))
  end)

  it("opens after eight failures in a row, also when calls are few", function()
    local b = breaker()
    calls(b, 7, "bad", 0)
    assert.equal("closed", state(b))

    calls(b, 1, "bad", 3600 * S)

    assert.equal("open", state(b))
  end)

  it("forgets a row of failures at the first success", function()
    local b = breaker()
    calls(b, 7, "bad", 0)
    calls(b, 1, "good", 0)

    calls(b, 7, "bad", 20 * S)

    assert.equal("closed", state(b))
  end)

  it("opens when four in five are slow", function()
    local b = breaker()
    for _ = 1, 19 do call(b, "good", 0, true) end
    assert.equal("closed", state(b))

    call(b, "good", 0, true)

    assert.equal("open", state(b))
  end)

  it("never opens on successes, whatever failed before", function()
    local b = breaker { min_calls = 20, consecutive = 0 }
    calls(b, 19, "bad", 0)

    calls(b, 5, "good", 0)

    assert.equal("closed", state(b))
  end)

  it("forgets failures that are ten buckets old", function()
    local b = breaker { consecutive = 0 }
    calls(b, 19, "bad", 0)

    calls(b, 19, "bad", 10 * S)

    assert.same({ 19, 19, 0, 38 }, { b:window(10 * S) })
    assert.equal("closed", state(b))
  end)

  it("is not tripped by failures of long ago on a quiet upstream", function()
    local b = breaker { consecutive = 0, min_calls = 5 }
    for days = 1, 50 do
      call(b, "bad", days * 86400 * S)
      assert.equal("closed", state(b))
    end
  end)

  it("keeps its ratio when a bucket is full", function()
    local b = breaker { consecutive = 0, fail_ratio = 0.5 }
    for _ = 1, 20000 do
      calls(b, 1, "bad", 0)
      calls(b, 3, "good", 0)
    end

    local total, failed = b:window(0)

    assert(total >= 2000 and total <= 4095)
    assert.near(0.25, failed / total, 0.01)
    assert.equal("closed", state(b))
  end)
end)

describe("an open breaker", function()
  it("refuses and says when to come again", function()
    local b, reopen = opened()

    local token, wait = b:acquire(1 * S)

    assert.is_nil(token)
    assert.equal(reopen - 1 * S, wait)
  end)

  it("stays open for five seconds, more or less, and twice as long each time", function()
    local b, reopen = opened()
    local at = 0
    for k = 1, 8 do
      local bound = math.min(60, 5 * 2 ^ (k - 1))
      local seconds = (reopen - at) / S
      assert(seconds >= 0.8 * bound and seconds <= 1.2 * bound + 0.001, k .. " " .. seconds)
      at = reopen
      b:record(b:acquire(at), "bad", at)
      reopen = select(3, b:state())
    end
  end)

  it("begins again at five seconds after five minutes closed", function()
    local b, reopen = opened()
    local now = reopen
    b:record(b:acquire(now), "bad", now)
    now = select(3, b:state())
    calls(b, 3, "good", now)

    calls(b, 8, "bad", now + 301 * S)

    local seconds = (select(3, b:state()) - now) / S - 301
    assert(seconds >= 4 and seconds <= 6.001)
  end)

  it("stays open as long as the upstream asked for", function()
    local b = breaker { consecutive = 1 }
    b:record(b:acquire(0), "bad", 0, false, 42000)

    assert.is_nil(b:acquire(42 * S))
    assert.is_truthy(b:acquire(42 * S + MS))
  end)

  it("does not believe a hint of years", function()
    local b = breaker { consecutive = 1 }

    b:record(b:acquire(0), "bad", 0, false, math.maxinteger)

    assert.equal(6 * 3600 * S + MS, select(3, b:state()))
  end)

  it("opens at different times with different seeds", function()
    local seen, different = {}, 0
    for seed = 1, 20 do
      local b = breaker({ consecutive = 1 }, "full", seed)
      calls(b, 1, "bad", 0)
      local reopen = select(3, b:state())
      if not seen[reopen] then different = different + 1 end
      seen[reopen] = true
    end

    assert(different > 15)
  end)
end)

describe("a half-open breaker", function()
  it("lets three probes through at a time", function()
    local b, reopen = opened()

    local kinds = {}
    for i = 1, 4 do kinds[i] = select(2, b:acquire(reopen)) end

    assert.same({ "probe", "probe", "probe", 1 * S }, kinds)
    assert.equal("half_open", state(b))
  end)

  it("closes after three successes, with empty windows", function()
    local b, reopen = opened()

    calls(b, 3, "good", reopen)

    assert.equal("closed", state(b))
    assert.same({ 0, 0, 0, 0 }, { b:window(reopen) })
  end)

  it("opens again at the first failure or slow answer", function()
    local b, reopen = opened()
    calls(b, 2, "good", reopen)
    assert.equal("opened", call(b, "bad", reopen))
    reopen = select(3, b:state())

    assert.equal("opened", call(b, "good", reopen, true))
  end)

  it("is left as it was by probes that are cancelled, and still recovers", function()
    local b, reopen = opened()
    for _ = 1, 1000 do b:release(b:acquire(reopen)) end
    assert.equal("half_open", state(b))

    calls(b, 3, "good", reopen)

    assert.equal("closed", state(b))
  end)

  it("is not wedged by probes that hang, even if everyone peeks first", function()
    local b, reopen = opened { admitted = 3 }
    local hung = { b:acquire(reopen), b:acquire(reopen), b:acquire(reopen) }
    assert.equal(3, select(4, b:state()))
    assert.is_false(b:peek(reopen + 11 * S))

    local ok = b:peek(reopen + 12 * S)
    local token = b:acquire(reopen + 12 * S)

    assert.is_true(ok)
    assert.is_nil(token) -- the hung ones have failed
    assert.equal("open", state(b))
    assert.equal("stale", b:record(hung[1], "good", reopen + 13 * S))
    assert.equal(0, select(4, b:state()))
  end)

  it("admits ten probes per generation", function()
    local b, reopen = opened { successes = 9, failures = 2, probes = 8 }
    local tokens = {}
    for i = 1, 8 do tokens[i] = b:acquire(reopen) end
    for i = 1, 8 do assert.equal("counted", b:record(tokens[i], "good", reopen)) end

    assert.is_truthy(b:acquire(reopen))
    assert.is_truthy(b:acquire(reopen))
    assert.is_nil((b:acquire(reopen)))
  end)

  it("is not closed, opened or drained by answers of an earlier era", function()
    local b = breaker()
    local late = {}
    for i = 1, 20 do late[i] = b:acquire(0) end
    calls(b, 8, "bad", 0)
    local now = select(3, b:state())
    local probe = b:acquire(now)

    for i = 1, 20 do
      assert.equal("stale", b:record(late[i], i % 2 == 0 and "good" or "bad", now))
    end

    assert.equal("half_open", state(b))
    assert.equal(1, select(4, b:state()))
    assert.equal(20, b:stats().stale)
    assert.equal("counted", b:record(probe, "good", now))
  end)
end)

describe("a token", function()
  it("ends once", function()
    local b, reopen = opened()
    local token = b:acquire(reopen)

    assert.equal("counted", b:record(token, "good", reopen))
    assert.equal("released", b:record(token, "good", reopen))
    b:release(token)

    assert.equal(0, select(4, b:state()))
    assert.equal(1, b:stats().good)
  end)
end)

describe("a mode", function()
  it("refuses retries only, and first attempts still probe", function()
    local b = breaker({ consecutive = 1 }, "retries_only")
    calls(b, 1, "bad", 0)

    assert.is_nil((b:acquire(1, true)))
    assert.equal("uncounted", select(2, b:acquire(1, false)))
    assert.equal("probe", select(2, b:acquire(10 * S, false)))
  end)

  it("only counts", function()
    local b = breaker({ consecutive = 1 }, "metrics_only")
    calls(b, 1, "bad", 0)

    assert.equal("uncounted", select(2, b:acquire(1)))
    assert.is_true((b:peek(1)))
    assert.equal(1, b:stats().would_reject)
    assert.equal("open", state(b))
  end)

  it("is disabled", function()
    local b = breaker({}, "disabled")

    calls(b, 100, "bad", 0)

    assert.equal("closed", state(b))
  end)

  it("can be forced and ended by an operator, each beginning a generation", function()
    local b = opened()
    b:force("forced_open", 0)
    assert.is_nil((b:acquire(1000 * S)))
    assert.is_false((b:peek(1000 * S)))

    b:force("none", 0)

    assert.is_truthy(b:acquire(1000 * S))
    assert.same({ "closed", 3 }, { b:state(), (select(2, b:state())) })
  end)
end)

describe("gossip of another replica", function()
  it("opens a breaker that has seen a failure itself", function()
    local b = breaker()
    calls(b, 1, "bad", 0)

    assert.is_true(b:gossip(3 * S, 0))

    assert.is_nil((b:acquire(2 * S)))
    assert.is_truthy(b:acquire(3 * S))
  end)

  it("is not believed by one that works, nor when it is old news", function()
    local b = breaker()
    calls(b, 1, "good", 0)
    assert.is_false(b:gossip(3 * S, 0))
    calls(b, 1, "bad", 5 * S)

    assert.is_false(b:gossip(3 * S, 5 * S))
  end)
end)

describe("the judgement", function()
  local function judge(...) return (T.breaker.judge(...)) end

  it("blames the upstream for nothing that we or the caller did", function()
    for _, outcome in ipairs { "cancelled", "local_reject", "throttled", "bad_payload", "refused" } do
      assert.equal("neutral", judge(outcome, 0, S, true), outcome)
    end
  end)

  it("takes an error of the client for a sign of life", function()
    assert.equal("good", judge("app_error", 0, S, true))
  end)

  it("forgives the first stale connection of a call", function()
    assert.equal("neutral", judge("stale_reuse", 0, S, true))
    assert.equal("bad", judge("stale_reuse", 0, S, false))
  end)

  it("blames the upstream for a deadline only if it was slow", function()
    assert.equal("neutral", judge("deadline", S - 1, S, true))
    assert.equal("bad", judge("deadline", S, S, true))
  end)

  it("of every failure is bad", function()
    for _, outcome in ipairs { "server_error", "conn_fail", "tls_trust", "timeout", "reset_mid" } do
      assert.equal("bad", judge(outcome, 0, S, true), outcome)
    end
  end)
end)

describe("a total outage", function()
  it("costs the calls that trip it, then three probes per opening", function()
    local b, attempts, openings = breaker(), 0, 0
    for ms = 0, 600 * 1000, 7 do
      local token = b:acquire(ms * MS)
      if token then
        attempts = attempts + 1
        if b:record(token, "bad", ms * MS) == "opened" then openings = openings + 1 end
      end
    end

    assert(openings <= 8 + 600 / 48)
    assert.equal(8 + openings - 1, attempts)
  end)
end)

describe("any order of calls, results, cancels and times", function()
  local function options()
    local successes, failures = math.random(1, 4), math.random(1, 3)
    return {
      bucket_ms = math.random(1, 3) * 500,
      min_calls = math.random(1, 30),
      consecutive = math.random(0, 10),
      fail_ratio = math.random(1, 10) / 10,
      slow_ratio = math.random(1, 12) / 10,
      base_open_ms = math.random(1, 9000),
      max_open_ms = math.random(9000, 60000),
      probes = math.random(1, 8),
      admitted = math.random(successes + failures - 1, 12),
      successes = successes,
      failures = failures,
      lease_ms = math.random(1, 20000),
    }
  end

  local function agree(b, m, now)
    local name, generation, reopen, probes = b:state()
    assert(name == m.state and generation == m.generation, name .. " is not " .. m.state)
    assert(probes == m:in_flight() and probes <= m.o.probes)
    assert(m.admitted <= m.o.admitted)
    assert((b:peek(now)) == m:peek(now))
    local t1, f1, s1, r1 = b:window(now)
    local t2, f2, s2, r2 = m:window(now)
    assert(t1 == t2 and f1 == f2 and s1 == s2 and r1 == r2)
    return reopen
  end

  -- The model takes over how long the C stays open, if that is possible at all.
  local function follow(b, m, now, was, hint_ms)
    if m.state ~= "open" or m.generation == was then return end
    local least, most = m:open_for(hint_ms or -1)
    m.reopen_ms = select(3, b:state()) // MS
    local ms = m.reopen_ms - now // MS
    assert(ms >= least and ms <= most, ("open for %d, not %f to %f"):format(ms, least, most))
  end

  it("is handled as the model handles it #model", function()
    local seen = {}
    for seed = 1, 150 do
      math.randomseed(seed)
      local o = options()
      local b, m, now, open = breaker(o, "full", seed), model.new(o), 0, {}
      local mood = 0
      for step = 1, 400 do
        if step % 50 == 1 then mood = math.random() end
        now = now + math.random(0, math.random(4) == 1 and 20 * S or 200 * MS)
        local was = m.generation
        if math.random() < 0.5 or #open == 0 then
          local token, mine = b:acquire(now), m:acquire(now)
          assert((token == nil) == (mine == nil))
          if token then open[#open + 1] = { token, mine } end
          follow(b, m, now, was)
        else
          local pair = table.remove(open, math.random(#open))
          local hint = math.random(5) == 1 and math.random(0, 30000) or nil
          local verdict = math.random() < mood and "bad" or math.random(4) == 1 and "neutral" or "good"
          local slow = math.random() < mood / 2
          local effect = b:record(pair[1], verdict, now, slow, hint)
          local expected = m:record(pair[2], verdict, now, slow)
          assert(effect == expected, effect .. " is not " .. expected)
          seen[effect] = (seen[effect] or 0) + 1
          follow(b, m, now, was, hint)
        end
        agree(b, m, now)
      end
    end
    for _, effect in ipairs { "counted", "stale", "released", "opened", "closed" } do
      assert(seen[effect] and seen[effect] > 50, effect .. " was hardly ever seen")
    end
  end)
end)
