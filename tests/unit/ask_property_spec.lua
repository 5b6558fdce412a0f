--- Whatever a handler does with its questions -- one after the other, side by
--- side, between requests that take their time -- it has the same result in both
--- eras, which is that of a plain model, and its act is done once.

local engine = require "engine"

local TOOLS = [[
local eval

local function each(ctx, nodes)
  local functions = {}
  for i, node in ipairs(nodes) do functions[i] = function() return eval(ctx, node) end end
  return functions
end

function eval(ctx, node)
  if node.ask then
    return assert(ctx.ask { message = node.ask, fields = { v = tide.schema.string() } }).values.v
  elseif node.sample then
    return assert(ctx.sample { messages = node.sample }).text
  elseif node.get then
    return assert(ctx.http:get(node.get)).json.v
  elseif node.all then
    local results, errors = tide.all(each(ctx, node.all))
    if errors then for _, err in pairs(errors) do error(err) end end
    return results
  end
  local results = {}
  for i, one in ipairs(node.seq) do results[i] = eval(ctx, one) end
  return results
end

handlers.run = {
  args = tide.schema.raw { type = "object" },
  run = function(ctx, args)
    local result = eval(ctx, args.tree)
    local act = assert(ctx.http:post("/act", { json = {} }))
    return { result = result, act = act.status }
  end,
}
]]

-- A tree of at most `depth`; `asks` counts the questions down, for a client
-- answers ten rounds and no more.
local function grow(rng, depth, asks)
  local kind = rng(1, depth > 0 and 7 or 4)
  if kind <= 2 and asks.left > 0 then
    asks.left = asks.left - 1
    -- Few texts, so that the same is asked twice.
    return { [kind == 1 and "ask" or "sample"] = "question " .. rng(1, 5) }
  elseif kind <= 4 then
    return { get = "/" .. rng(1, 9) }
  end
  local list = {}
  for i = 1, rng(1, 3) do list[i] = grow(rng, depth - 1, asks) end
  return { [kind == 5 and "seq" or "all"] = list }
end

local function model(node)
  if node.ask then return "to " .. node.ask end
  if node.sample then return "said to " .. node.sample end
  if node.get then return node.get end
  local results = {}
  for i, one in ipairs(node.seq or node.all) do results[i] = model(one) end
  return results
end

describe("a handler of whatever questions", function()
  it("has the same result in both eras, and acts once", function()
    local kit <close> = engine { tools = TOOLS }
    for seed = 1, 60 do
      math.randomseed(seed)
      local tree = grow(math.random, 3, { left = 8 })
      for _, era in ipairs { "modern", "legacy" } do
        kit:clear()
        kit:upstream("POST */act", { status = 201, json = {} })
        kit:upstream("GET *", function(request)
          return { delay_ms = math.random(0, 400), json = { v = request.path } }
        end)
        kit:answer(function(q)
          if q.kind == "form" then return { values = { v = "to " .. q.message } } end
          return { text = "said to " .. q.params.messages[1].content.text }
        end)

        local call = kit:call("demo_run", { tree = tree }, { era = era })

        local acts = 0
        for _, sent in ipairs(kit:requests()) do
          if sent.method == "POST" then acts = acts + 1 end
        end
        assert.same({ { result = model(tree), act = 201 }, 1, true },
          { call.value, acts, kit:quiet() }, ("seed %d, %s: %s"):format(seed, era, tostring(call)))
      end
    end
  end)
end)
