--- Resources, templates, prompts and completion of scripts, in both eras.

local cjson = require "cjson"

local gateway = require "gateway"
local web = require "web"

local SCRIPT = [[
local str = tide.schema.string
local content = tide.content

local function relay(ctx) return ctx.http:get("/json") end
local function many(_, prefix)
  local values = {}
  for i = 1, 150 do values[i] = prefix .. i end
  return values
end
local function item(_, vars)
  if vars.sku == "none" then return nil end
  if vars.sku == "gone" then return nil, tide.error("not_found", "no such item") end
  return vars
end

return {
  name = "shop", upstream = { base = "$UPSTREAM" },
  auth = { kind = "bearer", secret = "shop_key" },
  resources = {
    readme = { uri = "shop://readme", title = "Read me", about = "About it.",
      mime = "text/markdown", read = function() return "# shop" end },
    logo = { uri = "shop://logo", about = "A picture.", mime = "image/png",
      read = function() return "\x89PNG\0\xff" end },
    live = { uri = "shop://live", about = "From the service.", read = relay },
    two = { uri = "shop://two", about = "Two of them.", read = function()
      return { content.resource("shop://two/a", { text = "A", mime_type = "text/plain" }),
        content.image("xx", "image/png"), content.text("b") }
    end },
    fails = { uri = "shop://fails", about = "Fails.",
      read = function() return nil, tide.error("conflict", "the shelf is taken") end },
    echo = { uri = "shop://echo", about = "Its credentials.",
      read = function() return "key is $KEY" end },
  },
  templates = {
    item = { uri = "shop://items/{sku}{?lang}", about = "One item.", mime = "application/json",
      read = item, complete = {
        sku = function(_, prefix, others) return { prefix .. "1", others.lang or "any" } end,
        lang = function() return nil end,
      } },
  },
  prompts = {
    triage = { about = "Looks through.", title = "Triage",
      args = { repo = str { about = "which", max_length = 5 },
        tone = str { optional = true } },
      run = function(_, args)
        return { "plain", { role = "assistant", content = args.repo },
          { role = "user", content = content.audio("x", "audio/wav") } }
      end,
      complete = { repo = many } },
    text = { about = "One text.", run = function() return "do it" end },
    content = { about = "Content.", run = function() return content.text("c") end },
    wrong = { about = "Wrong.", run = function() return { x = 1 } end },
  },
}]]

local KEY = "a-key-that-nobody-may-see"

local g, up, session

local function legacy(method, params, version)
  local headers = {
    ["Content-Type"] = "application/json", Accept = "application/json, text/event-stream",
    ["Mcp-Session-Id"] = session, ["MCP-Protocol-Version"] = session and version or nil,
  }
  local answer = assert(web.request {
    port = g.port, method = "POST", path = "/mcp", headers = headers,
    body = cjson.encode { jsonrpc = "2.0", id = 1, method = method, params = params or {} },
  })
  return cjson.decode(answer.body), answer
end

local function open(version)
  session = nil
  local message, answer = legacy("initialize", {
    protocolVersion = version or "2025-11-25", capabilities = {},
    clientInfo = { name = "e2e", version = "1" },
  })
  session = answer.headers["mcp-session-id"]
  return message.result
end

local function modern(method, params)
  params = params or {}
  local message, answer = g:rpc(method, params, { ["Mcp-Name"] = params.uri or params.name })
  return message, answer
end

local function code(message) return math.tointeger(message.error.code) end

local function read(uri) return modern("resources/read", { uri = "shop://" .. uri }) end

describe("a script's offers", function()
  setup(function()
    up = require("upstream").start { plain = true }
    g = gateway.start {
      scripts = { ["shop.lua"] = SCRIPT },
      replace = { UPSTREAM = up:url("/"):gsub("/$", ""), KEY = KEY },
      args = { "--workers", "2", "--page-size", "4" },
      env = { SHOP_KEY = KEY },
    }
  end)

  teardown(function()
    if g then g:stop() end
    if up then up:stop() end
  end)

  it("are said in discover and initialize", function()
    local expected = {
      tools = { listChanged = true }, prompts = { listChanged = true },
      resources = { listChanged = true, subscribe = true }, logging = {}, completions = {},
    }

    assert.same(expected, modern("server/discover").result.capabilities)
    assert.same(expected, open().capabilities)
  end)

  it("are listed page by page, in order, by any worker", function()
    local uris, cursor, pages = {}, nil, 0
    repeat
      local result = modern("resources/list", { cursor = cursor }).result
      for _, resource in ipairs(result.resources) do uris[#uris + 1] = resource.uri end
      assert.same({ "complete", "public" }, { result.resultType, result.cacheScope })
      assert.is_true(result.ttlMs >= 0)
      cursor, pages = result.nextCursor, pages + 1
    until not cursor

    assert.equal(2, pages)
    assert.same({ "shop://echo", "shop://fails", "shop://live", "shop://logo", "shop://readme",
      "shop://two" }, uris)
  end)

  it("are listed to legacy clients without modern members", function()
    open()
    local result = legacy("resources/list").result

    assert.same({ nil, nil, nil }, { result.resultType, result.ttlMs, result._meta })
    assert.truthy(result.nextCursor)
  end)

  it("have what the script says of them", function()
    assert.same({
      uriTemplate = "shop://items/{sku}{?lang}", name = "shop_item", description = "One item.",
      mimeType = "application/json",
    }, modern("resources/templates/list").result.resourceTemplates[1])
    local prompts = modern("prompts/list").result.prompts
    assert.same({
      name = "shop_triage", title = "Triage", description = "Looks through.",
      arguments = {
        { name = "repo", description = "which", required = true },
        { name = "tone", required = false },
      },
    }, prompts[3])
  end)

  it("refuse the cursor of another list, and a forged one", function()
    local cursor = modern("resources/list").result.nextCursor

    assert.equal(-32602, code(modern("prompts/list", { cursor = cursor })))
    assert.equal(-32602, code(modern("resources/list", { cursor = cursor .. "A" })))
    assert.equal(-32602, code(modern("resources/list", { cursor = "" })))
  end)

  it("are read as text, bytes, JSON and content", function()
    assert.same({ { uri = "shop://readme", mimeType = "text/markdown", text = "# shop" } },
      read("readme").result.contents)
    assert.same({ { uri = "shop://logo", mimeType = "image/png", blob = "iVBORwD/" } },
      read("logo").result.contents)
    local live = read("live").result.contents[1]
    assert.same({ "application/json", true }, { live.mimeType, cjson.decode(live.text).ok })
    assert.same({
      { uri = "shop://two/a", mimeType = "text/plain", text = "A" },
      { uri = "shop://two", mimeType = "image/png", blob = "eHg=" },
      { uri = "shop://two", mimeType = "text/plain", text = "b" },
    }, read("two").result.contents)
  end)

  it("that are read carry cache hints for nobody else", function()
    local result = read("readme").result

    assert.same({ 0, "private", "complete" },
      { result.ttlMs, result.cacheScope, result.resultType })
  end)

  it("give a template's variables to its reader", function()
    local contents = read("items/a%20b?lang=no").result.contents[1]

    assert.equal("shop://items/a%20b?lang=no", contents.uri)
    assert.same({ sku = "a b", lang = "no" }, cjson.decode(contents.text))
  end)

  it("that are not there have the code of the era", function()
    open()
    for _, uri in ipairs { "nope", "items/none", "items/gone", "items/" } do
      local now, answer = read(uri)
      local old = legacy("resources/read", { uri = "shop://" .. uri })
      assert.same({ -32602, 200, "shop://" .. uri },
        { code(now), answer.status, now.error.data.uri })
      assert.same({ -32002, "shop://" .. uri }, { code(old), old.error.data.uri })
    end
  end)

  it("that fail say so", function()
    local message, answer = read("fails")

    assert.same({ -32603, 200, "the shelf is taken", "conflict" },
      { code(message), answer.status, message.error.message, message.error.data.code })
  end)

  it("show no secret", function()
    assert.is_nil(cjson.encode((read("echo"))):find(KEY, 1, true))
  end)

  it("need the headers that name them", function()
    local wrong = { ["Mcp-Name"] = "x:y" }
    local message, answer = g:rpc("resources/read", { uri = "shop://readme" }, wrong)
    assert.same({ 400, -32020 }, { answer.status, code(message) })
    message, answer = g:rpc("prompts/get", { name = "shop_text" }, wrong)
    assert.same({ 400, -32020 }, { answer.status, code(message) })
  end)

  it("are prompts of many forms", function()
    local function messages(name, arguments)
      return modern("prompts/get", { name = name, arguments = arguments }).result.messages
    end
    local function text(role, it) return { role = role, content = { type = "text", text = it } } end

    assert.same({ text("user", "do it") }, messages "shop_text")
    assert.same({ text("user", "c") }, messages "shop_content")
    assert.same({
      text("user", "plain"), text("assistant", "r"),
      { role = "user", content = { type = "audio", data = "eA==", mimeType = "audio/wav" } },
    }, messages("shop_triage", { repo = "r" }))
  end)

  it("are prompts that old clients can read", function()
    open "2024-11-05"

    local arguments = { repo = "r" }
    local result = legacy("prompts/get", { name = "shop_triage", arguments = arguments }).result

    assert.equal("text", result.messages[3].content.type)
  end)

  it("check what a prompt is given", function()
    local function get(name, arguments)
      return modern("prompts/get", { name = name, arguments = arguments })
    end
    local missing = get("shop_triage", {})
    assert.same({ -32602, "repo is required" }, { code(missing), missing.error.message })
    assert.equal(-32602, code(get("shop_triage", { repo = "too long" })))
    assert.equal(-32602, code(get("shop_triage", { repo = 7 })))
    assert.equal(-32602, code(get("shop_triage", "repo")))
    assert.equal(-32602, code(get("shop_nope")))
    assert.equal(-32603, code(get("shop_wrong")))
  end)

  local function complete(ref, name, value, others)
    return modern("completion/complete", {
      ref = ref, argument = { name = name, value = value },
      context = others and { arguments = others } or nil,
    })
  end
  local TRIAGE = { type = "ref/prompt", name = "shop_triage" }
  local ITEM = { type = "ref/resource", uri = "shop://items/{sku}{?lang}" }

  it("complete what a user types", function()
    local repo = complete(TRIAGE, "repo", "ab").result.completion
    assert.same({ 100, "ab1", 150, true },
      { #repo.values, repo.values[1], repo.total, repo.hasMore })
    assert.same({ "x1", "any" }, complete(ITEM, "sku", "x").result.completion.values)
    assert.same({ "1", "no" }, complete(ITEM, "sku", "", { lang = "no" }).result.completion.values)
    assert.same({}, complete(ITEM, "lang", "").result.completion.values)
    assert.same({}, complete(TRIAGE, "tone", "").result.completion.values)
  end)

  it("complete nothing that is not there", function()
    assert.equal(-32602, code(complete({ type = "ref/prompt", name = "x" }, "repo", "")))
    assert.equal(-32602, code(complete({ type = "ref/tool", name = "x" }, "repo", "")))
    assert.equal(-32602, code(complete(TRIAGE, nil, "")))
    assert.equal(-32602, code(complete(TRIAGE, "repo", 7)))
    assert.equal(-32602, code(complete(nil, "repo", "")))
  end)

  it("follow a reload", function()
    g:write("scripts/shop.lua", (SCRIPT:gsub("# shop", "# open")))
    assert(g:logged "generation 1 %-> 2 worker=0" and g:logged "generation 1 %-> 2 worker=1")

    assert.equal("# open", read("readme").result.contents[1].text)
  end)
end)

describe("a script without offers", function()
  it("has none of their methods", function()
    g = gateway.start {
      scripts = { ["shop.lua"] = [[return {
        name = "shop", upstream = { base = "http://127.0.0.1:9" },
        tools = { a = { about = "A.", run = function() return 1 end } } }]] },
    }
    local methods = { "resources/list", "resources/templates/list", "resources/read",
      "prompts/list", "prompts/get", "completion/complete" }
    open()
    for _, method in ipairs(methods) do
      local message, answer = modern(method)
      assert.same({ -32601, 404 }, { code(message), answer.status }, method)
      message, answer = legacy(method)
      assert.same({ -32601, 200 }, { code(message), answer.status }, method)
    end
    g:stop()
  end)
end)
