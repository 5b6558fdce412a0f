--- What each revision is shown of the same script, row by row of the table in the
--- digest's section 10.5: since when a client can read what.

local cjson = require "cjson"

local gateway = require "gateway"
local sse = require "sse"
local web = require "web"

local SCRIPT = [[
local schema, content = tide.schema, tide.content
local ICONS = { "https://example.com/i.png" }

local function blocks()
  return {
    content.text "t", content.image("x", "image/png"), content.audio("x", "audio/wav"),
    content.link("https://example.com/a", { name = "a", title = "A" }),
    content.resource("shop://a", { text = "r", mime_type = "text/plain" }),
  }
end

local function prompt() return blocks() end

local function ask(ctx)
  local answer = ctx.ask {
    message = "Where?", fields = {
      where = schema.raw { type = "string", oneOf = {
        { const = "n", title = "North" }, { const = "s", title = "South" } } },
    },
  }
  return answer and answer.action or "nobody"
end

return {
  name = "shop", upstream = { base = "http://127.0.0.1:9" },
  tools = {
    thing = {
      about = "A thing.", title = "Thing", icons = ICONS, meta = { ["example.com/a"] = 1 },
      annotations = { read_only = true }, result = { n = schema.integer() },
      run = function() return { n = 1 } end,
    },
    list = {
      about = "A list.", result = schema.list(schema.integer()),
      run = function() return { 1, 2 } end,
    },
    free = { about = "Any value.", run = function() return { 1, 2 } end },
    blocks = { about = "Blocks.", run = blocks },
    ask = { about = "Asks.", run = ask },
  },
  resources = {
    a = {
      uri = "shop://a", about = "A.", title = "A", icons = ICONS, annotations = { priority = 1 },
      read = function() return "a" end,
    },
  },
  templates = {
    t = {
      uri = "shop://t/{id}", about = "T.", title = "T", icons = ICONS,
      read = function() return "t" end,
    },
  },
  prompts = { p = { about = "P.", title = "P", icons = ICONS, run = prompt } },
}]]

local REVISIONS = { "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28" }

local g, session, seen

local function messages(answer)
  local list = {}
  for data in answer.body:gmatch "data: ({[^\n]*})\n" do list[#list + 1] = cjson.decode(data) end
  if #list == 0 and answer.body ~= "" then list[1] = cjson.decode(answer.body) end
  return list
end

local function post(message)
  return messages(assert(web.request {
    port = g.port, method = "POST", path = "/mcp", body = cjson.encode(message),
    headers = {
      ["Content-Type"] = "application/json", Accept = "application/json, text/event-stream",
      ["Mcp-Session-Id"] = session,
    },
  }))
end

local function legacy(method, params)
  local list = post { jsonrpc = "2.0", id = 7, method = method, params = params }
  return list[#list].result, list
end

local function modern(method, params)
  local answer = g:rpc(method, params)
  return answer.result
end

local function open(version)
  local answer = assert(web.request {
    port = g.port, method = "POST", path = "/mcp",
    body = cjson.encode {
      jsonrpc = "2.0", id = 1, method = "initialize", params = {
        protocolVersion = version, capabilities = { elicitation = { form = { x = 1 } } },
        clientInfo = { name = "e2e", version = "1" },
      },
    },
    headers = {
      ["Content-Type"] = "application/json", Accept = "application/json, text/event-stream",
    },
  })
  session = answer.headers["mcp-session-id"]
end

local function named(list, name)
  for _, one in ipairs(list) do if one.name == name then return one end end
end

local function kinds(list)
  local types = {}
  for i, block in ipairs(list) do types[i] = (block.content or block).type end
  return table.concat(types, " ")
end

-- Everything that a client of the revision sees, asked for once.
local function look(version)
  local ask = modern
  if version ~= "2026-07-28" then
    open(version)
    ask = legacy
  end
  local tools = ask("tools/list").tools
  return {
    thing = named(tools, "shop_thing"), listing = named(tools, "shop_list"),
    resource = ask("resources/list").resources[1],
    template = ask("resources/templates/list").resourceTemplates[1],
    prompt = ask("prompts/list").prompts[1],
    result = ask("tools/call", { name = "shop_thing" }),
    list = ask("tools/call", { name = "shop_list" }),
    free = ask("tools/call", { name = "shop_free" }),
    blocks = ask("tools/call", { name = "shop_blocks" }).content,
    messages = ask("prompts/get", { name = "shop_p" }).messages,
  }
end

-- What is there since when: a path into what look() gives.
local SINCE = {
  { "2024-11-05", "thing", "description" }, { "2024-11-05", "thing", "inputSchema" },
  { "2025-03-26", "thing", "annotations" },
  { "2025-06-18", "thing", "title" }, { "2025-06-18", "thing", "outputSchema" },
  { "2025-06-18", "thing", "_meta" }, { "2025-06-18", "listing", "outputSchema" },
  { "2025-11-25", "thing", "icons" },
  { "2024-11-05", "resource", "annotations" }, { "2025-06-18", "resource", "title" },
  { "2025-11-25", "resource", "icons" },
  { "2025-06-18", "template", "title" }, { "2025-11-25", "template", "icons" },
  { "2025-06-18", "prompt", "title" }, { "2025-11-25", "prompt", "icons" },
  { "2025-06-18", "result", "structuredContent" }, { "2025-06-18", "list", "structuredContent" },
  { "2025-06-18", "free", "structuredContent" },
  { "2026-07-28", "result", "resultType" },
}

local BLOCKS = {
  ["2024-11-05"] = "text image text text resource",
  ["2025-03-26"] = "text image audio text resource",
  ["2025-06-18"] = "text image audio resource_link resource",
  ["2025-11-25"] = "text image audio resource_link resource",
  ["2026-07-28"] = "text image audio resource_link resource",
}

describe("a client", function()
  setup(function()
    g = gateway.start { scripts = { ["shop.lua"] = SCRIPT }, args = { "--workers", "2" } }
    seen = {}
    for _, version in ipairs(REVISIONS) do seen[version] = look(version) end
  end)

  teardown(function() g:stop() end)

  for _, version in ipairs(REVISIONS) do
    it("of " .. version .. " is shown what it knows", function()
      for _, row in ipairs(SINCE) do
        local there = seen[version][row[2]][row[3]] ~= nil
        assert.equal(version >= row[1], there, row[2] .. "." .. row[3])
      end
    end)

    it("of " .. version .. " is given blocks that it knows, by tools and prompts", function()
      assert.equal(BLOCKS[version], kinds(seen[version].blocks))
      assert.equal(BLOCKS[version], kinds(seen[version].messages))
    end)

    it("of " .. version .. " has text where it has nothing better", function()
      for _, name in ipairs { "result", "list", "free" } do
        assert.equal("text", seen[version][name].content[1].type)
      end
    end)
  end

  it("of the legacy era has an object where the result is none", function()
    for _, version in ipairs { "2025-06-18", "2025-11-25" } do
      assert.same({ result = { 1, 2 } }, seen[version].list.structuredContent)
      assert.same({ result = { 1, 2 } }, seen[version].free.structuredContent)
      local declared = seen[version].listing.outputSchema
      assert.same({ "object", { "result" }, "array" },
        { declared.type, declared.required, declared.properties.result.type })
    end
    assert.same({ 1, 2 }, seen["2026-07-28"].list.structuredContent)
    assert.equal("array", seen["2026-07-28"].listing.outputSchema.type)
  end)

  it("before 2025-11-25 is asked with plain choices and their names", function()
    local function asked(version)
      open(version)
      post { jsonrpc = "2.0", method = "notifications/initialized" }
      local client = sse.open {
        port = g.port, method = "POST", path = "/mcp", body = cjson.encode {
          jsonrpc = "2.0", id = 9, method = "tools/call", params = { name = "shop_ask" },
        }, headers = {
          ["Content-Type"] = "application/json", Accept = "application/json, text/event-stream",
          ["Mcp-Session-Id"] = session,
        },
      }
      local question = client:next(10)
      while question and question.method ~= "elicitation/create" do question = client:next(10) end
      client:close()
      return question.params.requestedSchema.properties.where
    end

    assert.same({ type = "string", enum = { "n", "s" }, enumNames = { "North", "South" } },
      asked "2025-06-18")
    assert.same({ { const = "n", title = "North" }, { const = "s", title = "South" } },
      asked("2025-11-25").oneOf)
  end)
end)
