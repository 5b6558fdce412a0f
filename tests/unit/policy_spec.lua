-- luacheck: ignore 631 (tables of cases read best in long lines)
local T = require "T"
local folder = require "folder"

local root

before_each(function()
  root = folder.new()
  folder.fill(root, { ["scripts/.keep"] = "" })
end)

after_each(function() folder.remove(root) end)

-- The policies of these files; or nil and the faults.
local function load(files)
  for name, text in pairs(files) do folder.fill(root, { ["policies/" .. name] = text }) end
  local generation, faults = T.generation.load(root .. "/scripts", root .. "/policies")
  faults = faults:gsub("warning: there are no scripts in [^\n]*\n", "")
  if not generation then return nil, faults end
  local policies = generation:policies()
  generation:free()
  return policies, faults
end

-- What is said of policies/p.lua that returns this.
local function faults_of(text)
  local policies, faults = load { ["p.lua"] = "return " .. text }
  assert.is_nil(policies)
  return (faults:gsub("\n$", ""))
end

local fields = T.generation.policy_fields()

-- What a setting may be, as a fault says it.
local function range(field)
  if field.min == 0 and field.max == 1 then return "1 (on) or 0 (off)" end
  return ("a whole number from %d to %d"):format(field.min, field.max)
end

describe("the list of settings", function()
  it("has defaults within its bounds, and a meaning", function()
    for path, field in pairs(fields) do
      assert.is_true(field.min <= field.value and field.value <= field.max, path)
      assert.is_true(#field.meaning > 5, path)
    end
  end)
end)

describe("a policy", function()
  it("has the engine's defaults where it says nothing", function()
    local policies = load { ["p.lua"] = "return { quick = { deadline_ms = 5, attempt = { connect_ms = 7.0 } } }" }

    for path, field in pairs(fields) do
      local said = { deadline_ms = 5, ["attempt.connect_ms"] = 7 }
      assert.equal(said[path] or field.value, policies.quick[path])
      assert.equal(field.value, policies.default[path])
    end
  end)

  it("may be called default", function()
    assert.equal(9, load({ ["p.lua"] = "return { default = { deadline_ms = 9 } }" }).default.deadline_ms)
  end)

  it("takes every setting at both ends of its range and nothing beyond", function()
    for path, field in pairs(fields) do
      local group, name = path:match "^(.-)%.?([^.]*)$"
      local function with(value)
        local inner = ("%s = %s"):format(name, value)
        return ("{ p = { %s } }"):format(group == "" and inner or ("%s = { %s }"):format(group, inner))
      end
      for _, value in ipairs { field.min, field.max } do
        assert.equal(value, load({ ["p.lua"] = "return " .. with(value) }).p[path])
      end
      for _, value in ipairs { field.min - 1, field.max + 1 } do
        assert.equal(("policies/p.lua: p.%s: must be %s (got %d)"):format(path, range(field), value),
          faults_of(with(value)))
      end
    end
  end)

  -- What is written, and what the fault says that it got.
  local NONSENSE = {
    { "%d - 1", "BELOW" }, { "%d - 0.5", "HALF" }, { "-1e300", "-1e+300" }, { "1e300", "1e+300" },
    { "-1/0", "-inf" }, { "1/0", "inf" }, { "0/0", "nan" }, { "-(0/0)", "nan" },
    { "2^63", "9.22337203685478e+18" }, { "math.mininteger", "-9.22337203685478e+18" },
    { "math.maxinteger", "9.22337203685478e+18" }, { "0x7fffffffffffffff", "9.22337203685478e+18" },
    { "1e-300", "1e-300" }, { "'5'", "a string" }, { "'ten'", "a string" }, { "''", "a string" },
    { "true", "true" }, { "false", "false" }, { "{}", "a table" }, { "{ 5 }", "a table" },
    { "function() return 5 end", "a function" },
  }

  for path, field in pairs(fields) do
    it("refuses nonsense for " .. path .. ", and says where and what would do", function()
      local group, name = path:match "^(.-)%.?([^.]*)$"
      local names, expected = {}, {}
      for i, case in ipairs(NONSENSE) do
        local inner = ("%s = %s"):format(name, case[1]:gsub("%%d", tostring(field.min)))
        names[i] = ("p%d = { %s }"):format(i, group == "" and inner
          or ("%s = { %s }"):format(group, inner))
        local got = ({ BELOW = tostring(field.min - 1), HALF = tostring(field.min - 0.5) })[case[2]]
          or case[2]
        local number = not got:find "^a " and got ~= "true" and got ~= "false"
        expected[i] = ("policies/p.lua: p%d.%s: %s %s%s"):format(i, path,
          number and "must be" or "expected", range(field),
          number and (" (got %s)"):format(got) or ", got " .. got)
      end
      table.sort(expected)

      local text = "local math = { mininteger = -2^63, maxinteger = 2^63 - 1 }\n"
        .. "return { " .. table.concat(names, ",\n") .. " }"
      local policies, faults = load { ["p.lua"] = text }

      assert.is_nil(policies)
      local said = {}
      for line in faults:gmatch "[^\n]+" do said[#said + 1] = line end
      table.sort(said)
      assert.same(expected, said)
    end)
  end

  it("is refused with path and reason", function()
    for text, fault in pairs {
      ["5"] = "must return a table of policies, got an integer",
      ["{ p = 5 }"] = "p: expected a table, got an integer",
      ["{ { } }"] = "expected names only, got the number 1",
      ["{ P = {} }"] = "P: a policy's name is words of a-z, 0-9 and _ with dots between",
      ["{ ['a.'] = {} }"] = 'a["a."]',
      ["{ p = { deadline_sm = 5 } }"] = "p.deadline_sm: unknown key (did you mean deadline_ms?)",
      ["{ p = { atempt = {} } }"] = "p.atempt: unknown key (did you mean attempt?)",
      ["{ p = { attempt = 5 } }"] = "p.attempt: expected a table, got an integer",
      ["{ p = { attempt = { timeout = 5 } } }"] = "p.attempt.timeout: unknown key (did you mean timeout_ms?)",
      ["{ p = { attempt = { conect_ms = 5 } } }"] = "p.attempt.conect_ms: unknown key (did you mean connect_ms?)",
      ["{ p = { ['attempt.timeout_ms'] = 5 } }"] = 'p["attempt.timeout_ms"]: unknown key',
      ["{ p = { deadline_ms = '5' } }"] = "p.deadline_ms: expected a whole number from 1 to 3600000, got a string",
      ["{ p = { deadline_ms = function() end } }"] = "p.deadline_ms: expected a whole number from 1 to 3600000, got a function",
      ["{ p = { deadline_ms = {} } }"] = "p.deadline_ms: expected a whole number from 1 to 3600000, got a table",
      ["{ p = { deadline_ms = -5 } }"] = "p.deadline_ms: must be a whole number from 1 to 3600000 (got -5)",
      ["{ p = { deadline_ms = 1.5 } }"] = "p.deadline_ms: must be a whole number from 1 to 3600000 (got 1.5)",
      ["{ p = { deadline_ms = 0/0 } }"] = "p.deadline_ms: must be a whole number from 1 to 3600000 (got nan)",
      ["{ p = { deadline_ms = 1/0 } }"] = "p.deadline_ms: must be a whole number from 1 to 3600000 (got inf)",
      ["{ p = { deadline_ms = 2^63 } }"] = "p.deadline_ms: must be a whole number from 1 to 3600000 (got 9.22337203685478e+18)",
    } do
      local expected = fault:find "^a%[" and '["a."]: a policy\'s name is words of a-z, 0-9 and _ with dots between' or fault
      assert.equal("policies/p.lua: " .. expected, faults_of(text))
    end
  end)

  it("stands in one file", function()
    local policies, faults = load { ["a.lua"] = "return { p = {} }", ["b.lua"] = "return { p = {} }" }

    assert.is_nil(policies)
    assert.equal("policies/b.lua: p: is defined in policies/a.lua already\n", faults)
  end)

  -- the table of the policy -> what is said about it
  local CONTRADICTIONS = {
    ["deadline_ms = 5, attempt = { timeout_ms = 10 }"] =
      "attempt.timeout_ms (10) is above deadline_ms (5), which always ends it first",
    ["attempt = { timeout_ms = 10, connect_ms = 11 }"] =
      "attempt.connect_ms (11) is above attempt.timeout_ms (10), which always ends it first",
    ["attempt = { timeout_ms = 10, first_byte_ms = 11 }"] =
      "attempt.first_byte_ms (11) is above attempt.timeout_ms (10), which always ends it first",
    ["attempt = { timeout_ms = 10 }, breaker = { slow_ms = 11 }"] =
      "breaker.slow_ms (11) is above attempt.timeout_ms (10), so no answer can ever be that slow",
    ["deadline_ms = 5, limiter = { max_wait_ms = 6 }"] =
      "limiter.max_wait_ms (6) is above deadline_ms (5), which always ends the wait first",
    ["deadline_ms = 5, bulkhead = { max_wait_ms = 6 }"] =
      "bulkhead.max_wait_ms (6) is above deadline_ms (5), which always ends the wait first",
    ["retry = { base_ms = 3, max_ms = 2 }"] =
      "retry.base_ms (3) is above retry.max_ms (2), which caps it",
    ["breaker = { open_ms = 300, max_open_ms = 200 }"] =
      "breaker.open_ms (300) is above breaker.max_open_ms (200), which caps it",
    ["deadline_ms = 12000, attempt = { timeout_ms = 10000 }, retry = { attempts = 3 }"] =
      "retry.attempts (3) cannot fit: after one attempt of 10000 ms the deadline_ms of 12000 leaves"
      .. " 2000 ms for the next; lower attempt.timeout_ms to 4000 or raise deadline_ms to 30000",
    ["limiter = { limit = 1, period_ms = 10000, burst = 2 }, breaker = { consecutive = 0 }"] =
      "the breaker can never open: the limiter lets at most 2 + 1 x 10000 ms / 10000 ms = 3 attempts"
      .. " into breaker.window_ms, below breaker.min_calls (20), and breaker.consecutive is 0",
    ["deadline_ms = 2000, bulkhead = { max_wait_ms = 600 }"] =
      "bulkhead.max_wait_ms (600) is never waited for so long: an attempt waits for a place at most a"
      .. " quarter of what is left, 2000 ms / 4 = 500 ms; lower it to that or raise deadline_ms to 2400",
    ["deadline_ms = 2000, limiter = { limit = 9, max_wait_ms = 1001 }"] =
      "limiter.max_wait_ms (1001) is never waited for so long: an attempt waits for its turn at most"
      .. " half of what is left, 2000 ms / 2 = 1000 ms; lower it to that or raise deadline_ms to 2002",
    ["limiter = { limit = 3, period_ms = 10000, max_wait_ms = 3333 }"] =
      "limiter.max_wait_ms (3333): nobody waits so short, for behind the burst the next turn is in"
      .. " 10000 ms / 3 = 3333.33 ms; raise it to that or set it to 0",
    ["breaker = { probes = 4 }, bulkhead = { concurrent = 3 }"] =
      "breaker.probes (4) is above bulkhead.concurrent (3), which is the most there can be at a time",
    ["hedge = { extra = 2 }, retry = { attempts = 2 }"] =
      "hedge.extra (2) cannot fit: retry.attempts (2) counts all tries, which leaves 1 beside the"
      .. " first; raise retry.attempts to 3 or lower hedge.extra",
    ["hedge = { extra = 1, delay_ms = 10000 }"] =
      "hedge.delay_ms (10000) is not below attempt.timeout_ms (10000), so the first try has always"
      .. " ended before another one is sent",
    ["hedge = { extra = 1, delay_ms = 501 }, deadline_ms = 1000"] =
      "hedge.delay_ms: nothing hedges with less than twice the delay left, 2 x 501 ms = 1002 ms,"
      .. " and deadline_ms is 1000",
    ["adaptive = { initial = 9 }, bulkhead = { concurrent = 8 }"] =
      "adaptive.initial (9) is above bulkhead.concurrent (8), which is the most it can be",
    ["adaptive = { initial = 5, least = 9 }, bulkhead = { concurrent = 8 }"] =
      "adaptive.least (9) is above bulkhead.concurrent (8), which is the most there can be of them\n"
      .. "policies/p.lua: p: adaptive.least (9) is above adaptive.initial (5): it would begin with"
      .. " fewer places than it may ever have",
    ["chaos = { percent = 1, status = 200 }"] =
      "chaos.status (200) is no failure; it must be 400 to 599, or 0 for a refused connection",
    ["cache = { ttl_ms = 300, max_ttl_ms = 200 }"] =
      "cache.ttl_ms (300) is above cache.max_ttl_ms (200), which caps it",
    ["cache = { on = 1, negative_ms = 300, max_ttl_ms = 200 }"] =
      "cache.negative_ms (300) is above cache.max_ttl_ms (200), which caps it",
    ["cache = { ttl_ms = 900, stale_ms = 500, stale_if_error_ms = 500 }"] =
      "cache.stale_if_error_ms (500) is not above cache.stale_ms (500): until then an answer is"
      .. " served in any case, so it is never a last resort; raise the one or lower the other",
    ["bulkhead = { queue = 0, max_wait_ms = 5 }"] =
      "bulkhead.queue (0) and bulkhead.max_wait_ms (5): one of them is 0, so nothing ever waits;"
      .. " set both or none",
  }
  for settings, said in pairs(CONTRADICTIONS) do
    it("is refused when it contradicts itself: " .. settings, function()
      local policies, faults = load { ["p.lua"] = ("return { p = { %s } }"):format(settings) }

      assert.is_nil(policies)
      assert.equal(("policies/p.lua: p: %s\n"):format(said), faults)
    end)
  end

  it("is only warned when failures in a row may open the breaker, and no share", function()
    local policies, faults = load { ["p.lua"] = [[return { p = {
      limiter = { limit = 1 }, breaker = { min_calls = 12 },
    } }]] }

    assert.is_table(policies)
    assert.equal("policies/p.lua: warning: p: no share of failures or slow answers can open the"
      .. " breaker: the limiter lets at most 1 + 1 x 10000 ms / 1000 ms = 11 attempts into"
      .. " breaker.window_ms, below breaker.min_calls (12)\n", faults)
  end)

  it("is only warned when the last of all retries may be cut short", function()
    local policies, faults = load { ["p.lua"] = [[return { p = {
      deadline_ms = 25, attempt = { timeout_ms = 10 }, retry = { attempts = 3 },
    } }]] }

    assert.truthy(policies)
    assert.matches("warning: p: retry.attempts: 3 attempts of 10 ms are 30 ms, above", faults, 1, true)
  end)

  it("is only warned when it says how to keep answers, and not that they are kept", function()
    local policies, faults = load { ["p.lua"] = "return { p = { cache = { shared = 1 } } }" }

    assert.truthy(policies)
    assert.matches("warning: p: cache.shared (1) has no effect: nothing turns the cache on", faults, 1, true)
  end)

  it("is only warned when it is stale for longer than it was fresh", function()
    local policies, faults = load { ["p.lua"] = "return { p = { cache = { ttl_ms = 5, stale_ms = 6 } } }" }

    assert.truthy(policies)
    assert.matches("warning: p: cache.stale_ms (6) is above cache.ttl_ms (5)", faults, 1, true)
  end)

  it("is not judged by defaults that it does not mention", function()
    local policies, faults = load { ["p.lua"] = [[return {
      p = { deadline_ms = 5 }, q = { attempt = { timeout_ms = 40000 } },
      r = { bulkhead = { queue = 0 } }, s = { retry = { attempts = 10 } },
    }]] }

    assert.truthy(policies)
    assert.equal("", faults)
  end)
end)

describe("a file of policies", function()
  it("extends, without changing what it extends", function()
    local policies = load { ["p.lua"] = [[
      local base = { deadline_ms = 50, attempt = { timeout_ms = 10, connect_ms = 2 } }
      return {
        more = tide.policy.extend(base, { attempt = { connect_ms = 3, first_byte_ms = 4 }, response = { max_bytes = 2000 } }),
        base = base,
      } ]] }

    local more, base = policies.more, policies.base
    assert.same({ 50, 10, 3, 4, 2000 }, { more.deadline_ms, more["attempt.timeout_ms"], more["attempt.connect_ms"],
      more["attempt.first_byte_ms"], more["response.max_bytes"] })
    assert.same({ 2, 0, fields["response.max_bytes"].value },
      { base["attempt.connect_ms"], base["attempt.first_byte_ms"], base["response.max_bytes"] })
  end)

  it("sees nothing else", function()
    for _, name in ipairs { "os", "string", "pairs", "setmetatable", "pcall", "require", "math", "error" } do
      assert.truthy(faults_of(name .. ".x"):find("line 1: undefined global '" .. name .. "'", 1, true), name)
    end
    assert.equal("policies/p.lua: line 1: tide has no 'env'; it has policy", faults_of "tide.env 'x'")
  end)

  it("cannot run without end", function()
    assert.equal("policies/p.lua: line 1: it ran too many instructions without waiting", faults_of "(function() while true do end end)()")
    local nested = faults_of "(function() local t = {} t.t = t return tide.policy.extend(t, t) end)()"
    assert.equal("policies/p.lua: line 1: tables are nested too deeply", nested)
  end)
end)

describe("the policies that come with the engine", function()
  it("are good, and each says when to use it", function()
    local generation, faults = T.generation.load("scripts", "policies")

    assert.equal("", faults)
    local policies = generation:policies()
    for _, name in ipairs { "default", "fragile", "rest", "rest.write" } do assert.truthy(policies[name], name) end
    generation:free()
  end)
end)
