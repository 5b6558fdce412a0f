--- Faults on purpose, through the whole chain in virtual time.

local engine = require "engine"

local TOOLS = [[
function handlers.send(ctx, args)
  local res, err = ctx.http:request(args.method or "GET", "/", args.options)
  if not res then return nil, err end
  return { status = res.status }
end
]]

local kit

local function with(chaos, more, options)
  options = options or {}
  kit = engine {
    tools = TOOLS,
    policy = ("chaos = { %s }%s"):format(chaos, more or ""),
    chaos_ms = options.chaos_ms or 600000,
    seed = options.seed,
  }
  kit:upstream("* *", { delay_ms = 10 })
end

local function steps(call, kind)
  local found = {}
  for _, step in ipairs(call.trail) do
    if step.step == kind then found[#found + 1] = step end
  end
  return found
end

describe("chaos", function()
  after_each(function()
    kit:advance(60000)
    assert(kit:quiet())
    kit:close()
  end)

  it("does nothing unless the engine was started with it", function()
    kit = engine { tools = TOOLS, policy = "chaos = { percent = 100, delay_percent = 100, delay_ms = 9 }" }
    kit:upstream("* *", { delay_ms = 10 })

    local call = kit:call "demo_send"

    assert.same({ true, 10, {} }, { call.ok, call.ms, steps(call, "fault") })
  end)

  it("answers for the service, which is not asked", function()
    with "percent = 100, status = 502"

    local call = kit:call("demo_send", { method = "POST" })

    assert.same({ 502, 1, "possible", 0 },
      { call.error.status, call.attempts, call.side_effect, #kit:requests() })
    local step = steps(call, "fault")[1]
    assert.same({ "status", 502 }, { step.label, step.status })
  end)

  it("refuses connections", function()
    with("percent = 100, status = 0", ", retry = { attempts = 3 }")

    local call = kit:call("demo_send", { method = "POST" })

    assert.same({ "unavailable", 3, "none" },
      { call.error.code, call.attempts, call.side_effect })
    assert.equal(3, #steps(call, "fault"))
  end)

  it("says later, and the gate closes", function()
    with("percent = 100, status = 429")

    kit:call "demo_send"
    local call = kit:start "demo_send"
    kit:advance(999)
    assert.is_false(call.done)
    kit:advance(1)
    assert.is_true(call.done)
  end)

  it("hits the share it says, the same attempts for the same seed", function()
    local function hit(seed)
      with("percent = 30, status = 500", nil, { seed = seed })
      local list = {}
      for i = 1, 1000 do list[i] = kit:call("demo_send").ok and "." or "x" end
      return table.concat(list)
    end
    local first = hit(7)
    kit:close()
    local again = hit(7)
    kit:close()
    local other = hit(8)

    assert.equal(first, again)
    assert.not_equal(first, other)
    local _, count = first:gsub("x", "")
    assert.is_true(count > 240 and count < 360, count)
  end)

  it("delays a request, which then has the rest of its time", function()
    with "delay_percent = 100, delay_ms = 1000"

    local call = kit:call "demo_send"

    local step = steps(call, "fault")[1]
    assert.same({ "delay", true, step.ms }, { step.label, call.ok, math.floor(call.ms - 10) })
    assert.is_true(step.ms > 0)
    assert.equal(1, #kit:requests())
  end)

  it("delays as a slow service does: no longer than the attempt may take", function()
    with("delay_percent = 100, delay_ms = 600000", ", attempt = { timeout_ms = 500, connect_ms = 500 }")

    local call = kit:call "demo_send"

    assert.same({ "timeout", 500, 0 }, { call.error.code, call.ms, #kit:requests() })
  end)

  it("never answers later than the attempt may take", function()
    with("percent = 100, status = 502, delay_percent = 100, delay_ms = 600000",
      ", attempt = { timeout_ms = 500, connect_ms = 500 }")

    local call = kit:call "demo_send"

    assert.same({ "timeout", 500, 0 }, { call.error.code, call.ms, #kit:requests() })
  end)

  it("opens breakers, and is paid for by budgets", function()
    with("percent = 100, status = 500",
      ", breaker = { consecutive = 8 }, retry = { attempts = 3, budget = 4, base_ms = 1 }")
    local attempts = 0
    for _ = 1, 50 do attempts = attempts + kit:call("demo_send").attempts end

    assert.equal(8, attempts)
    assert.matches("failed too often", kit:call("demo_send").error.message)
  end)

  it("is seen by hedges", function()
    with("delay_percent = 100, delay_ms = 600000",
      ", retry = { attempts = 2 }, hedge = { extra = 1, delay_ms = 100 }")

    assert.equal(2, kit:call("demo_send").attempts)
  end)

  it("ends at its time", function()
    with("percent = 100", nil, { chaos_ms = 1000 })
    assert.is_false(kit:call("demo_send").ok)
    kit:advance(1000)
    assert.is_true(kit:call("demo_send").ok)
  end)

  it("is over at once for a call that is cancelled", function()
    with "delay_percent = 100, delay_ms = 600000"
    local call = kit:start "demo_send"
    kit:advance(100)
    call:cancel()

    assert.same({ "cancelled", true }, { call.error.code, (kit:quiet()) })
  end)

  it("leaves no latency behind", function()
    with("delay_percent = 100, delay_ms = 3000", ", attempt = { timeout_ms = 4000, learned = 1 }")
    for _ = 1, 60 do
      for _ = 1, 10 do kit:start "demo_send" end
      kit:advance(4000)
    end
    kit:advance(600000) -- all over
    kit:clear()
    kit:upstream("* *", { hang = true })

    assert.equal(4000, kit:call("demo_send").ms)
  end)

  it("is not kept", function()
    with("percent = 100, status = 404", ", cache = { ttl_ms = 60000 }", { chaos_ms = 1000 })
    assert.equal("not_found", kit:call("demo_send").error.code)
    kit:advance(1000)

    assert.is_true(kit:call("demo_send").ok)
  end)
end)
