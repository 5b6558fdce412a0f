--- Weather from Open-Meteo, for agents that plan something outdoors. No key.
--- Where a place is, tells open_meteo_places.
local int, num = tide.schema.integer, tide.schema.number

local place = {
  latitude = num { min = -90, max = 90 },
  longitude = num { min = -180, max = 180 },
}

--- WMO codes of the weather as words.
local SKY = {
  [0] = "clear", [1] = "mainly clear", [2] = "partly cloudy", [3] = "overcast",
  [45] = "fog", [48] = "freezing fog", [51] = "light drizzle", [53] = "drizzle",
  [55] = "heavy drizzle", [61] = "light rain", [63] = "rain", [65] = "heavy rain",
  [66] = "freezing rain", [67] = "heavy freezing rain", [71] = "light snow", [73] = "snow",
  [75] = "heavy snow", [77] = "snow grains", [80] = "light showers", [81] = "showers",
  [82] = "violent showers", [85] = "snow showers", [86] = "heavy snow showers",
  [95] = "thunderstorm", [96] = "thunderstorm with hail", [99] = "thunderstorm with heavy hail",
}

-- The same for all who ask: kept for ten minutes, and for six hours in case the
-- service fails.
local KEPT = { ttl_ms = 10 * 60000, stale_if_error_ms = 6 * 3600000, shared = true }

local function sky(code)
  return SKY[math.tointeger(code)] or "unknown"
end

local function current_weather(ctx, args)
  local res = assert(ctx.http:get("/forecast", {
    cache = KEPT,
    query = {
      latitude = args.latitude,
      longitude = args.longitude,
      current = "temperature_2m,relative_humidity_2m,precipitation,weather_code,wind_speed_10m",
    },
  }))

  local now = res.json.current
  return {
    time = now.time .. "Z",
    sky = sky(now.weather_code),
    temperature_c = now.temperature_2m,
    humidity_percent = now.relative_humidity_2m,
    rain_mm = now.precipitation,
    wind_kmh = now.wind_speed_10m,
  }
end

local function forecast(ctx, args)
  local res = assert(ctx.http:get("/forecast", {
    cache = KEPT,
    query = {
      latitude = args.latitude,
      longitude = args.longitude,
      forecast_days = args.days,
      timezone = "auto",
      daily = "weather_code,temperature_2m_max,temperature_2m_min,precipitation_sum",
    },
  }))

  local daily, days = res.json.daily, {}
  for i, date in ipairs(daily.time) do
    days[i] = {
      date = date,
      sky = sky(daily.weather_code[i]),
      high_c = daily.temperature_2m_max[i],
      low_c = daily.temperature_2m_min[i],
      rain_mm = daily.precipitation_sum[i],
    }
  end
  return { timezone = res.json.timezone, days = days }
end

local reads = { read_only = true }

---@type tide.Integration
return {
  name = "open_meteo",
  title = "Weather",
  upstream = {
    base = "https://api.open-meteo.com/v1",
    policy = "rest",
    errors = { [400] = "invalid_argument" },
  },
  tools = {
    current_weather = {
      about = "The weather at a place now.",
      args = place,
      annotations = reads,
      run = current_weather,
    },
    forecast = {
      about = "The weather of the coming days at a place, day by day.",
      args = { latitude = place.latitude, longitude = place.longitude,
               days = int { min = 1, max = 16, default = 7 } },
      annotations = reads,
      run = forecast,
    },
  },
}
