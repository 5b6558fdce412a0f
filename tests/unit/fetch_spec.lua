--- Cache and flights, through the whole engine, in virtual time.

local testing = require "tidegate.testing"
local folder = require "folder"

local SCRIPT = [[
local str = tide.schema.string
local bool = tide.schema.boolean
local function ask(ctx, args)
  local options = {}
  if args.off then options.cache = false end
  local res, err = ctx.http:get("/thing/" .. args.id, options)
  if not res then return nil, err end
  return { n = res.json.n, cached = res.cached, stale = res.stale, age_ms = res.age_ms }
end
local function tool(policy)
  return {
    about = "Ask.", policy = policy, run = ask, annotations = { read_only = true },
    args = { id = str { default = "1" }, off = bool { optional = true } },
  }
end
return {
  name = "svc", title = "Service", about = "A service.",
  upstream = { base = "https://svc.example", policy = "plain" },
  tools = {
    ask = tool "kept", plain = tool "plain", everyones = tool "shared",
    told = tool "told", alone = tool "alone", trying = tool "trying", lasting = tool "lasting",
    change = {
      about = "Change.", args = { id = str { default = "1" } },
      run = function(ctx, args)
        local res, err = ctx.http:put("/thing/" .. args.id, { json = {} })
        if not res then return nil, err end
        return { status = res.status }
      end,
    },
  },
}]]

local POLICIES = [[
local plain = {
  deadline_ms = 30000, attempt = { timeout_ms = 5000, connect_ms = 1000 },
  retry = { attempts = 1 }, bulkhead = { concurrent = 64, queue = 64 },
}
local function with(cache) return tide.policy.extend(plain, { cache = cache }) end
return {
  plain = plain,
  kept = with { ttl_ms = 10000, stale_ms = 5000 },
  shared = with { ttl_ms = 10000, shared = 1 },
  told = with { on = 1 },
  alone = with { ttl_ms = 10000, coalesce = 0 },
  trying = tide.policy.extend(plain, {
    deadline_ms = 12000, retry = { attempts = 5, max_ms = 100 }, cache = { ttl_ms = 10000 },
  }),
  lasting = with { ttl_ms = 10000, stale_ms = 0, stale_if_error_ms = 60000 },
}]]

local ALL = "GET https://svc.example/thing/*"

local root, kit

setup(function()
  root = folder.new()
  folder.fill(root, { ["scripts/svc.lua"] = SCRIPT, ["policies/all.lua"] = POLICIES })
end)

teardown(function() folder.remove(root) end)

local function new(options)
  options = options or {}
  options.scripts, options.policies = root .. "/scripts", root .. "/policies"
  kit = testing.new(options)
  return kit
end

before_each(function() new() end)

after_each(function()
  assert.same({ true }, { kit:quiet() })
  kit:close()
end)

-- Answers that count, so that a spec sees which one it got.
local function counting(more)
  local n = 0
  return function()
    n = n + 1
    local answer = { json = { n = n } }
    for k, v in pairs(more or {}) do answer[k] = v end
    return answer
  end
end

local function as(principal) return { principal = principal } end

local function labels(call, kind)
  local found = {}
  for _, step in ipairs(call.trail) do
    if step.step == kind then found[#found + 1] = step.label end
  end
  return table.concat(found, " ")
end

describe("without a cache in its policy, a request", function()
  it("is sent each time, and the trail says nothing of caches", function()
    kit:upstream(ALL, counting())

    local first, second = kit:call "svc_plain", kit:call "svc_plain"

    assert.same({ 1, 2 }, { first.value.n, second.value.n })
    assert.equal("", labels(second, "cache") .. labels(second, "flight"))
    assert.equal(0, kit:cache().misses)
  end)
end)

describe("an answer that is kept", function()
  it("is served while it is fresh, and asks nobody", function()
    kit:upstream(ALL, counting())

    local first = kit:call "svc_ask"
    kit:advance(8000)
    local second = kit:call "svc_ask"

    assert.same({ n = 1, cached = false, stale = false, age_ms = 0 }, first.value)
    assert.same({ n = 1, cached = true, stale = false, age_ms = 8000 }, second.value)
    assert.same({ 1, 0 }, { first.attempts, second.attempts })
    assert.equal("miss", labels(first, "cache"))
    assert.equal("leads", labels(first, "flight"))
    assert.equal("kept", labels(first, "store"))
    assert.equal("fresh", labels(second, "cache"))
  end)

  it("is not served to another principal", function()
    kit:upstream(ALL, counting())

    local a, b = kit:call("svc_ask", {}, as "a"), kit:call("svc_ask", {}, as "b")

    assert.same({ 1, 2 }, { a.value.n, b.value.n })
    assert.equal(1, kit:call("svc_ask", {}, as "a").value.n)
  end)

  it("is served to all if the policy says so", function()
    kit:upstream(ALL, counting())

    kit:call("svc_everyones", {}, as "a")

    assert.equal(1, kit:call("svc_everyones", {}, as "b").value.n)
  end)

  it("is served to all if the service says that it is public", function()
    kit:upstream(ALL, counting { headers = { ["Cache-Control"] = "public, max-age=60" } })

    kit:call("svc_told", {}, as "a")

    assert.equal(1, kit:call("svc_told", {}, as "b").value.n)
  end)

  it("is asked for again when it is too old", function()
    kit:upstream(ALL, counting())
    kit:call "svc_ask"

    kit:advance(15001)

    assert.equal(2, kit:call("svc_ask").value.n)
  end)

  it("is left out where the script says cache = false", function()
    kit:upstream(ALL, counting())

    kit:call "svc_ask"

    assert.equal(2, kit:call("svc_ask", { off = true }).value.n)
  end)

  it("is forgotten when a write to it succeeds", function()
    kit:upstream(ALL, counting())
    kit:upstream("PUT *", { status = 204 })
    kit:call "svc_ask"
    kit:call("svc_ask", { id = "2" })

    kit:call("svc_change", { id = "1" })

    assert.equal(3, kit:call("svc_ask", { id = "1" }).value.n)
    assert.equal(2, kit:call("svc_ask", { id = "2" }).value.n)
  end)

  it("is forgotten when a write to it may have been done", function()
    kit:upstream(ALL, counting())
    kit:upstream("PUT *", { hang = true })
    kit:call "svc_ask"

    local change = kit:call "svc_change"

    assert.equal("possible", change.side_effect)
    assert.equal(2, kit:call("svc_ask").value.n)
  end)

  it("is kept when a write to it was certainly not done", function()
    kit:upstream(ALL, counting())
    kit:upstream("PUT *", { fail = "refused" })
    kit:call "svc_ask"

    kit:call "svc_change"

    assert.equal(1, kit:call("svc_ask").value.n)
  end)

  it("that is written to while it is fetched is not found afterwards", function()
    kit:upstream(ALL, counting { delay_ms = 100 })
    kit:upstream("PUT *", { status = 204 })
    local slow = kit:start "svc_ask"
    kit:advance(50)

    kit:call "svc_change"
    slow:wait()

    assert.equal(2, kit:call("svc_ask").value.n)
  end)
end)

describe("what is not kept", function()
  local function twice(tool, answer)
    kit:upstream(ALL, counting(answer))
    local first = kit:call(tool)
    kit:call(tool)
    return #kit:requests(), labels(first, "store")
  end

  it("is a failure", function()
    local asked = twice("svc_ask", { status = 500 })

    assert.equal(2, asked)
  end)

  it("is what the service says must not be", function()
    local asked, why = twice("svc_ask", { headers = { ["Cache-Control"] = "no-store" } })

    assert.same({ 2, "no_store" }, { asked, why })
  end)

  it("is what sets a cookie", function()
    local asked, why = twice("svc_ask", { headers = { ["Set-Cookie"] = "a=b" } })

    assert.same({ 2, "set_cookie" }, { asked, why })
  end)

  it("is an answer for which neither service nor policy names a time", function()
    local asked, why = twice("svc_told", {})

    assert.same({ 2, "no_lifetime" }, { asked, why })
  end)

  it("is one that is too large", function()
    kit:close()
    new { cache_bytes = 1 << 20 }
    local asked, why = twice("svc_ask", { json = { n = 1, text = ("x"):rep(17000) } })

    assert.same({ 2, "too_large" }, { asked, why })
  end)
end)

describe("a 404", function()
  it("is kept as a failure, briefly", function()
    kit:upstream(ALL, { status = 404, json = {} })

    local first = kit:call "svc_ask"
    local second = kit:call "svc_ask"
    kit:advance(10001)
    kit:call "svc_ask"

    assert.equal(2, #kit:requests())
    assert.same({ "not_found", 404 }, { second.error.code, second.error.status })
    assert.equal(first.error.message, second.error.message)
    assert.equal("negative", labels(second, "cache"))
  end)
end)

describe("what is stale", function()
  it("is served at once, and refreshed once behind it", function()
    kit:upstream(ALL, counting { delay_ms = 100 })
    kit:call "svc_ask"
    kit:advance(10500)

    local calls = {}
    for i = 1, 20 do calls[i] = kit:call "svc_ask" end

    for _, call in ipairs(calls) do assert.same({ 1, true, 0 }, { call.value.n, call.value.stale, call.ms }) end
    assert.equal("stale", labels(calls[1], "refresh"))
    assert.equal("", labels(calls[2], "refresh"))
    kit:advance(200)
    assert.equal(2, #kit:requests())
    assert.same({ 2, false }, { kit:call("svc_ask").value.n, kit:call("svc_ask").value.stale })
  end)

  it("is served and not refreshed while the worker has too much to do", function()
    kit:upstream(ALL, counting {})
    kit:call "svc_ask"
    kit:advance(10500)
    kit:late(true)

    for _ = 1, 3 do
      assert.same({ 1, true }, { kit:call("svc_ask").value.n, kit:call("svc_ask").value.stale })
      kit:advance(1000)
    end
    assert.equal(1, #kit:requests())
    kit:late(false)
    kit:call "svc_ask"
    kit:advance(10)
    assert.equal(2, #kit:requests())
  end)

  it("is served on while the refresh fails, which is tried once a second", function()
    kit:upstream(ALL, { json = { n = 1 } }, { status = 503 })
    kit:call "svc_ask"
    kit:advance(10500)

    for _ = 1, 30 do
      assert.equal(1, kit:call("svc_ask").value.n)
      kit:advance(100)
    end

    assert.equal(1 + 3, #kit:requests())
  end)

  it("is joined by who comes when it has ended and its refresh still runs", function()
    kit:upstream(ALL, { json = { n = 1 } }, { json = { n = 2 }, delay_ms = 3000 })
    kit:call "svc_ask"
    kit:advance(13900)
    kit:call "svc_ask"
    kit:advance(1200)

    local call = kit:call "svc_ask"

    assert.same({ 2, "joined" }, { call.value.n, labels(call, "flight") })
    assert.equal(2, #kit:requests())
  end)
end)

describe("a popular answer", function()
  it("is refreshed before it is too old, and nobody waits for that", function()
    kit:upstream(ALL, counting { delay_ms = 400 })
    local waited = 0
    kit:call "svc_ask"

    for _ = 1, 600 do
      waited = waited + kit:call("svc_ask").ms
      kit:advance(100)
    end

    assert.equal(0, waited)
    assert.is_true(#kit:requests() >= 6 and #kit:requests() <= 12, #kit:requests())
    kit:advance(1000)
  end)
end)

describe("the last resort", function()
  before_each(function()
    kit:upstream(ALL, { json = { n = 1 } }, { status = 503 })
    kit:call "svc_lasting"
  end)

  it("is served when the service fails, and says that it is old", function()
    kit:advance(20000)

    local call = kit:call "svc_lasting"

    assert.same({ n = 1, cached = true, stale = true, age_ms = 20000 }, call.value)
    assert.equal("too_old last_resort", labels(call, "cache"))
    assert.equal(1, call.attempts)
  end)

  it("is served though the breaker is open, without asking", function()
    kit:advance(11000)
    for _ = 1, 30 do kit:call "svc_lasting" end
    local asked = #kit:requests()

    local call = kit:call "svc_lasting"

    assert.same({ 1, 0 }, { call.value.n, call.attempts })
    assert.equal(asked, #kit:requests())
  end)

  it("is served in time when the service hangs until the deadline", function()
    kit:clear()
    kit:upstream(ALL, { hang = true })
    kit:advance(11000)

    local call = kit:call("svc_lasting", {}, { deadline_ms = 1000 })

    assert.same({ true, 1 }, { call.ok, call.value.n })
    assert.is_true(call.ms < 1000)
    kit:advance(0) -- the flight hears that nobody waits
  end)

  it("ends", function()
    kit:advance(70001)

    assert.equal("upstream_error", kit:call("svc_lasting").error.code)
  end)

  it("is no answer to a service that says no", function()
    kit:clear()
    kit:upstream(ALL, { status = 403, json = {} })
    kit:advance(11000)

    assert.equal("forbidden", kit:call("svc_lasting").error.code)
  end)
end)

describe("callers who want the same at the same time", function()
  local function crowd(n, tool)
    local calls = {}
    for i = 1, n do calls[i] = kit:start(tool or "svc_ask") end
    return calls
  end

  local function all_got(calls, from)
    for i = from or 1, #calls do
      local call = calls[i]
      if not (call.done and call.ok and call.value.n == 1) then return i, tostring(call) end
    end
    return "all"
  end

  for _, k in ipairs { 1, 100, 10000 } do
    it(("share one request: %d"):format(k), function()
      kit:upstream(ALL, counting { delay_ms = 50 })

      local calls = crowd(k)
      kit:advance(100)

      assert.equal("all", (all_got(calls)))
      assert.equal(1, #kit:requests())
    end)
  end

  it("share it also when the first of them leaves", function()
    kit:upstream(ALL, counting { delay_ms = 50 })
    local calls = crowd(100)
    kit:advance(10)

    calls[1]:cancel()
    kit:advance(100)

    assert.equal("all", (all_got(calls, 2)))
    assert.equal(1, #kit:requests())
  end)

  it("give it up when the last of them leaves", function()
    kit:upstream(ALL, { hang = true })
    local calls = crowd(10)
    kit:advance(10)

    for _, call in ipairs(calls) do call:cancel() end
    kit:advance(0)

    assert.same({ true }, { kit:quiet() })
    assert.equal(1, kit:cache().abandoned)
  end)

  it("share its error as it is, and it is not kept", function()
    kit:upstream(ALL, { status = 500, json = { message = "broken" }, delay_ms = 50 }, { json = { n = 2 } })
    local calls = crowd(5)
    kit:advance(100)

    for _, call in ipairs(calls) do
      assert.same({ "upstream_error", "Service answered 500: broken" }, { call.error.code, call.error.message })
    end
    assert.equal(2, kit:call("svc_ask").value.n)
  end)

  it("are not kept back by one who has less time", function()
    kit:upstream(ALL, { json = { n = 1 }, delay_ms = 3000 })
    local hasty = kit:start("svc_ask", {}, { deadline_ms = 100 })
    local patient = kit:start "svc_ask"

    kit:advance(4000)

    assert.same({ "timeout", 1 }, { hasty.error.code, patient.value.n })
    assert.equal(1, #kit:requests())
  end)

  it("begin again if what they joined ends for lack of time", function()
    kit:upstream(ALL, { hang = true }, { hang = true }, { hang = true }, { json = { n = 1 }, delay_ms = 200 })
    local early = kit:start "svc_trying"
    kit:advance(11000)

    local late = kit:call "svc_trying"
    kit:advance(100)

    assert.same({ "timeout", 1 }, { early.error.code, late.value.n })
    assert.equal("joined joined", labels(late, "flight"))
  end)

  it("ask each for themselves if the policy says so", function()
    kit:upstream(ALL, counting { delay_ms = 50 })

    crowd(5, "svc_alone")
    kit:advance(100)

    assert.equal(5, #kit:requests())
    assert.is_true(kit:call("svc_alone").value.cached)
  end)

  it("do not share it with other principals", function()
    kit:upstream(ALL, counting { delay_ms = 50 })
    local a, b = kit:start("svc_ask", {}, as "a"), kit:start("svc_ask", {}, as "b")

    kit:advance(100)

    assert.same({ 1, 2 }, { a.value.n, b.value.n })
  end)

  it("are told in the trail what the one request did", function()
    kit:upstream(ALL, { status = 200, json = { n = 1 }, delay_ms = 50 })
    local calls = crowd(2)
    kit:advance(100)

    for i, how in ipairs { "leads", "joined" } do
      assert.equal(how, labels(calls[i], "flight"))
      assert.equal("ok", labels(calls[i], "answer"))
    end
    assert.same({ 1, 0 }, { calls[1].attempts, calls[2].attempts })
  end)

  it("are shown as waiting, in words, where another asks for them", function()
    kit:upstream(ALL, { json = { n = 1 }, delay_ms = 300 })
    kit:start "svc_ask"
    kit:advance(100)

    local text = kit:call("svc_ask"):timeline()

    assert.matches("200.0 ms |................... | flight    another call asks for the same", text, 1, true)
    assert.matches("store +%d+ bytes kept, fresh for", text)
    assert.matches("0 attempts, 0 us on the wire, 200.0 ms waiting", text, 1, true)
  end)
end)
