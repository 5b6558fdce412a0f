local testing = require "tidegate.testing"

local engine = require "engine"
local folder = require "folder"
local process = require "process"

local TOOLS = [[
function handlers.echo(_, args) return { args = args } end
function handlers.get(ctx, args) return ctx.http:get(args.path or "/", args.options) end
function handlers.post(ctx, args) return ctx.http:post("/", args) end
function handlers.twice(ctx)
  local first = ctx.http:get "/"
  return { first and first.body or "none", assert(ctx.http:get "/").body }
end
function handlers.spin() while true do tide.time.sleep(0) end end
function handlers.chance() return { tide.uuid(), tide.random(), math.random() } end
function handlers.clock() return tide.time.iso() end
function handlers.setting() return tide.env("REGION", "none") end
function handlers.who(ctx)
  return { principal = ctx.principal, id = ctx.request_id, deadline = ctx.deadline }
end
]]

local kit

before_each(function()
  kit = engine { tools = TOOLS }
end)

after_each(function()
  kit:close()
end)

describe("kit:requests", function()
  it("gives all that went out, or what a pattern is for", function()
    kit:upstream("* *", { json = {} })
    kit:call("demo_get", { path = "/a?x=1" })
    kit:call "demo_post"
    kit:call("demo_get", { path = "/b" })

    local function urls(pattern)
      local list = {}
      for i, request in ipairs(kit:requests(pattern)) do list[i] = request.method .. " " .. request.path end
      return list
    end
    assert.same({ "GET /a", "POST /", "GET /b" }, urls())
    assert.same({ "POST /" }, urls "POST *")
    assert.same({ "GET /a" }, urls "GET https://demo.example/a")
    assert.same({}, urls "GET https://demo.example/a?x=2")
    assert.same({ "GET /a", "GET /b" }, urls "GET https://*")
    assert.has_error(function() kit:requests "POST" end)
  end)
end)

describe("testing.new", function()
  local function said(options)
    local ok, message = pcall(testing.new, options)
    assert.is_false(ok)
    return message
  end

  it("raises every fault of every file", function()
    local path = folder.new()
    folder.fill(path, { ["a.lua"] = "return 1", ["b.lua"] = "return {", ["c.lua"] = "return {}" })

    local message = said { scripts = path }
    folder.remove(path)

    assert.matches("^a.lua: [^\n]+\nb.lua: [^\n]+\nc.lua: ", message)
  end)

  it("takes known options of the right type only", function()
    assert.matches("unknown key 'script' %(did you mean scripts%?%)", said { script = "scripts" })
    assert.matches("unknown key 'x'$", said { x = "scripts" })
    assert.matches("scripts must be a string, not a table", said { scripts = {} })
    assert.matches("secrets must be a table, not a string", said { secrets = "x" })
    assert.matches("secrets: names and values are strings", said { secrets = { "x" } })
    assert.matches("seed must be at least 1", said { seed = 0 })
    assert.matches("script_bytes must be from 1 on", said { script_bytes = 0 })
    assert.matches('"soon" is not an ISO 8601 time', said { now = "soon" })
    assert.matches("table expected", said "scripts")
  end)

  it("says how to give a secret that is missing", function()
    local fields = 'auth = { kind = "bearer", secret = "demo_token" }'

    local ok, message = pcall(engine, { tools = TOOLS, fields = fields })

    assert.is_false(ok)
    assert.matches('secrets = { demo_token = "..." } for testing.new', message, 1, true)
  end)

  it("loads the integrations of this tree when nothing is said", function()
    local own <close> = testing.new()

    assert.is_table(own:tools().open_meteo_forecast.inputSchema)
  end)

  it("lets scripts read the environment that it is given, and no other", function()
    local own <close> = engine { tools = TOOLS, env = { REGION = "north" } }

    assert.equal("north", own:call("demo_setting").value)
    assert.equal("none", kit:call("demo_setting").value)
  end)

  it("sets the wall clock", function()
    local own <close> = engine { tools = TOOLS, now = "2030-05-06T07:08:09Z" }
    own:advance(1000)

    assert.equal("2030-05-06T07:08:10Z", own:call("demo_clock").value)
    assert.equal("2026-01-01T00:00:00Z", kit:call("demo_clock").value)
  end)

  it("gives the same chance for the same seed", function()
    local function draw(seed)
      local own <close> = engine { tools = TOOLS, seed = seed }
      return own:call("demo_chance").body
    end

    assert.equal(draw(7), draw(7))
    assert.equal(draw(), draw(1))
    assert.not_equal(draw(7), draw(8))
  end)
end)

describe("arguments", function()
  it("may be left out, and an empty table is an object", function()
    assert.equal('{"args":{}}', kit:call("demo_echo").body)
    assert.equal('{"args":{}}', kit:call("demo_echo", {}).body)
  end)

  it("may be JSON text, which says what no table can", function()
    local text = '{"list": [], "big": 12345678901234567890, "none": null}'

    local call = kit:call("demo_echo", text)

    assert.equal('{"args":{"big":1.2345678901234567e+19,"list":[],"none":null}}', call.body)
  end)

  it("may hold nulls and empty arrays", function()
    local null, array = testing.json.null, testing.json.array

    local call = kit:call("demo_echo", { none = null, list = array {}, deep = { array {} } })

    assert.equal('{"args":{"deep":[[]],"list":[],"none":null}}', call.body)
  end)

  it("raise when they cannot be sent, and leave the kit as it was", function()
    local function raised(...)
      local ok, message = pcall(kit.call, kit, ...)
      assert.is_false(ok)
      return message
    end

    assert.matches("arguments: run: a function cannot", raised("demo_echo", { run = print }))
    assert.matches("arguments: ", raised("demo_echo", "{"))
    assert.matches("no tool 'echo' %(did you mean demo_echo%?%)", raised("echo"))
    assert.matches("no tool 'x'; a name is <integration>_<tool>", raised("x"))
    assert.matches("options: unknown key 'deadline'", raised("demo_echo", {}, { deadline = 1 }))
    assert.matches("options: client is form, url, sample, tools, context or roots, not 'from'",
      raised("demo_echo", {}, { client = { "from" } }))
    assert.matches('options: client is a list, as { "form" }', raised("demo_echo", {}, { client = "form" }), 1, true)
    assert.matches("options: era is modern or legacy, not 'old'", raised("demo_echo", {}, { era = "old" }))
    assert(kit:quiet())
    assert.is_true(kit:call("demo_echo").ok)
  end)

  it("come with a principal, an id and a deadline that a spec may choose", function()
    local options = { principal = "ada", request_id = "r1", deadline_ms = 500 }

    assert.same({ principal = "ada", id = "r1", deadline = 500 },
      kit:call("demo_who", {}, options).value)
    assert.same({ principal = "tester", id = "test-2", deadline = 10000 },
      kit:call("demo_who").value)
  end)
end)

describe("rules", function()
  local function get(path)
    return kit:call("demo_get", { path = path })
  end

  it("match method and URL, whatever the query is unless they have one", function()
    kit:upstream("GET https://demo.example/a", { body = "any" })
    kit:upstream("GET https://demo.example/a?x=1", { body = "one" })

    assert.equal("any", get("/a").value)
    assert.equal("any", get("/a?x=2").value)
    assert.equal("one", get("/a?x=1").value)
    assert.equal("unavailable", get("/a/b").error.code)
    assert.equal("unavailable", kit:call("demo_post").error.code)
  end)

  it("take a star for anything, and the newest that matches", function()
    kit:upstream("* *", { body = "all" })
    kit:upstream("GET *.example/*/c*", { body = "some" })

    assert.equal("some", get("/b/cd").value)
    assert.equal("all", get("/b/d").value)
  end)

  it("give one behaviour after the other, and stay with the last", function()
    kit:upstream("GET *", { status = 500 }, { body = "two" }, function()
      return { body = "three" }
    end)

    assert.equal("upstream_error", get("/").error.code)
    assert.equal("two", get("/").value)
    assert.equal("three", get("/").value)
    assert.equal("three", get("/").value)
  end)

  it("answer for a service that is not there when none matches", function()
    local call = get("/lost")

    assert.equal("unavailable", call.error.code)
    assert.is_false(kit:requests()[1].matched)
    assert.matches('detail="no rule matches"', kit:log(), 1, true)
  end)

  it("refuse what is no behaviour", function()
    local function said(behaviour, pattern)
      local ok, message = pcall(kit.upstream, kit, pattern or "GET *", behaviour)
      assert.is_false(ok)
      return message
    end

    assert.matches("unknown key 'state'", said { state = 200 })
    assert.matches("status must be a number, not a string", said { status = "200" })
    assert.matches("status must be from 200 to 599", said { status = 100 })
    assert.matches("delay_ms must be a whole number from 0", said { delay_ms = -1 })
    assert.matches("cannot fail by 'answered'; it can by no_name ", said { fail = "answered" })
    assert.matches("what fails by 'reset' has no answer", said { fail = "reset", body = "x" })
    assert.matches("json or body, not both", said { json = {}, body = "" })
    assert.matches("json: run: a function", said { json = { run = print } })
    assert.matches("sent = false, but an answer", said { sent = false })
    assert.matches("headers: a line break", said { headers = { a = "b\r\nc: d" } })
    assert.matches("names and values are strings", said { headers = { a = true } })
    assert.matches("a table or a function, not a string", said "refused")
    assert.matches("expected METHOD URL", said({}, "https://demo.example"))
    assert.has_error(function() kit:upstream "GET *" end)
  end)
end)

describe("a behaviour", function()
  local function get(behaviour)
    kit:upstream("GET *", behaviour)
    return kit:call "demo_get"
  end

  it("answers 200 with nothing when it says nothing", function()
    local call = get {}

    assert.same({ true, "text", "" }, { call.ok, call.form, call.value })
  end)

  it("has JSON with its type, unless it says another", function()
    assert.equal("json", get({ json = { 1 } }).form)
    assert.equal("text", get({ json = { 1 }, headers = { ["content-type"] = "text/x" } }).form)
    assert.equal("json", get({ body = "[]", headers = { ["Content-Type"] = "a/b+json" } }).form)
  end)

  it("keeps bytes as they are", function()
    local bytes = testing.json.encode { "\0\1é" }

    assert.equal(bytes, get({ body = bytes }).body)
  end)

  it("takes its time, for the head and for the body", function()
    assert.equal(1500, get({ delay_ms = 1500 }).ms)
    assert.equal(2000, get({ delay_ms = 1500, body_ms = 500 }).ms)
  end)

  it("fails by every way that an upstream can", function()
    local codes = {
      no_name = "unavailable", refused = "unavailable", connect_timeout = "unavailable",
      tls_failed = "unavailable", tls_untrusted = "tls_failed", blocked = "blocked",
      stale_connection = "unavailable", reset = "upstream_error", cut = "upstream_error",
      timeout = "timeout", garbage = "bad_response", too_large = "bad_response",
      stream_refused = "unavailable", failed = "upstream_error",
    }
    for way, code in pairs(codes) do
      assert.equal(code, get({ fail = way }).error.code, way)
    end
  end)

  it("hangs until somebody gives up", function()
    local call = get { hang = true }

    assert.same({ "timeout", 4000 }, { call.error.code, call.ms })
  end)
end)

describe("a function as behaviour", function()
  it("is given the request", function()
    local request
    kit:upstream("POST *", function(r)
      request = r
      return {}
    end)
    kit:advance(250)

    kit:call("demo_post", {
      query = { q = "a b&c", list = { "x", "y", "z" } },
      headers = { ["X-Own"] = "mine" },
      json = { deep = { 1 } },
    })

    assert.equal("POST", request.method)
    assert.equal("https://demo.example/?list=x&list=y&list=z&q=a%20b%26c", request.url)
    assert.equal("/", request.path)
    assert.same({ q = "a b&c", list = { "x", "y", "z" } }, request.query)
    assert.equal("mine", request.headers["x-own"])
    assert.equal('{"deep":[1]}', request.body)
    assert.same({ deep = { 1 } }, request.json)
    assert.equal(250, request.at_ms)
    assert.is_false(request.replayable)
    assert.same(request, kit:requests()[1])
  end)

  it("raises into the spec, with its value, and the call is given up", function()
    local oops = { "oops" }
    kit:upstream("GET *", function() error(oops) end)

    local ok, raised = pcall(kit.call, kit, "demo_twice")

    assert.is_false(ok)
    assert.equal(oops, raised)
    assert(kit:quiet())
    assert.equal(1, #kit:requests())
  end)

  it("raises out of whatever lets time go by", function()
    kit:upstream("GET *", { delay_ms = 10, status = 500 }, function() error "oops" end)
    local one = kit:start "demo_twice"
    assert.has_error(function() kit:advance(10) end)
    one:cancel()

    kit:upstream("GET *", { delay_ms = 10, status = 500 }, function() error "oops" end)
    local two = kit:start "demo_twice"
    assert.has_error(function() two:wait() end)

    kit:upstream("GET *", function() error "oops" end)
    assert.has_error(function() kit:start "demo_twice" end)
    assert(kit:quiet())
  end)

  it("must return a behaviour", function()
    kit:upstream("GET *", function() end)
    local _, message = pcall(kit.call, kit, "demo_get")
    assert.matches("must return a table, not a nil", message)

    kit:upstream("GET *", function() return { oops = 1 } end)
    _, message = pcall(kit.call, kit, "demo_get")
    assert.matches("unknown key 'oops'", message)
  end)

  it("may look at the kit and add rules", function()
    kit:upstream("GET */", function()
      kit:upstream("GET */next", { body = kit:now_ms() .. " " .. #kit:requests() })
      return { delay_ms = 5 }
    end)

    kit:call "demo_get"

    assert.equal("0 1", kit:call("demo_get", { path = "/next" }).value)
  end)

  it("cannot work the kit", function()
    kit:upstream("POST *", { hang = true })
    local other = kit:start "demo_post"
    local forbidden = {
      function() kit:call "demo_echo" end, function() kit:advance(1) end,
      function() kit:clear() end, function() kit:close() end,
      function() other:cancel() end, function() other:wait() end,
      function() kit:memory() end, function() kit:start "demo_echo" end,
    }
    for _, try in ipairs(forbidden) do
      kit:upstream("GET *", function()
        try()
        return {}
      end)
      local ok, message = pcall(kit.call, kit, "demo_get")
      assert.is_false(ok)
      assert.matches("the kit is at work", message)
    end
  end)
end)

describe("time", function()
  it("stands still but for the kit", function()
    kit:upstream("GET *", { delay_ms = 100 })
    local call = kit:start "demo_get"

    kit:advance(99)
    assert.is_false(call.done)
    assert.is_nil(call.ok)

    kit:advance(1)
    assert.is_true(call.done)
    assert.equal(100, kit:now_ms())
  end)

  it("goes on for every call that runs", function()
    kit:upstream("GET *", { delay_ms = 100 }, { delay_ms = 50 })
    local slow, quick = kit:start "demo_get", kit:start "demo_get"

    assert.equal(slow, slow:wait())

    assert.same({ 100, 50 }, { slow.ms, quick.ms })
  end)

  it("is refused backwards", function()
    assert.has_error(function() kit:advance(-1) end)
    assert.has_error(function() kit:advance(0.5) end)
  end)

  it("may not stand still inside a call", function()
    local ok, message = pcall(kit.call, kit, "demo_spin")

    assert.is_false(ok)
    assert.matches("demo_spin: time stands still", message)
    assert(kit:quiet())
  end)

  it("of thirty seconds takes under five milliseconds", function()
    local patient <close> = engine {
      tools = TOOLS,
      policy = "deadline_ms = 60000, attempt = { timeout_ms = 60000 }",
    }
    patient:upstream("GET *", { delay_ms = 30000 })
    local before = os.clock()

    local call = patient:call "demo_get"

    assert.equal(30000, call.ms)
    assert.is_true(os.clock() - before < 0.005)
  end)
end)

describe("a call", function()
  it("shows what it is while it runs and when it has ended", function()
    kit:upstream("GET *", { hang = true })
    local call = kit:start "demo_get"
    assert.equal("call of demo_get, running", tostring(call))
    assert.equal("", call:explain())

    assert.is_true(call:cancel())

    assert.equal("call of demo_get: cancelled: the caller gave up", tostring(call))
    assert.is_false(call:cancel())
    assert.matches("attempt +1 +GET /\n.*cancel +the test +cancelled\n", call:explain())
    assert.equal("call of demo_echo: ok", tostring(kit:call "demo_echo"))
  end)

  it("has no other fields", function()
    local call = kit:call "demo_echo"

    assert.has_error(function() return call.result end, "a call has no field 'result'")
  end)

  it("goes on when its value is dropped", function()
    kit:upstream("GET *", { delay_ms = 100 })
    kit:start "demo_get"
    collectgarbage()
    assert.is_false((kit:quiet()))

    kit:advance(100)

    assert(kit:quiet())
    assert.matches("call tool=demo_get req=test%-1 code=ok", kit:log())
  end)

  it("keeps its outcome when the kit is closed", function()
    kit:upstream("GET *", { hang = true })
    local running, ended = kit:start "demo_get", kit:call("demo_echo", { a = 1 })

    kit:close()

    assert.equal("cancelled", running.error.code)
    assert.same({ args = { a = 1 } }, ended.value)
    assert.is_false(running:cancel())
    assert.equal(running, running:wait())
  end)

  it("leaves the same trail for the same inputs, byte for byte", function()
    local function run()
      local own <close> = engine { tools = TOOLS, seed = 3 }
      own:upstream("GET *", { delay_ms = 70, status = 503 }, { delay_ms = 11, json = { 1 } })
      local call = own:call "demo_twice"
      return call:explain() .. testing.json.encode(call.trail) .. call.body .. own:log()
    end

    assert.equal(run(), run())
  end)
end)

describe("a kit", function()
  it("is closed by its scope, twice or not at all without harm", function()
    local closed
    do
      local own <close> = engine { tools = TOOLS }
      closed = own
    end

    assert.has_error(function() closed:call "demo_echo" end)
    closed:close()
  end)

  it("may be collected with calls that run", function()
    for _ = 1, 5 do
      local own = engine { tools = TOOLS }
      own:upstream("* *", function() return { hang = true } end)
      local call = own:start "demo_get"
      own:upstream("* *", function() return { status = own:now_ms() and call and 200 } end)
      own:start "demo_post"
    end
    collectgarbage()
    collectgarbage()
  end)

  it("may be alive with its calls when Lua ends", function()
    local program = [[
      local engine = require "engine"
      kit = engine { tools = "function handlers.get(ctx) return ctx.http:get '/' end" }
      kit:upstream("* *", { hang = true })
      call = kit:start "demo_get"
      kit:start "demo_get"
      os.exit(0, true)
    ]]

    local code, _, err = process.run {
      "lua5.4", "-e", program, env = { LD_PRELOAD = process.preload },
    }

    assert.equal(0, code, err)
  end)

  it("forgets rules, requests and its log when it is cleared", function()
    kit:upstream("GET *", { delay_ms = 10, body = "yes" })
    local running = kit:start "demo_get"
    kit:call "demo_get"

    kit:clear()

    assert.same({}, kit:requests())
    assert.equal("", kit:log())
    assert.equal("yes", running:wait().value)
    assert.equal("unavailable", kit:call("demo_get").error.code)
    assert.equal(1, #kit:requests())
  end)

  it("says what runs", function()
    kit:upstream("GET *", { hang = true })
    local call = kit:start "demo_get"

    local quiet, what = kit:quiet()

    assert.is_false(quiet)
    assert.equal("still there: 1 calls; 1 tasks; 1 transfers; 1 places; 1 holds of the VM; "
      .. "2 timers;", what)
    call:cancel()
    assert.is_true(kit:quiet())
  end)
end)

describe("testing.json", function()
  local json = testing.json

  it("keeps null, empty arrays and integers", function()
    local text = '{"a":[],"b":{},"c":null,"d":[1,1.5]}'

    assert.equal(text, json.encode(json.decode(text)))
  end)

  it("raises for what is not JSON", function()
    assert.has_error(function() json.decode "{" end)
    assert.has_error(function() json.encode(print) end, "a function cannot become JSON")
  end)
end)
