--- The command line, as somebody meets it who has read nothing.

local cjson = require "cjson"

local gateway = require "gateway"
local process = require "process"
local web = require "web"

local SCRIPT = [[
local str = tide.schema.string
return {
  name = "hello", title = "Hello", about = "Greets.",
  upstream = { base = "http://127.0.0.1:9" },
  tools = {
    greet = {
      about = "Greet somebody by name.",
      args = { name = str { min = 1 } },
      annotations = { read_only = true },
      run = function(_, args) return { greeting = "Hello, " .. args.name } end,
    },
    fail = { about = "Fail.", args = {}, run = function(ctx) return ctx.http:get("/") end },
  },
}]]

local function run(word, args, more)
  local options = { scripts = { ["hello.lua"] = SCRIPT }, args = args }
  for name, value in pairs(more or {}) do options[name] = value end
  return gateway.run(word, options)
end

local function plain(...)
  return process.run { gateway.binary, ... }
end

describe("tidegate", function()
  it("without a word prints help and fails", function()
    local code, _, err = plain()

    assert.equal(2, code)
    assert.matches("usage: tidegate COMMAND", err)
  end)

  it("help lists commands and options", function()
    local code, out = plain("help")

    assert.equal(0, code)
    for _, word in ipairs {
      "serve", "check", "tools", "call", "version", "--listen ADDRESS", "--no-watch",
      "--prove", "--explain",
    } do
      assert.truthy(out:find(word, 1, true), word)
    end
    for line in out:gmatch("[^\n]+") do assert.is_true(#line <= 80, line) end
  end)

  it("suggests a command and an option", function()
    local code, _, err = plain("chekc")
    assert.equal(2, code)
    assert.matches("did you mean check", err)

    code, _, err = plain("serve", "--lisen", ":1")
    assert.equal(2, code)
    assert.matches("did you mean listen", err)

    code, _, err = plain("check", "--prov")
    assert.equal(2, code)
    assert.matches("did you mean --prove?", err, 1, true)
  end)

  it("suspects a variable that is nearly an option, and no other", function()
    local _, _, err = run("check", {}, {
      env = { TIDEGATE_LOGLEVEL = "warn", TIDEGATE_REGION = "north", TIDEGATE_WORKERS = "1" },
    })

    local said = "tidegate: warning: TIDEGATE_LOGLEVEL is no option (did you mean log_level?)\n"
    assert.equal(said, err)
  end)

  it("helps with a command that it knows only", function()
    assert.equal(0, (plain("help", "call")))

    local code, _, err = plain("help", "cal")

    assert.equal(2, code)
    assert.matches("did you mean call?", err, 1, true)
  end)

  it("refuses values out of range, and says where they stood", function()
    local code, _, err = plain("serve", "--workers=1000")
    assert.equal(2, code)
    assert.matches("^tidegate: %-%-workers: expected 0 to 256, got '1000'", err)

    code, _, err = process.run { gateway.binary, "serve", env = { TIDEGATE_WORKERS = "many" } }
    assert.equal(2, code)
    assert.matches("TIDEGATE_WORKERS", err)
  end)

  it("version prints one line", function()
    local code, out = plain("version")

    assert.equal(0, code)
    assert.matches("^tidegate %d+%.%d+%.%d+\n$", out)
  end)

  it("check says that all is well", function()
    local code, out = run("check")

    assert.equal(0, code, out)
    assert.matches("ok: 1 integration, 2 tools", out)
  end)

  it("check --prove says for each setting when it fires", function()
    local code, out = run("check", { "--prove", "hello_fail" })

    assert.equal(0, code, out)
    assert.matches("^hello_fail\n  policy default, writes: POST\n", out)
    assert.matches("\n   attempt.timeout_ms +%(10 s%)  fires at 10.000 s\n", out)
    assert.matches("\n%d+ settings fire, in ", out)
  end)

  it("check --prove fails when a setting can never fire", function()
    local script = SCRIPT:gsub("base =", 'policy = "p", %0')
    local files = { scripts = { ["hello.lua"] = script },
      policies = { ["p.lua"] = "return { p = { retry = { attempts = 2, max_ms = 9000 } } }" } }

    local code, out = run("check", { "--prove" }, files)
    assert.equal(1, code)
    assert.matches("\n!! retry.max_ms +9 s  never reached", out)
    assert.equal(0, (run("check", {}, files)))

    local _, json = run("check", { "--prove", "--json" }, files)
    assert.equal(1, cjson.decode(json).never)
  end)

  it("check --prove wants the name of a tool", function()
    local code, _, err = run("check", { "--prove", "hello_gret" })
    assert.equal(2, code)
    assert.matches("no tool 'hello_gret' (did you mean hello_greet?)", err, 1, true)

    assert.equal(2, (run("check", { "--prove", "hello_fail", "more" })))
    assert.equal(2, (run("check", { "--json" })))
    assert.equal(2, (run("check", { "hello_fail" })))
  end)

  it("tools prints a table", function()
    local code, out = run("tools")

    assert.equal(0, code)
    assert.matches("hello_greet +reads +default +Greet somebody by name%.", out)
  end)

  it("tools prints what is offered besides, as clients name it", function()
    local script = SCRIPT:gsub("}$", [[
  resources = { all = { uri = "hello://all", about = "All.", read = function() end } },
  templates = { one = { uri = "hello://{name}", about = "One.", read = function() end } },
  prompts = { welcome = { about = "Welcome.", run = function() return "Hello" end } },
}]])

    local _, out = run("tools", {}, { scripts = { ["hello.lua"] = script } })

    assert.matches("\nRESOURCE +POLICY +ABOUT\nhello://all +default +All%.\n", out)
    assert.matches("\nTEMPLATE +POLICY +ABOUT\nhello://{name} +default +One%.\n", out)
    assert.matches("\nPROMPT +POLICY +ABOUT\nhello_welcome +default +Welcome%.\n", out)
  end)

  it("tools cuts a long text between words, and says so", function()
    local script = SCRIPT:gsub("Greet somebody by name%.", ("word "):rep(30))

    local _, out = run("tools", {}, { scripts = { ["hello.lua"] = script } })

    assert.matches(" word word%.%.%.\n", out)
    for line in out:gmatch "[^\n]+" do assert.is_true(#line < 100, line) end
  end)

  it("call prints the result, and its trail aside", function()
    local code, out, err = run("call", { "hello_greet", '{"name":"Ann"}' })

    assert.equal(0, code, err)
    assert.equal('{"greeting":"Hello, Ann"}\n', out)
    assert.matches("route", err)
  end)

  it("call reads its arguments from standard input", function()
    local code, out = run("call", { "hello_greet", "-" }, { input = '{"name":"Bo"}' })

    assert.equal(0, code)
    assert.matches("Hello, Bo", out)
  end)

  it("call reads resources by their URI, and gets prompts", function()
    local files = { scripts = { ["hello.lua"] = SCRIPT:gsub("}$", [[
  resources = { raw = { uri = "hello://raw", about = "Bytes.",
    read = function() return "\0\255" end } },
  templates = { one = { uri = "hello://to/{name}", about = "One.",
    read = function(_, vars) return { to = vars.name } end } },
  prompts = { welcome = { about = "Welcome.", args = { name = tide.schema.string() },
    run = function(_, args) return "Greet " .. args.name end } },
}]]) } }
    local function said(...) return (select(2, run("call", { ... }, files))) end

    assert.equal('{"to":"Ann"}\n', said "hello://to/Ann")
    assert.equal("\0\255", said "hello://raw")
    assert.matches('"blob":"AP8="', said("--json", "hello://raw"), 1, true)
    assert.matches("Greet Ann", said("hello_welcome", '{"name":"Ann"}'), 1, true)
    assert.equal(2, (run("call", { "hello://raw", "{}" }, files)))
    local code, _, err = run("call", { "hello://nothing" }, files)
    assert.equal(2, code)
    assert.matches("no resource or template 'hello://nothing'; 'tidegate tools'", err, 1, true)
  end)

  it("call fails with the error when the call fails", function()
    local code, out, err = run("call", { "hello_fail" })

    assert.equal(1, code)
    assert.equal("", out)
    assert.matches("unavailable: Hello: ", err)
  end)

  it("call names the argument that is wrong", function()
    local code, _, err = run("call", { "hello_greet", '{"nam":"Ann"}' })
    assert.equal(1, code)
    assert.matches("did you mean name", err)

    code, _, err = run("call", { "hello_greet", '{"name":' })
    assert.equal(2, code)
    assert.matches("line 1", err)
  end)

  it("call says what its arguments look like when they are none", function()
    for _, given in ipairs { "name=Ann", "[1]", "{name: 1}" } do
      local code, _, err = run("call", { "hello_greet", given })
      assert.equal(2, code)
      assert.matches("arguments are a JSON object, as '{\"city\": \"Bergen\"}'", err, 1, true)
    end

    local code, _, err = run("call", { "hello_greet", '{"name":', '"Ann"}' })
    assert.equal(2, code)
    assert.matches("in single quotes", err)
  end)

  it("call says where it went, and leaves the log out", function()
    local _, _, err = run("call", { "hello_fail" })

    assert.matches("^trail of hello_fail %(http://127%.0%.0%.1:9, policy default%):\n", err)
    assert.is_nil(err:find(" info ", 1, true))

    _, _, err = run("call", { "hello_fail", "--log-level", "info" })
    assert.matches(" info script/call call tool=hello_fail", err, 1, true)
  end)

  it("call --explain tells the trail as a timeline", function()
    local code, out, err = run("call", { "hello_fail", "--explain" })

    assert.same({ 1, "" }, { code, out })
    assert.matches("^hello_fail: unavailable after [%d.]+ m?s\n", err)
    assert.matches("\nhttp://127.0.0.1:9, policy default\n", err, 1, true)
    assert.matches("|[= ]+| attempt   1 GET /\n", err)
    assert.matches(" in all: 3 attempts, ", err)
    assert.matches("\nunavailable: Hello: ", err)
  end)

  it("call --json tells result, error and trail on standard output", function()
    local code, out, err = run("call", { "hello_greet", '{"name":"Ann"}', "--json" })
    local told = cjson.decode(out)
    assert.same({ 0, "" }, { code, err })
    assert.same({ true, "Hello, Ann", 0 }, { told.ok, told.result.greeting, told.attempts })
    assert.equal("route", told.trail[1].step)

    code, out = run("call", { "--json", "hello_fail" })
    told = cjson.decode(out)
    assert.same({ 1, false, "unavailable" }, { code, told.ok, told.error.code })
  end)

  it("refuses a flag that belongs to another command", function()
    local code, _, err = run("tools", { "--explain" })

    assert.equal(2, code)
    assert.matches("--explain: unknown option", err, 1, true)
  end)

  it("call shows what the script says, and where it broke", function()
    local script = SCRIPT:gsub("run = function%(_, args%)", [[run = function(ctx, args)
      ctx.log:info("asked", { who = args.name })
      if args.name == "Bo" then return args.name.first.letter end]])

    local _, _, err = run("call", { "hello_greet", '{"name":"Bo"}' },
      { scripts = { ["hello.lua"] = script } })

    assert.matches(" info scripts/hello asked who=Bo", err, 1, true)
    assert.matches("script failed [^\n]+\nhello%.lua:12: attempt to index a nil value", err)
  end)

  it("call says who answers what a tool asks", function()
    local script = SCRIPT:gsub("run = function%(_, args%)", [[run = function(ctx, args)
      assert(ctx.ask { message = "Sure?" })]])

    local code, _, err = run("call", { "hello_greet", '{"name":"Bo"}' },
      { scripts = { ["hello.lua"] = script } })

    assert.equal(1, code)
    assert.matches("\n`tidegate call` has nobody to ask: a client has", err, 1, true)
  end)

  it("refuses folders and files that are not there", function()
    for option, path in pairs {
      ["--secrets"] = "/no/secrets", ["--policies"] = "/no/policies", ["--ca-file"] = "/no/ca.pem",
    } do
      local code, _, err = run("serve", { option, path })
      assert.equal(2, code, option)
      assert.matches(path .. " cannot be read: No such file", err, 1, true)
    end
  end)

  it("says what is wrong with the file of a secret", function()
    local script = SCRIPT:gsub("tools =", 'auth = { kind = "bearer", secret = "hello_key" },\n%0')
    local function said(files)
      local _, out = run("check", { "--secrets", "$FOLDER/secrets" },
        { scripts = { ["hello.lua"] = script }, files = files })
      return out
    end

    assert.matches("/hello_key (it is empty) or", said { ["secrets/hello_key"] = "\n" }, 1, true)
    assert.matches("/hello_key (Is a directory) or", said { ["secrets/hello_key/x"] = "" }, 1, true)
    assert.matches("/hello_key or the env", said { ["secrets/other"] = "x" }, 1, true)
    assert.matches("^ok: ", said { ["secrets/hello_key"] = "a long secret\n" })
  end)

  it("says what is wrong with another base", function()
    local _, out = run("check", { "--base", "hello" })
    assert.matches("expected NAME=URL", out)

    _, out = run("check", { "--base", "helo=http://127.0.0.1:1" })
    assert.matches("there is no integration helo\n", out)
  end)

  it("refuses a word with more than one argument", function()
    local script = SCRIPT:gsub("str { min = 1 }", 'str({ min = 1 }, "the name")')

    local code, out = run("check", {}, { scripts = { ["hello.lua"] = script } })

    assert.equal(1, code)
    assert.matches("hello.lua: line 8: a word takes one table", out, 1, true)
  end)

  it("says of an address that it is none before it says that it is open to all", function()
    local _, _, err = run("serve", { "--listen", "80800" })

    assert.matches("'80800' is not understood", err, 1, true)
  end)

  it("does not say that somebody listens on what is no socket", function()
    local _, _, err = run("serve", { "--listen", "unix:$FOLDER/note" }, { files = { note = "x" } })

    assert.matches("File exists and is no socket", err, 1, true)
  end)

  it("reads options from tidegate.lua, and refuses unknown ones", function()
    local code, out = run("check", { "--config", "$FOLDER/ok.lua" },
      { files = { ["ok.lua"] = 'return { log_level = "warn", listen = { ":0" } }' } })
    assert.equal(0, code, out)

    local bad, _, err = run("check", { "--config", "$FOLDER/bad.lua" },
      { files = { ["bad.lua"] = "return { wrokers = 2 }" } })
    assert.equal(2, bad)
    assert.matches("bad%.lua: wrokers: unknown option %(did you mean workers%?%)", err)

    bad, _, err = run("check", { "--config", "$FOLDER/bad.lua" },
      { files = { ["bad.lua"] = "return { workers = 2.5 }" } })
    assert.equal(2, bad)
    assert.matches("bad.lua: workers: expected a whole number, got 2.5\n", err, 1, true)
  end)

  it("will not listen beyond loopback without being told", function()
    local code, _, err = run("serve", { "--listen", "0.0.0.0:0" })

    assert.equal(1, code)
    assert.matches("allow%-unauthenticated", err)
  end)

  it("says why it cannot start", function()
    local g = gateway.start { scripts = { ["hello.lua"] = SCRIPT }, args = { "--workers", "1" } }
    local code, _, err = run("serve", { "--scripts", "/no/such/folder" })
    g:stop()

    assert.equal(1, code)
    assert.matches("/no/such/folder", err)
  end)

  it("will not share a port with another that runs", function()
    local g = gateway.start { scripts = { ["hello.lua"] = SCRIPT }, args = { "--workers", "1" } }
    local code, _, err = run("serve", { "--listen", "127.0.0.1:" .. g.port })
    g:stop()

    assert.equal(1, code)
    assert.matches("127%.0%.0%.1:" .. g.port, err)
    assert.matches("in use", err)
  end)

  it("says so when it may open too few files", function()
    local code, _, err = process.run {
      "sh", "-c", "ulimit -n 40; exec \"$0\" serve --workers 8 --listen :0 --scripts scripts",
      gateway.binary,
    }

    assert.equal(1, code)
    assert.matches("8 workers need at least 160: raise `ulimit %-n`", err)
  end)

  it("says what the open files are too few for, but not to a single client", function()
    local function said(how)
      local script = 'ulimit -n 1000; exec "$0" serve ' .. how
      return (select(3, process.run { "sh", "-c", script, gateway.binary }))
    end
    local needs = "files=1000 are open at most, max_connections=20000 needs %d+; raise ulimit"

    assert.matches(needs, said "--workers 1 --listen nowhere:x")
    assert.not_matches("ulimit", said "--stdio </dev/null")
  end)

  it("serves on a unix socket", function()
    local g = gateway.start {
      scripts = { ["hello.lua"] = SCRIPT },
      args = { "--listen", "unix:$FOLDER/sock", "--workers", "2" },
    }

    for _ = 1, 4 do
      local result = g:call("hello_greet", { name = "Cy" })
      assert.equal("Hello, Cy", result.structuredContent.greeting)
    end
    g:stop()
  end)

  it("answers elsewhere than /mcp with a hint", function()
    local g = gateway.start { scripts = { ["hello.lua"] = SCRIPT }, args = { "--workers", "1" } }
    local answer = web.request { port = g.port, path = "/" }
    g:stop()

    assert.equal(404, answer.status)
    assert.matches("/mcp", answer.body)
  end)
end)

describe("SIGTERM #threads", function()
  local up

  setup(function() up = require("upstream").start { plain = true } end)
  teardown(function() up:stop() end)

  local SLOW = [[
    return {
      name = "slow", about = "Slow.", upstream = { base = "$UPSTREAM" },
      tools = { wait = { about = "Wait.", args = {}, run = function(ctx)
        return ctx.http:get("/slow?ms=700")
      end } },
    }]]

  local function start(...)
    return gateway.start {
      scripts = { ["slow.lua"] = SLOW },
      replace = { UPSTREAM = up:url("/"):gsub("/$", "") },
      args = { "--workers", "2", ... },
    }
  end

  it("lets running calls end", function()
    local g = start()
    local client = web.open(g:modern("tools/call", { name = "slow_wait", arguments = {} }))
    process.sleep_ms(150)

    g:signal("TERM")
    local answer = web.finish(client)

    assert.equal(200, answer.status)
    assert.equal("close", answer.headers.connection)
    g:stop()
  end)

  it("cuts them when the time is up", function()
    local g = start("--drain-ms", "100")
    local client = web.open(g:modern("tools/call", { name = "slow_wait", arguments = {} }))
    process.sleep_ms(150)

    g:signal("TERM")

    assert.is_nil(web.finish(client))
    g:stop()
  end)
end)
