local recorded = require "recorded"

describe("open_meteo", function()
  local weather

  setup(function()
    weather = recorded.start "open_meteo"
  end)

  teardown(function()
    weather:stop()
  end)

  it("tells the weather now in words and units", function()
    local args = { latitude = 52.5, longitude = 13.4 }

    local now = weather:call("open_meteo_current_weather", args)

    assert.equal("light rain", now.sky)
    assert.equal(13.4, now.temperature_c)
    assert.equal("2026-05-02T10:15Z", now.time)
  end)

  it("tells the coming days, also with weather that it has no word for", function()
    local args = { latitude = 52.5, longitude = 13.4, days = 2 }

    local result = weather:call("open_meteo_forecast", args)

    assert.equal("Europe/Berlin", result.timezone)
    assert.same({ "light rain", "unknown" }, { result.days[1].sky, result.days[2].sky })
    assert.equal(8.8, result.days[2].low_c)
  end)

  it("hands on the reason of a refusal", function()
    local args = { latitude = 0, longitude = 0, days = 16 }

    local _, err = weather:call("open_meteo_forecast", args)

    assert.equal("invalid_argument", err.code)
    assert.matches("Forecast days is invalid", err.message)
  end)

  it("refuses a place that is not on Earth", function()
    local _, err = weather:call("open_meteo_current_weather", { latitude = 91, longitude = 0 })

    assert.equal("invalid_argument", err.code)
  end)
end)

describe("open_meteo_places", function()
  local places

  setup(function()
    places = recorded.start "open_meteo_places"
  end)

  teardown(function()
    places:stop()
  end)

  it("finds a place by a name that is not ASCII", function()
    local result = places:call("open_meteo_places_find", { name = "São Luís" })

    assert.equal("Brazil", result.places[1].country)
    assert.equal(-44.30278, result.places[1].longitude)
  end)

  it("answers an empty list for what is nowhere", function()
    places:call("open_meteo_places_find", { name = "Xyzzy" })

    assert.matches('"places":%s*%[%]', places.output)
  end)
end)
