-- luacheck: ignore 631 (tables of cases read best in long lines)
local T = require "T"
local folder = require "folder"

local root, loaded

before_each(function()
  root = folder.new()
  loaded = {}
  folder.fill(root, { ["scripts/.keep"] = "", ["policies/.keep"] = "" })
end)

after_each(function()
  for _, generation in ipairs(loaded) do generation:free() end
  folder.remove(root)
end)

-- Loads these files; the generation, then its faults as text.
local function load(files, options)
  folder.fill(root, files)
  local generation, faults = T.generation.load(root .. "/scripts", root .. "/policies", options)
  loaded[#loaded + 1] = generation
  return generation, faults
end

-- What is said of one script scripts/x.lua, without the last line break.
local function faults_of(text, options)
  local generation, faults = load({ ["scripts/x.lua"] = text }, options)
  assert.is_nil(generation)
  return (faults:gsub("\n$", ""))
end

-- A good script, with these fields of the table or the tool in place.
local function script(fields, tool)
  local upstream = fields:find "upstream" and "" or 'upstream = { base = "https://api.example.com" },'
  return ([[
    local str, int, list = tide.schema.string, tide.schema.integer, tide.schema.list
    local function run() return "ran" end
    return { %s %s %s
      tools = { one = { about = "Does it.", run = run, %s } } }
  ]]):format(fields:find "name =" and "" or 'name = "x",', upstream, fields, tool or "")
end

local good = [[
  local str, int = tide.schema.string, tide.schema.integer
  local function classify() return "not_found" end
  local function sign() return "signed" end
  return {
    name = "shop", title = "The shop", about = "Things to buy.",
    upstream = {
      base = "https://api.shop.example/v1/", policy = "slow", errors = classify,
      headers = { ["X-Version"] = "2", Accept = "application/json" },
    },
    auth = sign,
    tools = {
      sell = { title = "Sell", about = "Sell a thing.", policy = "default",
        args = { what = str { min = 1 }, count = int { default = 1 } },
        result = { id = int() },
        annotations = { title = "Sell it", read_only = false, destructive = true, idempotent = false, open_world = true },
        run = function() return "sold" end, fallback = function() return "not now" end },
      list = { about = "All things.", annotations = { read_only = true }, run = function() return "listed" end },
    },
  }
]]

describe("a generation", function()
  it("has the tools of all scripts, sorted by their full names", function()
    local generation = load {
      ["scripts/shop.lua"] = good,
      ["scripts/a.lua"] = script 'name = "a",',
      ["policies/p.lua"] = "return { slow = { deadline_ms = 60000 } }",
    }

    local names = {}
    for i, tool in ipairs(generation:tools()) do
      names[i] = tool.name
      assert.equal(i - 1, tool.index)
    end
    assert.same({ "a_one", "shop_list", "shop_sell" }, names)
    assert.equal("sell", generation:find("shop_sell").short_name)
    assert.is_nil(generation:find "shop_buy")
  end)

  it("has what the scripts say", function()
    local generation = load { ["scripts/shop.lua"] = good, ["policies/p.lua"] = "return { slow = {} }" }

    local shop = generation:integrations()[1]
    shop.auth.slot, shop.errors_slot = shop.auth.slot > 0, shop.errors_slot > 0
    assert.same({
      name = "shop", title = "The shop", about = "Things to buy.", file = "shop.lua", index = 0,
      base = "https://api.shop.example/v1", policy = "slow", private = false, insecure = false,
      headers = { Accept = "application/json", ["X-Version"] = "2" }, errors = {}, errors_slot = true,
      auth = { kind = 5, slot = true }, tools = { "list", "sell" },
    }, shop)
    assert.equal("slow", generation:find("shop_list").policy)
    assert.equal("default", generation:find("shop_sell").policy)
  end)

  it("writes each tool as an entry of tools/list", function()
    local generation = load { ["scripts/shop.lua"] = good, ["policies/p.lua"] = "return { slow = {} }" }

    assert.equal('{"name":"shop_sell","title":"Sell","description":"Sell a thing.",'
      .. '"inputSchema":{"type":"object","properties":{"count":{"type":"integer","default":1},"what":{"type":"string","minLength":1}},"required":["what"],"additionalProperties":false},'
      .. '"outputSchema":{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"],"additionalProperties":false},'
      .. '"annotations":{"title":"Sell it","readOnlyHint":false,"destructiveHint":true,"idempotentHint":false,"openWorldHint":true}}',
      generation:find("shop_sell").json)
    assert.equal('{"name":"shop_list","description":"All things.","inputSchema":{"type":"object","properties":{},"additionalProperties":false},"annotations":{"readOnlyHint":true}}',
      generation:find("shop_list").json)
  end)

  it("has every function in every VM", function()
    local generation = load({ ["scripts/shop.lua"] = good, ["policies/p.lua"] = "return { slow = {} }" }, { workers = 3 })
    local sell, shop = generation:find "shop_sell", generation:integrations()[1]

    for worker = 1, 3 do
      assert.equal("sold", generation:call(worker, sell.run))
      assert.equal("not now", generation:call(worker, sell.fallback))
      assert.equal("signed", generation:call(worker, shop.auth.slot))
      assert.equal("not_found", generation:call(worker, shop.errors_slot))
    end
  end)

  it("may be empty, which is said", function()
    local generation, faults = load {}

    assert.same({}, generation:tools())
    assert.equal("warning: there are no scripts in " .. root .. "/scripts\n", faults)
  end)

  it("needs the folder of scripts, not that of policies", function()
    local generation, faults = T.generation.load(root .. "/nowhere", nil)
    assert.is_nil(generation)
    assert.equal("the folder " .. root .. "/nowhere cannot be read: No such file or directory\n", faults)

    loaded[1] = T.generation.load(root .. "/scripts", root .. "/nowhere")
    assert.equal(30000, loaded[1]:policies().default.deadline_ms)
  end)

  it("gives back all memory", function()
    local files = { ["scripts/shop.lua"] = good, ["scripts/x.lua"] = script('', 'args = { a = str { pattern = "^a" } }'),
      ["policies/p.lua"] = "return { slow = {} }" }
    folder.fill(root, files)
    local function rounds(n)
      for _ = 1, n do T.generation.load(root .. "/scripts", root .. "/policies", { workers = 1 }):free() end
      folder.fill(root, { ["scripts/shop.lua"] = good:gsub("sold\" end", "sold\" end, oops = 1") })
      for _ = 1, n / 10 do assert.is_nil((T.generation.load(root .. "/scripts", root .. "/policies"))) end
      folder.fill(root, files)
      collectgarbage()
      collectgarbage()
      return T.generation.allocated()
    end
    rounds(20)

    local before = rounds(20)
    local after = rounds(1000)

    assert.is_true(after - before < 100000, ("%d bytes more"):format(after - before))
  end)
end)

describe("the files of a generation", function()
  it("are not those that editors leave about", function()
    local junk = "this is not Lua"
    local generation = assert(load {
      ["scripts/x.lua"] = script "", ["scripts/.#x.lua"] = junk, ["scripts/x.lua~"] = junk, ["scripts/4913"] = junk,
      ["scripts/.x.lua.swp"] = junk, ["scripts/#x.lua#"] = junk, ["scripts/#x.lua"] = junk, ["scripts/README.md"] = junk,
      ["scripts/types/tide.lua"] = junk, ["policies/.p.lua"] = junk, ["policies/p.lua~"] = junk, ["scripts/.git/init.lua"] = junk,
    })

    assert.equal(1, #generation:tools())
  end)

  it("may be a folder with files beside, each read once and run in each VM", function()
    local generation = assert(load {
      ["scripts/x/init.lua"] = [[
        local pages, again = require "pages", require "pages"
        assert(pages == again and require "deep.er" == true)
        return { name = "x", tools = { t = { about = "T.", run = pages.run } } }
      ]],
      ["scripts/x/pages.lua"] = 'require "more" return { run = function() return "page" end }',
      ["scripts/x/more.lua"] = "return 1",
      ["scripts/x/deep/er.lua"] = "return nil",
    })

    local tool = generation:find "x_t"
    assert.same({ "page", "page" }, { generation:call(1, tool.run), generation:call(2, tool.run) })
    assert.equal("x/init.lua", generation:integrations()[1].file)
  end)

  it("that are required are checked like the others", function()
    local init = 'local m = require "%s" return { name = "x", tools = {} }'
    for _, case in ipairs {
      { { ["scripts/x/init.lua"] = init:format "gone" }, "x/init.lua: line 1: require 'gone': cannot be read: No such file or directory\n" },
      { { ["scripts/x/init.lua"] = init:format "../y" }, "x/init.lua: line 1: bad argument #1 to 'require' (the name of a file beside this script, without .lua)\n" },
      { { ["scripts/x/init.lua"] = init:format "a", ["scripts/x/a.lua"] = 'require "b"', ["scripts/x/b.lua"] = 'require "a"' },
        "x/init.lua: x/b.lua:1: require 'a': it requires itself\n" },
      { { ["scripts/x/init.lua"] = init:format "a", ["scripts/x/a.lua"] = "\n!" }, "x/init.lua: x/a.lua:2: unexpected symbol near '!'\n" },
    } do
      local generation, faults = load(case[1])
      assert.same({ nil, case[2] }, { generation, faults })
    end
    os.remove(root .. "/scripts/x/init.lua")
    assert.equal("x.lua: line 1: require 'y': only a script with a folder of its own, such as github/init.lua, has files beside it",
      faults_of 'require "y"')
  end)

  it("that cannot be read or have no good name are faults", function()
    local generation, faults = load {
      ["scripts/Big-One.lua"] = script "", ["scripts/large.lua"] = "--" .. ("x"):rep(1024 * 1024),
      ["scripts/x.lua"] = script "", ["scripts/x/init.lua"] = script "",
    }

    assert.is_nil(generation)
    assert.equal([[
Big-One.lua: the file's name is the integration's: a-z, then a-z, 0-9 and _
large.lua: is larger than 1 MiB
x.lua: x/init.lua is the same integration
]], faults)
  end)
end)

describe("a script that cannot be loaded", function()
  it("is named with the line and the reason", function()
    for _, case in ipairs {
      { "return {\n  oops oops\n}", "x.lua: line 2: '}' expected (to close '{' at line 1) near 'oops'" },
      { "error('no')", "x.lua: line 1: no" },
      { "error({})", "x.lua: raised a table" },
      { "error()", "x.lua: raised a nil" },
      { "local a = nil + 1", "x.lua: line 1: attempt to perform arithmetic on a nil value" },
      { "foo = 1", "x.lua: line 1: assignment to global 'foo': declare it local" },
      { "return os.execute('true')", "x.lua: line 1: attempt to call a nil value (field 'execute')" },
      { "\27Lua", "x.lua: attempt to load a binary chunk (mode is 't')" },
      { "", "x.lua: must return a table, got nothing (does it end with `return { ... }`?)" },
      { "return 5", "x.lua: must return a table, got an integer (does it end with `return { ... }`?)" },
    } do
      assert.equal(case[2], faults_of(case[1]))
    end
  end)

  it("cannot run or grow without end", function()
    assert.equal("x.lua: line 1: it ran too many instructions without waiting", (faults_of("while true do end", { instructions = 100000 })))
    assert.equal("x.lua: not enough memory", (faults_of("local t = {} for i = 1, 1e9 do t[i] = i end", { memory = 2000000 })))
    local deep = faults_of "local function f() return 1 + f() end f()"
    assert.truthy(deep:find("stack overflow", 1, true) or deep == "x.lua: not enough memory", deep)
  end)

  it("does not hide the faults of others", function()
    local generation, faults = load {
      ["scripts/a.lua"] = "!", ["scripts/b.lua"] = script('name = "b",', 'polcy = "x"'), ["scripts/c.lua"] = script 'name = "c",',
      ["policies/p.lua"] = "return { p = { deadline = 1 } }",
    }

    assert.is_nil(generation)
    assert.equal([[
policies/p.lua: p.deadline: unknown key (did you mean deadline_ms?)
a.lua: line 1: unexpected symbol near '!'
b.lua: tools.one.polcy: unknown key (did you mean policy?)
]], (faults:gsub("p%.deadline: unknown key\n", "p.deadline: unknown key (did you mean deadline_ms?)\n")))
  end)

  it("must be the same in every VM", function()
    local text = 'return { name = "x", tools = { t = { about = "T.", run = %s } } }'
    -- What a script can see of chance: the address of a table.
    local random = text:format 'math.random(0) % 2 == 0 and function() end or (function() end)'
    assert(load({ ["scripts/x.lua"] = random }, { workers = 4 }))

    local found
    for _ = 1, 40 do
      local generation, faults = load({ ["scripts/x.lua"] = [[
        local tools = { t = { about = "T.", run = function() end }, u = { about = "U.", run = function() end } }
        if math.random(2) == 1 then tools.u.fallback = function() end end
        return { name = "x", tools = tools }
      ]] }, { workers = 2 })
      if not generation then
        assert.equal("x.lua: tools.u.fallback: was a function in one VM and is nothing in another: a script must give the same table each time\n", faults)
        found = true
      end
    end
    assert.is_true(found)
  end)
end)

describe("the table of a script", function()
  it("is refused with path and reason", function()
    for _, case in ipairs {
      { script 'titel = "x",', "x.lua: titel: unknown key (did you mean title?)" },
      { script 'name = "y",', 'x.lua: name: must be the file\'s name, "x" (got "y")' },
      { (script("")):gsub('name = "x",', ""), 'x.lua: name: is missing (expected "x")' },
      { script "title = {},", "x.lua: title: expected a string, got a table" },
      { script "about = function() end,", "x.lua: about: expected a string, got a function" },
      { script "[1] = 5,", "x.lua: expected names only, got the number 1" },
      { script 'upstream = "https://x.example",', "x.lua: upstream: expected a table, got a string" },
      { 'return { name = "x", tools = 1 }', "x.lua: tools: expected a table, got an integer" },
      { 'return { name = "x", tools = { a = 1 } }', "x.lua: tools.a: expected a table, got an integer" },
      { 'return { name = "x", tools = { ["a-b"] = { about = "A.", run = print or function() end } } }',
        "x.lua: line 1: undefined global 'print': use tide.log.info" },
      { 'return { name = "x", tools = { ["a-b"] = { about = "A.", run = function() end } } }',
        'x.lua: tools["a-b"]: a tool\'s name is a-z, then a-z, 0-9 and _' },
      { 'return { name = "x", tools = { ' .. ("a"):rep(63) .. ' = { about = "A.", run = function() end } } }',
        "x.lua: tools." .. ("a"):rep(63) .. ": x_" .. ("a"):rep(63) .. " has 65 characters, and 64 are allowed" },
      { 'return { name = "x", tools = { a = { about = "A." } } }', "x.lua: tools.a.run: is missing: the function that does it" },
      { 'return { name = "x", tools = { a = { about = "A.", run = "f" } } }', "x.lua: tools.a.run: expected a function, got a string" },
      { 'return { name = "x", tools = { a = { run = function() end } } }', "x.lua: tools.a.about: is missing: what agents read to choose the tool" },
      { 'return { name = "x", tools = { a = { about = "", run = function() end } } }', "x.lua: tools.a.about: must not be empty" },
      { script("", "fallbak = run"), "x.lua: tools.one.fallbak: unknown key (did you mean fallback?)" },
      { script("", "fallback = { when = pairs }"), "x.lua: tools.one.fallback: when: a function cannot become JSON" },
      { script("", 'fallback = { tide.content.text "x" }'), "x.lua: tools.one.fallback: content is made by a function" },
      { script("", 'result = { id = int() }, fallback = { id = "x" }'), "x.lua: tools.one.fallback: id must be an integer (got \"x\")" },
      { script("", "fallback_after_effect = true"), "x.lua: tools.one.fallback_after_effect: there is no fallback" },
      { script('upstream = { base = "https://a.b", idempotency = 1 },'),
        "x.lua: upstream.idempotency: expected true or a table, got an integer" },
      { script('upstream = { base = "https://a.b", idempotency = { heeder = "X" } },'),
        "x.lua: upstream.idempotency.heeder: unknown key (did you mean header?)" },
      { script('upstream = { base = "https://a.b", idempotency = { header = "X Y" } },'),
        "x.lua: upstream.idempotency.header: is not the name of a header" },
      { script('upstream = { base = "https://a.b", idempotency = { header = "Authorization" } },'),
        "x.lua: upstream.idempotency.header: Authorization is used for something else" },
      { script('upstream = { base = "https://a.b", idempotency = { quoted = "yes" } },'),
        "x.lua: upstream.idempotency.quoted: expected true or false, got a string" },
      { script('upstream = { base = "https://a.b", idempotency = { retention_ms = 0 } },'),
        "x.lua: upstream.idempotency.retention_ms: must be a whole number from 1000 to 2678400000 (31 days)" },
      { script('upstream = { base = "https://a.b", idempotency = { retention_ms = 2000 } },'),
        "x.lua: tools.one.policy: a call may take 30000 ms (deadline_ms of default), and the service forgets "
          .. "a key after 2000 ms (upstream.idempotency.retention_ms)" },
      { script('upstream = { base = "https://a.b", idempotency = { retention_ms = 60000 } },', 'task = "optional"'),
        "x.lua: tools.one.policy: a call may take 600000 ms (task.deadline_ms of default), and the service "
          .. "forgets a key after 60000 ms (upstream.idempotency.retention_ms)" },
      { script('upstream = { base = "https://a.b", idempotency = true, headers = { ["idempotency-key"] = "x" } },'),
        "x.lua: upstream.headers[\"idempotency-key\"]: carries the key of upstream.idempotency, which is "
          .. "another for each request" },
      { script("", "fallback = 1"), "x.lua: tools.one.fallback: expected a function or a table, got an integer" },
      { script("", "title = 3"), "x.lua: tools.one.title: expected a string, got an integer" },
      { script("", 'policy = "defualt"'), "x.lua: tools.one.policy: there is no policy defualt (did you mean default?)" },
      { script("", "policy = {}"), "x.lua: tools.one.policy: expected a string, got a table" },
      { script("", "annotations = true"), "x.lua: tools.one.annotations: expected a table, got true" },
      { script("", "annotations = { readonly = true }"), "x.lua: tools.one.annotations.readonly: unknown key (did you mean read_only?)" },
      { script("", 'annotations = { read_only = "yes" }'), "x.lua: tools.one.annotations.read_only: expected true or false, got a string" },
      { script("", "annotations = { read_only = true, destructive = true }"), "x.lua: tools.one.annotations: read_only and destructive contradict each other" },
      { script("", "args = { limit = int { min = 5, max = 1 } }"), "x.lua: tools.one.args.limit: max is below min" },
      { script("", "args = { limit = int { max = 5, default = 9 } }"), "x.lua: tools.one.args.limit: default must be at most 5 (got 9)" },
      { script("", 'args = { s = str { "a", "a" } }'), "x.lua: tools.one.args.s: a is listed twice" },
      { script("", "args = list { of = str() }"), 'x.lua: tools.one.args: arguments have names: the schema must say type = "object"' },
      { script("", "args = 3"), "x.lua: tools.one.args: expected a word such as str {}, got an integer" },
      { script("", "result = { a = 3 }"), "x.lua: tools.one.result.a: expected a word such as str {}, got an integer" },
      { script("", 'args = tide.schema.raw { { type = "object", properties = { a = { minimun = 1 } } } }'),
        "x.lua: tools.one.args: properties.a.minimun: unknown keyword (did you mean minimum?)" },
    } do
      assert.equal(case[2], faults_of(case[1]))
    end
  end)

  it("is refused for its upstream with path and reason", function()
    local function upstream(fields) return script("upstream = { " .. fields .. " },") end
    for _, case in ipairs {
      { upstream "", 'x.lua: upstream.base: is missing (as in "https://api.github.com")' },
      { upstream "base = 5", "x.lua: upstream.base: expected a string, got an integer" },
      { upstream 'base = "ftp://x.example"', 'x.lua: upstream.base: a URL must begin with http:// or https://' },
      { upstream 'base = "https://x.example/?a"', "x.lua: upstream.base: must end with the path, without ? and #" },
      { upstream 'base = "https://x.example/a/../b"', "x.lua: upstream.base: must not hold . or .. as a part of the path" },
      { upstream 'base = "https://10.1.2.3"', "x.lua: upstream.base: 10.1.2.3 is not a public address; say private = true if that is meant" },
      { upstream 'base = "https://[fe80::1]"', "x.lua: upstream.base: fe80::1 is not a public address; say private = true if that is meant" },
      { upstream 'base = "https://x.example", polic = ""', "x.lua: upstream.polic: unknown key (did you mean policy?)" },
      { upstream 'base = "https://x.example", policy = "rest"', "x.lua: upstream.policy: there is no policy rest" },
      { upstream 'base = "https://x.example", private = 1', "x.lua: upstream.private: expected true or false, got an integer" },
      { upstream 'base = "https://x.example", headers = { ["a b"] = "c" }', 'x.lua: upstream.headers["a b"]: is not the name of a header' },
      { upstream 'base = "https://x.example", headers = { A = "a\\nb" }', "x.lua: upstream.headers.A: is not the value of a header" },
      { upstream 'base = "https://x.example", headers = { A = {} }', "x.lua: upstream.headers.A: expected a string, got a table" },
      { upstream 'base = "https://x.example", headers = { Host = "y" }', "x.lua: upstream.headers.Host: is written by the engine itself" },
      { upstream 'base = "https://x.example", headers = { Authorization = "y" }', "x.lua: upstream.headers.Authorization: belongs into auth, where secrets are kept safe" },
      { upstream 'base = "https://x.example", headers = "x"', "x.lua: upstream.headers: expected a table, got a string" },
      { upstream 'base = "https://x.example", errors = { [404] = "not_fond" }', "x.lua: upstream.errors[404]: there is no error code not_fond (did you mean not_found?)" },
      { upstream 'base = "https://x.example", errors = { [404] = "ok" }', "x.lua: upstream.errors[404]: there is no error code ok" },
      { upstream 'base = "https://x.example", errors = { [404] = 5 }', 'x.lua: upstream.errors[404]: expected an error code such as "not_found", got an integer' },
      { upstream 'base = "https://x.example", errors = { [200] = "conflict" }', "x.lua: upstream.errors: 200 is no status from 400 to 599" },
      { upstream 'base = "https://x.example", errors = { ["404"] = "conflict" }', "x.lua: upstream.errors: expected a status from 400 to 599 as the key, got a string" },
      { upstream 'base = "https://x.example", errors = 5', "x.lua: upstream.errors: expected a table or a function, got an integer" },
    } do
      assert.equal(case[2], faults_of(case[1]))
    end
  end)

  it("is refused for its auth with path and reason", function()
    for fields, fault in pairs {
      ["auth = 5,"] = "x.lua: auth: expected a table or a function, got an integer",
      ["auth = {},"] = 'x.lua: auth.kind: is missing: "bearer", "api_key" or "basic"',
      ['auth = { kind = "baerer" },'] = "x.lua: auth.kind: there is no kind baerer; use bearer, api_key, basic or a function (did you mean bearer?)",
      ['auth = { kind = "bearer" },'] = "x.lua: auth.secret: is missing: the name of a secret",
      ['auth = { kind = "bearer", secret = "lost" },'] = "x.lua: auth.secret: there is no secret lost; set ENV_OF_lost (or say optional = true)",
      ['auth = { kind = "bearer", secret = "ghp_ABC" },'] = 'x.lua: auth.secret: expected the name of a secret, such as "github_token", and never the secret itself',
      ['auth = { kind = "bearer", secret = 5 },'] = "x.lua: auth.secret: expected the name of a secret, got an integer",
      ['auth = { kind = "bearer", secret = "known_token", header = "X" },'] = "x.lua: auth.header: unknown key",
      ['auth = { kind = "bearer", secert = "known_token" },'] = "x.lua: auth.secert: unknown key (did you mean secret?)\nx.lua: auth.secret: is missing: the name of a secret",
      ['auth = { kind = "basic", secret = "known_token" },'] = "x.lua: auth.user: is missing: the name to log in with",
      ['auth = { kind = "basic", secret = "known_token", user = "a:b" },'] = "x.lua: auth.user: must not hold a colon",
      ['auth = { kind = "api_key", secret = "known_token" },'] = 'x.lua: auth: api_key goes where? say header = "X-Api-Key" or query = "key"',
      ['auth = { kind = "api_key", secret = "known_token", header = "a", query = "b" },'] = "x.lua: auth: has a header and a query; one of them",
      ['auth = { kind = "api_key", secret = "known_token", header = "a b" },'] = "x.lua: auth.header: is not the name of a header",
    } do
      assert.equal(fault, faults_of(script(fields)))
    end
    assert.equal("x.lua: auth: is for an upstream, and there is none",
      faults_of 'return { name = "x", auth = { kind = "bearer", secret = "known_token" }, tools = { t = { about = "T.", run = function() end } } }')
  end)

  it("may name a secret in each way", function()
    local kinds = {
      [1] = 'auth = { kind = "bearer", secret = "known_token" },',
      [2] = 'auth = { kind = "basic", user = "u", secret = "known_token" },',
      [3] = 'auth = { kind = "api_key", header = "X-Key", secret = tide.secret "known_token" },',
      [4] = 'auth = { kind = "api_key", query = "key", secret = "known_token" },',
    }
    for kind, fields in ipairs(kinds) do
      local auth = load({ ["scripts/x.lua"] = script(fields) }):integrations()[1].auth
      assert.same({ kind, "s3cr3t-value" }, { auth.kind, auth.secret })
    end
    local auth = load({ ["scripts/x.lua"] = script 'auth = { kind = "bearer", secret = "lost", optional = true },' }):integrations()[1].auth
    assert.same({ 1 }, { auth.kind, auth.secret })
  end)

  it("tells all that is wrong at once", function()
    assert.equal([[
x.lua: titel: unknown key (did you mean title?)
x.lua: name: must be the file's name, "x" (got "z")
x.lua: upstream.base: is missing (as in "https://api.github.com")
x.lua: upstream.errors[500]: there is no error code oops
x.lua: tools.one.about: must not be empty
x.lua: tools.one.args.a: max is below min
x.lua: tools.one.args.b: default must be an integer (got "x")
x.lua: tools.one.policy: there is no policy nope
x.lua: tools.one.run: is missing: the function that does it
x.lua: tools.two: expected a table, got true]], faults_of [[
      local int = tide.schema.integer
      return { name = "z", titel = "", upstream = { errors = { [500] = "oops" } }, tools = {
        one = { about = "", policy = "nope", args = { a = int { min = 2, max = 1 }, b = int { default = "x" } } },
        two = true } } ]])
  end)

  it("is warned about what is dangerous or odd", function()
    for fields, warning in pairs {
      ['upstream = { base = "http://api.example.com" },'] = "x.lua: warning: upstream.base: http is not encrypted: what is sent can be read on the way\n",
      ['upstream = { base = "https://api.example.com", insecure_tls = true },'] = "x.lua: warning: upstream.insecure_tls: CERTIFICATES ARE NOT CHECKED: anyone on the way can read and change everything; never in production\n",
      ['auth = { kind = "bearer", secret = "pin" },'] = "x.lua: warning: auth.secret: is shorter than 6 bytes, so it cannot be kept out of logs and answers\n",
    } do
      local generation, faults = load { ["scripts/x.lua"] = script(fields) }
      assert.truthy(generation)
      assert.equal(warning, faults)
    end
    local _, faults = load { ["scripts/x.lua"] = 'return { name = "x" }' }
    assert.equal("x.lua: warning: tools: there are none\n", faults)
  end)

  it("may reach a private address only if it says so, or itself", function()
    for fields, private in pairs {
      ['upstream = { base = "http://127.0.0.1:8080" },'] = true,
      ['upstream = { base = "http://localhost" },'] = true,
      ['upstream = { base = "http://[::1]:1" },'] = true,
      ['upstream = { base = "https://10.0.0.1", private = true },'] = true,
      ['upstream = { base = "https://1.1.1.1" },'] = false,
    } do
      local generation, faults = load { ["scripts/x.lua"] = script(fields) }
      assert.same({ private, "" }, { generation:integrations()[1].private, faults })
    end
  end)

  it("cannot take the name of another's tool", function()
    local generation, faults = load {
      ["scripts/a.lua"] = 'return { name = "a", tools = { b_c = { about = "T.", run = function() end } } }',
      ["scripts/a_b.lua"] = 'return { name = "a_b", tools = { c = { about = "T.", run = function() end } } }',
    }

    assert.is_nil(generation)
    assert.equal("a_b.lua: tools.c: the name a_b_c is taken by a.lua\n", faults)
  end)
end)

describe("when memory fails", function()
  it("there is a whole generation or none, and nothing is lost", function()
    folder.fill(root, { ["policies/p.lua"] = "return { slow = {} }", ["scripts/shop.lua"] = good, ["scripts/x.lua"] = [[
      local tools = {}
      for i = 1, 30 do tools["t" .. i] = { about = "T.", run = function() end } end
      local function f() end
      local resources, templates = {}, {}
      for i = 1, 9 do
        resources["r" .. i] = { about = "R.", uri = "r:" .. i, mime = "a/b", read = f }
        templates["t" .. i] = { about = "T.", uri = "t" .. i .. ":{a}/{b}", read = f, complete = { a = f, b = f } }
      end
      local args = { q = tide.schema.string { about = "A question." } }
      return { name = "x", tools = tools, resources = resources, templates = templates,
        prompts = { p = { about = "P.", args = args, run = f, complete = { q = f } } } } ]] })
    local function described(generation)
      local text = {}
      for i, tool in ipairs(generation:tools()) do text[i] = tool.json .. tool.policy .. tool.run .. tool.fallback end
      for _, offer in ipairs(generation:offers()) do
        text[#text + 1] = offer.key .. offer.json .. offer.run .. offer.parts .. offer.completers .. (offer.mime or "")
      end
      return table.concat(text, "\n")
    end
    local whole = described((T.generation.load(root .. "/scripts", root .. "/policies")))
    local function fail_at(n)
      T.buf.fail_after(n)
      local generation, faults = T.generation.load(root .. "/scripts", root .. "/policies", { workers = 2 })
      local fired = T.buf.fired()
      assert.is_true(generation ~= nil or #faults > 0)
      if generation then
        assert.equal(whole, described(generation))
        generation:free()
      end
      return fired
    end
    local function settled()
      collectgarbage()
      collectgarbage()
      return T.generation.allocated()
    end
    for n = 1, 20 do fail_at(n * 10) end
    local before, n = settled(), 0

    while fail_at(n) do n = n + 1 end

    assert.is_true(n > 50)
    assert.is_true(settled() - before < 20000, ("%d bytes more"):format(settled() - before))
  end)
end)

describe("what a script offers besides tools", function()
  local READ = "read = run"
  local CASES = {
    { "resources = 7", "resources: expected a table, got an integer" },
    { "resources = { B = { uri = 'a:b', about = 'b', read = run } }",
      "resources.B: a resource's name is a-z, then a-z, 0-9 and _" },
    { "resources = { a = 7 }", "resources.a: expected a table, got an integer" },
    { "resources = { a = { uri = 'a:b', about = 'b', raed = run } }",
      "resources.a.raed: unknown key (did you mean read?)\nx.lua: resources.a.read: is missing: the function that does it" },
    { "resources = { a = { uri = 'a:b', about = 'b', read = 7 } }",
      "resources.a.read: expected a function, got an integer" },
    { "resources = { a = { uri = 'ab', about = 'b', " .. READ .. " } }",
      "resources.a.uri: must be an absolute URI, as \"stock://items\"" },
    { "resources = { a = { uri = 'a:{b}', about = 'b', " .. READ .. " } }",
      "resources.a.uri: has a { }: describe it in templates instead" },
    { "resources = { a = { uri = 'a:b', about = 'b', mime = 'json', " .. READ .. " } }",
      "resources.a.mime: must be a media type, as \"application/json\"" },
    { "resources = { a = { about = 'b', " .. READ .. " } }",
      "resources.a.uri: is missing: what clients read it by" },
    { "resources = { a = { uri = 'a:b', " .. READ .. " } }",
      "resources.a.about: is missing: what clients show of it" },
    { "resources = { a = { uri = 'a:b', about = 'b', policy = 'slwo', " .. READ .. " } }",
      "resources.a.policy: there is no policy slwo" },
    { "templates = { t = { uri = 'a:{b}{c}', about = 't', " .. READ .. " } }",
      "templates.t.uri: something must stand between two names" },
    { "templates = { t = { uri = 'a:{sku}', about = 't', complete = { suk = run }, " .. READ .. " } }",
      "templates.t.complete.suk: unknown key (did you mean sku?)" },
    { "templates = { t = { uri = 'a:{b}', about = 't', complete = { b = 7 }, " .. READ .. " } }",
      "templates.t.complete.b: expected a function, got an integer" },
    { "templates = { t = { uri = 'a:{b}', about = 't', complete = run, " .. READ .. " } }",
      "templates.t.complete: expected a table of functions, got a function" },
    { "prompts = { p = { about = 'p', args = { n = int() }, run = run } }",
      "prompts.p.args.n: must be a text: clients send nothing else" },
    { "prompts = { p = { about = 'p', args = { repo = str() }, complete = { rep = run }, run = run } }",
      "prompts.p.complete.rep: unknown key (did you mean repo?)" },
    { "prompts = { p = { about = 'p' } }", "prompts.p.run: is missing: the function that does it" },
    { "prompt = {}", "prompt: unknown key (did you mean prompts?)" },
  }
  for _, case in ipairs(CASES) do
    it("is told what is wrong: " .. case[2]:match "^[^\n]*", function()
      assert.equal("x.lua: " .. case[2], faults_of(script(case[1] .. ",")))
    end)
  end

  it("may be offered once", function()
    local one = "resources = { a = { uri = 'a:b', about = 'b', read = run } },"
    local _, faults = load {
      ["scripts/x.lua"] = script(one), ["scripts/y.lua"] = script('name = "y", ' .. one),
    }

    assert.equal("y.lua: resources.a: a:b is taken by x.lua\n", faults)
  end)

  it("is the same in every worker", function()
    local generation, faults = load({ ["scripts/x.lua"] = script [[
      resources = { a = { uri = "a:b", about = "b", read = run } },
      templates = { t = { uri = "t:{b}", about = "b", read = run, complete = { b = run } } },
      prompts = { p = { about = "p", args = { q = str() }, run = run, complete = { q = run } } },]] },
      { workers = 3 })

    assert.truthy(generation, faults)
    assert.equal("", faults)
    local keys = {}
    for i, offer in ipairs(generation:offers()) do keys[i] = offer.key .. " " .. offer.completers end
    assert.same({ "a:b 0", "t:{b} 1", "x_p 1" }, keys)
  end)
end)

describe("a policy that hedges", function()
  local POLICIES = { ["policies/h.lua"] = "return { fast = { hedge = { extra = 1 } } }" }

  local function said(fields, tool)
    folder.fill(root, POLICIES)
    local generation, faults = load { ["scripts/x.lua"] = script(fields, tool) }
    return generation ~= nil, (faults:gsub("\n$", ""))
  end

  it("is a fault of the tool that names it, if that is not safe to repeat", function()
    for annotations, why in pairs {
      ["destructive = true"] = "destructive = true",
      ["read_only = false"] = "read_only = false",
      ["read_only = false, idempotent = false"] = "idempotent = false",
    } do
      local ok, faults = said("", ('policy = "fast", annotations = { %s }'):format(annotations))

      assert.is_false(ok)
      assert.equal("x.lua: tools.one.policy: fast hedges (hedge.extra is 1): it sends a request"
        .. " a second time before the first has ended, but the annotations say that this does harm ("
        .. why .. "); name a policy without hedge.extra", faults)
    end
  end)

  it("is a fault of the integration if that names it", function()
    local ok, faults = said('upstream = { base = "https://x.example", policy = "fast" },',
      "annotations = { destructive = true }")

    assert.is_false(ok)
    assert.equal("x.lua: upstream.policy: fast hedges (hedge.extra is 1), but tools.one.annotations"
      .. " say that it does harm to send a request twice (destructive = true); give that tool a policy"
      .. " without hedge.extra", faults)
  end)

  it("is fine for a tool that may be repeated, or does not say", function()
    for _, annotations in ipairs {
      "read_only = true", "destructive = true, idempotent = true", "open_world = true",
      "read_only = false, idempotent = true",
    } do
      local ok, faults = said("", ('policy = "fast", annotations = { %s }'):format(annotations))
      assert.is_true(ok, faults)
    end
  end)
end)

describe("a policy that keeps answers", function()
  local POLICIES = { ["policies/c.lua"] = [[return {
    kept = { cache = { ttl_ms = 30000 } }, told = { cache = { on = 1 } },
    all = { cache = { ttl_ms = 30000, shared = 1 } },
  }]] }
  local AUTH = "auth = function() end,"

  local function said(fields, tool)
    folder.fill(root, POLICIES)
    local generation, faults = load { ["scripts/x.lua"] = script(fields, tool) }
    return generation ~= nil, (faults:gsub("\n$", ""))
  end

  it("is a fault of a tool that says that it changes something", function()
    for annotations, policy in pairs {
      ["read_only = false"] = { "kept", "cache.ttl_ms is 30000" },
      ["destructive = true"] = { "told", "cache.on is 1" },
    } do
      local ok, faults = said("", ('policy = %q, annotations = { %s }'):format(policy[1], annotations))

      assert.is_false(ok)
      assert.equal(("x.lua: tools.one.policy: %s keeps answers (%s), but tools.one.annotations say that"
        .. " it changes something (%s), and it must not decide by what was there before; name a policy"
        .. " without cache"):format(policy[1], policy[2], annotations), faults)
    end
  end)

  it("is a fault of the integration if that names it for such a tool", function()
    local ok, faults = said('upstream = { base = "https://x.example", policy = "kept" },',
      "annotations = { read_only = false }")

    assert.is_false(ok)
    assert.matches("^x.lua: upstream.policy: kept keeps answers", faults)
  end)

  it("is warned of for a tool that does not say whether it only reads", function()
    local ok, faults = said("", 'policy = "kept"')

    assert.is_true(ok)
    assert.matches("warning: tools.one.policy: kept keeps answers (cache.ttl_ms is 30000), and", faults, 1, true)
    assert.matches("say so if it only reads, else name a policy without cache for it$", faults)
  end)

  it("is a fault if it is for all principals, and a function logs in", function()
    local ok, faults = said(AUTH, 'policy = "all", annotations = { read_only = true }')

    assert.is_false(ok)
    assert.matches("^x.lua: tools.one.policy: all serves one principal what another one fetched", faults)
  end)

  it("is fine for what only reads, and for all where one secret logs in", function()
    for _, case in ipairs {
      { "", 'policy = "kept", annotations = { read_only = true }' },
      { "", 'policy = "all", annotations = { read_only = true }' },
      { AUTH, 'policy = "kept", annotations = { read_only = true }' },
    } do
      local ok, faults = said(case[1], case[2])
      assert.is_true(ok, faults)
    end
  end)
end)
