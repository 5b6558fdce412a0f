--- The option `cache` of a request, and credentials beside what is kept.

local testing = require "tidegate.testing"
local folder = require "folder"

-- A tool per way of asking; `how` are its options, as Lua.
local SCRIPT = [[
local str = tide.schema.string
local function tool(method, policy, how)
  return {
    about = "Ask.", policy = policy, args = { id = str { default = "1" }, lang = str { optional = true } },
    run = function(ctx, args)
      local options = how(args)
      options.headers = { ["Accept-Language"] = args.lang }
      local res, err = ctx.http:request(method, "/thing/" .. args.id, options)
      if not res then return nil, err end
      return { n = res.json.n, cached = res.cached, stale = res.stale, age_ms = res.age_ms }
    end,
  }
end
local function cache(more)
  return function() return { cache = more } end
end
return {
  name = "svc", title = "Service", about = "A service.",
  upstream = { base = "https://svc.example", policy = "plain", $UPSTREAM },
  $AUTH
  tools = {
    plain = tool("GET", "plain", function() return {} end),
    ttl = tool("GET", "plain", cache { ttl_ms = 5000 }),
    shared = tool("GET", "plain", cache { ttl_ms = 5000, shared = true }),
    named = tool("GET", "plain", cache { ttl_ms = 5000, key = "the one" }),
    brief = tool("GET", "kept", cache { ttl_ms = 100, stale_ms = 0 }),
    lasting = tool("GET", "plain", cache { ttl_ms = 1000, stale_ms = 0, stale_if_error_ms = 60000 }),
    stale = tool("GET", "plain", cache { ttl_ms = 1000, stale_ms = 1000 }),
    search = tool("POST", "plain", function(args)
      return { json = { q = args.id }, cache = { ttl_ms = 5000, safe = true } }
    end),
    post = tool("POST", "plain", cache { ttl_ms = 5000 }),
    put = tool("PUT", "plain", cache { ttl_ms = 5000, safe = true }),
    wrong = tool("GET", "plain", cache { ttl = 5 }),
    odd = tool("GET", "plain", function() return { cache = true } end),
    hasty = tool("GET", "kept", function() return { deadline_ms = 200 } end),
    kept = tool("GET", "kept", function() return {} end),
    backed = {
      about = "Ask.", policy = "plain", fallback = { n = 0 },
      run = function(ctx)
        local res = assert(ctx.http:get("/thing/1", { cache = { ttl_ms = 1000, stale_if_error_ms = 60000 } }))
        return { n = res.json.n }
      end,
    },
    faulty = tool("GET", "faulty", function() return {} end),
    told = tool("GET", "told", function() return {} end),
    also_told = tool("GET", "also_told", function() return {} end),
    forget = {
      about = "Forget.", args = { what = str() },
      run = function(ctx, args) return { n = ctx.cache:invalidate(args.what) } end,
    },
  },
}]]

local POLICIES = [[
local plain = { deadline_ms = 10000, attempt = { timeout_ms = 4000 }, retry = { attempts = 1 } }
return {
  plain = plain,
  kept = tide.policy.extend(plain, { cache = { ttl_ms = 60000 } }),
  told = tide.policy.extend(plain, { cache = { on = 1, stale_ms = 5000 } }),
  also_told = tide.policy.extend(plain, { cache = { on = 1, stale_ms = 5000 } }),
  faulty = tide.policy.extend(plain, { cache = { ttl_ms = 60000 }, chaos = { percent = 100, status = 404 } }),
}]]

-- An auth function that logs in by a request of its own.
local LOGIN = [[auth = function(ctx, request)
  local res, err = ctx.http:get("/login")
  if not res then $FAIL end
  request.headers.Authorization = "Bearer " .. res.json.token .. ctx.principal
end,]]

local ALL = "* https://svc.example/thing/*"

local roots, kit = {}, nil

local function new(auth, options)
  auth, options = auth or "", options or {}
  local upstream = options.upstream or ""
  local root = roots[auth .. upstream] or folder.new()
  roots[auth .. upstream] = root
  local parts = { AUTH = auth, UPSTREAM = upstream }
  folder.fill(root, { ["scripts/svc.lua"] = SCRIPT:gsub("%$(%u+)", parts), ["policies/p.lua"] = POLICIES })
  if kit then kit:close() end
  kit = testing.new {
    scripts = root .. "/scripts", policies = root .. "/policies", chaos_ms = options.chaos_ms,
  }
end

teardown(function()
  for _, root in pairs(roots) do folder.remove(root) end
end)

before_each(function() new() end)

after_each(function()
  kit:advance(0)
  assert.same({ true }, { kit:quiet() })
  kit:close()
  kit = nil
end)

local function counting(more)
  local n = 0
  return function()
    n = n + 1
    local answer = { json = { n = n } }
    for k, v in pairs(more or {}) do answer[k] = v end
    return answer
  end
end

local function asked(path)
  local n = 0
  for _, request in ipairs(kit:requests()) do n = n + (request.path:find(path, 1, true) and 1 or 0) end
  return n
end

describe("a request that says cache", function()
  before_each(function() kit:upstream(ALL, counting()) end)

  local function twice(tool, first, second, principal)
    kit:call(tool, first)
    local call = kit:call(tool, second or first, { principal = principal })
    assert(call.ok, tostring(call))
    return call.value.cached
  end

  it("is kept though its policy keeps nothing", function()
    assert.is_false(twice "svc_plain")
    assert.is_true(twice "svc_ttl")
  end)

  it("is found again by its path, its query and its headers", function()
    assert.is_false(twice("svc_ttl", { id = "1" }, { id = "2" }))
    assert.is_false(twice("svc_ttl", { id = "3", lang = "no" }, { id = "3", lang = "en" }))
    assert.is_true(twice("svc_ttl", { id = "4", lang = "no" }))
  end)

  it("is found again by its key alone, if it has one", function()
    assert.is_true(twice("svc_named", { id = "1" }, { id = "2", lang = "en" }))
  end)

  it("is another principal's only if it says shared", function()
    assert.is_false(twice("svc_ttl", {}, {}, "other"))
    assert.is_true(twice("svc_shared", {}, {}, "other"))
  end)

  it("says for how long, whatever the policy says", function()
    kit:call "svc_brief"
    kit:advance(101)

    assert.is_false(kit:call("svc_brief").value.cached)
  end)

  it("may be a POST that is safe, and is found again by its body", function()
    assert.is_true(twice("svc_search", { id = "1" }))
    assert.is_false(twice("svc_search", { id = "1" }, { id = "2" }))
  end)

  it("may be repeated if it is a POST that is safe", function()
    kit:call("svc_search", { id = "9" })

    assert.is_true(kit:requests()[1].replayable)
  end)

  for tool, why in pairs {
    svc_post = "cache: the answer to a POST is not kept, unless safe = true says that it changes nothing",
    svc_put = "cache: the answer to a PUT is not kept",
    svc_wrong = "cache: unknown field 'ttl' (there are ttl_ms, stale_ms,",
    svc_odd = "cache: false, or a table such as { ttl_ms = 30000 }",
  } do
    it("is refused where that cannot be meant: " .. tool, function()
      local call = kit:call(tool)

      assert.equal("script_failed", call.error.code)
      assert(kit:log():find(why, 1, true), kit:log())
      assert.equal(0, #kit:requests())
    end)
  end
end)

describe("a request with less time than its flight", function()
  it("is over in time, and the others get the answer", function()
    kit:upstream(ALL, counting { delay_ms = 500 })
    local patient, hasty = kit:start "svc_kept", kit:start "svc_hasty"

    kit:advance(1000)

    assert.same({ "timeout", 200 }, { hasty.error.code, hasty.ms })
    assert.same({ true, 500, 1 }, { patient.ok, patient.ms, #kit:requests() })
  end)
end)

describe("requests under other policies", function()
  it("do not share a flight, since one may be more patient than the other", function()
    kit:upstream(ALL, counting { delay_ms = 100 })

    kit:start "svc_told"
    kit:start "svc_also_told"
    kit:advance(200)

    assert.equal(2, #kit:requests())
  end)
end)

describe("an answer that says for whom it is", function()
  local PUBLIC = { ["Cache-Control"] = "public, max-age=10" }
  local PRIVATE = { ["Cache-Control"] = "private, max-age=10" }

  local function of(principal)
    return kit:call("svc_told", {}, { principal = principal }).value.n
  end

  it("is refreshed once for all if it is public", function()
    kit:upstream(ALL, counting { headers = PUBLIC })
    of "ann"
    kit:advance(10500)

    local stale = { of "bob", of "ann", of "eve" }
    kit:advance(0)

    assert.same({ 1, 1, 1 }, stale)
    assert.same({ 2, 2, 2 }, { of "bob", #kit:requests(), of "ann" })
  end)

  it("takes the place of one's own when it has become public", function()
    kit:upstream(ALL, { json = { n = 1 }, headers = PRIVATE }, { json = { n = 2 }, headers = PUBLIC })
    of "ann"
    kit:advance(10500)
    of "ann"
    kit:advance(0)

    assert.same({ 2, 2 }, { of "ann", of "bob" })
    assert.equal(2, #kit:requests())
  end)

  it("is nobody else's when it has become private", function()
    kit:upstream(ALL, { json = { n = 1 }, headers = PUBLIC }, { json = { n = 2 }, headers = PRIVATE },
      { json = { n = 3 }, headers = PRIVATE })
    of "ann"
    kit:advance(10500)
    of "ann"
    kit:advance(0)

    assert.same({ 2, 3 }, { of "ann", of "bob" })
  end)
end)

describe("what is invalidated while it is fetched", function()
  it("is not kept, but given to those who asked", function()
    kit:upstream(ALL, counting { delay_ms = 100 })
    local call = kit:start "svc_kept"
    kit:advance(50)
    kit:call("svc_forget", { what = "GET /thing/*" })

    call:wait()

    assert.equal(1, call.value.n)
    assert.equal(0, kit:cache().entries)
    assert.matches("store .* invalidated", call:explain())
  end)

  it("is kept the next time", function()
    kit:upstream(ALL, counting())
    kit:call("svc_forget", { what = "GET /thing/*" })
    kit:call "svc_kept"

    assert.is_true(kit:call("svc_kept").value.cached)
  end)
end)

describe("an integration that classifies", function()
  local function classified(outcome)
    new(nil, { upstream = ("classify = function(res) if res.json.odd then return %q end end"):format(outcome) })
  end

  local function twice(answer)
    kit:upstream(ALL, answer)
    local call = kit:call "svc_kept"
    kit:call "svc_kept"
    return #kit:requests(), call
  end

  it("has nothing kept that it takes for something else than its status says", function()
    for outcome, status in pairs { ok = 404, app_error = 200, server_error = 200 } do
      classified(outcome)

      assert.equal(2, (twice { status = status, json = { odd = true, n = 1 } }), outcome)
    end
  end)

  it("has kept what it says nothing of", function()
    classified "server_error"

    assert.equal(1, (twice { json = { n = 1 } }))
  end)

  it("shares one request, and is asked once what the answer means", function()
    classified "server_error"
    kit:upstream(ALL, { json = { odd = true }, delay_ms = 100 })

    local calls = { kit:start "svc_kept", kit:start "svc_kept" }
    kit:advance(200)

    assert.equal(1, #kit:requests())
    for _, call in ipairs(calls) do assert.equal("upstream_error", call.error.code) end
  end)
end)

describe("an answer of last resort", function()
  it("comes before the fallback, also when the service hangs", function()
    kit:upstream(ALL, { json = { n = 1 } }, { hang = true })
    kit:call "svc_backed"
    kit:advance(10000)

    local call = kit:call("svc_backed", {}, { deadline_ms = 1000 })

    assert.same({ 1, "cache" }, { call.value.n, call.source })
  end)

  it("is too old if its time ends while the service is asked", function()
    kit:upstream(ALL, { json = { n = 1 } }, { hang = true })
    kit:call "svc_lasting"
    kit:advance(59000)

    assert.equal("timeout", kit:call("svc_lasting").error.code)
  end)

  it("marks the result as degraded, and says how old it is", function()
    kit:upstream(ALL, { json = { n = 1 } }, { fail = "refused" })
    kit:call "svc_lasting"
    kit:advance(30000)

    local call = kit:call "svc_lasting"

    assert.same({ true, "cache", 30000 }, { call.degraded, call.source, call.age_ms })
    assert.same({ n = 1, cached = true, stale = true, age_ms = 30000 }, call.value)
  end)

  it("is not needed for what is fresh or merely stale", function()
    kit:upstream(ALL, counting())
    kit:call "svc_stale"
    kit:advance(1500)

    local call = kit:call "svc_stale"

    assert.same({ false, true }, { call.degraded, call.value.stale })
    kit:advance(0)
  end)
end)

describe("a fault that is made up", function()
  it("is not kept", function()
    new(nil, { chaos_ms = 60000 })
    kit:upstream(ALL, counting())
    kit:call "svc_faulty"

    assert.equal(0, kit:cache().entries)
  end)
end)

for how, fail in pairs { ["returns its error"] = "return nil, err", ["raises it"] = "error(err)" } do
  describe("an auth function that " .. how, function()
    local function login(...)
      new((LOGIN:gsub("%$FAIL", fail)))
      kit:upstream("GET https://svc.example/login", ...)
    end

    it("is not asked for what is kept", function()
      login { json = { token = "t" } }
      kit:upstream(ALL, counting())

      for _ = 1, 3 do kit:call "svc_ttl" end

      assert.same({ 1, 1 }, { asked "/login", asked "/thing" })
    end)

    it("is asked once for a refresh, whose answer is served next", function()
      login { json = { token = "t" } }
      kit:upstream(ALL, counting())
      kit:call "svc_stale"
      kit:advance(1500)

      local stale = kit:call "svc_stale"
      kit:advance(10)

      assert.same({ 1, 2 }, { stale.value.n, asked "/login" })
      assert.same({ 2, true }, { kit:call("svc_stale").value.n, kit:call("svc_stale").value.cached })
    end)

    it("does not keep what is stale from being served when it fails", function()
      login({ json = { token = "t" } }, { status = 503 })
      kit:upstream(ALL, counting())
      kit:call "svc_stale"
      kit:advance(1500)

      assert.same({ true, 1 }, { kit:call("svc_stale").ok, asked "/thing" })
    end)

    it("is asked again for a refresh when it has failed", function()
      login({ json = { token = "t" } }, { status = 503 }, { json = { token = "u" } })
      kit:upstream(ALL, counting())
      kit:call "svc_stale"
      kit:advance(1500)
      kit:call "svc_stale"

      kit:call "svc_stale"
      kit:advance(10)

      assert.same({ 3, 2 }, { asked "/login", asked "/thing" })
    end)

    it("does not keep the last resort from being served when it fails", function()
      login({ json = { token = "t" } }, { status = 503 })
      kit:upstream(ALL, counting())
      kit:call "svc_lasting"
      kit:advance(5000)

      local call = kit:call "svc_lasting"

      assert.same({ true, true, 1 }, { call.ok, call.degraded, asked "/thing" })
    end)

    it("is believed when it says no", function()
      login({ json = { token = "t" } }, { status = 401 })
      kit:upstream(ALL, counting())
      kit:call "svc_lasting"
      kit:advance(5000)

      assert.equal("unauthorized", kit:call("svc_lasting").error.code)
    end)

    it("makes no answer public, since each may be another's", function()
      login { json = { token = "t" } }
      kit:upstream(ALL, counting { headers = { ["Cache-Control"] = "public, max-age=60" } })
      kit:call("svc_kept", {}, { principal = "ann" })

      assert.equal(2, kit:call("svc_kept", {}, { principal = "bob" }).value.n)
    end)
  end)
end

describe("what an auth function fetches", function()
  local function logged_in(how)
    new(("auth = function(ctx, request)\n%s\nrequest.headers.Authorization = token\nend,"):format(how))
    kit:upstream("GET https://svc.example/login", { json = { token = "t" } })
    kit:upstream(ALL, counting())
    for id = 1, 3 do assert(kit:call("svc_kept", { id = tostring(id) }).ok) end
    return asked "/login"
  end

  it("is not kept by the policy of the tool", function()
    assert.equal(3, logged_in [[local token = assert(ctx.http:get "/login").json.token]])
  end)

  it("is kept if it says so", function()
    assert.equal(1, logged_in [[
      local token = assert(ctx.http:get("/login", { cache = { ttl_ms = 60000 } })).json.token]])
  end)

  it("can be kept in ctx.cache", function()
    assert.equal(1, logged_in [[
      local token = ctx.cache:get "token"
      if not token then
        token = assert(ctx.http:get "/login").json.token
        ctx.cache:set("token", token, { ttl_ms = 60000 })
      end]])
  end)
end)
