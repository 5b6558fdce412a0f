local testing = require "tidegate.testing"

local fixtures = require "fixtures"

local kit

before_each(function()
  kit = testing.new()
  fixtures.play(kit, "open_meteo", "https://api.open-meteo.com/v1")
  fixtures.play(kit, "open_meteo_places", "https://geocoding-api.open-meteo.com/v1")
end)

after_each(function() kit:close() end)

local function last_request()
  return table.remove(kit:requests())
end

describe("open_meteo_current_weather", function()
  local BERLIN = { latitude = 52.5, longitude = 13.4 }

  it("tells the weather now in words and units", function()
    local now = kit:call("open_meteo_current_weather", BERLIN).value

    assert.equal("light rain", now.sky)
    assert.equal(13.4, now.temperature_c)
    assert.equal("2026-05-02T10:15Z", now.time)
  end)

  it("asks for a place and for what it tells", function()
    kit:call("open_meteo_current_weather", BERLIN)

    local request = last_request()
    assert.equal("GET", request.method)
    assert.equal("/v1/forecast", request.path)
    assert.equal("52.5", request.query.latitude)
    assert.matches("temperature_2m", request.query.current)
  end)

  it("refuses a place that is not on Earth", function()
    local call = kit:call("open_meteo_current_weather", { latitude = 91, longitude = 0 })

    assert.equal("invalid_argument", call.error.code)
    assert.same({}, kit:requests())
  end)
end)

describe("open_meteo_forecast", function()
  local BERLIN = { latitude = 52.5, longitude = 13.4, days = 2 }

  it("asks once for all who want the same within ten minutes", function()
    kit:call("open_meteo_forecast", BERLIN, { principal = "ann" })
    kit:advance(8 * 60000)

    local call = kit:call("open_meteo_forecast", BERLIN, { principal = "bob" })

    assert.is_true(call.ok)
    assert.equal(1, #kit:requests())
  end)

  it("has an old one when the service is down, and says so", function()
    kit:call("open_meteo_forecast", BERLIN)
    kit:advance(3 * 3600000)
    kit:upstream("GET *", { fail = "refused" })

    local call = kit:call("open_meteo_forecast", BERLIN)

    assert.same({ true, true, "cache" }, { call.ok, call.degraded, call.source })
    assert.equal(3, call.age_ms // 3600000)
  end)

  it("tells the coming days, also with weather that it has no word for", function()
    local args = { latitude = 52.5, longitude = 13.4, days = 2 }

    local result = kit:call("open_meteo_forecast", args).value

    assert.equal("Europe/Berlin", result.timezone)
    assert.same({ "light rain", "unknown" }, { result.days[1].sky, result.days[2].sky })
    assert.equal(8.8, result.days[2].low_c)
    assert.equal("2", last_request().query.forecast_days)
  end)

  it("hands on the reason of a refusal", function()
    local call = kit:call("open_meteo_forecast", { latitude = 0, longitude = 0, days = 16 })

    assert.equal("invalid_argument", call.error.code)
    assert.matches("Forecast days is invalid", call.error.message)
  end)
end)

describe("open_meteo_places_find", function()
  it("finds a place by a name that is not ASCII", function()
    local result = kit:call("open_meteo_places_find", { name = "São Luís" }).value

    assert.equal("Brazil", result.places[1].country)
    assert.equal(-44.30278, result.places[1].longitude)
    assert.same({ name = "São Luís", count = "5", format = "json" }, last_request().query)
  end)

  it("answers an empty list for what is nowhere", function()
    assert.equal('{"places":[]}', kit:call("open_meteo_places_find", { name = "Xyzzy" }).body)
  end)
end)

describe("each tool of open_meteo", function()
  local calls = {
    open_meteo_current_weather = { latitude = 0, longitude = 0 },
    open_meteo_forecast = { latitude = 0, longitude = 0 },
    open_meteo_places_find = { name = "Rome" },
  }

  for name, args in pairs(calls) do
    it("hands the service's error on: " .. name, function()
      kit:upstream("* *", { status = 400, json = { error = true, reason = "No such model" } })

      local call = kit:call(name, args)

      assert.equal("invalid_argument", call.error.code)
      assert.matches("answered 400: No such model$", call.error.message)
    end)

    it("asks again when the service stumbles: " .. name, function()
      kit:upstream("* *", { status = 503 }, { fail = "reset" }, { json = {} })

      local call = kit:call(name, args)

      assert.equal(3, call.attempts)
    end)
  end

  it("is there", function()
    for name in pairs(kit:tools()) do
      assert(not name:find "^open_meteo" or calls[name], name .. " has no spec here")
    end
  end)
end)
