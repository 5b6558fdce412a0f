--- subscriptions/listen over stdio, and driven by the official client.

local cjson = require "cjson"

local gateway = require "gateway"
local process = require "process"
local script = require "listen_shop"

local ID = "io.modelcontextprotocol/subscriptionId"

local g

after_each(function()
  if g then g:stop() end
  g = nil
end)

local function said(message)
  return message.method and message.method:match "^notifications/(.*)"
end

local function methods(list)
  local names = {}
  for i, message in ipairs(list) do names[i] = said(message) or "result" end
  return names
end

describe("over stdio", function()
  local p

  before_each(function()
    g = gateway.pipe {
      scripts = { ["shop.lua"] = script "Says." }, args = { "--stdio", "--log-level", "info" },
    }
    p = g.process
  end)

  local function send(id, method, params)
    p:write(cjson.encode {
      jsonrpc = "2.0", id = id, method = method, params = gateway.envelope(params),
    } .. "\n")
  end

  local function messages()
    local list = {}
    for line in p:stdout():gmatch "([^\n]*)\n" do list[#list + 1] = cjson.decode(line) end
    return list
  end

  -- What came for this subscription, once it is so many messages.
  local function heard(id, count)
    local mine
    process.eventually(function()
      mine = {}
      for _, message in ipairs(messages()) do
        local meta = (message.params or message.result or {})._meta
        if meta and meta[ID] == id then mine[#mine + 1] = message end
      end
      return #mine >= count
    end)
    return methods(mine)
  end

  it("several streams share the pipe, each with its own id", function()
    send("a", "subscriptions/listen", { notifications = { toolsListChanged = true } })
    local watched = { resourceSubscriptions = { "shop://stock" } }
    send(0, "subscriptions/listen", { notifications = watched })
    send(1, "tools/call", { name = "shop_say", arguments = { list = "tools" } })
    send(2, "tools/call", { name = "shop_say", arguments = { uri = "shop://stock" } })

    assert.same({ "subscriptions/acknowledged", "tools/list_changed" }, heard("a", 2))
    assert.same({ "subscriptions/acknowledged", "resources/updated" }, heard(0, 2))
  end)

  it("a stream ends silently when it is cancelled, and its id may be used again", function()
    local filter = { notifications = { toolsListChanged = true } }
    send("a", "subscriptions/listen", filter)
    send("a", "subscriptions/listen", filter)
    assert.truthy(process.eventually(function()
      for _, message in ipairs(messages()) do
        if message.id == "a" then return message.error.code == -32600 end
      end
    end))

    send(nil, "notifications/cancelled", { requestId = "a" })
    send(nil, "notifications/cancelled", { requestId = "never" })
    send(1, "tools/call", { name = "shop_say", arguments = { list = "tools" } })
    send("a", "subscriptions/listen", filter)

    assert.same({ "subscriptions/acknowledged", "subscriptions/acknowledged" }, heard("a", 2))
  end)

  it("streams end with their result when the input ends", function()
    send("a", "subscriptions/listen", { notifications = { toolsListChanged = true } })
    send("b", "subscriptions/listen", { notifications = { toolsListChanged = true } })
    heard("b", 1)

    p:close_stdin()

    assert.equal(0, p:wait())
    assert.same({ "subscriptions/acknowledged", "result" }, heard("a", 2))
    assert.same({ "subscriptions/acknowledged", "result" }, heard("b", 2))
  end)

  it("more streams than requests may run do not stop the requests", function()
    for i = 1, 300 do
      send("s" .. i, "subscriptions/listen", { notifications = { toolsListChanged = true } })
    end
    send("last", "server/discover")

    assert.truthy(process.eventually(function()
      local list = messages()
      for i = #list, 1, -1 do
        if list[i].id == "last" then return list[i].result end
      end
    end))
  end)

  it("a client that reads late gets what is newest, and whole lines", function()
    local uri = "shop://item/" .. ("a"):rep(2000)
    local reader = process.spawn {
      "sh", "-c", '"$0" "$@" | { sleep 1; cat; }', gateway.binary, "serve", "--stdio",
      "--scripts", g.folder .. "/scripts", "--policies", g.folder .. "/policies",
      env = { LD_PRELOAD = false },
    }
    local function ask(id, method, params)
      reader:write(cjson.encode {
        jsonrpc = "2.0", id = id, method = method, params = gateway.envelope(params),
      } .. "\n")
    end
    local function updates()
      local _, n = reader:stdout():gsub('"method":"notifications/resources/updated"', "")
      return n
    end

    ask(1, "subscriptions/listen", { notifications = { resourceSubscriptions = { uri } } })
    ask(2, "tools/call", { name = "shop_flood", arguments = { uri = uri, times = 1500 } })
    assert(process.eventually(function() return reader:stdout():find('"id":2', 1, true) end, 10))
    process.sleep_ms(100)
    local flooded = updates()
    assert.is_true(flooded > 100 and flooded < 1500)

    ask(3, "tools/call", { name = "shop_say", arguments = { uri = uri } })
    assert.truthy(process.eventually(function() return updates() == flooded + 1 end))
    reader:close_stdin()
    assert.equal(0, reader:wait())
    for line in reader:stdout():gmatch "([^\n]*)\n" do
      local message = cjson.decode(line)
      if message.id == 1 then assert.equal(1, message.result._meta[ID]) end
    end
  end)

  it("a reload is heard", function()
    send("a", "subscriptions/listen", { notifications = { toolsListChanged = true } })
    heard("a", 1)

    g:write("scripts/shop.lua", script "Says more.")

    assert.same({ "subscriptions/acknowledged", "tools/list_changed" }, heard("a", 2))
  end)
end)

describe("the official client of SDK 2.4, pinned to the modern revision,", function()
  local function run(...)
    local argv = { "node", "tests/sdk/listen.mjs", g.folder .. "/scripts/shop.lua", ... }
    argv.env = { LD_PRELOAD = false }
    local code, out, err = process.run(argv)
    assert.equal(0, code, err)
    return cjson.decode(out)
  end

  local function check(report)
    local list = { listChanged = true }
    assert.same({
      tools = list, prompts = list, logging = {},
      resources = { listChanged = true, subscribe = true },
    }, report.capabilities)
    assert.same({
      { toolsListChanged = true, promptsListChanged = true },
      { resourceSubscriptions = { "shop://stock" } },
    }, report.honored)
    assert.same({
      { "prompts/list_changed", cjson.null }, { "resources/updated", "shop://stock" },
      { "tools/list_changed", cjson.null }, { "resources/updated", "shop://stock" },
    }, report.heard)
    assert.equal("Says more.", report.about)
    assert.same({ "local", "local" }, report.closed)
  end

  for _, workers in ipairs { "1", "4" } do
    it("listens, hears a reload and a script's word, with " .. workers .. " workers", function()
      g = gateway.start {
        scripts = { ["shop.lua"] = script "Says." }, args = { "--workers", workers },
      }

      check(run(("http://127.0.0.1:%d/mcp"):format(g.port)))
    end)
  end

  it("does so over stdio", function()
    g = gateway.start { scripts = { ["shop.lua"] = script "Says." } }

    check(run("stdio:", gateway.binary, "serve", "--stdio", "--scripts", g.folder .. "/scripts",
      "--policies", g.folder .. "/policies"))
  end)
end)
