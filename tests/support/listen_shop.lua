--- The integration of the specs about subscriptions: it changes nothing, but says
--- so. listen_shop(about) is its text, where `about` is what clients see of it.
local SCRIPT = [[
local function say(ctx, args)
  if args.uri then ctx.updated(args.uri) else ctx.changed(args.list) end
  return "said"
end
local function work(ctx)
  for i = 1, 3 do
    ctx.progress(i)
    ctx.updated("shop://stock")
    tide.time.sleep(0.02)
  end
  return "worked"
end
local function flood(ctx, args)
  for _ = 1, args.times or 600 do
    ctx.updated(args.uri)
    tide.time.sleep(0.0005)
  end
  return "flooded"
end
local text = tide.schema.string
return {
  name = "shop", about = "A shop.", upstream = { base = "http://127.0.0.1:9" },
  tools = {
    say = {
      about = "ABOUT", run = say,
      args = { uri = text { optional = true }, list = text { optional = true } },
    },
    work = { about = "Works.", run = work },
    flood = {
      about = "Floods.", run = flood,
      args = { uri = text(), times = tide.schema.integer { optional = true } },
    },
  },
  resources = { stock = { uri = "shop://stock", about = "The stock.", read = work } },
  templates = { item = { uri = "shop://item/{sku}", about = "One.", read = work } },
  prompts = { ask = { about = "Asks.", run = function() return "ask" end } },
}]]

return function(about) return (SCRIPT:gsub("ABOUT", about)) end
