-- Whatever is wrong with a request, its error has the id that it came with, as it
-- was spelled: over every method, both eras, and all that can be sent as params.
local json = require "cjson"
local mcp = require "mcp"

local world, session

local METHODS = {
  "tools/call", "tools/list", "resources/list", "resources/templates/list", "resources/read",
  "prompts/list", "prompts/get", "completion/complete", "subscriptions/listen", "tasks/get",
  "tasks/update", "tasks/cancel", "tasks/result", "tasks/list", "logging/setLevel",
  "resources/subscribe", "resources/unsubscribe", "ping", "server/discover", "initialize",
  "sampling/createMessage", "no/such", "", "notifications/cancelled", "tools/CALL",
}

-- As they stand in the request; 0 and "" are ids like others.
local IDS = {
  "0", '""', "7", "-1", '"0"', '"a"', '"\\u00e9\\"\\\\"', "9007199254740993", "-9223372036854775808",
  '"' .. ("x"):rep(1000) .. '"', '" "', '"null"', "123456789012345678901234567890",
}

local NO_IDS = {
  "null", "1.5", "1e3", "1.0", "true", "[]", "{}", "[1]", '{"id":1}', "1e400",
}

local VALUES = {
  "null", "0", "-1", "1.5", "true", '""', '"x"', '"x://1"', '"demo_add"', "[]", "{}", "[[]]", '{"a":1}',
  '{"type":"ref/prompt","name":"demo_ask"}', '{"name":"a","value":"b"}', '"2025-11-25"', '{"toolsListChanged":7}',
}

local NAMES = {
  "name", "uri", "arguments", "cursor", "level", "ref", "argument", "taskId", "notifications", "protocolVersion",
  "capabilities", "clientInfo", "requestId", "inputResponses", "requestState", "task", "_meta", "nobody knows",
}

local META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
  .. '"io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}'

local function pick(list) return list[math.random(#list)] end

local function params(modern)
  local dice = math.random(10)
  if dice == 1 and not modern then return "" end
  if dice == 2 and not modern then return ',"params":' .. pick(VALUES) end
  local parts, used = {}, {}
  if modern then parts[1] = META end
  for _ = 1, math.random(0, 4) do
    local name = pick(NAMES)
    if not used[name] and not (modern and name == "_meta") then
      parts[#parts + 1] = ('"%s":%s'):format(name, pick(VALUES))
    end
    used[name] = true
  end
  return ',"params":{' .. table.concat(parts, ",") .. "}"
end

local function request(modern, method, id)
  local body = ('{"jsonrpc":"2.0","id":%s,"method":"%s"%s}'):format(id, method, params(modern))
  local decoded = json.decode((body:gsub("1e400", "1")))
  local given = type(decoded.params) == "table" and decoded.params or {}
  local r = modern and mcp.modern(method) or mcp.legacy(method, nil, session)
  r.message, r.body = nil, body
  if modern then
    for key, field in pairs { name = "mcp-name", uri = "mcp-name", taskId = "mcp-name" } do
      if type(given[key]) == "string" then r.headers[field] = given[key] end
    end
  end
  if math.random(12) == 1 then r.headers["mcp-name"] = "another" end
  if math.random(12) == 1 then r.headers["mcp-method"] = "another" end
  if math.random(20) == 1 then r.headers["mcp-protocol-version"] = pick { "1", mcp.MODERN, "2025-06-18" } end
  if math.random(30) == 1 then r.headers.accept = pick { "text/plain", "application/json" } end
  if math.random(40) == 1 then r.headers["mcp-session-id"] = "forged" end
  return r
end

-- The id in the only answer, as it is spelled; nil if there is none.
local function id_of(body)
  return body:match '^{"jsonrpc":"2.0","id":(.-),"[re][er][sr]' -- result, error
end

before_each(function()
  world = mcp.world {
    mailbox = true, resources = { "x://1" }, templates = { "x://item/{id}" }, prompts = { "demo_ask" },
  }
  world:at_once(true)
  session = mcp.session(world)
end)

after_each(function() world:free() end)

describe("an error", function()
  for _, modern in ipairs { false, true } do
    it("has the id of its request, in the " .. (modern and "modern" or "legacy") .. " era", function()
      local errors, methods = 0, {}
      for seed = 1, 1500 do
        math.randomseed(seed)
        local method, id = METHODS[seed % #METHODS + 1], pick(IDS)
        local handle = mcp.begin(world, request(modern, method, id))
        local a = mcp.read(handle)
        if a.streamed then
          handle:leave()
        else
          local what = ("%d %s\n%s"):format(seed, method, a.body)
          assert.equal(id, id_of(a.body), what)
          if a.code then
            errors, methods[method] = errors + 1, true
            assert.is_true(a.code <= -32000 and a.code >= -32768 and a.code % 1 == 0, what)
            assert.is_true(a.status == 200 or (a.status >= 400 and a.status <= 500), what)
          end
        end
      end
      assert.is_true(errors > 600)
      local n = 0
      for _ in pairs(methods) do n = n + 1 end
      assert.is_true(n >= #METHODS - 4, tostring(n))
    end)
  end

  it("of what has no id has none, whatever the method", function()
    for _, modern in ipairs { false, true } do
      for i, method in ipairs(METHODS) do
        for _, id in ipairs(NO_IDS) do
          math.randomseed(i)
          local r = request(modern, method, id)
          r.headers.accept = "application/json, text/event-stream"
          local a = mcp.send(world, r)

          assert.is_true(a.status == 400 or a.status == 404, id .. " " .. a.body)
          assert.truthy(a.body:find(modern and '^{"jsonrpc":"2.0","error"' or '"id":null', 1), a.body)
        end
      end
    end
  end)

  it("over HTTP+SSE has it as well", function()
    local stream = mcp.begin(world, {
      method = "GET", path = "/sse", headers = { host = "localhost", accept = "text/event-stream" },
    })
    local query = mcp.read(stream).body:match "messages%?(%S+)"
    for seed = 1, 200 do
      math.randomseed(seed)
      local method, id = METHODS[seed % #METHODS + 1], pick(IDS)
      stream:clear()
      mcp.send(world, {
        path = "/messages", query = query, body = request(false, method, id).body,
        headers = { host = "localhost", ["content-type"] = "application/json" },
      })
      world:pass(0.01)
      local body = mcp.read(stream).body:match "data: ([^\n]*)"
      assert.equal(id, id_of(body or ""), seed .. method)
    end
  end)
end)

describe("a request of a megabyte", function()
  local function verdict(body)
    local r = mcp.legacy "ping"
    r.message, r.body = nil, body
    return mcp.verdict(world, r)
  end

  it("of nested arrays or objects, or of one id, is refused at once", function()
    local clock = os.clock()
    assert.equal("400 -32600", verdict(("["):rep(1 << 20)))
    assert.equal("400 -32600", verdict(("["):rep(1 << 19) .. ("]"):rep(1 << 19)))
    assert.equal("400 -32600", verdict(('{"a":'):rep(1 << 18)))
    assert.equal("400 -32600", verdict('{"jsonrpc":"2.0","id":1,"method":"ping","params":' .. ("["):rep(1 << 19)
      .. ("]"):rep(1 << 19) .. "}"))
    assert.is_true(os.clock() - clock < 2)
  end)
end)
