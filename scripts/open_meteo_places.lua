--- Where towns and places are, from Open-Meteo, for agents that have only a
--- name. No key.
local str, int = tide.schema.string, tide.schema.integer

local function find(ctx, args)
  local res = assert(ctx.http:get("/search", {
    query = { name = args.name, count = args.limit, format = "json" },
  }))

  local places = {}
  for i, found in ipairs(res.json.results or {}) do
    places[i] = {
      name = found.name,
      country = found.country,
      region = found.admin1,
      latitude = found.latitude,
      longitude = found.longitude,
      timezone = found.timezone,
    }
  end
  return { places = tide.json.array(places) }
end

---@type tide.Integration
return {
  name = "open_meteo_places",
  title = "Places",
  upstream = {
    base = "https://geocoding-api.open-meteo.com/v1",
    policy = "rest",
    errors = { [400] = "invalid_argument" },
  },
  tools = {
    find = {
      about = "Find where a town or place is: latitude, longitude, timezone.",
      args = { name = str { min_length = 2 }, limit = int { min = 1, max = 20, default = 5 } },
      annotations = { read_only = true },
      run = find,
    },
  },
}
