-- luacheck: ignore 631 (tables of cases read best in long lines)
--- `tidegate check --prove`: every setting has a scenario; each figure is what was
--- measured; a setting that something else makes pointless is seen to be so.

local T = require "T"
local cjson = require "cjson"

local folder = require "folder"

local TOOLS = {
  shop_guess = [[guess = { annotations = { read_only = true }, fallback = run, %s },]],
  shop_list = [[list = { annotations = { read_only = true }, %s },]],
  shop_order = [[order = { %s },]],
  shop_put = [[put = { annotations = { idempotent = true }, %s },]],
}

local SCRIPT = [[local function run() error "the prover never runs a script's own handler" end
return { name = "shop", upstream = { base = "https://shop.example", policy = %q },
  tools = { %s },
}]]

-- With that tool, or with all.
local function script(outer, tool)
  local tools = {}
  for name, text in pairs(TOOLS) do
    local wanted = not tool or tool == name
    tools[#tools + 1] = wanted and text:format 'about = "?", policy = "p", run = run' or nil
  end
  return SCRIPT:format(outer or "p", table.concat(tools, " "))
end

local root

setup(function()
  root = folder.new()
  folder.fill(root, { ["scripts/shop.lua"] = "", ["policies/p.lua"] = "" })
end)

teardown(function() folder.remove(root) end)

local function write(path, text)
  local file <close> = assert(io.open(root .. path, "wb"))
  file:write(text)
end

-- The text that `check --prove` prints, or its JSON.
local function prove(settings, options)
  options.others = options.others or ""
  write("/scripts/shop.lua", script(options.outer, options.tool))
  write("/policies/p.lua", ("return { p = { %s }, %s }"):format(settings, options.others))
  local text, faults = T.prove.run(root .. "/scripts", root .. "/policies", options)
  assert(text, faults)
  return options.json and cjson.decode(text) or text
end

-- The proof of one setting for one tool.
local function proof(settings, setting, tool, options)
  options = options or {}
  options.setting, options.tool, options.json = setting, tool or "shop_list", true
  local found = prove(settings, options).groups[1].settings
  assert.equal(1, #found)
  return found[1]
end

describe("the scenarios", function()
  it("are one for each setting that a policy has, and for what it does beside", function()
    local has = {}
    for _, row in ipairs(T.prove.rows()) do
      assert.is_nil(has[row], row .. " twice")
      has[row] = true
    end

    for path in pairs(T.generation.policy_fields()) do
      assert.is_true(has[path], path .. " has no scenario in core/app/prove_*.c")
      has[path] = nil
    end
    assert.same({ ["Retry-After"] = true, fallback = true }, has)
  end)
end)

-- setting; policy; tool; what is measured
local FIRES = {
  { "deadline_ms", "deadline_ms = 12000", "shop_list", "^fires at 12%.000 s" },
  { "deadline_ms", "attempt = { timeout_ms = 3000 }", "shop_list", "^fires at 30%.000 s .*; one request that hangs gives up at 9%.%d%d%d s$" },
  { "deadline_ms", "", "shop_guess", "^fires at 30%.000 s .*20 ms are kept for the fallback" },
  { "attempt.timeout_ms", "attempt = { timeout_ms = 4321 }", "shop_list", "^fires at 4%.321 s$" },
  { "attempt.timeout_ms", "attempt = { timeout_ms = 4321, first_byte_ms = 100 }", "shop_order", "^fires at 4%.321 s$" },
  { "attempt.connect_ms", "attempt = { connect_ms = 777 }", "shop_order", "^fires at 777%.0 ms$" },
  { "attempt.first_byte_ms", "attempt = { first_byte_ms = 2500 }", "shop_list", "^fires at 2%.500 s$" },
  { "attempt.learned", "attempt = { learned = 1 }", "shop_list", "an attempt has 1%.000 s, not 10%.000 s$" },
  { "response.max_bytes", "response = { max_bytes = 268435456 }", "shop_list", "one byte more is refused as too_large" },
  { "retry.attempts", "retry = { attempts = 5 }", "shop_list", "^fires: 5 attempts; 3 if it hangs: the deadline is 30 s$" },
  { "retry.attempts", "retry = { attempts = 2 }", "shop_order", "^fires: 2 attempts$" },
  { "retry.attempts", "retry = { attempts = 1 }", "shop_list", "one attempt and no more" },
  { "retry.attempts", "breaker = { consecutive = 2 }", "shop_list", "^fires: 3 attempts while other calls succeed" },
  { "retry.base_ms", "retry = { base_ms = 300 }", "shop_list", "^fires: 200 random waits, from %d%.%d ms to 29%d%.%d ms$" },
  { "retry.base_ms", "retry = { base_ms = 300 }", "shop_order", "^fires: 200 random waits" },
  { "retry.base_ms", "retry = { base_ms = 300 }, hedge = { extra = 1 }", "shop_list", "^fires: 200 random waits" },
  { "retry.throttled_base_ms", "retry = { throttled_base_ms = 400 }", "shop_list", "to 39%d%.%d ms$" },
  { "retry.throttled_base_ms", "retry = { throttled_base_ms = 400 }", "shop_order", "to 39%d%.%d ms$" },
  { "retry.max_ms", "retry = { base_ms = 100, max_ms = 150, throttled_base_ms = 120 }", "shop_list", "^fires: the longest wait is 1[45]%d%.%d ms; without it, %d" },
  { "retry.budget", "retry = { budget = 20 }", "shop_list", "^fires: pays for 28 retries" },
  { "retry.budget", "retry = { budget = 20 }", "shop_order", "^fires: pays for 28 retries" },
  { "retry.budget", "retry = { budget = 20 }, breaker = { fail_percent = 3 }", "shop_list", "^fires: pays for 5%d retries" },
  { "retry.budget_percent", "retry = { budget_percent = 30 }", "shop_list", "^fires: 100 successes pay for 4%d retries" },
  { "hedge.extra", "hedge = { extra = 2 }", "shop_list", "^fires: 3 tries at a time" },
  { "hedge.delay_ms", "hedge = { extra = 1, delay_ms = 250 }", "shop_list", "^fires: the second try goes out at 250%.0 ms$" },
  { "hedge.delay_ms", "hedge = { extra = 1 }", "shop_list", "at 2%.000 s; after 200 answers of 100 ms, at 1%d%d%.%d ms$" },
  { "breaker.window_ms", "breaker = { window_ms = 20000 }", "shop_list", "^fires: failures count for 18%.000 s, not for 20%.000 s$" },
  { "breaker.window_ms", "limiter = { limit = 5 }", "shop_list", "^fires: failures count for [89]%.%d+ s, not for 1?[09]%.%d+ s$" },
  { "breaker.min_calls", "breaker = { min_calls = 33 }", "shop_order", "at the 33th request, not before$" },
  { "breaker.min_calls", "breaker = { min_calls = 5 }", "shop_list", "at the 5th request, not before$" },
  { "breaker.fail_percent", "breaker = { fail_percent = 20 }", "shop_list", "^fires: opens when 20 of 100 fail, not when 19 do$" },
  { "breaker.fail_percent", "breaker = { fail_percent = 100, consecutive = 0 }", "shop_list", "^fires: opens when 100 of 100 fail, not when 99 do$" },
  { "breaker.slow_percent", "breaker = { slow_percent = 30, min_calls = 10 }", "shop_list", "^fires: opens when 3 of 10 are slow, not when 2 are$" },
  { "breaker.slow_ms", "breaker = { slow_ms = 700 }", "shop_list", "^fires: answers that take 700%.0 ms open it, 699%.0 ms do not$" },
  { "breaker.slow_ms", "attempt = { timeout_ms = 5000 }", "shop_order", "^fires: answers that take 4%.000 s open it, 3%.999 s do not$" },
  { "breaker.consecutive", "breaker = { consecutive = 13 }", "shop_list", "^fires: opens after 13 failures$" },
  { "breaker.consecutive", "breaker = { consecutive = 40 }", "shop_list", "^fires: opens after 40 failures among successes; without those after 20" },
  { "breaker.open_ms", "breaker = { open_ms = 10000 }", "shop_list", "^fires: lets a probe through after 1?[0-28-9]%.%d%d%d s$" },
  { "breaker.max_open_ms", "breaker = { open_ms = 1000, max_open_ms = 5000 }", "shop_list", "and at most [45]%.%d%d%d s$" },
  { "breaker.probes", "breaker = { probes = 5 }", "shop_order", "^fires: 5 at a time" },
  { "breaker.successes", "breaker = { successes = 7 }", "shop_list", "^fires: 7 good probes close it$" },
  { "limiter.limit", "limiter = { limit = 7 }", "shop_list", "^fires: behind the burst 7 take 1%.000 s$" },
  { "limiter.period_ms", "limiter = { limit = 7, period_ms = 60000, max_wait_ms = 10000 }", "shop_list", "^fires: 7 of 7 take 60%.000 s$" },
  { "limiter.burst", "limiter = { limit = 7, burst = 3 }", "shop_list", "^fires: 3 at once" },
  { "limiter.burst", "limiter = { limit = 90 }", "shop_list", "^fires: 90 at once" },
  { "limiter.max_wait_ms", "limiter = { limit = 10, max_wait_ms = 350 }", "shop_list", "^fires: 3 wait, the last 300 ms; another would wait 400 ms" },
  { "limiter.max_wait_ms", "limiter = { limit = 10, max_wait_ms = 0 }", "shop_list", "^fires: nobody waits$" },
  { "bulkhead.concurrent", "bulkhead = { concurrent = 9 }", "shop_order", "^fires: 9 on the wire" },
  { "bulkhead.concurrent", "bulkhead = { concurrent = 30 }, adaptive = { initial = 20 }", "shop_list", "^fires: 30 on the wire" },
  { "bulkhead.queue", "bulkhead = { queue = 11 }", "shop_list", "^fires: 11 wait, the next is refused" },
  { "bulkhead.queue", "bulkhead = { queue = 0, max_wait_ms = 0 }", "shop_list", "nobody waits" },
  { "bulkhead.max_wait_ms", "bulkhead = { max_wait_ms = 450 }", "shop_list", "^fires: waits 450%.0 ms" },
  { "adaptive.initial", "adaptive = { initial = 12 }", "shop_list", "^fires: begins with 12 places$" },
  { "adaptive.least", "adaptive = { initial = 12, least = 7 }", "shop_list", "keeps 7$" },
  { "cache.on", "cache = { on = 1 }", "shop_list", "^fires: the service is not asked again$" },
  { "cache.ttl_ms", "cache = { ttl_ms = 45000 }", "shop_list", "^fires: an answer that says nothing is fresh for 4[0-5]%.%d+ s " },
  { "cache.max_ttl_ms", "cache = { on = 1, max_ttl_ms = 90000 }", "shop_list", "^fires: what is good for years is fresh for 8%d%.%d+ s " },
  { "cache.stale_ms", "cache = { on = 1, stale_ms = 7000 }", "shop_list", "served while a refresh hangs for 7 s more$" },
  { "cache.stale_if_error_ms", "cache = { on = 1, stale_if_error_ms = 700000 }", "shop_list", "served if the service fails for 700 s more$" },
  { "cache.stale_if_error_ms", "cache = { on = 1, stale_if_error_ms = 700000 }", "shop_guess", "served if the service fails for 700 s more$" },
  { "cache.negative_ms", "cache = { on = 1, negative_ms = 9000 }", "shop_list", "^fires: a 404 is kept for 8%.%d+ s " },
  { "cache.shared", "cache = { on = 1, shared = 1 }", "shop_list", "^fires: one principal's answer serves another$" },
  { "cache.coalesce", "cache = { on = 1, coalesce = 1 }", "shop_list", "^fires: 10 calls at once are one request$" },
  { "chaos.percent", "chaos = { percent = 10 }", "shop_list", "^fires: [345]%d of 400 fail on purpose$" },
  { "chaos.status", "chaos = { percent = 10, status = 502 }", "shop_order", "^fires: answered 502$" },
  { "chaos.status", "chaos = { percent = 10, status = 0 }", "shop_order", "^fires: refused" },
  { "chaos.delay_percent", "chaos = { delay_percent = 20 }", "shop_list", "^fires: %d%d of 400 wait on purpose$" },
  { "chaos.delay_ms", "chaos = { delay_percent = 20, delay_ms = 500 }", "shop_list", "longest wait is 4%d%d%.%d ms$" },
  { "task.deadline_ms", "task = { deadline_ms = 90000 }", "shop_list", "^fires at 90%.000 s" },
  { "Retry-After", "", "shop_order", "goes out at 2%.000 s$" },
  { "fallback", "", "shop_guess", "^fires: %d+%.%d ms after .*, 29%.9%d%d s if it hangs$" },
}

describe("a setting is proven:", function()
  for _, case in ipairs(FIRES) do
    local setting, settings, tool, words = table.unpack(case)
    it(("%s by %s with { %s }"):format(setting, tool, settings), function()
      local found = proof(settings, setting, tool)

      assert.equal("fires", found.verdict, found.measured)
      assert.matches(words, found.measured)
    end)
  end
end)

-- The same, made pointless by another setting; what is said, and whether the
-- setting is stated, and so a fault.
local NEVER = {
  { "attempt.timeout_ms", "deadline_ms = 4000", "ends at 3%.980 s, with the deadline$" },
  { "attempt.connect_ms", "deadline_ms = 2000", "ends at 1%.980 s, with the deadline$" },
  { "attempt.first_byte_ms", "deadline_ms = 2000, attempt = { first_byte_ms = 5000 }", "ends at 1%.980 s", true },
  { "attempt.learned", "attempt = { learned = 1, timeout_ms = 900 }", "has 900%.0 ms all the same", true },
  { "retry.attempts", "retry = { attempts = 3, budget = 1 }, breaker = { consecutive = 1 }", "1 attempt: the breaker opens first", true },
  { "retry.attempts", "retry = { attempts = 3, budget = 0 }", "1 attempt: retry.budget is 0", true },
  { "retry.attempts", "retry = { attempts = 9, base_ms = 60000 }, deadline_ms = 100", "attempts?: the deadline is 100 ms", true },
  { "retry.base_ms", "retry = { base_ms = 60000 }, deadline_ms = 12000", "the longest is 1[01]%.%d+ s", true },
  { "retry.throttled_base_ms", "retry = { throttled_base_ms = 60000 }, deadline_ms = 12000", "the longest is 1[01]%.%d+ s", true },
  { "retry.max_ms", "retry = { max_ms = 5000 }", "in 3 attempts no wait is longer than 1%.9%d%d s", true },
  { "retry.budget_percent", "retry = { budget_percent = 9 }, breaker = { consecutive = 1 }", "successes pay for no retry", true, "shop_order" },
  { "retry.budget", "retry = { budget = 9 }, breaker = { consecutive = 1 }", "after 0 retries", true, "shop_order" },
  { "hedge.extra", "hedge = { extra = 1, delay_ms = 9000 }, attempt = { first_byte_ms = 1000 }", "1 at a time", true },
  { "hedge.delay_ms", "hedge = { extra = 1, delay_ms = 9000 }, attempt = { first_byte_ms = 1000 }", "no second try", true },
  { "breaker.window_ms", "breaker = { window_ms = 5000, consecutive = 1 }", "1 in a row open it before", true },
  { "breaker.min_calls", "breaker = { min_calls = 12, consecutive = 1 }", "1 in a row open it before", true },
  { "breaker.min_calls", "limiter = { limit = 1 }", "the limiter lets 1 in 1 s pass" },
  { "breaker.fail_percent", "breaker = { fail_percent = 95 }", "8 in a row open it before", true },
  { "breaker.slow_percent", "breaker = { slow_percent = 50 }, bulkhead = { concurrent = 2 }", "with 2 at a time, fewer than breaker.min_calls %(20%) answers of 8%.000 s end within 10 s", true },
  { "breaker.slow_ms", "breaker = { slow_ms = 9000 }, bulkhead = { concurrent = 2 }", "answers of 9%.000 s", true },
  { "breaker.consecutive", "breaker = { consecutive = 9000, min_calls = 2, fail_percent = 1 }", "2 failures open it by their share", true },
  { "breaker.open_ms", "breaker = { open_ms = 900 }, deadline_ms = 10", "no number of failures opens it", true },
  { "breaker.max_open_ms", "breaker = { max_open_ms = 9000 }, deadline_ms = 10", "no number of failures opens it", true },
  { "breaker.probes", "bulkhead = { concurrent = 2 }", "2 at a time" },
  { "breaker.successes", "breaker = { successes = 2 }, deadline_ms = 10", "no number of failures opens it", true },
  { "limiter.max_wait_ms", "limiter = { limit = 1, period_ms = 10000 }", "the next turn is in 10 s" },
  { "limiter.max_wait_ms", "limiter = { limit = 10, max_wait_ms = 16000 }", "15 s at most, half of what is left", true },
  { "bulkhead.concurrent", "bulkhead = { concurrent = 30 }, limiter = { limit = 1 }", "on the wire: the limiter lets 1 in 1 s pass", true },
  { "bulkhead.queue", "bulkhead = { queue = 30, max_wait_ms = 100 }, limiter = { limit = 9, burst = 1 }", "never reached", true },
  { "cache.on", "cache = { on = 1 }", "only answers to reads are kept", true, "shop_order" },
  { "cache.ttl_ms", "cache = { ttl_ms = 4000000 }", "fresh for 3%d%d%d%.%d+ s", true },
  { "cache.max_ttl_ms", "cache = { max_ttl_ms = 60000 }", "neither cache.on nor cache.ttl_ms", true },
  { "cache.stale_ms", "cache = { on = 1, max_ttl_ms = 20000, stale_ms = 90000 }", "for 20 s more$", true },
  { "cache.stale_if_error_ms", "cache = { on = 1, stale_if_error_ms = 20000 }", "for 60 s more$", true },
  { "cache.negative_ms", "cache = { on = 1, negative_ms = 9000 }", "only answers to reads are kept", true, "shop_order" },
  { "cache.shared", "cache = { shared = 1 }", "neither cache.on", true },
  { "cache.coalesce", "cache = { coalesce = 0 }", "neither cache.on", true },
  { "chaos.status", "chaos = { status = 502 }", "its percent is 0", true },
  { "chaos.delay_ms", "chaos = { delay_ms = 502 }", "its percent is 0", true },
  { "bulkhead.max_wait_ms", "bulkhead = { max_wait_ms = 8000 }", "gives up after 7%.500 s, at a quarter", true },
}

describe("a setting that never fires is seen:", function()
  for _, case in ipairs(NEVER) do
    local setting, settings, words, stated, tool = table.unpack(case, 1, 5)
    it(("%s with { %s }"):format(setting, settings), function()
      local found = proof(settings, setting, tool)

      assert.equal("never", found.verdict, found.measured)
      assert.matches(words, found.measured)
      assert.same({ stated or false, stated or false }, { found.stated, found.fault })
    end)
  end

  it("a bulkhead that is the integration's to say", function()
    local options = { outer = "q", others = "q = { bulkhead = { concurrent = 5 } }" }

    local found = proof("bulkhead = { concurrent = 9 }", "bulkhead.concurrent", nil, options)

    assert.same({ "never", "never reached: 5 on the wire, by the policy q of the integration,"
      .. " whose tools share the service" }, { found.verdict, found.measured })
  end)

  it("places that are the integration's to learn", function()
    local options = { outer = "q", others = "q = {}" }

    local found = proof("adaptive = { initial = 9 }", "adaptive.initial", nil, options)

    assert.matches("the integration's policy q decides", found.measured, 1, true)
  end)
end)

describe("what is off", function()
  for setting, settings in pairs {
    ["attempt.first_byte_ms"] = "attempt = { first_byte_ms = 0 }",
    ["attempt.learned"] = "attempt = { learned = 0 }",
    ["retry.budget_percent"] = "retry = { budget_percent = 0 }",
    ["retry.base_ms"] = "retry = { attempts = 1, base_ms = 70 }",
    ["retry.max_ms"] = "retry = { attempts = 1, max_ms = 70000 }",
    ["retry.budget"] = "retry = { attempts = 1, budget = 7 }",
    ["hedge.extra"] = "hedge = { extra = 0 }",
    ["breaker.consecutive"] = "breaker = { consecutive = 0 }",
    ["limiter.limit"] = "limiter = { limit = 0 }",
    ["adaptive.initial"] = "adaptive = { initial = 0 }",
    ["cache.coalesce"] = "cache = { on = 1, coalesce = 0 }",
    ["cache.shared"] = "cache = { on = 1, shared = 0 }",
  } do
    it("is no fault: " .. setting, function()
      assert.equal("off", proof(settings, setting).verdict)
    end)
  end

  it("and what is too large to be tried is neither", function()
    for setting, settings in pairs {
      ["limiter.burst"] = "limiter = { limit = 1000000 }",
      ["bulkhead.concurrent"] = "bulkhead = { concurrent = 100000 }",
      ["retry.budget"] = "retry = { budget = 1000000 }",
      ["breaker.min_calls"] = "breaker = { min_calls = 10000 }",
    } do
      assert.equal("untried", proof(settings, setting).verdict, setting)
    end
  end)
end)

describe("the whole", function()
  it("has a fault only in what fires for no tool with that policy", function()
    local told = prove("cache = { on = 1 }", { json = true, setting = "cache.on" })

    local seen = {}
    for i, group in ipairs(told.groups) do
      seen[i] = group.tools[1] .. " " .. group.settings[1].verdict
      assert.is_false(group.settings[1].fault)
    end
    assert.same({ "shop_guess fires", "shop_list fires", "shop_order never", "shop_put never" }, seen)
    assert.equal(0, told.never)
  end)

  it("proves tools that have the same in common once", function()
    local told = prove("", { json = true, setting = "deadline_ms" })

    local tools = {}
    for i, group in ipairs(told.groups) do tools[i] = table.concat(group.tools, " ") end
    assert.same({ "shop_guess", "shop_list", "shop_order", "shop_put" }, tools)
    assert.same({ "GET", "GET", "POST", "POST" }, { told.groups[1].method, told.groups[2].method,
      told.groups[3].method, told.groups[4].method })
  end)

  it("is the same for the same seed, and other chance for another", function()
    local settings = "limiter = { limit = 20 }, hedge = { extra = 1 }"

    local first = prove(settings, {})

    assert.equal(first, prove(settings, {}))
    assert.not_equal(first, prove(settings, { seed = 2 }))
  end)

  it("repeats writes where the service knows them by a key", function()
    local text = script(nil, "shop_order"):gsub("policy = \"p\" }",
      'policy = "p", idempotency = { header = "Idempotency-Key" } }', 1)
    write("/scripts/shop.lua", text)
    write("/policies/p.lua", "return { p = {} }")

    local out = T.prove.run(root .. "/scripts", root .. "/policies", { setting = "retry.attempts" })

    assert.matches("^shop_order\n  policy p, writes with a key: POST\n", out)
    assert.matches("fires: 3 attempts\n", out)
  end)

  it("names the policies that nothing has, and counts resources among the reads", function()
    write("/policies/p.lua", "return { p = {}, q = {}, r = {} }")
    write("/scripts/shop.lua", [[return { name = "shop", upstream = { base = "https://shop.example" },
      resources = { live = { uri = "shop://live", about = "?", policy = "p",
        read = function() end } } }]])
    local function run(json)
      return (T.prove.run(root .. "/scripts", root .. "/policies", { json = json, setting = "deadline_ms" }))
    end

    assert.matches("^shop_live\n  policy p, reads: GET; the integration's is default\n", run(false))
    assert.matches("\nnot run, for nothing has them: q, r, default\n", run(false))
    assert.same({ "q", "r", "default" }, cjson.decode(run(true)).unused)
  end)

  it("ends, however long the times are that it lets go by", function()
    local settings = "cache = { on = 1, max_ttl_ms = 604800000 }, hedge = { extra = 1 },"
      .. " task = { deadline_ms = 86400000 }, chaos = { percent = 9 }"

    local told = prove(settings, { json = true })

    assert.is_true(told.virtual_s > 1e7, told.virtual_s)
    for _, group in ipairs(told.groups) do
      for _, found in ipairs(group.settings) do
        local chaos = found.setting == "chaos.percent" or found.setting == "chaos.status"
        assert.is_true(not chaos or found.verdict == "fires", found.setting)
      end
    end
  end)

  it("says nothing wrong when memory runs out, wherever that is", function()
    local options = { tool = "shop_list", setting = "bulkhead.queue" }
    for n = 0, 60 do
      options.fails = n

      local ok, text = pcall(prove, "", options)

      assert.is_true(not ok or text == "" or text:find("fires: 64 wait", 1, true) ~= nil, text)
    end
  end)

  it("ends with what it found", function()
    local text = prove("retry = { max_ms = 15000 }", { tool = "shop_list" })

    assert.matches("\n!! retry.max_ms +15 s  never reached: in 3 attempts", text)
    assert.matches("\n   deadline_ms +%(30 s%)  fires at 30.000 s", text)
    assert.matches("\n%d+ settings fire, in %d+ %a+ of virtual time; %(values%) are defaults\n", text)
    assert.matches("\n1 setting %(!!%) can never fire: change it, or say nothing\n$", text)
    for line in text:gmatch "[^\n]+" do assert.is_true(#line <= 100, line) end
  end)
end)
