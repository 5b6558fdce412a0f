-- luacheck: ignore 631 (tables of cases read best in long lines)
-- What scripts say besides the plain tool: tasks, names, what clients show.
local T = require "T"
local folder = require "folder"

local root, loaded

before_each(function()
  root = folder.new()
  loaded = nil
  folder.fill(root, { ["scripts/.keep"] = "", ["policies/.keep"] = "" })
end)

after_each(function()
  if loaded then loaded:free() end
  folder.remove(root)
end)

-- A script x.lua with these fields, and these of its tool.
local function load(fields, tool)
  local text = ([[
    local function run() return "ran" end
    local function prepare() return "prepared" end
    return { name = "x", upstream = { base = "https://api.example.com" }, %s
      tools = { one = { about = "Does it.", run = run, %s } } }
  ]]):format(fields or "", tool or "")
  folder.fill(root, { ["scripts/x.lua"] = text })
  local faults
  loaded, faults = T.generation.load(root .. "/scripts", root .. "/policies", { workers = 1 })
  return loaded, faults and (faults:gsub("^x.lua: ", ""):gsub("\n$", ""))
end

local function faults_of(fields, tool) return (select(2, load(fields, tool))) end

describe("a tool that runs on as a task", function()
  it("says so, and what comes before", function()
    local tool = load("", 'task = "optional", prepare = prepare'):find "x_one"

    assert.equal(1, tool.task)
    assert.equal("prepared", loaded:call(1, tool.prepare))
  end)

  it("is not the usual one", function()
    assert.equal(0, load():find("x_one").task)
  end)

  it("has one of two words for it", function()
    assert.equal(2, load("", 'task = "required"'):find("x_one").task)
    assert.equal('tools.one.task: must be "optional" or "required" (did you mean required?)', faults_of("", 'task = "requird"'))
    assert.equal("tools.one.task: expected a string, got true", faults_of("", "task = true"))
    assert.equal("tools.one.taks: unknown key (did you mean task?)", faults_of("", 'taks = "optional"'))
  end)

  it("alone is prepared", function()
    assert.equal('tools.one.prepare: runs before a task begins: say task = "optional" too, or do it in run', faults_of("", "prepare = prepare"))
    assert.equal("tools.one.prepare: expected a function, got a string", faults_of("", 'task = "optional", prepare = "x"'))
  end)
end)

describe("the policy of a tool", function()
  it("may be missing because its file has a fault", function()
    folder.fill(root, { ["policies/p.lua"] = "return { rest = {" })

    assert.matches("\nx.lua: tools.one.policy: there is no policy rest, or its file has a fault$",
      faults_of("", 'policy = "rest"'))
    folder.fill(root, { ["policies/p.lua"] = "return {}" })
    assert.equal("tools.one.policy: there is no policy rest", faults_of("", 'policy = "rest"'))
  end)
end)

describe("the prefix of names", function()
  it("is the integration's name unless it says another, or none", function()
    assert.truthy(load():find "x_one")
    assert.truthy(load('prefix = "shop",'):find "shop_one")
    assert.truthy(load("prefix = false,"):find "one")
  end)

  it("is one that a name may begin with", function()
    assert.equal("prefix: is a-z, then a-z, 0-9 and _; or false for no prefix", (faults_of('prefix = "My-Shop",'):match "^[^\n]*"))
    assert.equal("prefix: expected a string, got true", (faults_of("prefix = true,"):match "^[^\n]*"))
  end)
end)

-- --- what clients show ---

local ICONS = [[icons = {
  "https://example.com/a.png",
  { src = "data:image/png;base64,aGk=", mime = "image/png", sizes = { "48x48", "any" }, theme = "dark" },
}]]
local ICONS_JSON = '"icons":[{"src":"https://example.com/a.png"},'
  .. '{"src":"data:image/png;base64,aGk=","mimeType":"image/png","sizes":["48x48","any"],"theme":"dark"}]'

local APP = [[resources = { app = { uri = "ui://x/app", about = "An app.", read = run, %s } },]]

local function json_of(tool) return load("", tool):find("x_one").json end

local function offer_of(fields) return load(fields):offers()[1] end

describe("the entry of a tool", function()
  it("ends with its icons and _meta", function()
    assert.equal(ICONS_JSON .. "}", json_of(ICONS):sub(-#ICONS_JSON - 1))
    assert.equal(',"_meta":{"com.example/cost":3,"kind":["a"]}}',
      json_of('meta = { kind = { "a" }, ["com.example/cost"] = 3 }'):match ',"_meta".*')
    assert.is_nil(json_of("meta = {}"):find("_meta", 1, true))
  end)

  it("names the app that shows its results", function()
    local tool = load(APP:format "", 'ui = { resource = "ui://x/app", visibility = { "model", "app" } }, meta = { a = 1 }'):find "x_one"

    assert.equal(',"_meta":{"a":1,"ui":{"resourceUri":"ui://x/app","visibility":["model","app"]},"ui/resourceUri":"ui://x/app"}}',
      tool.json:match ',"_meta".*')
  end)

  it("has only what can be shown", function()
    local cases = {
      { 'icons = "https://x"', "tools.one.icons: expected a list of icons, got a string" },
      { "icons = {}", "tools.one.icons: is a list of 1 to 32 icons" },
      { 'icons = { "http://example.com/a.png" }', "tools.one.icons[1]: an icon is at an https:// address, or in a data: URI" },
      { "icons = { 7 }", "tools.one.icons[1]: expected an address or a table, got an integer" },
      { "icons = { {} }", "tools.one.icons[1].src: is missing: where it is" },
      { 'icons = { { src = "data:,", size = "1x1" } }', "tools.one.icons[1].size: unknown key (did you mean sizes?)" },
      { 'icons = { { src = "data:,", sizes = { "48" } } }', 'tools.one.icons[1].sizes: a size is as "48x48", or "any"' },
      { 'icons = { { src = "data:,", theme = "drak" } }', "tools.one.icons[1].theme: unknown word (did you mean dark?)" },
      { 'meta = "x"', "tools.one.meta: expected a table, got a string" },
      { 'meta = { ["a b"] = 1 }', 'tools.one.meta["a b"]: is no key for _meta: a name, or com.example/name' },
      { 'meta = { ["io.modelcontextprotocol/x"] = 1 }', 'tools.one.meta["io.modelcontextprotocol/x"]: has a prefix that belongs to the protocol' },
      { 'meta = { ["com.mcp.x/y"] = 1 }', 'tools.one.meta["com.mcp.x/y"]: has a prefix that belongs to the protocol' },
      { 'meta = { [".a/b"] = 1 }', 'tools.one.meta[".a/b"]: is no key for _meta: a name, or com.example/name' },
      { "meta = { a = run }", "tools.one.meta.a: a function cannot become JSON" },
      { "meta = { ui = {} }", "tools.one.meta.ui: say it in the field ui" },
      { 'ui = { resource = "ui://x/app" }', "tools.one.ui.resource: ui://x/app is no resource of this integration" },
      { 'ui = { resource = "https://x" }', "tools.one.ui.resource: is the uri of an app, ui://..." },
      { 'ui = { visibility = { "apps" } }', "tools.one.ui.visibility: unknown word (did you mean app?)" },
      { 'ui = { visible = {} }', "tools.one.ui.visible: unknown key" },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2], faults_of("", case[1]))
    end
    assert.truthy(json_of 'meta = { ["com.example.mcp/x"] = 1, ["x/"] = 2, a_b = 3 }')
  end)
end)

describe("the entry of a resource", function()
  it("ends with what is said about it", function()
    local offer = offer_of([[resources = { a = { uri = "x://a", about = "A.", read = run, size = 12,
      annotations = { audience = { "user" }, priority = 0.5, last_modified = "2026-11-20T09:15:00Z" }, ]] .. ICONS .. "} },")

    local members = "," .. ICONS_JSON
      .. ',"annotations":{"audience":["user"],"priority":0.5,"lastModified":"2026-11-20T09:15:00Z"},"size":12}'
    assert.equal(members, offer.json:sub(-#members))
    assert.same({ -1, "private" }, { offer.ttl_ms, offer.scope })
  end)

  it("is an app of its own media type, and what that may do goes with its contents", function()
    local offer = offer_of(APP:format [[ui = {
      csp = { connect = { "https://api.example.com" }, resource = {}, frame = { "https://a.example" }, base_uri = { "https://b.example" } },
      permissions = { camera = true, clipboard_write = true, microphone = false },
      domain = "a.example.com", prefers_border = true,
    }, meta = { v = 1 }]])

    assert.equal("text/html;profile=mcp-app", offer.mime)
    assert.equal('"v":1,"ui":{"csp":{"connectDomains":["https://api.example.com"],"resourceDomains":[],"frameDomains":["https://a.example"],'
      .. '"baseUriDomains":["https://b.example"]},"permissions":{"camera":{},"clipboardWrite":{}},"domain":"a.example.com","prefersBorder":true}',
      offer.meta)
    assert.equal("text/x", offer_of(APP:format 'mime = "text/x"').mime)
  end)

  it("may be kept as long as it says", function()
    local offer = offer_of(APP:format 'cache = { ttl_ms = 60000, scope = "public" }')

    assert.same({ 60000, "public" }, { offer.ttl_ms, offer.scope })
  end)

  it("has only what can be shown", function()
    local cases = {
      { "size = -1", "resources.app.size: must be a whole number, 0 to 1125899906842624" },
      { "size = 1.5", "resources.app.size: must be a whole number, 0 to 1125899906842624" },
      { "size = true", "resources.app.size: expected a number, got true" },
      { "annotations = { priority = 2 }", "resources.app.annotations.priority: is a number, 0 to 1" },
      { 'annotations = { last_modified = "now" }', 'resources.app.annotations.last_modified: is a time as "2026-11-20T09:15:00Z"' },
      { 'annotations = { audience = { "users" } }', "resources.app.annotations.audience: unknown word (did you mean user?)" },
      { "annotations = { read_only = true }", "resources.app.annotations.read_only: unknown key" },
      { "cache = 5", "resources.app.cache: expected a table, got an integer" },
      { "cache = { ttl = 5 }", "resources.app.cache.ttl: unknown key (did you mean ttl_ms?)" },
      { 'cache = { scope = "shared" }', 'resources.app.cache.scope: must be "public" or "private"' },
      { "cache = { ttl_ms = -5 }", "resources.app.cache.ttl_ms: must be a whole number, 0 to 31536000000" },
      { 'ui = { csp = { connect = { "api example" } } }', 'resources.app.ui.csp.connect: an origin is as "https://api.example.com"' },
      { 'ui = { csp = { conect = {} } }', "resources.app.ui.csp.conect: unknown key (did you mean connect?)" },
      { "ui = { permissions = { camra = true } }", "resources.app.ui.permissions.camra: unknown key (did you mean camera?)" },
      { 'ui = { resource = "ui://x" }', "resources.app.ui.resource: unknown key" },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2], faults_of(APP:format(case[1])))
    end
  end)
end)

describe("what an integration says of its lists", function()
  local function hints(...)
    local files = {}
    for i, fields in ipairs { ... } do
      files[("scripts/%s.lua"):format(("abc"):sub(i, i))] = ([[
        return { name = "%s", upstream = { base = "https://api.example.com" }, %s
          tools = { t = { about = "T.", run = function() end } } }]]):format(("abc"):sub(i, i), fields)
    end
    folder.fill(root, files)
    loaded = assert(T.generation.load(root .. "/scripts", root .. "/policies"))
    local h = loaded:lists().tools
    return { h.said, h.partly, h.ttl_ms, h.scope }
  end

  it("is joined with what others say: the least of it", function()
    assert.same({ false, true, 0, "public" }, hints "")
    loaded:free()
    assert.same({ true, false, 7, "public" }, hints('cache = { tools = { ttl_ms = 9, scope = "public" } },', 'cache = { tools = { ttl_ms = 7, scope = "public" } },'))
    loaded:free()
    assert.same({ true, true, 9, "private" }, hints("cache = { tools = { ttl_ms = 9 } },", ""))
    loaded:free()
    assert.same({ false, false, 0, "public" }, { load():lists().prompts.said, false, 0, "public" })
  end)

  it("is a table of lists", function()
    assert.equal("cache.tool: unknown key (did you mean tools?)", faults_of "cache = { tool = {} },")
    assert.equal("cache: expected a table, got an integer", faults_of "cache = 5,")
  end)

  it("and what agents are told", function()
    assert.equal("Be kind.", load('instructions = "Be kind.",'):instructions())
    loaded:free()
    assert.equal("", load():instructions())
    assert.equal("instructions: expected a string, got an integer", faults_of "instructions = 7,")
  end)
end)

describe("when memory fails", function()
  it("all is said that scripts say, or there is no generation", function()
    folder.fill(root, { ["scripts/x.lua"] = ([[
      local function run() return "ran" end
      return { name = "x", upstream = { base = "https://api.example.com" },
        instructions = "Be kind.", prefix = "y", cache = { tools = { ttl_ms = 5, scope = "public" } }, %s
        tools = { one = { about = "Does it.", run = run, %s, meta = { a = { 1, { b = "c" } } },
          ui = { resource = "ui://x/app", visibility = { "app" } }, task = "required", prepare = run } } }
    ]]):format(APP:format('cache = { ttl_ms = 7 }, annotations = { audience = { "user" }, priority = 1 }, '
      .. 'ui = { csp = { connect = { "https://a.example" } }, permissions = { camera = true } }'), ICONS) })
    local function described(g)
      local tool, offer, hints = g:tools()[1], g:offers()[1], g:lists().tools
      return table.concat({ tool.name, tool.json, tool.task, tool.prepare, offer.json, offer.meta, offer.ttl_ms,
        hints.ttl_ms, hints.scope, g:instructions() }, "\n")
    end
    local options = { workers = 1 }
    local g = assert(T.generation.load(root .. "/scripts", root .. "/policies", options))
    local whole, n, fired = described(g), 0, true
    g:free()

    while fired do
      T.buf.fail_after(n)
      local faults
      g, faults = T.generation.load(root .. "/scripts", root .. "/policies", options)
      fired, n = T.buf.fired(), n + 1
      assert.is_true(g ~= nil or #faults > 0)
      if g then
        assert.equal(whole, described(g))
        g:free()
      end
    end
    assert.is_true(n > 20)
  end)
end)
