--- ctx.cache: what scripts keep from call to call.

local testing = require "tidegate.testing"
local folder = require "folder"

-- One tool does what its argument says, in Lua.
local SCRIPT = [[
local str, any = tide.schema.string, tide.schema.object
local does = {
  set = function(c, a) return c:set(a.name, a.value, a.options) end,
  get = function(c, a) return c:get(a.name, a.options) end,
  stale = function(c, a) return c:stale(a.name, a.options) end,
  delete = function(c, a) return c:delete(a.name, a.options) end,
  invalidate = function(c, a) return c:invalidate(a.name) end,
}
local function run(ctx, args)
  local ask = tide.json.decode(args.json)
  local value, more = does[ask.does](ctx.cache, ask)
  if type(more) == "table" then return { err = more.code, message = more.message } end
  return { value = value, more = more }
end
local function item(ctx, args)
  return { n = assert(ctx.http:get("/items", { query = { id = args.id } })).json.n }
end
local function tool() return { about = "Do.", args = { json = str() }, run = run } end
return {
  name = NAME, about = "A service.", upstream = { base = "https://svc.example" },
  tools = {
    run = tool(),
    item = { about = "Item.", args = { id = str() }, run = item, policy = "kept", annotations = { read_only = true } },
  },
}]]

local root, kit

setup(function()
  root = folder.new()
  folder.fill(root, {
    ["scripts/a.lua"] = SCRIPT:gsub("NAME", '"a"'),
    ["scripts/b.lua"] = SCRIPT:gsub("NAME", '"b"'),
    ["policies/p.lua"] = "return { kept = { cache = { ttl_ms = 10000 } } }",
  })
end)

teardown(function() folder.remove(root) end)

before_each(function()
  kit = testing.new { scripts = root .. "/scripts", policies = root .. "/policies", cache_bytes = 1 << 20 }
end)

after_each(function()
  assert.same({ true }, { kit:quiet() })
  kit:close()
end)

local function ask(does, name, more, principal)
  local words = { does = does, name = name }
  for k, v in pairs(more or {}) do words[k] = v end
  local call = kit:call(words.of or "a_run", { json = testing.json.encode(words) }, { principal = principal })
  assert(call.ok, tostring(call))
  return call.value.value, call.value.more, call.value
end

local function set(name, value, options, principal)
  options = options or {}
  options.ttl_ms = options.ttl_ms or 1000
  return ask("set", name, { value = value, options = options }, principal)
end

describe("ctx.cache", function()
  it("gives what was set, and for how long it has been there", function()
    local value = { list = { 1, 2.5, "x" }, none = testing.json.null, empty = testing.json.array {} }
    set("n", value)
    kit:advance(300)

    local got, age = ask("get", "n")

    assert.equal(testing.json.encode(value), testing.json.encode(got))
    assert.equal(300, age)
  end)

  it("gives nothing that was not set, nor what is too old", function()
    set("n", 1)
    kit:advance(1000)

    assert.same({}, { ask("get", "n"), (ask("get", "m")) })
  end)

  it("gives the last value when asked for what is stale, for so long", function()
    set("n", "old", { stale_ms = 500 })
    kit:advance(1400)
    local value, age = ask("stale", "n")
    kit:advance(100)

    assert.same({ "old", 1400 }, { value, age })
    assert.is_nil((ask("stale", "n")))
  end)

  it("keeps what is stale for ten times as long if nothing is said", function()
    set("n", "old")
    kit:advance(10999)
    local before = ask("stale", "n")
    kit:advance(1)

    assert.equal("old", before)
    assert.is_nil((ask("stale", "n")))
  end)

  it("takes a table for a name, in whatever order it is written", function()
    set({ a = 1, b = { c = "x" } }, 7)

    assert.equal(7, (ask("get", { b = { c = "x" }, a = 1 })))
    assert.is_nil((ask("get", { a = 2, b = { c = "x" } })))
  end)

  it("keeps principals apart, unless both sides say shared", function()
    set("n", "of ann", nil, "ann")
    set("n", "of all", { shared = true }, "ann")

    assert.is_nil((ask("get", "n", nil, "bob")))
    assert.equal("of ann", (ask("get", "n", nil, "ann")))
    assert.equal("of all", (ask("get", "n", { options = { shared = true } }, "bob")))
  end)

  it("keeps integrations apart", function()
    set("n", 1, { shared = true })

    assert.is_nil((ask("get", "n", { of = "b_run", options = { shared = true } })))
  end)

  it("deletes one, of that principal only", function()
    set("n", 1, nil, "ann")
    set("n", 2, nil, "bob")

    assert.same({ true, false }, { ask("delete", "n", nil, "ann"), (ask("delete", "n", nil, "ann")) })
    assert.equal(2, (ask("get", "n", nil, "bob")))
  end)

  it("forgets what matches, of all principals", function()
    set("item:1", 1, nil, "ann")
    set("item:2", 2, nil, "bob")
    set("other", 3)

    assert.equal(2, (ask("invalidate", "item:*")))
    assert.equal(3, (ask("get", "other")))
  end)

  it("forgets answers of the service by method, path and query", function()
    local n = 0
    kit:upstream("GET https://svc.example/*", function()
      n = n + 1
      return { json = { n = n } }
    end)
    for _, id in ipairs { "1", "2" } do kit:call("a_item", { id = id }) end

    assert.equal(1, (ask("invalidate", "GET /items?id=1")))
    assert.same({ 3, 2 }, {
      kit:call("a_item", { id = "1" }).value.n, kit:call("a_item", { id = "2" }).value.n,
    })
  end)

  it("refuses a value that is too large, and says what is allowed", function()
    local _, _, answer = set("n", ("x"):rep(20000))

    assert.equal("too_large", answer.err)
    assert.matches("20002 bytes of JSON, and one that is kept has at most 16384", answer.message)
  end)

  it("stays within its bytes, whatever is put into it", function()
    for i = 1, 300 do set("n" .. i, ("x"):rep(10000)) end

    local figures = kit:cache()

    assert.is_true(figures.bytes <= 1 << 20, figures.bytes)
    assert.is_true(figures.evicted > 150)
    assert.equal(10000, #ask("get", "n300"))
  end)

  it("names the slip of who uses it wrongly", function()
    for _, case in ipairs {
      { "set", {}, "all three are needed" },
      { "set", { value = 1, options = { shared = true } }, "ttl_ms says how long" },
      { "set", { value = 1, options = { ttl_ms = -1 } }, "1 to 604800000 milliseconds" },
      { "set", { value = 1, options = { ttl = 1 } }, "ttl" },
      { "get", { options = { shared = 1 } }, "shared is true or false" },
    } do
      local words = { does = case[1], name = "n" }
      for k, v in pairs(case[2]) do words[k] = v end

      local call = kit:call("a_run", { json = testing.json.encode(words) })

      assert.equal("script_failed", call.error.code)
      assert(kit:log():find(case[3], 1, true), case[3] .. "\n" .. kit:log())
    end
  end)
end)
