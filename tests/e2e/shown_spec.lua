-- luacheck: ignore 631
--- What scripts say for clients to show and to keep: icons, _meta, apps, hints.

local cjson = require "cjson"

local gateway = require "gateway"
local web = require "web"

local SCRIPT = [[
local content = tide.content

local function weather(_, args)
  return content.text("sunny in " .. args.city, { audience = { "user" }, priority = 1,
    meta = { ["com.example/v"] = 1 } })
end

local function forecast(_, args)
  return content.result({ days = args.days, note = "$KEY" }, {
    content = { content.text "Rain.", content.audio("x", "audio/wav") },
    meta = { ["com.example/view"] = "chart", secret = "$KEY" },
  })
end

return {
  name = "sky", auth = { kind = "bearer", secret = "sky_key" }, upstream = { base = "http://127.0.0.1:9" },
  instructions = "Ask sky_weather before you promise a picnic.",
  cache = { tools = { ttl_ms = 60000, scope = "public" }, resources = { ttl_ms = 1000 } },
  tools = {
    forecast = { about = "Days.", run = forecast,
      args = { days = tide.schema.integer() },
      result = { days = tide.schema.integer(), note = tide.schema.string() } },
    weather = {
      about = "The weather.", args = { city = tide.schema.string() }, run = weather,
      icons = { "https://example.com/sun.png" }, meta = { ["com.example/cost"] = 2 },
      ui = { resource = "ui://sky/card", visibility = { "model", "app" } },
      title = "Weather", task = "optional",
    },
  },
  resources = {
    card = {
      uri = "ui://sky/card", about = "A card.", read = function() return "<p>card</p>" end,
      ui = { csp = { connect = { "https://api.example.com" } }, prefers_border = true },
      cache = { ttl_ms = 5, scope = "public" },
    },
    map = {
      uri = "sky://map", about = "A map.", title = "Map", size = 4, mime = "text/plain",
      icons = { "https://example.com/map.png" }, annotations = { priority = 0.5 },
      read = function() return "map!" end,
    },
  },
  prompts = { plan = { about = "Plans.", icons = { { src = "data:,", theme = "dark" } },
    run = function() return "plan" end } },
}]]

local KEY = "a-key-that-nobody-may-see"

local g

local function legacy(version, method, params)
  local session
  local function post(message)
    local answer = assert(web.request {
      port = g.port, method = "POST", path = "/mcp", body = cjson.encode(message),
      headers = { ["Content-Type"] = "application/json", ["Mcp-Session-Id"] = session,
        Accept = "application/json, text/event-stream" },
    })
    session = session or answer.headers["mcp-session-id"]
    return cjson.decode(answer.body).result
  end
  local first = post { jsonrpc = "2.0", id = 1, method = "initialize", params = {
    protocolVersion = version, capabilities = {}, clientInfo = { name = "e2e", version = "1" },
  } }
  return method and post { jsonrpc = "2.0", id = 2, method = method, params = params or {} } or first
end

local function modern(method, params, name)
  return (g:rpc(method, params or {}, { ["Mcp-Name"] = name })).result
end

local function names(entry)
  local list = {}
  for name in pairs(entry) do list[#list + 1] = name end
  table.sort(list)
  return table.concat(list, " ")
end

describe("what scripts say for clients", function()
  setup(function()
    g = gateway.start { scripts = { ["sky.lua"] = SCRIPT },
      replace = { KEY = KEY }, env = { SKY_KEY = KEY },
      args = { "--workers", "2", "--instructions", "Be kind." } }
  end)

  teardown(function() g:stop() end)

  it("is in the modern list of tools", function()
    local list = modern "tools/list"

    assert.same({ 60000, "public" }, { list.ttlMs, list.cacheScope })
    assert.equal("_meta description icons inputSchema name title", names(list.tools[2]))
    assert.same({
      ["com.example/cost"] = 2, ["ui/resourceUri"] = "ui://sky/card",
      ui = { resourceUri = "ui://sky/card", visibility = { "model", "app" } },
    }, list.tools[2]._meta)
  end)

  it("is in the lists of earlier revisions as far as they know it", function()
    local function tool(version) return names(legacy(version, "tools/list").tools[2]) end

    assert.equal("_meta description execution icons inputSchema name title", tool "2025-11-25")
    assert.equal("_meta description inputSchema name title", tool "2025-06-18")
    assert.equal("description inputSchema name", tool "2025-03-26")
    assert.equal("description inputSchema name", tool "2024-11-05")
  end)

  it("is in the lists of resources and prompts", function()
    local function entries(version)
      local resources = legacy(version, "resources/list").resources
      return names(resources[1]), names(legacy(version, "prompts/list").prompts[1])
    end
    local list = modern "resources/list"

    assert.same({ 1000, "private" }, { list.ttlMs, list.cacheScope })
    assert.equal("annotations description icons mimeType name size title uri", names(list.resources[1]))
    assert.same({ "annotations description icons mimeType name size title uri", "arguments description icons name" },
      { entries "2025-11-25" })
    assert.same({ "annotations description mimeType name size uri", "arguments description name" },
      { entries "2025-03-26" })
  end)

  it("goes with the contents of an app", function()
    local read = modern("resources/read", { uri = "ui://sky/card" }, "ui://sky/card")

    assert.same({ 5, "public" }, { read.ttlMs, read.cacheScope })
    assert.same({
      uri = "ui://sky/card", mimeType = "text/html;profile=mcp-app", text = "<p>card</p>",
      _meta = { ui = { csp = { connectDomains = { "https://api.example.com" } }, prefersBorder = true } },
    }, read.contents[1])
    local map = modern("resources/read", { uri = "sky://map" }, "sky://map")
    assert.same({ 0, "private" }, { map.ttlMs, map.cacheScope })
    assert.is_nil(map.contents[1]._meta)
  end)

  it("is with each block", function()
    local result = modern("tools/call", { name = "sky_weather", arguments = { city = "Oslo" } }, "sky_weather")

    assert.same({ {
      type = "text", text = "sunny in Oslo", annotations = { audience = { "user" }, priority = 1 },
      _meta = { ["com.example/v"] = 1 },
    } }, result.content)
  end)

  it("is beside the value that a tool brings", function()
    local params = { name = "sky_forecast", arguments = { days = 3 } }
    local result = modern("tools/call", params, "sky_forecast")

    assert.same({ days = 3, note = "***" }, result.structuredContent)
    assert.same({ "text", "Rain.", "audio" }, { result.content[1].type, result.content[1].text, result.content[2].type })
    assert.same({ "chart", "***" }, { result._meta["com.example/view"], result._meta.secret })
    assert.equal("tidegate", result._meta["io.modelcontextprotocol/serverInfo"].name)

    params._meta = nil
    local old = legacy("2024-11-05", "tools/call", params)
    assert.same({ "text", "text", nil, "chart" },
      { old.content[1].type, old.content[2].type, old.structuredContent, old._meta["com.example/view"] })
  end)

  it("is in the instructions, and in what is offered", function()
    local both = "Be kind.\n\nAsk sky_weather before you promise a picnic."

    assert.equal(both, modern("server/discover").instructions)
    assert.equal(both, legacy("2025-11-25").instructions)
    assert.same({ ["io.modelcontextprotocol/tasks"] = {}, ["io.modelcontextprotocol/ui"] = {} },
      modern("server/discover").capabilities.extensions)
    assert.is_nil(legacy("2025-06-18").capabilities.tasks)
  end)
end)
