--- ctx.progress and ctx.notify: what clients hear while a call runs.

local cjson = require "cjson"

local gateway = require "gateway"
local web = require "web"

local SCRIPT = [[
local function work(ctx)
  ctx.progress(1, 4, "begun")
  ctx.notify("debug", "loud")
  ctx.progress(1, 4)
  tide.time.sleep(0.01)
  ctx.progress(2.5, 4)
  ctx.notify("info", { step = 2, key = "$KEY" })
  ctx.notify("error", "broken")
  return "worked"
end
local function flood(ctx)
  for i = 1, 1500 do ctx.progress(i) end
  return "flooded"
end
local function wrong(ctx)
  return {
    level = not pcall(ctx.notify, "loud", "x"), nan = not pcall(ctx.progress, 0 / 0),
    none = not pcall(ctx.notify, "info"), fn = not pcall(ctx.notify, "info", tide.uuid),
    long = not pcall(ctx.notify, "info", ("x"):rep(70000)),
  }
end
return {
  name = "note", upstream = { base = "$UPSTREAM" }, auth = { kind = "bearer", secret = "note_key" },
  tools = {
    work = { about = "Works.", run = work }, flood = { about = "Floods.", run = flood },
    wrong = { about = "Wrong.", run = wrong },
  },
  resources = { live = { uri = "note://live", about = "Works too.", read = work } },
}]]

local KEY = "a-key-that-nobody-may-see"
local META = "io.modelcontextprotocol/"

local g, session

local function events(answer)
  if not (answer.headers["content-type"] or ""):find("event-stream", 1, true) then
    return { cjson.decode(answer.body) }
  end
  local list = {}
  for event in answer.body:gmatch("event: message\n(.-)\n\n") do
    list[#list + 1] = cjson.decode(event:match("data: ([^\n]*)$"))
  end
  return list
end

-- What was told on the way, and the answer.
local function split(list)
  local last = table.remove(list)
  local told = {}
  for i, message in ipairs(list) do
    assert.is_nil(message.id)
    local p = message.params
    told[i] = message.method == "notifications/progress"
        and { p.progressToken, p.progress, p.total, p.message }
      or { p.level, p.logger, p.data }
  end
  return told, last
end

local function modern(name, meta, headers)
  local request = g:modern("tools/call", { name = "note_" .. name, _meta = meta }, headers)
  return split(events(assert(web.request(request))))
end

local function post(message)
  return assert(web.request {
    port = g.port, method = "POST", path = "/mcp", body = cjson.encode(message),
    headers = {
      ["Content-Type"] = "application/json", Accept = "application/json, text/event-stream",
      ["Mcp-Session-Id"] = session,
    },
  })
end

local function legacy(method, params)
  return post { jsonrpc = "2.0", id = 7, method = method, params = params }
end

local function open(version)
  session = nil
  session = legacy("initialize", {
    protocolVersion = version or "2025-11-25", capabilities = {},
    clientInfo = { name = "e2e", version = "1" },
  }).headers["mcp-session-id"]
end

local function work(meta)
  return split(events(legacy("tools/call", { name = "note_work", _meta = meta })))
end

describe("a handler", function()
  setup(function()
    g = gateway.start {
      scripts = { ["note.lua"] = SCRIPT },
      replace = { UPSTREAM = "http://127.0.0.1:9", KEY = KEY }, env = { NOTE_KEY = KEY },
      args = { "--workers", "2" },
    }
  end)

  teardown(function() g:stop() end)

  it("tells a modern client nothing that it has not asked for", function()
    local told, answer = modern "work"

    assert.same({}, told)
    assert.equal("worked", answer.result.content[1].text)
  end)

  it("tells of its progress, with the client's token as it was", function()
    for _, token in ipairs { "a", "", 0, 7 } do
      local told, answer = modern("work", { progressToken = token })

      assert.same({ { token, 1, 4, "begun" }, { token, 2.5, 4 } }, told)
      assert.equal("complete", answer.result.resultType)
    end
  end)

  it("tells from the level that the request names, and no secret", function()
    local told = modern("work", { [META .. "logLevel"] = "info" })
    assert.same({
      { "info", "note", { step = 2, key = "***" } }, { "error", "note", "broken" },
    }, told)
    assert.same({ { "error", "note", "broken" } },
      (modern("work", { [META .. "logLevel"] = "warning" })))
    assert.equal(3, #modern("work", { [META .. "logLevel"] = "debug" }))
  end)

  it("tells nothing to a client that takes no events", function()
    local told, answer = modern("work", { progressToken = 1 }, { Accept = "application/json" })

    assert.same({}, told)
    assert.equal("worked", answer.result.content[1].text)
  end)

  it("of a resource tells as well", function()
    local params = { uri = "note://live", _meta = { progressToken = "r" } }
    local request = g:modern("resources/read", params, { ["Mcp-Name"] = params.uri })

    local told, answer = split(events(assert(web.request(request))))

    assert.equal(2, #told)
    assert.equal("worked", answer.result.contents[1].text)
  end)

  it("tells a legacy session from info on, until that says otherwise", function()
    open()
    assert.equal(2, #work())
    for _ = 1, 8 do -- whichever worker takes it
      legacy("logging/setLevel", { level = "error" })
      assert.same({ { "error", "note", "broken" } }, (work()))
      legacy("logging/setLevel", { level = "debug" })
      assert.equal(5, #work { progressToken = "t" })
    end
  end)

  it("tells one session nothing of another's level", function()
    open()
    legacy("logging/setLevel", { level = "emergency" })
    assert.equal(0, #work())
    open()
    assert.equal(2, #work())
  end)

  it("tells old clients of progress without a message", function()
    open "2024-11-05"

    assert.same({ "t", 1, 4 }, (work { progressToken = "t" })[1])
  end)

  it("refuses a level that is none", function()
    for _, params in ipairs { { level = "loud" }, { level = 7 }, {} } do
      assert.equal(-32602, math.tointeger(events(legacy("logging/setLevel", params))[1].error.code))
    end
    local message, answer = g:rpc("logging/setLevel", { level = "info" })
    assert.same({ 404, -32601 }, { answer.status, math.tointeger(message.error.code) })
  end)

  it("tells a thousand times at most", function()
    local told, answer = modern("flood", { progressToken = 1 })

    assert.equal(1000, #told)
    assert.equal("flooded", answer.result.content[1].text)
  end)

  it("must tell what can be told", function()
    local _, answer = modern "wrong"

    assert.same({ level = true, nan = true, none = true, fn = true, long = true },
      answer.result.structuredContent)
  end)

  it("tells over stdio too, before the answer", function()
    local call = { jsonrpc = "2.0", id = 1, method = "tools/call",
      params = { name = "note_work", _meta = { progressToken = "t" } } }
    local code, out, err = gateway.run("serve", {
      scripts = { ["note.lua"] = SCRIPT }, replace = { UPSTREAM = "http://127.0.0.1:9", KEY = KEY },
      env = { NOTE_KEY = KEY }, args = { "--stdio" }, input = cjson.encode(call) .. "\n",
    })

    assert.equal(0, code, err)
    local list = {}
    for line in out:gmatch("[^\n]+") do list[#list + 1] = cjson.decode(line) end
    local told, answer = split(list)
    assert.equal(4, #told)
    assert.equal(1, answer.id)
  end)
end)
