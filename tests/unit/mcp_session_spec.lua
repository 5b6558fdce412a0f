-- initialize, and sessions that nobody remembers.
local T = require "T"
local mcp = require "mcp"

local world

local function with_session(method, session, version)
  local request = mcp.legacy(method, nil, session)
  request.headers["mcp-protocol-version"] = version
  return mcp.verdict(world, request)
end

local function delete(where, session)
  return mcp.verdict(where, {
    method = "DELETE", headers = { host = "localhost", ["mcp-session-id"] = session },
  })
end

before_each(function()
  world = mcp.world { instructions = "be kind" }
  world:at_once(true)
end)

describe("initialize", function()
  it("agrees on the legacy revision that is asked for", function()
    for _, version in ipairs { "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05" } do
      local a = mcp.send(world, mcp.initialize(version))

      assert.same({
        protocolVersion = version, capabilities = { tools = {}, logging = {} }, instructions = "be kind",
        serverInfo = { name = 'tide"gate', version = "0.1" },
      }, a.json.result)
    end
  end)

  it("answers its newest legacy revision to any other word", function()
    for _, version in ipairs { "2026-07-28", "2024-10-07", "tomorrow", "" } do
      local a = mcp.send(world, mcp.initialize(version))

      assert.equal("2025-11-25", a.json.result.protocolVersion)
    end
  end)

  it("gives a session id of visible ASCII, another each time", function()
    local one, two = mcp.session(world), mcp.session(world)

    assert.truthy(one:match "^[\x21-\x7e]+$")
    assert.not_equal(one, two)
  end)

  it("refuses params of the wrong shape, without a session", function()
    for key, value in pairs { protocolVersion = 1, capabilities = "all", clientInfo = 7 } do
      local request = mcp.initialize()
      request.message.params[key] = value
      local a = mcp.send(world, request)

      assert.same({ 200, -32602 }, { a.status, a.code })
      assert.is_nil(a.headers["mcp-session-id"])
    end
  end)

  it("minds neither an old session nor a version header", function()
    local request = mcp.initialize()
    request.headers["mcp-session-id"] = "gone"
    request.headers["mcp-protocol-version"] = "1.0"

    assert.equal("200", mcp.verdict(world, request))
  end)
end)

describe("a session", function()
  it("is good on any worker with the same keys", function()
    local other = mcp.world { shared = world }
    local session = mcp.session(other)

    assert.equal("200", with_session("ping", session, "2025-11-25"))
    assert.equal("200", with_session("ping", session))
  end)

  it("that is forged, cut or not ours is 404 -32001", function()
    local session = mcp.session(world)

    assert.equal("404 -32001", with_session("ping", session:sub(1, -2)))
    assert.equal("404 -32001", with_session("ping", session .. "A"))
    assert.equal("404 -32001", with_session("ping", (session:gsub("^.", "_"))))
    assert.equal("404 -32001", with_session("ping", "some-uuid"))
    assert.equal("404 -32001", with_session("ping", ""))
  end)

  it("cannot be a cursor", function()
    local paged = mcp.world { page_size = 1, shared = world }
    local cursor = mcp.send(paged, mcp.legacy "tools/list").json.result.nextCursor

    assert.equal("404 -32001", with_session("ping", cursor))
  end)

  it("comes once", function()
    local session = mcp.session(world)

    assert.equal("400 -32000", with_session("ping", { session, session }))
  end)

  it("has the version that was agreed on, whatever known one a header says", function()
    local session = mcp.session(world, "2024-11-05")
    for _, version in ipairs { "2024-11-05", "2025-03-26", "2025-11-25" } do
      local request = mcp.legacy("tools/list", nil, session)
      request.headers["mcp-protocol-version"] = version

      assert.is_nil(mcp.send(world, request).json.result.tools[1].title)
    end
    assert.equal("400 -32000", with_session("ping", session, "2024-10-07"))
    assert.equal("400 -32602", with_session("ping", session, mcp.MODERN))
  end)

  it("expires", function()
    local short = mcp.world { session_ttl_s = 60 }
    local request = mcp.legacy("ping", nil, mcp.session(short))

    short:pass(59)
    assert.equal("200", mcp.verdict(short, request))
    short:pass(2)
    assert.equal("404 -32001", mcp.verdict(short, request))
  end)

  it("ends with DELETE, for every worker", function()
    local other = mcp.world { shared = world }
    local session, kept = mcp.session(world), mcp.session(world)

    assert.equal("200", delete(other, session))
    assert.equal("404 -32001", with_session("ping", session))
    assert.equal("404 -32001", delete(world, session))
    assert.equal("200", with_session("ping", kept))
  end)

  it("is needed by no request", function()
    assert.equal("200", mcp.verdict(world, mcp.legacy "tools/list"))
    assert.equal("200", mcp.verdict(world, mcp.legacy("tools/call", { name = "demo_add" })))
  end)

  it("decides the form of what is listed", function()
    local session = mcp.session(world, "2024-11-05")
    local tool = mcp.send(world, mcp.legacy("tools/list", nil, session)).json.result.tools[1]

    assert.is_nil(tool.title)
  end)
end)

-- The set is made of buckets; the first bytes of an id choose one.
describe("the memory of ended sessions", function()
  local function id(bucket, n)
    return string.pack("<I4I4c8", bucket, n, "")
  end

  it("keeps eight of a bucket, and forgets the one that would go first", function()
    local ended = T.mcp_ended.new()
    for n = 1, 8 do ended:add(id(3, n), 1000 - n, 0) end
    for n = 1, 8 do assert.is_true(ended:has(id(3, n), 0)) end

    ended:add(id(3, 9), 2000, 0)

    assert.is_false(ended:has(id(3, 8), 0))
    for _, n in ipairs { 1, 2, 3, 4, 5, 6, 7, 9 } do assert.is_true(ended:has(id(3, n), 0)) end
  end)

  it("uses the places of those that have expired", function()
    local ended = T.mcp_ended.new()
    for n = 1, 8 do ended:add(id(3, n), n == 5 and 10 or 1000, 0) end
    ended:add(id(3, 9), 1000, 10)

    assert.is_false(ended:has(id(3, 5), 10))
    for _, n in ipairs { 1, 2, 3, 4, 6, 7, 8, 9 } do assert.is_true(ended:has(id(3, n), 10)) end
  end)

  it("knows each of thousands", function()
    local ended = T.mcp_ended.new()
    for n = 1, 5000 do ended:add(id(n, n), 1000, 0) end

    for n = 1, 5000 do assert.is_true(ended:has(id(n, n), 999)) end
    assert.is_false(ended:has(id(1, 2), 0))
    assert.is_false(ended:has(id(1, 1), 1000))
  end)
end)

describe("server/discover", function()
  it("says what we are and speak", function()
    local a = mcp.send(world, mcp.modern "server/discover")

    assert.same({
      supportedVersions = { "2026-07-28" }, capabilities = { tools = { listChanged = true }, logging = {} },
      instructions = "be kind", resultType = "complete", ttlMs = 5000, cacheScope = "public",
      _meta = { ["io.modelcontextprotocol/serverInfo"] = { name = 'tide"gate', version = "0.1" } },
    }, a.json.result)
  end)
end)
