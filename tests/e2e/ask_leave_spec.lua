--- Clients that leave while they are asked, and what they read once they have
--- answered: the real binary, four workers.

local cjson = require "cjson"
local socket = require "socket"

local gateway = require "gateway"
local process = require "process"
local web = require "web"

local SCRIPT = [[
return {
  name = "ask", upstream = { base = "http://127.0.0.1:9" },
  tools = {
    model = {
      about = "Asks.",
      run = function(ctx) return assert(ctx.sample { messages = "Hello" }).text end,
    },
  },
  resources = {
    secret = {
      uri = "ask://secret", about = "Asks.", cache = { ttl_ms = 5000, scope = "public" },
      read = function(ctx)
        if not ctx.can_ask "form" then return "for all" end
        local answer = assert(ctx.ask { message = "Who?", key = "who" })
        return "for who says " .. answer.action
      end,
    },
  },
}]]

local CALLS = 60

local g, session

local function post(message)
  return web.request {
    port = g.port, method = "POST", path = "/mcp", body = cjson.encode(message),
    headers = {
      ["Content-Type"] = "application/json", Accept = "application/json, text/event-stream",
      ["Mcp-Session-Id"] = session,
    },
  }
end

local function open_session(version)
  session = nil
  session = post({
    jsonrpc = "2.0", id = 1, method = "initialize",
    params = {
      protocolVersion = version, capabilities = { sampling = {} },
      clientInfo = { name = "e2e", version = "1" },
    },
  }).headers["mcp-session-id"]
end

-- Calls, and reads until the question has come: the connection, and its id.
local function be_asked(id)
  local client = assert(socket.connect("127.0.0.1", g.port))
  client:settimeout(10)
  local body = cjson.encode {
    jsonrpc = "2.0", id = id, method = "tools/call", params = { name = "ask_model" },
  }
  assert(client:send(("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    .. "Accept: application/json, text/event-stream\r\nMcp-Session-Id: %s\r\n"
    .. "Content-Length: %d\r\n\r\n%s"):format(session, #body, body)))
  repeat
    local line = assert(client:receive "*l")
    local data = line:match "^data: ?(.*sampling/createMessage.*)$"
    if data then return client, cjson.decode(data).id end
  until false
end

local function cancelled()
  return select(2, g:log():gsub("tool=ask_model[^\n]*code=cancelled", ""))
end

local function respond(id)
  return post {
    jsonrpc = "2.0", id = id,
    result = { role = "assistant", model = "m", content = { type = "text", text = "hi" } },
  }
end

describe("while a client is asked", function()
  setup(function()
    g = gateway.start { scripts = { ["ask.lua"] = SCRIPT }, args = { "--workers", "4" } }
  end)

  teardown(function() g:stop() end)

  it("and leaves for good, its call ends within a second and leaves nothing behind", function()
    open_session "2024-11-05"
    local _, before_fds = g:usage()
    local before = cancelled()
    local clients = {}
    for i = 1, CALLS do clients[i] = be_asked(i) end

    for _, client in ipairs(clients) do client:close() end

    assert.truthy(process.eventually(function() return cancelled() == before + CALLS end, 1))
    assert.truthy(process.eventually(function()
      local _, fds = g:usage()
      return fds <= before_fds + 2
    end, 2))
  end)

  it("it reads what nobody else may keep", function()
    local function read(can, more)
      local params = { uri = "ask://secret" }
      for name, value in pairs(more or {}) do params[name] = value end
      params._meta = { ["io.modelcontextprotocol/clientCapabilities"] = can }
      return g:rpc("resources/read", params, { ["Mcp-Name"] = "ask://secret" }).result
    end

    local plain = read {}
    local asked = read { elicitation = { form = {} } }
    local own = read({ elicitation = { form = {} } }, {
      requestState = asked.requestState, inputResponses = { who = { action = "decline" } },
    })

    assert.same({ "for all", 5000, "public" },
      { plain.contents[1].text, plain.ttlMs, plain.cacheScope })
    assert.same({ "input_required" }, { asked.resultType, asked.ttlMs, asked.cacheScope })
    assert.same({ "for who says decline", 0, "private" },
      { own.contents[1].text, own.ttlMs, own.cacheScope })
  end)

  it("its session may be ended", function()
    open_session "2025-11-25"
    local before = cancelled()
    local client, id = be_asked(1)

    local status = web.request {
      port = g.port, method = "DELETE", path = "/mcp", headers = { ["Mcp-Session-Id"] = session },
    }.status

    assert.equal(200, status)
    assert.truthy(process.eventually(function() return cancelled() == before + 1 end, 1))
    assert.equal(404, respond(id).status)
    client:close()
  end)

  it("and its stream is cut, the answer is still taken", function()
    open_session "2025-11-25"
    local client, id = be_asked(1)
    client:close()

    assert.equal(202, respond(id).status)

    assert.truthy(g:logged "tool=ask_model[^\n]*code=ok")
    assert.equal(202, respond(id).status)
  end)
end)
