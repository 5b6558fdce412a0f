--- Slips with ctx that everybody makes once: each says what was meant.

local testing = require "tidegate.testing"

local folder = require "folder"

local SLIPS = {
  ["ctx:progress(1)"] = "call it with a dot: ctx.progress(...)",
  ["ctx:call('item')"] = "call it with a dot: ctx.call(...)",
  ["ctx:ask { message = 'Sure?' }"] = "call it with a dot: ctx.ask(...)",
  ["ctx:sample { messages = 'Hi.' }"] = "call it with a dot: ctx.sample(...)",
  ["ctx:changed('tools')"] = "call it with a dot: ctx.changed(...)",
  ["ctx.http.get('/')"] = "call it with a colon: ctx.http:get(path, options)",
  ["ctx.cache.get('name')"] = "call it with a colon: ctx.cache:get(name)",
  ["ctx.cache.get({ sku = 'a' })"] = "call it with a colon: ctx.cache:get(name)",
  ["ctx.cache.set({ sku = 'a' }, 1, { ttl_ms = 5 })"] = "call it with a colon: ctx.cache:set(name)",
  ["ctx.progres(1)"] = "ctx has no field 'progres' (did you mean progress?)",
  ["ctx.cach:get('name')"] = "ctx has no field 'cach' (did you mean cache?)",
  ["return ctx.principle"] = "ctx has no field 'principle' (did you mean principal?)",
  ["return ctx.weather"] = "ctx has no field 'weather'",
  ["return ctx[1]"] = "ctx has no field '1'",
  ["ctx.notify('warn', 'x')"] = "ctx.notify: a level is one of debug info notice warning error critical",
  ["return ctx.can_ask 'forms'"] = "one of form url sample tools context roots, not 'forms' (did you mean form?)",
  ["ctx.http:get('/', { query = 'a=1' })"] = "query: a table is expected, as { name = value }, not a string",
  ["ctx.http:put('/', { form = 1 })"] = "form: a table is expected, as { name = value }, not a number",
  ["ctx.http:get('/', { headers = 'a' })"] = "headers: a table is expected, as { name = value }, not a string",
  ["ctx.http:get('/', { idempotent = 1 })"] = "idempotent: true or false is expected, not a number",
  ["ctx.call('itme')"] = "ctx.call: there is no tool 'itme' (did you mean item?)",
}

local TOOL = [[
    t%d = { about = "A slip.", run = function(ctx) %s end },
]]

local root, kit, tools = nil, nil, {}

setup(function()
  local body, n = {}, 0
  for slip in pairs(SLIPS) do
    n = n + 1
    tools[slip] = "demo_t" .. n
    body[n] = TOOL:format(n, slip)
  end
  root = folder.new()
  folder.fill(root, {
    ["scripts/demo.lua"] = [[return {
  name = "demo", upstream = { base = "https://svc.example" },
  tools = {
    item = { about = "Item.", run = function() return "x" end },
]] .. table.concat(body) .. "  },\n}\n",
    ["policies/p.lua"] = "return {}",
  })
end)

teardown(function() folder.remove(root) end)

before_each(function()
  kit = testing.new { scripts = root .. "/scripts", policies = root .. "/policies" }
end)

after_each(function() kit:close() end)

describe("a slip with ctx", function()
  for slip, said in pairs(SLIPS) do
    it("says what was meant: " .. slip, function()
      local call = kit:call(tools[slip])

      assert.equal("script_failed", call.error.code)
      assert.matches(said, kit:log(), 1, true)
    end)
  end
end)
