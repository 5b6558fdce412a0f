--- The guard, whole: every setting of a policy seen at work through the engine,
--- in virtual time, with all the others on.

local testing = require "tidegate.testing"

local SCRIPT = [[
local str = tide.schema.string
local function ask(ctx, args)
  local res, err = ctx.http:request(args.method, "/thing", {
    idempotent = args.keyed == "yes" or nil,
  })
  if not res then return nil, err end
  return { status = res.status }
end
local function tool(policy)
  return {
    about = "Ask.", policy = policy, run = ask,
    args = { method = str { default = "GET" }, keyed = str { optional = true } },
  }
end
return {
  name = "svc", title = "Service", about = "A service.",
  upstream = { base = "https://svc.example", policy = "all" },
  tools = { short = tool "short",
    ask = tool "all", once = tool "once", limited = tool "limited",
    poor = tool "poor", rich = tool "rich", brief = tool "brief" },
}]]

local POLICIES = [[
local all = {
  deadline_ms = 30000, attempt = { timeout_ms = 5000, connect_ms = 1000 },
  retry = { attempts = 3, base_ms = 100, throttled_base_ms = 1000, max_ms = 2000 },
  breaker = { min_calls = 20, consecutive = 8, open_ms = 5000, probes = 2, successes = 2 },
  bulkhead = { concurrent = 4, queue = 4, max_wait_ms = 100 },
}
return {
  all = all,
  poor = tide.policy.extend(all, {
    retry = { attempts = 2, budget = 3, budget_percent = 20 },
    breaker = { consecutive = 0, min_calls = 10000 },
  }),
  rich = tide.policy.extend(all, { breaker = { consecutive = 0, min_calls = 10000 } }),
  once = tide.policy.extend(all, { retry = { attempts = 1 } }),
  limited = tide.policy.extend(all, { limiter = { limit = 10, burst = 2, max_wait_ms = 250 } }),
  short = tide.policy.extend(all, { deadline_ms = 4000, attempt = { timeout_ms = 1900 } }),
  brief = tide.policy.extend(all, { deadline_ms = 1000, attempt = { timeout_ms = 480, connect_ms = 400 } }),
}]]

local URL = "https://svc.example/thing"

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

describe("the guard", function()
  local folder, kit

  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    local process = require "process"
    assert(process.run { "mkdir", "-p", folder .. "/scripts", folder .. "/policies" } == 0)
    write(folder .. "/scripts/svc.lua", SCRIPT)
    write(folder .. "/policies/all.lua", POLICIES)
  end)

  teardown(function()
    require("process").run { "rm", "-rf", folder }
  end)

  before_each(function()
    kit = testing.new { scripts = folder .. "/scripts", policies = folder .. "/policies" }
  end)

  after_each(function()
    assert.is_true(kit:quiet())
    kit:close()
  end)

  local function answers(...)
    kit:upstream("* " .. URL, ...)
  end

  local function steps(call, kind)
    local found = {}
    for _, step in ipairs(call.trail) do
      if step.step == kind then found[#found + 1] = step end
    end
    return found
  end

  it("tries again when a service fails, and waits longer each time", function()
    answers({ status = 500 }, { status = 502 }, { status = 200, json = {} })

    local call = kit:call("svc_ask")

    local waits = steps(call, "backoff")
    assert.is_true(call.ok)
    assert.equal(3, call.attempts)
    assert.equal(2, #waits)
    assert.is_true(waits[1].ms <= 100 and waits[2].ms <= 200)
  end)

  it("gives up after so many attempts, and reports the last answer", function()
    answers({ status = 500 }, { status = 502 }, { status = 503 })

    local call = kit:call("svc_ask")

    assert.equal("upstream_error", call.error.code)
    assert.equal(503, call.error.status)
    assert.equal(3, call.attempts)
  end)

  it("sends an unsafe request once, whatever may have become of it", function()
    for _, fail in ipairs { "reset", "timeout", "cut", "stale_connection" } do
      kit:clear()
      answers { fail = fail }
      kit:upstream("POST " .. URL, { fail = fail, sent = true })

      local call = kit:call("svc_ask", { method = "POST" })

      assert.equal(1, call.attempts, fail)
      assert.equal("possible", call.side_effect, fail)
    end
  end)

  it("sends it again when it certainly was not executed", function()
    answers({ fail = "refused" }, { fail = "no_name" }, { status = 201, json = {} })

    local call = kit:call("svc_ask", { method = "POST" })

    assert.is_true(call.ok)
    assert.equal(3, call.attempts)
    assert.equal("done", call.side_effect)
  end)

  it("sends it again when the script says that it may be repeated", function()
    answers({ fail = "reset" }, { status = 201, json = {} })

    local call = kit:call("svc_ask", { method = "POST", keyed = "yes" })

    assert.equal(2, call.attempts)
    assert.is_true(call.ok)
  end)

  it("asks once more when the service says that it was too early", function()
    answers({ status = 425 }, { status = 200, json = {} })
    assert.same({ true, 2 }, { kit:call("svc_ask").ok, #kit:requests() })

    kit:clear()
    answers { status = 425 }
    assert.same({ 425, 2 }, { kit:call("svc_ask").error.status, #kit:requests() })

    kit:clear()
    answers { status = 425 }
    assert.same({ 425, 1 },
      { kit:call("svc_ask", { method = "POST" }).error.status, #kit:requests() })
  end)

  it("opens the breaker after so many failures in a row", function()
    answers { status = 500 }
    for _ = 1, 8 do kit:call("svc_once") end

    local call = kit:call("svc_once")

    assert.equal("unavailable", call.error.code)
    assert.equal(0, call.attempts)
    assert.equal(8, #kit:requests())
    assert.equal("breaker_open", steps(call, "reject")[1].label)
    assert.is_true(call.error.retry_after_ms >= 4000 and call.error.retry_after_ms <= 6000)
    assert.matches("failed too often", call.error.message)
  end)

  it("lets probes through when it has cooled, and closes when they are good", function()
    answers { status = 500 }
    for _ = 1, 8 do kit:call("svc_once") end
    kit:clear()
    answers { status = 200, json = {} }

    kit:advance(6001)

    for _ = 1, 10 do assert.is_true(kit:call("svc_once").ok) end
  end)

  it("opens it again when a probe fails", function()
    answers { status = 500 }
    for _ = 1, 8 do kit:call("svc_once") end
    kit:advance(6001)
    kit:call("svc_once")
    local sent = #kit:requests()

    local call = kit:call("svc_once")

    assert.equal(0, call.attempts)
    assert.equal(sent, #kit:requests())
  end)

  it("does not open it for what is the caller's fault, nor for those who leave", function()
    answers { status = 404 }
    for _ = 1, 50 do kit:call("svc_once") end
    kit:clear()
    answers { hang = true }
    for _ = 1, 50 do
      local call = kit:start("svc_once")
      kit:advance(10)
      call:cancel()
    end
    kit:clear()
    answers { status = 200, json = {} }

    local call = kit:call("svc_once")

    assert.is_true(call.ok)
  end)

  it("holds all calls back when the service says later", function()
    answers({ status = 429, headers = { ["Retry-After"] = "3" } }, { status = 200, json = {} })
    local first = kit:start("svc_ask")
    kit:advance(10)
    local second = kit:start("svc_ask")

    kit:advance(2900)
    assert.equal(1, #kit:requests())
    kit:advance(3000)

    assert.is_true(first.ok and second.ok)
    assert.is_true(kit:requests()[2].at_ms >= 3000)
  end)

  it("lets those that were told later at the same time come one after another", function()
    answers({ status = 429, headers = { ["Retry-After"] = "1" }, delay_ms = 20 })
    for _ = 1, 4 do kit:start "svc_ask" end
    kit:advance(50)
    kit:upstream("* " .. URL, { status = 200, json = {} })
    kit:advance(3000)

    local at = {}
    for i, request in ipairs(kit:requests()) do at[i] = request.at_ms end
    assert.same({ 0, 0, 0, 0, 1020, 1030, 1040, 1050 }, at)
  end)

  it("refuses at once what would have to wait beyond its deadline", function()
    answers { status = 429, headers = { ["Retry-After"] = "60" } }
    kit:call("svc_once")

    local call = kit:call("svc_brief")

    assert.equal("rate_limited", call.error.code)
    assert.equal(0, call.attempts)
    assert.equal(0, call.ms)
    assert.is_true(call.error.retry_after_ms > 59000)
  end)

  it("lets no more than the limit through, and some wait for their turn", function()
    answers { status = 200, json = {} }
    local calls = {}
    for i = 1, 8 do calls[i] = kit:start("svc_limited") end

    kit:advance(1000)

    local sent, refused = kit:requests(), 0
    for _, call in ipairs(calls) do
      if not call.ok then
        refused = refused + 1
        assert.equal("rate_limited", call.error.code)
      end
    end
    assert.equal(4, #sent) -- two at once, two within 250 ms
    assert.same({ 0, 0, 100, 200 },
      { sent[1].at_ms, sent[2].at_ms, sent[3].at_ms, sent[4].at_ms })
    assert.equal(4, refused)
  end)

  it("has so many on the wire, so many waiting, and refuses the rest", function()
    answers { status = 200, json = {}, delay_ms = 50 }
    local calls = {}
    for i = 1, 10 do calls[i] = kit:start("svc_ask") end
    kit:advance(1)
    assert.equal(4, #kit:requests())

    kit:advance(200)

    local ok, full = 0, 0
    for _, call in ipairs(calls) do
      if call.ok then
        ok = ok + 1
      else
        full = full + 1
        assert.equal("unavailable", call.error.code)
        assert.matches("too many", call.error.message)
      end
    end
    assert.equal(8, ok)
    assert.equal(2, full)
  end)

  it("lets nobody wait for a place longer than it says", function()
    answers { status = 200, json = {}, delay_ms = 1000 }
    local calls = {}
    for i = 1, 5 do calls[i] = kit:start("svc_ask") end

    kit:advance(101)

    assert.is_true(calls[5].done)
    assert.equal("bulkhead_full", steps(calls[5], "reject")[1].label)
    kit:advance(2000)
  end)

  it("never sleeps beyond the deadline", function()
    answers { status = 500, delay_ms = 450 }

    local call = kit:call("svc_brief")

    assert.equal("upstream_error", call.error.code)
    assert.is_true(call.ms <= 1000)
  end)

  it("bounds retries in a total outage: calls + 50 + 0.5 a second", function()
    answers { fail = "refused" }
    local kit_calls = 0
    for _ = 1, 60 do
      for _ = 1, 100 do
        kit:start("svc_ask")
        kit_calls = kit_calls + 1
      end
      kit:advance(1000)
    end

    assert.is_true(#kit:requests() <= kit_calls + 50 + 0.5 * 60, #kit:requests())
  end)

  -- How many of ten calls that fail are tried again.
  local function retried(tool)
    kit:clear()
    answers { status = 500 }
    local ms = 0
    for _ = 1, 10 do ms = ms + kit:call(tool).ms end
    return #kit:requests() - 10, ms / 1000
  end

  it("pays for retries with successes once the reserve is used up", function()
    local first, seconds = retried "svc_poor"
    assert.is_true(first >= 3 and first <= 3 + 0.5 * seconds + 1, first)
    assert.is_true(retried "svc_poor" <= 2)

    kit:clear()
    answers { status = 200, json = {} }
    for _ = 1, 10 do kit:call "svc_poor" end -- 20 % of them are two retries

    local later, more = retried "svc_poor"
    assert.is_true(later >= 2 and later <= 2 + 0.5 * more + 2, later)
  end)

  it("takes nothing for a retry that was given up before it was sent", function()
    answers { status = 500 }
    for _ = 1, 70 do -- the reserve is fifty
      local call = kit:start "svc_rich"
      kit:advance(0)
      call:cancel()
      assert.equal(1, #steps(call, "backoff"), "it waits to try again")
    end

    assert.equal(70, #kit:requests())
  end)

  it("takes a connection that is too slow for one, also when the deadline is near", function()
    answers { hang = true, sent = false }

    local call = kit:call("svc_short", { method = "POST" })

    assert.same({ 3, "unavailable" }, { call.attempts, call.error.code })
    assert.is_true(call.ms < 3600)
  end)

  it("is quiet after a cancel at any time, whatever it waited for", function()
    math.randomseed(7)
    answers({ status = 500, delay_ms = 20 }, { status = 429, delay_ms = 5 },
      { fail = "reset", delay_ms = 30 }, { status = 200, json = {}, delay_ms = 40 })
    for _ = 1, 300 do
      local running = {}
      for i = 1, 12 do
        local tool = ({ "svc_ask", "svc_limited", "svc_once", "svc_brief" })[math.random(4)]
        running[i] = kit:start(tool)
      end
      kit:advance(math.random(0, 300))
      for _, call in ipairs(running) do
        if not call.done then call:cancel() end
        assert.is_true(call.done)
      end
      kit:advance(0) -- places that were handed over on the way
      assert.is_true(kit:quiet())
    end
  end)
end)
