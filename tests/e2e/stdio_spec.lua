--- `tidegate serve --stdio`: a server for one client, on two pipes.

local cjson = require "cjson"

local gateway = require "gateway"
local process = require "process"

local META = "io.modelcontextprotocol/"

local SCRIPT = [[
local schema = tide.schema

local function wait(_, args)
  tide.time.sleep(args.seconds)
  return { waited = args.seconds }
end
local function pretty(ctx) return ctx.http:get("/pretty") end
local function big(_, args) return ("x"):rep(args.bytes) end
local function say(ctx, args)
  ctx.log:info("only beside", { bytes = 1 })
  if args.uri then ctx.updated(args.uri) else ctx.changed "tools" end
  return "said"
end

return {
  name = "pipe", about = "For pipes.", upstream = { base = "$UPSTREAM" },
  tools = {
    wait = { about = "Waits.", args = { seconds = schema.number() }, run = wait },
    pretty = { about = "Lines.", args = {}, run = pretty },
    big = { about = "Much.", args = { bytes = schema.integer() }, run = big },
    say = { about = "Says.", args = { uri = schema.string { optional = true } }, run = say },
  },
  resources = {
    stock = { uri = "pipe://stock", about = "The stock.", read = function() return "1" end },
  },
}]]

local UPSTREAM = "http://127.0.0.1:9"

local function options(more)
  local o = {
    scripts = { ["pipe.lua"] = SCRIPT }, replace = { UPSTREAM = UPSTREAM },
    args = { "--stdio", "--log-level", "info", "--shed-lag-ms", "0" },
  }
  for _, arg in ipairs(more or {}) do o.args[#o.args + 1] = arg end
  return o
end

local function modern(id, method, params)
  params = gateway.envelope(params)
  return cjson.encode { jsonrpc = "2.0", id = id, method = method, params = params }
end

local function legacy(id, method, params)
  return cjson.encode { jsonrpc = "2.0", id = id, method = method, params = params }
end

local function call(id, name, arguments)
  return legacy(id, "tools/call", { name = "pipe_" .. name, arguments = arguments or {} })
end

local function initialize(id)
  return legacy(id, "initialize", {
    protocolVersion = "2025-11-25", capabilities = {}, clientInfo = { name = "e2e", version = "1" },
  })
end

local function cancel(id, params)
  params = params or {}
  params.requestId = id
  return cjson.encode { jsonrpc = "2.0", method = "notifications/cancelled", params = params }
end

-- All messages of an output, by id; the lines too.
local function read(out)
  assert(out == "" or out:sub(-1) == "\n", "half a line")
  local by_id, list = {}, {}
  for line in out:gmatch("([^\n]*)\n") do
    local message = cjson.decode(line)
    list[#list + 1] = message
    if message.id ~= nil then by_id[message.id] = message end
  end
  return by_id, list
end

-- What a tool gave; without initialize it is text alone.
local function value(answer) return cjson.decode(answer.result.content[1].text) end

-- Runs it over an input that then ends: messages by id, the list, the log.
local function talk(lines, more)
  local o = options(more)
  o.input = type(lines) == "table" and table.concat(lines, "\n") .. "\n" or lines
  local code, out, err = gateway.run("serve", o)
  assert.equal(0, code, err)
  local by_id, list = read(out)
  return by_id, list, err
end

describe("tidegate serve --stdio", function()
  it("serves both eras on one stream", function()
    local answers = talk {
      modern(1, "server/discover"), initialize(2), legacy(3, "ping"),
      modern(4, "tools/call", { name = "pipe_wait", arguments = { seconds = 0 } }),
      call(5, "wait", { seconds = 0 }), modern(6, "tools/list"), legacy(7, "tools/list"),
    }

    assert.same({ "2026-07-28" }, answers[1].result.supportedVersions)
    assert.equal("2025-11-25", answers[2].result.protocolVersion)
    assert.truthy(answers[3].result)
    assert.equal("complete", answers[4].result.resultType)
    assert.is_nil(answers[5].result.resultType)
    assert.equal(0, answers[5].result.structuredContent.waited)
    assert.same({ 4, 4 }, { #answers[6].result.tools, #answers[7].result.tools })
  end)

  it("remembers what initialize agreed on", function()
    local old = initialize(1):gsub("2025%-11%-25", "2025-03-26")

    local answers, list = talk { old, call(2, "wait", { seconds = 0 }),
      "[" .. legacy(3, "ping") .. "," .. legacy(4, "ping") .. "]" }

    assert.equal("2025-03-26", answers[1].result.protocolVersion)
    assert.is_nil(answers[2].result.structuredContent)
    assert.equal(2, #list[2] + #list[3])
  end)

  it("takes CRLF, empty lines and a last line without an end", function()
    local answers = talk("\r\n  \n" .. legacy(1, "ping") .. "\r\n" .. legacy("", "ping"))

    assert.truthy(answers[1].result)
    assert.truthy(answers[""].result)
  end)

  it("says what is wrong with a line, and goes on", function()
    local answers, list = talk { "{", "7", '{"jsonrpc":"2.0","id":1}', modern(2, "ping"),
      legacy(3, "no/such"), legacy(4, "ping") }

    assert.same({ -32700, -32600, -32600 }, {
      list[1].error.code, list[2].error.code, answers[1].error.code,
    })
    assert.same({ cjson.null, cjson.null }, { list[1].id, list[2].id })
    assert.same({ -32601, -32601 }, { answers[2].error.code, answers[3].error.code })
    assert.truthy(answers[4].result)
  end)

  it("refuses a modern request as HTTP does", function()
    local future = modern(1, "tools/list"):gsub("2026%-07%-28", "2027-07-28")
    local bare = cjson.encode { jsonrpc = "2.0", id = 2, method = "tools/list",
      params = { _meta = { [META .. "protocolVersion"] = "2026-07-28" } } }

    local answers = talk { future, bare }

    assert.equal(-32022, answers[1].error.code)
    assert.same({ "2026-07-28" }, answers[1].error.data.supported)
    assert.equal(-32602, answers[2].error.code)
  end)

  it("answers no notification, not even a broken one", function()
    local broken = cjson.encode { jsonrpc = "2.0", method = "notifications/cancelled",
      params = { _meta = { [META .. "protocolVersion"] = 7 } } }

    local _, list = talk { broken, cancel(99), legacy(nil, "no/such"), legacy(1, "ping") }

    assert.equal(1, #list)
  end)

  it("refuses a line that is too long and skips it whole", function()
    local long = legacy(1, "ping", { x = ("x"):rep(3 << 20) })

    local answers, list = talk({ long, legacy(2, "ping") }, { "--max-body-mb", "1" })

    assert.equal(2, #list)
    assert.equal(-32600, list[1].error.code)
    assert.truthy(answers[2].result)
  end)

  it("takes a line that is just not too long", function()
    local empty = #legacy(1, "ping", { x = "" })
    local long = legacy(1, "ping", { x = ("x"):rep((1 << 20) - empty) })

    local answers = talk({ long, (long:gsub("x\"}", "xx\"}")) }, { "--max-body-mb", "1" })

    assert.truthy(answers[1].result)
    assert.equal(-32600, answers[cjson.null].error.code)
  end)

  it("lets running calls end when the input has ended", function()
    local answers = talk { call(1, "wait", { seconds = 0.3 }) }

    assert.equal(0.3, value(answers[1]).waited)
  end)

  it("cancels those that take longer than they may", function()
    local begun = process.now_ms()
    local slow = modern(1, "tools/call", { name = "pipe_wait", arguments = { seconds = 9 } })
    local answers = talk({ slow }, { "--drain-ms", "100" })

    assert.is_true(answers[1].result.isError)
    assert.equal("cancelled", answers[1].result.structuredContent.code)
    assert.is_true(process.now_ms() - begun < 5000)
  end)

  it("cancels a call of either era when told, and answers nothing", function()
    local _, list, log = talk {
      call(1, "wait", { seconds = 9 }), cancel(1),
      modern("a", "tools/call", { name = "pipe_wait", arguments = { seconds = 9 } }),
      cancel("a", gateway.envelope()), legacy(2, "ping"),
    }

    assert.equal(1, #list)
    assert.equal(2, select(2, log:gsub("tool=pipe_wait[^\n]*code=cancelled", "")))
  end)

  it("answers a hundred calls whose answers do not fit into a pipe", function()
    local lines = {}
    for i = 1, 100 do lines[i] = call(i, "big", { bytes = 100000 + i }) end

    local answers = talk(lines)

    for i = 1, 100 do assert.equal(100000 + i, #answers[i].result.content[1].text) end
  end)

  it("takes more requests than may run at once", function()
    local lines = {}
    for i = 1, 600 do lines[i] = call(i, "wait", { seconds = 0.02 }) end

    local answers = talk(lines)

    for i = 1, 600 do assert.equal(0.02, value(answers[i]).waited) end
  end)

  it("hears what is no request while as many run as may", function()
    local lines = {}
    for i = 1, 256 do lines[i] = call(i, "wait", { seconds = 4 }) end
    lines[257] = legacy("late", "ping")
    lines[258] = legacy("long", "ping", { text = ("x"):rep(300000) })
    for i = 1, 256 do lines[258 + i] = cancel(i) end

    local answers, list = talk(lines)

    assert.truthy(answers.late)
    assert.truthy(answers.long)
    assert.equal(2, #list)
  end)

  it("says what is wrong with a script, aside, and fails", function()
    local code, out, err = gateway.run("serve", {
      scripts = { ["bad.lua"] = "return {}" }, args = { "--stdio" }, input = "",
    })

    assert.same({ 1, "" }, { code, out })
    assert.matches("bad%.lua", err)
  end)

  local REFUSED = {
    ["--listen"] = ":8080", ["--workers"] = "2", ["--allow-host"] = "x", ["--allow-origin"] = "x",
    ["--allow-unauthenticated"] = false, ["--max-connections"] = "5",
    ["--write-timeout-ms"] = "100",
    ["--header-timeout-ms"] = "500", ["--idle-timeout-ms"] = "500",
  }
  for flag, argument in pairs(REFUSED) do
    it("refuses " .. flag, function()
      local code, out, err = gateway.run("serve", options { flag, argument or nil })

      assert.same({ 2, "" }, { code, out })
      assert.matches("^tidegate serve: %-%-stdio has ", err)
    end)
  end

  it("does not mind what the file or the environment say of HTTP", function()
    local o = options { "--workers", "1" }
    o.env, o.input = { TIDEGATE_WORKERS = "4", TIDEGATE_LISTEN = ":1" }, legacy(1, "ping") .. "\n"

    local code, out, err = gateway.run("serve", o)

    assert.equal(0, code, err)
    assert.truthy(read(out)[1].result)
  end)
end)

describe("tidegate serve --stdio, running #threads", function()
  local up, g, p

  local function answer(id)
    return process.eventually(function()
      local out = p:stdout():match("^(.*\n)")
      return out and (read(out))[id]
    end)
  end

  setup(function()
    up = require("upstream").start { plain = true }
    UPSTREAM = up:url("/"):gsub("/$", "")
  end)

  teardown(function() up:stop() end)

  before_each(function()
    g = gateway.pipe(options())
    p = g.process
  end)

  after_each(function() g:stop() end)

  it("writes an answer that had lines of its own as one line", function()
    p:write(call(1, "pretty") .. "\n")

    assert.same({ a = 1, b = { 2 } }, value(answer(1)))
    p:write(modern(2, "tools/call", { name = "pipe_pretty", arguments = {} }) .. "\n")
    assert.same({ a = 1, b = { 2 } }, answer(2).result.structuredContent)
  end)

  it("ends on SIGTERM, after what runs", function()
    p:write(call(1, "wait", { seconds = 0.5 }) .. "\n" .. legacy(2, "ping") .. "\n")
    assert(answer(2))

    p:signal("TERM")

    assert.equal(0, p:wait())
    assert.equal(0.5, value((read(p:stdout()))[1]).waited)
  end)

  it("serves a script that has changed", function()
    g:write("scripts/pipe.lua", (SCRIPT:gsub('about = "Waits."', 'about = "Rests."')))
    p:line("loaded generation=2", 10, "stderr")

    p:write(legacy(1, "tools/list") .. "\n")

    assert.truthy(cjson.encode(answer(1)):find("Rests.", 1, true))
  end)

  local function notices(method)
    local n = 0
    for _, message in ipairs(select(2, read(p:stdout():match "^(.*\n)" or ""))) do
      if message.method == "notifications/" .. method then n = n + 1 end
    end
    return n
  end

  local function hears(method, n)
    return process.eventually(function() return notices(method) == n end)
  end

  it("tells its legacy session what changed, once it is ready", function()
    p:write(initialize(1) .. "\n" .. call(2, "say") .. "\n")
    local capabilities = answer(1).result.capabilities
    assert.same({ listChanged = true, subscribe = true }, capabilities.resources)
    assert(answer(2))
    p:write(cjson.encode { jsonrpc = "2.0", method = "notifications/initialized" } .. "\n"
      .. legacy(3, "resources/subscribe", { uri = "pipe://stock" }) .. "\n")
    assert(answer(3))
    assert.equal(0, notices "tools/list_changed")

    p:write(call(4, "say") .. "\n" .. call(5, "say", { uri = "pipe://stock" }) .. "\n")
    assert.truthy(hears("tools/list_changed", 1))
    assert.truthy(hears("resources/updated", 1))
    p:write(legacy(6, "resources/unsubscribe", { uri = "pipe://stock" }) .. "\n")
    assert(answer(6))
    p:write(call(7, "say", { uri = "pipe://stock" }) .. "\n" .. call(8, "say") .. "\n")
    assert.truthy(hears("tools/list_changed", 2))

    assert.equal(1, notices "resources/updated")
    assert.truthy(hears("tools/list_changed", 2))
  end)

  it("tells it that the tools of a changed script are others", function()
    p:write(initialize(1) .. "\n"
      .. cjson.encode { jsonrpc = "2.0", method = "notifications/initialized" } .. "\n")
    assert(answer(1))

    g:write("scripts/pipe.lua", (SCRIPT:gsub('about = "Waits."', 'about = "Rests."')))

    assert.truthy(hears("tools/list_changed", 1))
  end)

  it("writes whole lines also when it is told to end in the middle of them", function()
    for id = 1, 4 do p:write(call(id, "big", { bytes = 3000000 }) .. "\n") end
    process.eventually(function() return #p:stdout() > 100000 end)

    p:signal("TERM")

    assert.equal(0, p:wait())
    local answers = read(p:stdout())
    assert.equal(3000000, #answers[1].result.content[1].text)
  end)

  it("is idle when nothing comes", function()
    local function ticks()
      local stat = assert(io.open(("/proc/%d/stat"):format(p:pid()))):read("a")
      local user, system = stat:match("%) %S+" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
      return user + system
    end
    p:write(legacy(1, "ping") .. "\n")
    assert(answer(1))

    local before = ticks()
    process.sleep_ms(300)

    assert.is_true(ticks() - before <= 2)
  end)
end)

-- A client that starts the server, has a call run, says its pid and waits.
local CLIENT = [[
const { spawn } = require("node:child_process");
const [command, ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
const say = (id, method, params) =>
  child.stdin.write(JSON.stringify({ jsonrpc: "2.0", id, method, params }) + "\n");
say(1, "tools/call", { name: "pipe_wait", arguments: { seconds: 15 } });
say(2, "ping");
child.stdout.once("data", () => process.stdout.write("pid " + child.pid + "\n"));
setTimeout(() => {}, 60000);
]]

describe("tidegate serve --stdio, whose client is killed,", function()
  it("ends at once, though a call still runs", function()
    local g = gateway.folder(options())
    g:write("client.cjs", CLIENT)
    local client = process.spawn {
      "node", g.folder .. "/client.cjs", gateway.binary, "serve", "--stdio",
      "--scripts", g.folder .. "/scripts", "--policies", g.folder .. "/policies",
      env = { LD_PRELOAD = false },
    }
    local pid = client:line("pid (%d+)", 20)
    local function lives()
      local file = io.open("/proc/" .. pid .. "/stat")
      local stat = file and file:read "a"
      if file then file:close() end
      return stat ~= nil and not stat:find "%) Z"
    end
    assert.is_true(lives())

    client:kill()

    assert.truthy(process.eventually(function() return not lives() end, 3))
    g:drop()
  end)
end)
