--- One policy with everything on: each part of it is seen to fire, and where
--- nothing goes wrong it is as if there were none.

local testing = require "tidegate.testing"

local engine = require "engine"

local TOOLS = [[
function handlers.send(ctx, args)
  local res, err = ctx.http:request(args.method or "GET", args.path or "/", args.options)
  if not res then return nil, err end
  return { status = res.status, headers = res.headers, body = res.body }
end
]]

local EVERYTHING = [[
  deadline_ms = 5000,
  attempt = { timeout_ms = 400, connect_ms = 300, first_byte_ms = 350, learned = 1 },
  retry = { attempts = 3, base_ms = 10, throttled_base_ms = 50, max_ms = 500 },
  hedge = { extra = 1, delay_ms = 60 },
  breaker = { consecutive = 8, min_calls = 20, open_ms = 1000, probes = 2, successes = 2 },
  limiter = { limit = 100, burst = 30, max_wait_ms = 60 },
  bulkhead = { concurrent = 12, queue = 6, max_wait_ms = 60 },
  adaptive = { initial = 6, least = 2 },
  chaos = { percent = 100, status = 500 },
]]

local kit

local function everything(more)
  kit = engine { tools = TOOLS, policy = EVERYTHING .. (more or "") }
end

local function labels(call, kind)
  local found = {}
  for _, step in ipairs(call.trail) do
    if step.step == kind then found[#found + 1] = step.label or step.ms end
  end
  return found
end

local function start(n, args)
  local calls = {}
  for i = 1, n do calls[i] = kit:start("demo_send", args or {}) end
  return calls
end

-- How many of the calls have such a step.
local function count(calls, kind, label)
  local n = 0
  for _, call in ipairs(calls) do
    for _, step in ipairs(call.trail) do
      if step.step == kind and (not label or step.label == label) then n = n + 1 end
    end
  end
  return n
end

after_each(function()
  kit:advance(60000)
  assert(kit:quiet())
  kit:close()
end)

describe("with everything on", function()
  before_each(function() everything() end)

  it("the timeout fires", function()
    kit:upstream("* *", { delay_ms = 10, body_ms = 100000 })

    local call = kit:call("demo_send", { method = "POST" })

    assert.same({ "timeout", 400 }, { call.error.code, call.ms })
  end)

  it("the limit of the first byte fires", function()
    kit:upstream("* *", { hang = true })

    assert.equal(350, kit:call("demo_send", { method = "POST" }).ms)
  end)

  it("the retry fires", function()
    kit:upstream("* *", { fail = "refused" }, {})

    local call = kit:call("demo_send", { method = "POST" })

    assert.same({ true, 2 }, { call.ok, call.attempts })
    assert.same({ "conn_fail" }, labels(call, "backoff"))
  end)

  it("the hedge fires", function()
    kit:upstream("* *", { delay_ms = 300 }, { delay_ms = 20, body = "hedge" })

    local call = kit:call "demo_send"

    assert.same({ "hedge", 80 }, { call.value.body, call.ms })
    assert.same({ "launched", "won" }, labels(call, "hedge"))
  end)

  it("the breaker fires, and lets probes through later", function()
    kit:upstream("* *", { status = 500 })
    for _ = 1, 8 do kit:call("demo_send", { method = "POST" }) end
    assert.same({ "breaker_open" }, labels(kit:call "demo_send", "reject"))
    kit:clear()
    kit:upstream("* *", {})
    kit:advance(1200)

    local probe = kit:call "demo_send"

    assert.is_true(probe.ok)
    assert.same({ "half_open" }, labels(probe, "breaker"))
  end)

  it("the limiter fires: some wait, some are refused", function()
    kit:upstream("* *", {})
    local calls = {}
    for _ = 1, 10 do
      for _, call in ipairs(start(5)) do calls[#calls + 1] = call end
      kit:advance(1)
    end
    kit:advance(1000)

    assert.is_true(count(calls, "limiter") > 0)
    assert.is_true(count(calls, "reject", "limiter") > 0)
  end)

  it("the bulkhead fires: some wait, some are refused", function()
    kit:upstream("* *", { delay_ms = 50 })
    local calls = start(20, { method = "POST" })
    kit:advance(1)
    assert.equal(6, #kit:requests())
    kit:advance(1000)

    assert.equal(6, count(calls, "bulkhead"))
    assert.equal(8, count(calls, "reject", "bulkhead_full"))
  end)

  it("the gate fires", function()
    kit:upstream("* *", { status = 429, headers = { ["Retry-After"] = "1" } }, {})
    kit:call("demo_send", { method = "POST" })

    local call = kit:call "demo_send"

    assert.same({ true, 1000 }, { call.ok, call.ms })
    assert.equal(1, #labels(call, "gate"))
  end)

  it("the places are learned", function()
    kit:upstream("* *", { status = 503, delay_ms = 5 })
    local seen = {}
    for _ = 1, 6 do
      kit:advance(1300)
      for _, call in ipairs(start(12)) do seen[#seen + 1] = call end
      kit:advance(200)
    end

    assert.is_true(count(seen, "limit") > 0)
  end)

  it("the quota is kept to", function()
    kit:upstream("* *", { headers = { ["RateLimit-Limit"] = "100", ["RateLimit-Remaining"] = "1",
                                      ["RateLimit-Reset"] = "30" } })
    kit:call "demo_send"
    kit:call "demo_send"

    assert.same({ "quota" }, labels(kit:call "demo_send", "reject"))
  end)

  it("the deadline fires", function()
    kit:upstream("* *", { delay_ms = 300, status = 500 })

    local call = kit:call("demo_send", {}, { deadline_ms = 350 })

    assert.is_true(call.ms <= 350)
    assert.is_false(call.ok)
  end)
end)

describe("where nothing goes wrong", function()
  local METHODS = { "GET", "POST", "PUT", "DELETE", "PATCH" }
  local STATUSES = { 200, 201, 202, 204, 301, 304, 400, 401, 404, 409, 422 }

  -- A story of calls, one after another and beside each other; what they gave.
  local function story(policy, seed)
    math.randomseed(seed)
    kit = engine { tools = TOOLS, policy = policy }
    local results = {}
    for i = 1, 60 do
      local path = "/" .. i
      kit:upstream("* *" .. path, {
        status = STATUSES[math.random(#STATUSES)], delay_ms = math.random(0, 30),
        headers = { ["X-Number"] = tostring(i), ["Content-Type"] = "text/plain" },
        body = ("b"):rep(math.random(0, 2000)),
      })
      results[i] = kit:start("demo_send", {
        method = METHODS[math.random(#METHODS)], path = path,
        options = { body = math.random(2) == 1 and "payload" or nil },
      })
      kit:advance(math.random(12, 60))
    end
    kit:advance(2000)
    for i, call in ipairs(results) do
      results[i] = testing.json.encode { call.ok, call.value or call.error, call.side_effect,
        call.attempts, call.ms }
    end
    return table.concat(results, "\n")
  end

  it("results are byte for byte those of a policy with nothing on", function()
    for seed = 1, 4 do
      local plain = story("", seed)
      kit:close()
      local all = story(EVERYTHING, seed)

      assert.equal(plain, all)
      if seed < 4 then kit:close() end
    end
  end)
end)
