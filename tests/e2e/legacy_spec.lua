--- Clients of the legacy era that come back, are told of changes, or speak
--- HTTP+SSE: the real binary, one worker and four.

local cjson = require "cjson"
local socket = require "socket"

local gateway = require "gateway"
local process = require "process"
local sse = require "sse"
local web = require "web"

local SCRIPT = [[
local schema = tide.schema

local function say(ctx, args)
  if args.uri then ctx.updated(args.uri) else ctx.changed(args.list) end
  return "said"
end

local function long(ctx)
  local detached = ctx.detach(50)
  tide.time.sleep(0.2)
  return detached and "come back for" or "waited for"
end

local function ask(ctx)
  ctx.detach(50)
  local answer = ctx.ask { message = "Sure?" }
  return answer and answer.action or "nobody"
end

local function big() return ("x"):rep(200000) end

local function slow()
  tide.time.sleep(20)
  return "slept"
end

return {
  name = "shop", upstream = { base = "http://127.0.0.1:9" },
  tools = {
    say = {
      about = "Says what changed.", run = say,
      args = { uri = schema.string { optional = true }, list = schema.string { optional = true } },
    },
    long = { about = "Long.", run = long },
    ask = { about = "Asks.", run = ask },
    big = { about = "Big.", run = big },
    slow = { about = "Slow.", run = slow },
  },
  resources = {
    stock = { uri = "shop://stock", about = "The stock.", read = function() return "1" end },
  },
  prompts = { hello = { about = "Hello.", run = function() return "hello" end } },
}]]

local g, session

local function run(how, where)
  local code, out, err = process.run {
    "node", "tests/sdk/legacy.mjs", how, where, env = { LD_PRELOAD = false },
  }
  assert(code == 0, err)
  return cjson.decode(out)
end

local function url(path) return ("http://127.0.0.1:%d%s"):format(g.port, path) end

local function post(message)
  return web.request {
    port = g.port, method = "POST", path = "/mcp", body = cjson.encode(message),
    headers = {
      ["Content-Type"] = "application/json", Accept = "application/json, text/event-stream",
      ["Mcp-Session-Id"] = session,
    },
  }
end

-- Sends it, waits until an answer has begun, and leaves.
local function abandon(message)
  local client = assert(socket.connect("127.0.0.1", g.port))
  client:settimeout(10)
  local body = cjson.encode(message)
  assert(client:send(("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    .. "Accept: application/json, text/event-stream\r\nMcp-Session-Id: %s\r\n"
    .. "Content-Length: %d\r\n\r\n%s"):format(session, #body, body)))
  assert(client:receive "*l")
  client:close()
end

local function call(name, id)
  local params = { name = "shop_" .. name }
  return { jsonrpc = "2.0", id = id or 7, method = "tools/call", params = params }
end

local function open_session(version, capabilities)
  session = nil
  session = post({
    jsonrpc = "2.0", id = 1, method = "initialize",
    params = {
      protocolVersion = version or "2025-11-25", capabilities = capabilities or {},
      clientInfo = { name = "e2e", version = "1" },
    },
  }).headers["mcp-session-id"]
end

local function come_back(last)
  return assert(web.request {
    port = g.port, method = "GET", path = "/mcp", timeout = 10,
    headers = {
      Accept = "text/event-stream", ["Mcp-Session-Id"] = session, ["Last-Event-ID"] = last,
    },
  })
end

local function descriptors()
  local _, out = process.run { "ls", ("/proc/%d/fd"):format(g.process:pid()) }
  return select(2, out:gsub("\n", ""))
end

for _, workers in ipairs { "1", "4" } do
  local tag = workers == "4" and " #threads" or ""
  describe("with workers: " .. workers .. ", a legacy client" .. tag, function()
    setup(function()
      g = gateway.start {
        scripts = { ["shop.lua"] = SCRIPT }, args = { "--workers", workers },
      }
    end)

    teardown(function() g:stop() end)

    it("of SDK 1.32 hears what changes and comes back for its answer", function()
      local report = run("http", url "/mcp")

      assert.same({ "tools", "shop://stock", "prompts" }, report.heard)
      assert.same({ "come back for", "decline" }, { report.long, report.asked })
      assert.equal(2, report.returned)
      session = report.session
      assert.equal(404, post(call "say").status)
    end)

    it("of SDK 1.32 does so over HTTP+SSE, but for the coming back", function()
      local report = run("sse", url "/sse")

      assert.same({ "tools", "shop://stock", "prompts" }, report.heard)
      assert.same({ "waited for", "decline" }, { report.long, report.asked })
    end)

    it("comes back to whichever worker takes it, while the call runs and after it", function()
      open_session()
      for _ = 1, 4 do
        local first = post(call "long").body
        local id = first:match "id: (%x+%-0)\n"
        assert.matches("retry: 50\n", first)

        for _ = 1, 3 do assert.matches("come back for", come_back(id).body) end
      end
    end)

    it("is told on its own stream that a reload brought other tools", function()
      open_session()
      local stream = sse.open {
        port = g.port, method = "GET", path = "/mcp",
        headers = { Accept = "text/event-stream", ["Mcp-Session-Id"] = session },
      }

      g:write("scripts/shop.lua", (SCRIPT:gsub('about = "Long."', 'about = "Longer."')))

      assert.equal("notifications/tools/list_changed", stream:next(10).method)
      stream:close()
      g:write("scripts/shop.lua", SCRIPT)
    end)

    it("is asked where it came back to, and answers by any worker", function()
      for _ = 1, 4 do
        open_session(nil, { elicitation = { form = { x = 1 } } })
        local id = post(call "ask").body:match "id: (%x+%-0)\n"
        local stream = sse.open {
          port = g.port, method = "GET", path = "/mcp",
          headers = {
            Accept = "text/event-stream", ["Mcp-Session-Id"] = session, ["Last-Event-ID"] = id,
          },
        }
        local question = stream:next(10)
        assert.equal("elicitation/create", question.method)

        post { jsonrpc = "2.0", id = question.id, result = { action = "decline" } }

        local last = stream:next(10)
        assert.same({ 7, "decline" }, { last.id, last.result.content[1].text })
        assert.is_nil(stream:next(5))
        assert.is_true(stream.ended)
        stream:close()
      end
    end)

    it("of HTTP+SSE that does not read is served no more, and others are", function()
      local before = descriptors()
      local stream = sse.open {
        port = g.port, method = "GET", path = "/sse", headers = { Accept = "text/event-stream" },
      }
      while not stream.text:find("data: ", 1, true) do
        stream.text = stream.text .. stream.client:receive "*l" .. "\n"
      end
      local path = stream.text:match "data: (%S+)"
      local function tell(message)
        return web.request {
          port = g.port, method = "POST", path = path, body = cjson.encode(message),
          headers = { ["Content-Type"] = "application/json" },
        }.status
      end
      local refused
      for i = 1, 1500 do
        refused = tell(call("big", i)) == 503
        if refused then break end
      end
      assert.is_true(refused)
      open_session()
      assert.equal(200, post(call "say").status)

      stream:close()

      assert.truthy(process.eventually(function() return descriptors() == before end))
      assert.equal(404, tell(call "say"))
    end)

    it("is refused what is another's", function()
      open_session()
      local id = post(call "long").body:match "id: (%x+%-0)\n"
      open_session()

      assert.equal(400, come_back(id).status)
      assert.equal(400, come_back(("0"):rep(32) .. "-0").status)
    end)

    it("that left may stop its call, which then ends", function()
      open_session()
      abandon(call("slow", 9))

      post { jsonrpc = "2.0", method = "notifications/cancelled", params = { requestId = 9 } }

      assert.truthy(process.eventually(function()
        return g:log():find "tool=shop_slow[^\n]*code=cancelled"
      end))
    end)

  end)
end

describe("a thousand legacy sessions", function()
  setup(function() g = gateway.start { scripts = { ["shop.lua"] = SCRIPT } } end)
  teardown(function() g:stop() end)

  -- That no memory is left is seen by the leak detector of the server, and by
  -- the counts in tests/unit/mcp_news_spec.lua.
  it("leave no descriptor behind", function()
    local function round(n)
      for i = 1, n do
        open_session(i % 2 == 0 and "2025-06-18" or nil)
        local params = { uri = "shop://stock" }
        post { jsonrpc = "2.0", id = 3, method = "resources/subscribe", params = params }
        web.request {
          port = g.port, method = "DELETE", path = "/mcp",
          headers = { ["Mcp-Session-Id"] = session },
        }
      end
    end
    round(10)
    local before = descriptors()

    round(1000)

    assert.equal(before, descriptors())
  end)
end)
