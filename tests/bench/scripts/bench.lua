--- What the bench calls: three sizes handed on, and one that looks inside.
local int = tide.schema.integer

local function relay(path)
  return {
    about = "Hand on what " .. path .. " answers.",
    args = { id = int { min = 0 } },
    run = function(ctx, args)
      return ctx.http:get(path, { query = { id = args.id } })
    end,
  }
end

local function look_inside(ctx, args)
  local res = assert(ctx.http:get("/small", { query = { id = args.id } }))
  local item = res.json
  return { sku = item.sku, name = item.name, stock = item.stock }
end

---@type tide.Integration
return {
  name = "bench",
  upstream = { base = "http://127.0.0.1:9" }, -- the bench gives --base
  tools = {
    small = relay "/small",
    medium = relay "/64k.json",
    large = relay "/1m.json",
    inside = {
      about = "Read /small and answer three of its members.",
      args = { id = int { min = 0 } },
      run = look_inside,
    },
  },
}
