-- JSON-RPC messages of every wrong kind, and the ids of the answers.
local mcp = require "mcp"
local json = require "cjson"

local META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",' ..
  '"io.modelcontextprotocol/clientCapabilities":{}}'

local world

local function legacy(body)
  local request = mcp.legacy "ping"
  request.body = body
  return mcp.send(world, request)
end

local function modern(body, method)
  local request = mcp.modern(method or "tools/list")
  request.body = body
  return mcp.send(world, request)
end

-- The id as it is spelled in the answer; "none" if there is no such member.
local function id_of(a)
  return a.body:match '"id":("[^"\\]*")' or a.body:match '"id":([^,}%]]+)' or "none"
end

before_each(function()
  world = mcp.world()
  world:at_once(true)
end)

describe("an id", function()
  local GOOD = { "0", "1", "-1", '""', '"a"', '"0"', "9007199254740993",
    "123456789012345678901234567890", '"\\u0061\\n"', '"' .. ("x"):rep(1000) .. '"' }
  local BAD = { "null", "1.5", "1.0", "1e3", "{}", "[]", "true", '"' .. ("x"):rep(2000) .. '"' }

  it("comes back as it was spelled, in results and in errors", function()
    for _, id in ipairs(GOOD) do
      local ok = legacy('{"jsonrpc":"2.0","id":' .. id .. ',"method":"ping"}')
      local unknown = legacy('{"jsonrpc":"2.0","id":' .. id .. ',"method":"lost"}')

      assert.equal('{"jsonrpc":"2.0","id":' .. id .. ',"result":{}}', ok.body)
      assert.equal(1, unknown.body:find('{"jsonrpc":"2.0","id":' .. id .. ',"error"', 1, true))
    end
  end)

  it("that is none is refused: null in legacy, left out in modern", function()
    for _, id in ipairs(BAD) do
      local old = legacy('{"jsonrpc":"2.0","id":' .. id .. ',"method":"ping"}')
      local new = modern('{"jsonrpc":"2.0","id":' .. id .. ',"method":"tools/list","params":{' ..
        META .. "}}")

      assert.same({ 400, -32600, "null" }, { old.status, old.code, id_of(old) }, id)
      assert.same({ 400, -32600, "none" }, { new.status, new.code, id_of(new) }, id)
    end
  end)

  it("that is none is left out if the body alone says that it is modern", function()
    local a = legacy('{"jsonrpc":"2.0","id":1.5,"method":"tools/list","params":{' .. META .. "}}")

    assert.same({ -32600, "none" }, { a.code, id_of(a) })
  end)

  it("is echoed by every error that can read it", function()
    local bodies = {
      '{"jsonrpc":"1.0","id":@,"method":"ping"}',
      '{"id":@,"method":"ping"}',
      '{"jsonrpc":"2.0","id":@}',
      '{"jsonrpc":"2.0","id":@,"method":7}',
      '{"jsonrpc":"2.0","id":@,"method":"ping","params":[]}',
      '{"jsonrpc":"2.0","id":@,"method":"ping","params":null}',
      '{"jsonrpc":"2.0","id":@,"method":"ping","result":{}}',
      '{"jsonrpc":"2.0","id":@,"result":{},"error":{}}',
      '{"jsonrpc":"2.0","method":"x","method":"y","id":@}',
      '{"jsonrpc":"2.0","id":@,"method":"tools/call","params":{"name":1}}',
      '{"jsonrpc":"2.0","id":@,"method":"tools/call","params":{"name":"a","name":"b"}}',
      '{"jsonrpc":"2.0","id":@,"method":"ping","params":{"_meta":{"a":1,"a":2}}}',
      '{"jsonrpc":"2.0","id":@,"method":"initialize"}',
      '{"jsonrpc":"2.0","id":@,"method":"tools/list","params":{"cursor":""}}',
      '{"jsonrpc":"2.0","id":@,"method":"tools/list","params":{' .. META .. "}}",
    }
    for _, body in ipairs(bodies) do
      for _, id in ipairs(GOOD) do
        local a = legacy((body:gsub("@", (id:gsub("%%", "%%%%")))))

        assert.truthy(a.code, body)
        assert.truthy(a.body:find('"id":' .. id .. ",", 1, true), body .. a.body)
      end
    end
  end)

  it("that comes twice is no id", function()
    local a = legacy '{"jsonrpc":"2.0","id":1,"\\u0069d":2,"method":"ping"}'

    assert.same({ 400, -32600, "null" }, { a.status, a.code, id_of(a) })
  end)

  it("of what is not JSON is null, or left out under a modern header", function()
    assert.equal("null", id_of(legacy "{"))
    assert.equal("none", id_of(modern "{"))
    assert.equal("null", id_of(legacy "[]"))
  end)
end)

describe("a message", function()
  local function refused(body)
    local a = legacy(body)
    return a.status .. " " .. tostring(a.code)
  end

  it("must be an object", function()
    for _, body in ipairs { "1", '"ping"', "null", "true" } do
      assert.equal("400 -32600", refused(body))
    end
  end)

  it("must not have a member twice, nor its params, nor their _meta", function()
    assert.equal("400 -32600", refused '{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}')
    assert.equal("400 -32600", refused '{"jsonrpc":"2.0","id":1,"method":"ping","x":1,"x":1}')
    assert.equal("400 -32600",
      refused '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":1,"\\u0061":1}}')
    assert.equal("400 -32600",
      refused '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"a":1,"a":1}}}')
  end)

  it("may have members that nobody knows", function()
    assert.equal("200 nil", refused '{"jsonrpc":"2.0","id":1,"method":"ping","extra":{"x":[1]}}')
  end)

  it("may spell its members with escapes", function()
    assert.equal("200 nil",
      refused '{"json\\u0072pc":"2.\\u0030","id":1,"meth\\u006fd":"p\\u0069ng"}')
  end)

  it("of a megabyte of nested arrays is refused", function()
    local n = 500000
    assert.equal("400", refused(("["):rep(n) .. ("]"):rep(n)):match "^%d+")
  end)

  it("with an error and no id is a response", function()
    assert.equal(202, legacy('{"jsonrpc":"2.0","error":{"code":1,"message":"x"}}').status)
    assert.equal("400 -32600", refused '{"jsonrpc":"2.0","result":{}}')
  end)
end)

describe("a batch", function()
  local function ping(id)
    return { jsonrpc = "2.0", id = id, method = "ping" }
  end

  local function batch(...)
    local request = mcp.legacy "ping"
    request.message = { ... }
    return request
  end

  it("is answered by an array, notifications not at all", function()
    local a = mcp.send(world, batch(ping(1), { jsonrpc = "2.0", method = "notifications/x" },
      ping "b", { jsonrpc = "2.0", id = 3, method = "lost" }))

    assert.equal(200, a.status)
    assert.same({ 1, "b", 3 }, { a.json[1].id, a.json[2].id, a.json[3].id })
    assert.equal(-32601, a.json[3].error.code)
  end)

  it("of notifications and responses alone is 202", function()
    assert.equal(202, mcp.send(world, batch({ jsonrpc = "2.0", method = "x" },
      { jsonrpc = "2.0", id = 1, result = {} })).status)
  end)

  it("waits for all its calls, in whatever order they end", function()
    world:at_once(false)
    local call = { jsonrpc = "2.0", id = "c1", method = "tools/call",
      params = { name = "demo_add" } }
    local other = { jsonrpc = "2.0", id = "c2", method = "tools/call",
      params = { name = "demo_add" } }
    local handle = mcp.begin(world, batch(call, ping(1), other))

    world:finish(2, { body = '{"n":2}' })
    assert.is_false(mcp.read(handle).ended)
    world:finish(1, { body = '{"n":1}' })

    local ids = {}
    for i, one in ipairs(mcp.read(handle).json) do ids[i] = one.id end
    assert.same({ 1, "c2", "c1" }, ids)
  end)

  it("is 200 whatever befalls one of its messages", function()
    world:refuse(true)
    local call = mcp.legacy("tools/call", { name = "demo_add" }).message
    local a = mcp.send(world, batch(ping(1), call))

    assert.same({ 200, -32603 }, { a.status, math.tointeger(a.json[2].error.code) })
  end)

  it("has at most 50 messages, none of them broken, none initialize", function()
    local many, fifty = {}, {}
    for i = 1, 51 do many[i] = ping(i) end
    for i = 1, 50 do fifty[i] = ping(i) end

    assert.equal("400 -32600", mcp.verdict(world, batch(table.unpack(many))))
    assert.equal(50, #mcp.send(world, batch(table.unpack(fifty))).json)
    assert.equal("400 -32600", mcp.verdict(world, batch(ping(1), { jsonrpc = "2.0", id = 1 })))
    assert.equal("400 -32600", mcp.verdict(world, batch(ping(1), mcp.initialize().message)))
  end)

  it("belongs to 2025-03-26 and before", function()
    local function verdict(version, session)
      local request = batch(ping(1))
      request.headers["mcp-protocol-version"] = version
      request.headers["mcp-session-id"] = session
      return mcp.verdict(world, request)
    end

    assert.equal("200", verdict "2025-03-26")
    assert.equal("400 -32600", verdict "2025-06-18")
    assert.equal("200", verdict(nil, mcp.session(world, "2025-03-26")))
    assert.equal("400 -32600", verdict(nil, mcp.session(world, "2025-11-25")))
  end)
end)

describe("an answer", function()
  it("is JSON whatever is in it", function()
    local a = legacy(json.encode { jsonrpc = "2.0", id = 1, method = "tools/call",
      params = { name = 'a"\\\1\n' .. ("ü"):rep(60) } })

    assert.equal(-32602, a.code)
    assert.truthy(a.json.error.message:find('a"\\', 1, true))
  end)
end)
