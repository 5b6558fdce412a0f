--- Hedging through the whole chain, in virtual time.

local engine = require "engine"

local TOOLS = [[
function handlers.send(ctx, args)
  local res, err = ctx.http:request(args.method or "GET", "/", args.options)
  if not res then return nil, err end
  return { status = res.status, body = res.body }
end
]]

local BASE = [[deadline_ms = 10000, attempt = { timeout_ms = 2000 },
  retry = { attempts = 3 }, breaker = { consecutive = 0, min_calls = 1000 },
]]

local kit

local function with(hedge, more)
  kit = engine { tools = TOOLS, policy = BASE .. "hedge = " .. hedge .. (more or "") }
end

local function steps(call)
  local found = {}
  for _, step in ipairs(call.trail) do
    if step.step == "hedge" then
      found[#found + 1] = ("%d %s"):format(step.attempt, step.label)
    end
  end
  return found
end

local function ends(call)
  local found = {}
  for _, step in ipairs(call.trail) do
    if step.step == "answer" then found[#found + 1] = step.label end
  end
  return found
end

describe("a hedge", function()
  after_each(function()
    kit:advance(60000)
    assert(kit:quiet())
    kit:close()
  end)

  it("is sent when the first takes too long, and the faster one wins", function()
    with "{ extra = 1, delay_ms = 100 }"
    kit:upstream("* *", { delay_ms = 900, body = "slow" }, { delay_ms = 50, body = "fast" })

    local call = kit:call "demo_send"

    assert.same({ "fast", 150, 2 }, { call.value.body, call.ms, call.attempts })
    assert.same({ "2 launched", "2 won" }, steps(call))
    assert.same({ "ok", "hedge_loser" }, ends(call))
    assert.same({ 0, 100 }, { kit:requests()[1].at_ms, kit:requests()[2].at_ms })
  end)

  it("is not sent when the first is in time", function()
    with "{ extra = 2, delay_ms = 100 }"
    kit:upstream("* *", { delay_ms = 99 })

    local call = kit:call "demo_send"

    assert.same({ 99, 1, {} }, { call.ms, call.attempts, steps(call) })
  end)

  it("may lose too", function()
    with "{ extra = 2, delay_ms = 100 }"
    kit:upstream("* *", { delay_ms = 150, body = "first" }, { delay_ms = 60 })

    local call = kit:call "demo_send"

    assert.same({ "first", 150, 2 }, { call.value.body, call.ms, call.attempts })
    assert.same({ "2 launched", "1 won" }, steps(call))
  end)

  it("comes a second time where the policy has two", function()
    with "{ extra = 2, delay_ms = 100 }"
    kit:upstream("* *", { hang = true }, { hang = true }, { delay_ms = 10 })

    local call = kit:call "demo_send"

    assert.same({ true, 210, 3 }, { call.ok, call.ms, call.attempts })
    assert.same({ "2 launched", "3 launched", "3 won" }, steps(call))
  end)

  it("shares the number of attempts", function()
    with("{ extra = 1, delay_ms = 100 }", ", retry = { attempts = 2 }")
    kit:upstream("* *", { hang = true })

    local call = kit:call "demo_send"

    assert.same({ "timeout", 2100, 2 }, { call.error.code, call.ms, call.attempts })
  end)

  it("never lets a fast error win", function()
    with "{ extra = 1, delay_ms = 100 }"
    kit:upstream("* *", { delay_ms = 400, body = "good" }, { status = 500, delay_ms = 10 })

    local call = kit:call "demo_send"

    assert.same({ "good", 400, 2 }, { call.value.body, call.ms, call.attempts })
  end)

  it("follows a failure at once", function()
    with "{ extra = 1, delay_ms = 100 }"
    kit:upstream("* *", { status = 500, delay_ms = 10 }, { delay_ms = 20, body = "good" })

    local call = kit:call "demo_send"

    assert.same({ "good", 30, 2 }, { call.value.body, call.ms, call.attempts })
    assert.same({ "2 launched after a failure", "2 won" }, steps(call))
  end)

  it("that fails too leaves the first one's error", function()
    with "{ extra = 1, delay_ms = 100 }"
    kit:upstream("* *", { status = 502, delay_ms = 300 }, { status = 504, delay_ms = 10 })

    local call = kit:call "demo_send"

    assert.same({ 502, 300, 2 }, { call.error.status, call.ms, call.attempts })
  end)

  it("takes a final answer, also one that says no", function()
    with "{ extra = 1, delay_ms = 100 }"
    kit:upstream("* *", { hang = true }, { status = 404, delay_ms = 10 })

    local call = kit:call "demo_send"

    assert.same({ "not_found", 110 }, { call.error.code, call.ms })
  end)

  it("is only for what may be sent twice at a time", function()
    with "{ extra = 1, delay_ms = 100 }"
    kit:upstream("* *", { delay_ms = 900 })

    local post = kit:call("demo_send", { method = "POST" })
    local put = kit:call("demo_send", { method = "PUT" })
    local declared = kit:call("demo_send", { method = "POST", options = { idempotent = true } })

    assert.same({ 1, 2, 2 }, { post.attempts, put.attempts, declared.attempts })
    assert.same({ "1 not_safe_to_repeat" }, steps(post))
    assert.same({ "none", "done", "done" },
      { kit:call("demo_send").side_effect, put.side_effect, declared.side_effect })
  end)

  it("leaves those alone that have little time", function()
    with "{ extra = 1, delay_ms = 600 }"
    kit:upstream("* *", { status = 500 }, { status = 200 })

    local call = kit:call("demo_send", {}, { deadline_ms = 1000 })

    assert.same({ true, 2 }, { call.ok, call.attempts }) -- a retry
    assert.same({ "1 no_time_left" }, steps(call))
  end)

  it("does not come when the service has said later", function()
    with "{ extra = 1, delay_ms = 100 }"
    kit:upstream("* *", { status = 429, headers = { ["Retry-After"] = "1" } }, { delay_ms = 900 })
    kit:call("demo_send", { method = "POST" })
    kit:advance(2000)

    assert.same({ "1 throttled" }, steps(kit:call "demo_send"))
    kit:advance(8000)
    assert.same({ "2 launched" }, { steps(kit:call "demo_send")[1] })
  end)

  it("does not come when most places are taken", function()
    with("{ extra = 1, delay_ms = 100 }", ", bulkhead = { concurrent = 5 }")
    kit:upstream("* *", { delay_ms = 900 })
    local calls = {}
    for i = 1, 5 do calls[i] = kit:start "demo_send" end
    kit:advance(1000)

    local why = {}
    for i = 1, 5 do why[i] = steps(calls[i])[1] or "" end
    assert.same({ "2 busy", "2 busy", "2 busy", "2 busy", "2 busy" }, why)
  end)

  it("does not come when the worker has too much to do", function()
    with "{ extra = 1, delay_ms = 100 }"
    kit:upstream("* *", { delay_ms = 900 })
    local before = kit:start "demo_send"
    kit:late(true)
    local late = kit:call "demo_send"
    kit:late(false)

    assert.same({ "1 shedding" }, steps(late))
    assert.equal("2 launched", steps(kit:call "demo_send")[1])
    assert.is_true(before.ok)
  end)

  it("does not come when the breaker is not closed", function()
    with("{ extra = 1, delay_ms = 100 }",
      ", breaker = { consecutive = 1, open_ms = 1000, probes = 8 }")
    kit:upstream("* *", { status = 500 }, { delay_ms = 300 })
    kit:call("demo_send", { method = "POST" })
    kit:advance(1300)

    local call = kit:call "demo_send"

    assert.same({ true, 1 }, { call.ok, call.attempts })
    assert.same({ "1 breaker_not_closed" }, steps(call))
  end)

  it("counts its delay from when the first was sent, not from when it came to wait", function()
    with("{ extra = 1, delay_ms = 100 }", [[, breaker = { consecutive = 9 },
      limiter = { limit = 1, period_ms = 300, burst = 1 }]])
    kit:upstream("* *", { delay_ms = 90 })
    kit:call "demo_send"

    local call = kit:call "demo_send"

    assert.same({ true, 300, 1, {} }, { call.ok, call.ms, call.attempts, steps(call) })
  end)

  it("is paid for by successes, and what runs is left alone when they have not", function()
    with("{ extra = 1, delay_ms = 100 }", ", retry = { attempts = 3, budget = 1000 }")
    kit:upstream("* *", { delay_ms = 150 })
    local launched, refused = 0, 0
    for _ = 1, 200 do
      local call = kit:call "demo_send"
      assert.same({ true, 150 }, { call.ok, call.ms })
      local first = steps(call)[1]
      if first == "2 launched" then launched = launched + 1 end
      if first == "2 budget_exhausted" then refused = refused + 1 end
    end

    assert.equal(200, launched + refused)
    assert.is_true(launched <= 10 + 200 * 0.05, launched)
    assert.is_true(launched >= 10)
  end)

  it("learns its delay", function()
    with "{ extra = 1 }"
    kit:upstream("* *", { delay_ms = 50 })
    for _ = 1, 100 do kit:call "demo_send" end
    kit:advance(1000)
    kit:clear()
    kit:upstream("* *", { delay_ms = 900 }, { delay_ms = 10 })

    local call = kit:call "demo_send"

    assert.equal(2, call.attempts)
    assert.is_true(call.ms >= 60 and call.ms <= 70, call.ms) -- p95 to an eighth, and 10 ms
  end)

  it("leaves nothing behind when its call is cancelled at any time", function()
    with("{ extra = 2, delay_ms = 20 }", [[, retry = { attempts = 3, budget = 1000 },
      bulkhead = { concurrent = 3, queue = 3 }, limiter = { limit = 100, burst = 4 }]])
    math.randomseed(3)
    kit:upstream("* *", { delay_ms = 30 }, { status = 500, delay_ms = 10 }, { delay_ms = 90 },
      { fail = "reset", delay_ms = 5 }, { hang = true }, { delay_ms = 5 })
    for _ = 1, 300 do
      local running = {}
      for i = 1, 4 do running[i] = kit:start "demo_send" end
      kit:advance(math.random(0, 120))
      for _, call in ipairs(running) do
        if not call.done then call:cancel() end
        assert.is_true(call.done)
      end
      kit:advance(0)
      assert(kit:quiet())
    end
  end)

  it("ends with the call's time", function()
    with "{ extra = 2, delay_ms = 100 }"
    kit:upstream("* *", { hang = true })

    local call = kit:call("demo_send", {}, { deadline_ms = 1000 })

    assert.same({ "timeout", 980, 3 }, { call.error.code, call.ms, call.attempts })
  end)
end)
