--- The demo's inventory, for agents that look after a store room.
local str, int = tide.schema.string, tide.schema.integer

local sku = str { about = "like P-007", pattern = "^%u%-%d%d%d$" }

--- One page, handed on as a list with the number of the next page.
local function list_items(ctx, args)
  local res = assert(ctx.http:get("/items", {
    query = { page = args.page, per_page = args.limit },
  }))
  local next_page = (res.headers.link or ""):match "[?&]page=(%d+)"
  return { items = res.json, next_page = next_page and tonumber(next_page) }
end

local function get_item(ctx, args)
  return ctx.http:get("/items/" .. args.sku)
end

--- Several at once; what fails has its error in its place.
local function get_items(ctx, args)
  local fetches = {}
  for i, one in ipairs(args.skus) do
    fetches[i] = function()
      local res = assert(ctx.http:get("/items/" .. one))
      return res.json
    end
  end
  local found, failed = tide.all(fetches, { concurrency = 4 })

  local items = {}
  for i, one in ipairs(args.skus) do
    items[i] = found[i] or { sku = one, error = failed[i].code }
  end
  return { items = tide.json.array(items) }
end

local function add_item(ctx, args)
  return ctx.http:post("/items", { json = args })
end

local function change_stock(ctx, args)
  return ctx.http:patch("/items/" .. args.sku .. "/stock", { json = { change = args.change } })
end

local function hand_on(path)
  return function(ctx)
    return ctx.http:get(path)
  end
end

local reads = { read_only = true }

---@type tide.Integration
return {
  name = "inventory",
  title = "Inventory",
  about = "The store room of the demo.",
  upstream = {
    base = "http://127.0.0.1:8090", -- the demo gives --base
    errors = { [409] = "conflict", [422] = "invalid_argument" },
  },
  auth = { kind = "api_key", header = "X-Api-Key", secret = "inventory_key" },
  tools = {
    list_items = {
      about = "List the items in stock, page by page.",
      args = {
        page = int { min = 1, default = 1 },
        limit = int { min = 1, max = 50, default = 5 },
      },
      annotations = reads,
      run = list_items,
    },
    get_item = {
      about = "Read one item.",
      args = { sku = sku },
      annotations = reads,
      run = get_item,
    },
    get_items = {
      about = "Read several items at once.",
      args = { skus = tide.schema.list { sku, min_items = 1, max_items = 20 } },
      annotations = reads,
      run = get_items,
    },
    add_item = {
      about = "Add a new item.",
      args = { sku = sku, name = str { min_length = 1 }, stock = int { min = 0, default = 0 } },
      annotations = { destructive = false },
      run = add_item,
    },
    change_stock = {
      about = "Add to the stock of an item, or take from it.",
      args = { sku = sku, change = int { about = "negative to take out" } },
      run = change_stock,
    },
    report = {
      about = "Count the whole store room; takes two seconds.",
      annotations = reads,
      run = hand_on "/report",
    },
    flaky = {
      about = "Ask something that fails every other time.",
      annotations = reads,
      run = hand_on "/flaky",
    },
    limited = {
      about = "Ask something that allows nothing more for now.",
      annotations = reads,
      run = hand_on "/limited",
    },
  },
}
