-- Which message gets which HTTP status and which code: the tables of the
-- specification (sections 1.4 and 2.3 of the digest), row by row.
local mcp = require "mcp"

local FUTURE = "2027-01-01"

local world

local function verdict(request)
  return mcp.verdict(world, request)
end

local function without(request, header)
  request.headers[header] = nil
  return request
end

local function with(request, header, value)
  request.headers[header] = value
  return request
end

local function raw(body)
  local request = mcp.legacy "ping"
  request.body = body
  return request
end

-- A modern request as it stands in an array.
local function array_of(...)
  local request = mcp.legacy "ping"
  request.message = { ... }
  return request
end

local function modern_list()
  return mcp.modern "tools/list"
end

local function bare(method)
  local request = mcp.modern(method)
  request.message.params = nil
  return request
end

describe("the status of", function()
  before_each(function()
    world = mcp.world()
    world:at_once(true)
  end)

  it("a good modern request is 200", function()
    assert.equal("200", verdict(modern_list()))
  end)

  it("a modern body without the version header is 400 -32020", function()
    assert.equal("400 -32020", verdict(without(modern_list(), "mcp-protocol-version")))
  end)

  it("a modern body without Mcp-Method is 400 -32020", function()
    assert.equal("400 -32020", verdict(without(modern_list(), "mcp-method")))
  end)

  it("a modern header without _meta is 400 -32602", function()
    assert.equal("400 -32602", verdict(bare "tools/list"))
  end)

  it("an envelope without clientCapabilities is 400 -32602", function()
    assert.equal("400 -32602", verdict(mcp.meta(modern_list(), "clientCapabilities", nil)))
  end)

  it("a future version in header and body is 400 -32022", function()
    local request = with(modern_list(), "mcp-protocol-version", FUTURE)

    local a = mcp.send(world, mcp.meta(request, "protocolVersion", FUTURE))

    assert.equal(400, a.status)
    assert.same({ code = -32022, message = "Unsupported protocol version",
      data = { supported = { "2026-07-28" }, requested = FUTURE } }, a.json.error)
  end)

  it("a legacy version in the envelope is 400 -32022", function()
    local request = with(modern_list(), "mcp-protocol-version", "2025-11-25")

    assert.equal("400 -32022", verdict(mcp.meta(request, "protocolVersion", "2025-11-25")))
  end)

  it("a header that is not the body's version is 400 -32020", function()
    assert.equal("400 -32020", verdict(with(modern_list(), "mcp-protocol-version", FUTURE)))
    assert.equal("400 -32020", verdict(mcp.meta(modern_list(), "protocolVersion", FUTURE)))
  end)

  it("an unknown method is 404 -32601", function()
    assert.equal("404 -32601", verdict(mcp.modern "tools/lost"))
  end)

  it("a removed method in a modern envelope is 404 -32601", function()
    for _, method in ipairs { "initialize", "ping", "logging/setLevel", "resources/subscribe",
      "resources/unsubscribe" } do
      assert.equal("404 -32601", verdict(mcp.modern(method)), method)
    end
  end)

  it("initialize under a modern header without envelope is 400 -32020", function()
    assert.equal("400 -32020", verdict(bare "initialize"))
  end)

  it("a malformed claim is 400 -32602, also on initialize", function()
    assert.equal("400 -32602", verdict(mcp.meta(modern_list(), "protocolVersion", 3)))
    assert.equal("400 -32602", verdict(mcp.meta(mcp.modern "initialize", "protocolVersion", 3)))
  end)

  it("a plain request, no header, no _meta, is 200", function()
    assert.equal("200", verdict(mcp.legacy "tools/list"))
    assert.equal("200", verdict(mcp.legacy "ping"))
  end)

  it("a legacy batch is 200, a modern one 400 -32600", function()
    assert.equal("200", verdict(array_of(mcp.legacy("ping").message)))
    assert.equal("400 -32600",
      verdict(array_of(mcp.legacy("ping").message, modern_list().message)))
    assert.equal("400 -32600", verdict(
      with(array_of(mcp.legacy("ping").message), "mcp-protocol-version", mcp.MODERN)))
  end)

  it("an empty batch is 400 -32600", function()
    assert.equal("400 -32600", verdict(raw "[]"))
  end)

  it("GET without a session is 405 with Allow", function()
    local a = mcp.send(world, { method = "GET", headers = { host = "localhost" } })

    assert.equal(405, a.status)
    assert.equal(-32000, a.code)
    assert.equal("POST, DELETE", a.headers.allow)
  end)

  it("PUT, HEAD and a modern DELETE is 405", function()
    local modern = { host = "localhost", ["mcp-protocol-version"] = mcp.MODERN }

    assert.equal("405 -32000", verdict { method = "PUT", headers = modern })
    assert.equal("405 -32000", verdict { method = "HEAD", headers = modern })
    assert.equal("405 -32000", verdict { method = "DELETE", headers = modern })
  end)

  it("DELETE without a session header is 400 -32000", function()
    assert.equal("400 -32000", verdict { method = "DELETE", headers = { host = "localhost" } })
  end)

  it("Accept of JSON alone is 200 in modern, 406 in legacy", function()
    assert.equal("200", verdict(with(modern_list(), "accept", "application/json")))
    assert.equal("406 -32000", verdict(with(mcp.legacy "ping", "accept", "application/json")))
  end)

  it("Accept of neither is 406", function()
    assert.equal("406 -32000", verdict(with(modern_list(), "accept", "text/html")))
    assert.equal("406 -32000", verdict(with(mcp.legacy "ping", "accept", "text/html")))
    assert.equal("406 -32000",
      verdict(with(mcp.legacy "ping", "accept", "application/json;q=0, text/event-stream")))
  end)

  it("Accept by wildcards, parts, case or not at all is 200", function()
    for _, accept in ipairs { "*/*", "application/*, text/*", "text/html, */*;q=0.1",
      "Application/JSON;q=0.9,TEXT/event-stream" } do
      assert.equal("200", verdict(with(mcp.legacy "ping", "accept", accept)), accept)
    end
    assert.equal("200", verdict(with(mcp.legacy "ping", "accept",
      { "application/json", "text/event-stream" })))
    assert.equal("200", verdict(without(mcp.legacy "ping", "accept")))
  end)

  it("another media type is 415 -32000, JSON with parameters 200", function()
    assert.equal("415 -32000", verdict(with(modern_list(), "content-type", "text/plain")))
    assert.equal("415 -32000", verdict(without(modern_list(), "content-type")))
    assert.equal("415 -32000", verdict(with(modern_list(), "content-type", "application/jsonp")))
    assert.equal("200",
      verdict(with(modern_list(), "content-type", "Application/JSON; charset=utf-8")))
  end)

  it("broken JSON is 400 -32700", function()
    assert.equal("400 -32700", verdict(raw "{"))
    assert.equal("400 -32700", verdict(raw ""))
    assert.equal("400 -32700", verdict(raw '{"jsonrpc":"2.0","id":1,"method":"p\xffng"}'))
  end)

  it("a notification is 202 and empty, in both eras", function()
    local modern = mcp.send(world, without(mcp.notification(mcp.modern "notifications/x"),
      "mcp-method"))
    local legacy = mcp.send(world, mcp.notification(mcp.legacy "notifications/initialized"))

    assert.same({ 202, "" }, { modern.status, modern.body })
    assert.same({ 202, "" }, { legacy.status, legacy.body })
  end)

  it("a modern notification needs no header, but one that disagrees is 400", function()
    local function cancelled()
      return mcp.notification(mcp.modern "notifications/cancelled")
    end

    assert.equal("202", verdict(without(without(cancelled(), "mcp-method"),
      "mcp-protocol-version")))
    assert.equal("400 -32020", verdict(with(cancelled(), "mcp-protocol-version", FUTURE)))
    assert.equal("400 -32020", verdict(with(cancelled(), "mcp-method", "notifications/x")))
    assert.equal("400 -32602", verdict(mcp.meta(cancelled(), "protocolVersion", 1)))
  end)

  it("a posted response is 202 in legacy, 400 -32600 in modern", function()
    local request = raw '{"jsonrpc":"2.0","id":0,"result":{}}'

    assert.equal("202", verdict(request))
    assert.equal("400 -32600", verdict(with(request, "mcp-protocol-version", mcp.MODERN)))
  end)

  it("id null is 400 -32600", function()
    local request = modern_list()
    request.message.id = mcp.null

    assert.equal("400 -32600", verdict(request))
  end)

  it("a missing or wrong Mcp-Name is 400 -32020", function()
    local function call() return mcp.modern("tools/call", {}, "demo_add") end

    assert.equal("200", verdict(call()))
    assert.equal("400 -32020", verdict(without(call(), "mcp-name")))
    assert.equal("400 -32020", verdict(with(call(), "mcp-name", "demo_list")))
    assert.equal("400 -32020", verdict(with(call(), "mcp-name", "DEMO_ADD")))
    assert.equal("200", verdict(with(call(), "mcp-name", "  demo_add\t")))
    assert.equal("200", verdict(with(call(), "mcp-name", "=?base64?ZGVtb19hZGQ=?=")))
    assert.equal("400 -32020", verdict(with(call(), "mcp-name", "=?base64?ZGVtb19hZGQ?=")))
  end)

  it("a method header in another case is 400 -32020", function()
    assert.equal("400 -32020", verdict(with(modern_list(), "mcp-method", "TOOLS/LIST")))
  end)

  it("two of a header is 400, even if they agree", function()
    for _, name in ipairs { "mcp-protocol-version", "mcp-method", "mcp-name" } do
      local request = mcp.modern("tools/call", {}, "demo_add")
      local value = request.headers[name]
      assert.equal("400 -32020", verdict(with(request, name, { value, value })), name)
    end
    assert.equal("400 -32000", verdict(with(mcp.legacy "ping", "mcp-protocol-version",
      { "2025-06-18", "2025-06-18" })))
  end)

  it("an unknown tool is -32602 in a 200", function()
    assert.equal("200 -32602", verdict(mcp.modern("tools/call", {}, "nope")))
    assert.equal("200 -32602", verdict(mcp.legacy("tools/call", { name = "nope" })))
  end)

  it("a bad log level, client info or progress token is 400 -32602", function()
    assert.equal("400 -32602", verdict(mcp.meta(modern_list(), "logLevel", "loud")))
    assert.equal("200", verdict(mcp.meta(modern_list(), "logLevel", "notice")))
    assert.equal("400 -32602", verdict(mcp.meta(modern_list(), "clientInfo", { name = "x" })))
    local request = modern_list()
    request.message.params._meta.progressToken = {}
    assert.equal("400 -32602", verdict(request))
  end)

  it("an unknown legacy version header is 400 -32000", function()
    assert.equal("400 -32000", verdict(with(mcp.legacy "ping", "mcp-protocol-version", FUTURE)))
    assert.equal("200", verdict(with(mcp.legacy "ping", "mcp-protocol-version", "2025-06-18")))
  end)

  it("an unknown method of legacy is -32601 in a 200", function()
    assert.equal("200 -32601", verdict(mcp.legacy "server/discover"))
  end)

  it("a call that cannot be started for lack of memory is 500 -32603", function()
    world:refuse(true)

    assert.equal("500 -32603", verdict(mcp.modern("tools/call", {}, "demo_add")))
  end)
end)

describe("a server that is too late", function()
  before_each(function()
    world = mcp.world { late = true }
    world:at_once(true)
  end)

  it("refuses calls that have not begun, and says when to come again", function()
    local a = mcp.send(world, mcp.modern("tools/call", { arguments = {} }, "demo_add"))

    assert.equal(503, a.status)
    assert.matches("^[123]$", a.headers["retry-after"])
    assert.same({ 7, -32000 }, { a.json.id, a.json.error.code })
    assert.matches("^Too much to do just now, nothing was done; try again in [123] s$",
      a.json.error.message)
    assert.equal(0, world:calls())
  end)

  it("says so in each answer of a batch, which has one status", function()
    local request = mcp.legacy "ping"
    request.message = {
      { jsonrpc = "2.0", id = 1, method = "tools/call", params = { name = "demo_add" } },
      { jsonrpc = "2.0", id = 2, method = "ping" },
    }
    local a = mcp.send(world, request)

    assert.equal(200, a.status)
    assert.matches("Too much to do", a.json[1].error.message)
    assert.truthy(a.json[2].result)
  end)

  it("serves what is cheap and shows that somebody is there", function()
    for _, method in ipairs { "server/discover", "tools/list" } do
      assert.equal(200, mcp.send(world, mcp.modern(method)).status, method)
    end
    assert.equal(200, mcp.send(world, mcp.legacy "ping").status)
  end)
end)
