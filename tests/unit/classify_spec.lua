--- upstream.classify: what an integration's own function says that an answer
--- means. Through the kit, in virtual time.

local engine = require "engine"

local TOOLS = [[
local seen = {}
handlers.get = { args = tide.schema.raw { type = "object" }, annotations = { read_only = true },
  run = function(ctx, args) return ctx.http:get(args.path or "/", args.options) end }
function handlers.post(ctx) return ctx.http:post "/orders" end
function handlers.seen() return seen end
function handlers.late() return pcall(function() return seen.res.status end) end
local function classify(res, outcome)
  local say = res.headers["x-say"]
  if say == "see" then
    seen = { status = res.status, type = res.headers["content-type"], json = res.json, body = res.body,
      ms = res.ms, outcome = outcome }
    seen.all = {}
    for name in pairs(res.headers) do seen.all[#seen.all + 1] = name end
  elseif say == "keep" then seen = { res = res }
  elseif say == "raise" then error "private"
  elseif say == "throw" then error(tide.error("not_found", "no"))
  elseif say == "loop" then while true do end
  elseif say == "eat" then local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end
  elseif say == "recurse" then return classify(res, outcome) .. ""
  elseif say == "catch" then while true do pcall(function() while true do end end) end
  elseif say == "wait" then tide.time.sleep(1)
  elseif say == "all" then tide.all {}
  elseif say == "number" then return 42
  elseif say == "table" then return {}
  elseif say == "true" then return true
  elseif say == "json" then return res.json.word
  elseif say then return say
  end
end
]]

local REPEATS = 'retry = { attempts = 3, base_ms = 10, max_ms = 50, budget = 100000 },'

local kit

local function open(options)
  options = options or {}
  kit = engine {
    tools = (options.tools or TOOLS), policy = options.policy or REPEATS,
    fields = ('upstream = { base = "https://demo.example", policy = "demo", classify = %s%s },')
      :format(options.classify or "classify", options.more or ""),
  }
end

local function say(word, status, more)
  local behaviour = { status = status or 200, headers = { ["X-Say"] = word }, json = {} }
  for name, value in pairs(more or {}) do behaviour[name] = value end
  kit:clear()
  kit:upstream("* *", behaviour)
end

local function outcomes(call)
  local found = {}
  for _, step in ipairs(call.trail) do
    if step.step == "answer" then found[#found + 1] = step.label end
  end
  return found
end

local function said(call)
  local found = {}
  for _, step in ipairs(call.trail) do
    if step.step == "classify" then found[#found + 1] = { step.label, step.code, step.failures } end
  end
  return found
end

before_each(function() open() end)

after_each(function()
  assert(kit:quiet())
  kit:close()
end)

describe("upstream.classify", function()
  it("sees the answer and what its status says", function()
    say("see", 503, { json = { a = 1 }, delay_ms = 250 })

    kit:call("demo_get", { options = { attempts = 1 } })

    assert.same({ status = 503, type = "application/json", json = { a = 1 }, body = '{"a":1}', ms = 250,
      outcome = "server_error", all = { "content-type", "x-say" } }, (function()
        local seen = kit:call("demo_seen").value
        table.sort(seen.all)
        return seen
      end)())
  end)

  it("is not asked when nothing was answered", function()
    kit:upstream("* *", { fail = "reset" })

    assert.same({ "reset", "reset", "reset" }, outcomes(kit:call "demo_get"))
  end)

  it("may say nothing", function()
    kit:upstream("* *", { status = 404, json = {} })

    local call = kit:call "demo_get"

    assert.same({ "not_found", 1 }, { call.error.code, call.attempts })
    assert.same({}, said(call))
  end)

  it("makes an answer what it is: for the error, the retry and the trail", function()
    local cases = {
      { "throttled", 200, code = "rate_limited", attempts = 3 },
      { "throttled", 400, code = "rate_limited", attempts = 3 },
      { "server_error", 200, code = "upstream_error", attempts = 3 },
      { "overload", 200, code = "upstream_error", attempts = 3, outcome = "server_error" },
      { "app_error", 200, code = "invalid_argument", attempts = 1 },
      { "app_error", 500, code = "invalid_argument", attempts = 1 },
      { "bad_payload", 200, code = "bad_response", attempts = 1 },
      { "not_implemented", 500, code = "upstream_error", attempts = 1 },
      { "ok", 404, attempts = 1 },
      { "ok", 500, attempts = 1 },
    }
    for _, case in ipairs(cases) do
      local word, status = table.unpack(case)
      say(word, status)
      local call = kit:call("demo_get", {}, { deadline_ms = 60000 })
      assert.equal(case.attempts, call.attempts, word .. status)
      assert.equal(case.code, call.error and call.error.code, word .. status)
      assert.equal(case.outcome or word, outcomes(call)[1], word .. status)
      assert.matches("^" .. (case.outcome or word) .. ", not ", said(call)[1][1])
    end
  end)

  it("can look into the body", function()
    say("json", 200, { json = { word = "throttled" } })

    assert.equal("rate_limited", kit:call("demo_get").error.code)
  end)

  it("wins over upstream.errors, which reads the status alone", function()
    kit:close()
    open { more = ', errors = { [400] = "not_found" }' }
    say("throttled", 400)
    assert.equal("rate_limited", kit:call("demo_get").error.code)
    say(nil, 400)
    assert.equal("not_found", kit:call("demo_get").error.code)
  end)

  it("opens the breaker for failures that pass for answers, and keeps it closed for those that are none", function()
    local policy = "breaker = { consecutive = 3, open_ms = 5000 },"
    kit:close()
    open { policy = policy }
    say("overload", 200)
    for _ = 1, 3 do kit:call "demo_get" end
    assert.matches("failed too often", kit:call("demo_get").error.message)
    kit:close()
    open { policy = policy }
    say("app_error", 500)
    for _ = 1, 20 do kit:call "demo_get" end
    assert.equal(20, #kit:requests())
  end)

  it("keeps failures that pass for answers out of the cache", function()
    kit:close()
    open { policy = "cache = { ttl_ms = 60000 }," }
    kit:upstream("* *", { json = { n = 1 }, headers = { ["X-Say"] = "server_error" } }, { json = { n = 2 } })

    kit:call "demo_get"
    kit:call "demo_get"
    kit:call "demo_get"

    assert.equal(2, #kit:requests())
  end)

  it("is asked once for all who share an exchange, whoever of them leaves", function()
    kit:close()
    open { policy = "cache = { ttl_ms = 60000 }," }
    say("app_error", 200, { delay_ms = 100 })
    local first, second = kit:start "demo_get", kit:start "demo_get"
    kit:advance(50)

    first:cancel()
    second:wait()

    assert.same({ 1, "invalid_argument" }, { #kit:requests(), second.error.code })
    assert.same({ "app_error, not ok", "ok", 0 }, said(second)[1])
  end)

  it("never makes an unsafe request be repeated", function()
    for _, word in ipairs { "throttled", "server_error", "overload" } do
      say(word, 200)
      assert.equal(1, kit:call("demo_post").attempts, word)
    end
  end)

  it("cannot say what only the wire can", function()
    for _, word in ipairs { "conn_fail", "refused", "stale_reuse", "timeout", "reset_mid", "cancelled", "deadline",
        "local_reject", "tls_trust" } do
      say(word, 500)
      local call = kit:call "demo_post"
      assert.equal(1, call.attempts, word)
      assert.equal("it said nonsense", said(call)[1][1])
    end
  end)

  it("keeps no answer", function()
    say "keep"
    kit:call "demo_get"

    assert.equal(false, kit:call("demo_late").value)
  end)
end)

describe("a classify that fails", function()
  local function failing(word, label, code)
    say(word, 500)
    local call = kit:call "demo_get"
    assert.same({ "upstream_error", 3 }, { call.error.code, call.attempts }, word)
    assert.same({ "server_error", "server_error", "server_error" }, outcomes(call))
    local steps = said(call)
    assert.same({ label, code }, { steps[1][1], steps[1][2] }, word)
    return steps
  end

  it("leaves what the status says, whatever it does", function()
    for _, word in ipairs { "raise", "throw", "wait", "all" } do failing(word, "it raised", "script_failed") end
    for _, word in ipairs { "loop", "catch", "eat", "recurse" } do failing(word, "it took too long", "script_limit") end
    for _, word in ipairs { "number", "table", "true", "Throttled", "", "throttled " } do
      failing(word, "it said nonsense", "script_failed")
    end
  end)

  it("is counted, and told once a minute", function()
    local first = failing("raise", "it raised", "script_failed")
    assert.same({ 1, 2, 3 }, { first[1][3], first[2][3], first[3][3] })
    local log = kit:log()
    assert.matches("upstream.classify failed integration=demo times=1, what the status says stands: "
      .. "demo.lua:%d+: private", log)
    assert.equal(1, select(2, log:gsub("classify failed", "")))

    kit:advance(61000)
    failing("number", "it said nonsense", "script_failed")

    log = kit:log()
    assert.matches("times=4, .*it said 'number', which is no outcome", log)
  end)

  it("leaves the engine as it was", function()
    for _, word in ipairs { "eat", "recurse", "loop", "see" } do
      say(word, 200)
      kit:call "demo_get"
    end
    local before = kit:memory()
    for _ = 1, 20 do
      for _, word in ipairs { "eat", "recurse", "loop", "see" } do
        say(word, 200)
        kit:call "demo_get"
      end
    end

    assert.is_true(kit:memory() < before + 64 * 1024)
  end)

  it("costs no more than it may", function()
    say "loop"
    local before = os.clock()
    for _ = 1, 10 do kit:call "demo_get" end

    assert.is_true(os.clock() - before < 2)
  end)
end)

describe("the loader", function()
  local function fault(classify)
    local ok, message = pcall(open, { classify = classify })
    if ok then return kit:log() end
    return message
  end

  it("refuses what is none, or never answers well", function()
    assert.matches("upstream.classify: expected a function, got a string", fault '"throttled"', 1, true)
    assert.matches("upstream.classify: asked about a 200 it failed: it said 'weird', which is no outcome",
      fault 'function() return "weird" end', 1, true)
    assert.matches("upstream.classify: asked about a 429 it failed: it said 'number', which is no outcome",
      fault "function(res) if res.status == 429 then return 7 end end", 1, true)
    assert.matches("upstream.classify: asked about a 200 it failed: .*too many instructions",
      fault "function() while true do end end")
  end)

  it("warns of what raises for some answers", function()
    kit:close()
    assert.matches("upstream.classify: asked about a 204 it failed: bad_response: the service's answer is not JSON",
      fault "function(res) if res.json.error then return 'app_error' end end", 1, true)
    kit:close()
    assert.matches("asked about a 200 it failed: demo.lua:%d+: tide.time.sleep waits, and nothing can wait",
      fault "function() tide.time.sleep(1) end")
  end)
end)
