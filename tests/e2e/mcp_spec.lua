--- The protocol over real sockets: four workers, any of which takes a request.

local cjson = require "cjson"

local gateway = require "gateway"
local process = require "process"
local web = require "web"

local WORKERS = 4
local VERSION = "2026-07-28"

local SCRIPT = [[
local number = tide.schema.number

local function wait(_, args)
  tide.time.sleep(args.seconds)
  return { waited = args.seconds }
end

return {
  name = "mcp", about = "For the protocol.", upstream = { base = "http://127.0.0.1:9" },
  tools = { wait = { about = "Waits.", args = { seconds = number() }, run = wait } },
}]]

local g

local function post(body, headers)
  local all = {
    ["Content-Type"] = "application/json", Accept = "application/json, text/event-stream",
  }
  for name, value in pairs(headers or {}) do all[name] = value end
  return {
    port = g.port, unix = g.unix, method = "POST", path = "/mcp", headers = all,
    body = type(body) == "table" and cjson.encode(body) or body,
  }
end

local function send(body, headers)
  return assert(web.request(post(body, headers)))
end

local function request(method, params, id)
  return { jsonrpc = "2.0", id = id or 1, method = method, params = params }
end

local function open_session()
  local answer = send(request("initialize", {
    protocolVersion = "2025-11-25", capabilities = {}, clientInfo = { name = "e2e", version = "1" },
  }))
  return { ["Mcp-Session-Id"] = answer.headers["mcp-session-id"],
    ["MCP-Protocol-Version"] = "2025-11-25" }
end

local function wait_call(seconds, id)
  return request("tools/call", { name = "mcp_wait", arguments = { seconds = seconds } }, id)
end

local function logged(code)
  local _, n = g:log():gsub("tool=mcp_wait[^\n]*code=" .. code .. " ", "")
  return n
end

local function becomes(code, n)
  return process.eventually(function() return logged(code) >= n end, 8)
end

local function code_of(answer)
  local good, message = pcall(cjson.decode, answer.body)
  return good and message.error and math.tointeger(message.error.code) or nil
end

local function start(listen)
  return gateway.start {
    scripts = { ["mcp.lua"] = SCRIPT },
    args = { "--workers", tostring(WORKERS), table.unpack(listen or {}) },
  }
end

describe("the endpoint", function()
  setup(function() g = start() end)
  teardown(function() g:stop() end)

  it("answers each fault with its status and code", function()
    local modern = { ["MCP-Protocol-Version"] = VERSION, ["Mcp-Method"] = "tools/list" }
    local rows = {
      { 200, nil, request "ping" },
      { 200, -32601, request "lost" },
      { 202, nil, { jsonrpc = "2.0", method = "notifications/initialized" } },
      { 400, -32600, request("ping", nil, cjson.null) },
      { 400, -32600, "[]" },
      { 400, -32602, request "tools/list", modern },
      { 400, -32700, "{" },
      { 403, -32000, request "ping", { Host = "evil.example.com" } },
      { 403, -32000, request "ping", { Origin = "http://evil.example.com" } },
      { 404, -32001, request "ping", { ["Mcp-Session-Id"] = "nobody" } },
      { 406, -32000, request "ping", { Accept = "application/json" } },
      { 415, -32000, request "ping", { ["Content-Type"] = "text/plain" } },
    }
    for i, row in ipairs(rows) do
      local answer = send(row[3], row[4])
      assert.same({ row[1], row[2] }, { answer.status, code_of(answer) }, "row " .. i)
    end
  end)

  it("is GET-less, and knows no other path", function()
    local get = web.request {
      port = g.port, path = "/mcp", headers = { Accept = "text/event-stream" },
    }
    local elsewhere = web.request { port = g.port, path = "/mcp/", method = "POST", body = "{}" }

    assert.same({ 405, "POST, DELETE" }, { get.status, get.headers.allow })
    assert.equal(404, elsewhere.status)
  end)

  it("answers a preflight", function()
    local answer = web.request { port = g.port, path = "/mcp", method = "OPTIONS", headers = {
      Origin = "http://localhost:6274", ["Access-Control-Request-Method"] = "POST",
      ["Access-Control-Request-Headers"] = "content-type,mcp-protocol-version",
    } }

    assert.equal(204, answer.status)
    assert.equal("http://localhost:6274", answer.headers["access-control-allow-origin"])
    assert.equal("content-type, mcp-protocol-version",
      answer.headers["access-control-allow-headers"])
  end)

  it("refuses a megabyte of nested arrays", function()
    local answer = send(("["):rep(500000) .. ("]"):rep(500000))

    assert.equal(400, answer.status)
    assert.equal(200, send(request "ping").status)
  end)
end)

describe("a legacy session #threads", function()
  setup(function() g = start() end)
  teardown(function() g:stop() end)

  it("is served by whichever worker takes the request, and ends for all", function()
    local session = open_session()
    for _ = 1, 40 do assert.equal(200, send(request "ping", session).status) end

    local ended = web.request {
      port = g.port, path = "/mcp", method = "DELETE", headers = session,
    }

    assert.equal(200, ended.status)
    for _ = 1, 40 do assert.equal(404, send(request "ping", session).status) end
  end)

  it("has its calls cancelled through any worker, without an answer", function()
    local session, before, calls = open_session(), logged "cancelled", {}
    for i = 1, 12 do calls[i] = web.open(post(wait_call(30, i), session)) end
    process.sleep_ms(300)

    for i = 1, 12 do
      send({ jsonrpc = "2.0", method = "notifications/cancelled", params = { requestId = i } },
        session)
    end

    for i = 1, 12 do
      local answer = assert(web.finish(calls[i]))
      assert.same({ 200, "text/event-stream", "" },
        { answer.status, answer.headers["content-type"], answer.body })
    end
    assert.truthy(becomes("cancelled", before + 12))
  end)

  it("has no call cancelled because a connection is lost", function()
    local session, before = open_session(), logged "ok"
    local call = web.open(post(wait_call(0.6), session))
    process.sleep_ms(100)
    call:close()

    assert.truthy(becomes("ok", before + 1))
  end)

  it("leaves nothing behind, a thousand times", function()
    for _ = 1, 100 do send(request "ping", open_session()) end
    local memory, fds = g:usage()
    for _ = 1, 1000 do
      web.request { port = g.port, path = "/mcp", method = "DELETE", headers = open_session() }
    end
    local memory_after, fds_after = g:usage()

    assert.is_true(fds_after <= fds + WORKERS, fds .. " descriptors became " .. fds_after)
    assert.is_true(memory_after < memory + 6000, memory .. " KiB became " .. memory_after)
  end)
end)

describe("a modern client", function()
  setup(function() g = start() end)
  teardown(function() g:stop() end)

  it("cancels its call by leaving", function()
    local before, calls = logged "cancelled", {}
    for i = 1, 8 do
      calls[i] = web.open(g:modern("tools/call",
        { name = "mcp_wait", arguments = { seconds = 30 } }))
    end
    process.sleep_ms(200)
    local begun = process.now_ms()
    for i = 1, 8 do calls[i]:close() end

    assert.truthy(becomes("cancelled", before + 8))
    assert.is_true(process.now_ms() - begun < 1500)
  end)

  it("is answered while others wait", function()
    local slow = web.open(g:modern("tools/call",
      { name = "mcp_wait", arguments = { seconds = 0.5 } }))
    local quick = g:call("mcp_wait", { seconds = 0 })

    assert.equal(0, quick.structuredContent.waited)
    assert.equal(200, assert(web.finish(slow)).status)
  end)
end)

describe("a unix socket", function()
  setup(function() g = start { "--listen", "unix:" .. os.tmpname() .. ".sock" } end)
  teardown(function() g:stop() end)

  it("asks for no host", function()
    assert.equal(200, send(request "ping", { Host = "whatever" }).status)
    assert.equal(403, send(request "ping", { Origin = "http://evil.example.com" }).status)
  end)
end)

describe("the end of the process", function()
  it("waits for no call longer than it was told, in either era", function()
    g = gateway.start {
      scripts = { ["mcp.lua"] = SCRIPT }, args = { "--workers", "2", "--drain-ms", "300" },
    }
    local calls = {}
    for i = 1, 4 do
      calls[i] = web.open(post(wait_call(30, i)))
      calls[i + 4] = web.open(g:modern("tools/call",
        { name = "mcp_wait", arguments = { seconds = 30 } }))
    end
    process.sleep_ms(200)
    local begun = process.now_ms()

    g:stop() -- raises if a sanitizer found something

    assert.is_true(process.now_ms() - begun < 5000)
    for i = 1, 8 do calls[i]:close() end
  end)
end)
