local T = require("T").rules

local S = 1000000000

local function rule(answer, options)
  local verdict, r = T.cache(answer, options)
  r.verdict = verdict
  return r
end

local function verdict(answer, options) return rule(answer, options).verdict end

-- Seconds that an answer with this Cache-Control is fresh, stale, a last resort.
local function times(control, options, more)
  local answer = { control = { control } }
  for k, v in pairs(more or {}) do answer[k] = v end
  local r = rule(answer, options)
  return { r.fresh // S, r.swr // S, r.sie // S }
end

describe("an answer", function()
  local minute = { control = { "max-age=60" } }

  it("is kept if it is read, successful and has a lifetime", function()
    assert.equal("keep", verdict(minute))
    assert.equal("no_lifetime", verdict {})
    assert.equal("keep", verdict({}, { ttl = 5 * S }))
  end)

  it("is not kept when it was not only read", function()
    for method, expected in pairs { HEAD = "keep", POST = "method", PUT = "method", get = "method" } do
      assert.equal(expected, verdict { method = method, control = minute.control })
    end
    assert.equal("keep", verdict { method = "POST", declared_safe = true, control = minute.control })
    assert.equal("method", verdict { method = "PUT", declared_safe = true, control = minute.control })
  end)

  it("is not kept for its status, a cookie, or a Vary on anything", function()
    for _, status in ipairs { 206, 302, 304, 400, 401, 403, 429, 500, 503 } do
      assert.equal("status", verdict { status = status, control = minute.control })
    end
    assert.equal("set_cookie", verdict { sets_cookie = true, control = minute.control })
    assert.equal("vary_any", verdict { vary = "Accept, *", control = minute.control })
    assert.equal("keep", verdict { vary = "Accept", control = minute.control })
  end)

  it("is not kept when the service forbids it, whatever the policy says", function()
    for _, control in ipairs {
      "no-store", "max-age=60, No-Store", "no-cache", 'no-cache="x", max-age=9', "NO-STORE=1",
    } do
      assert.equal("no_store", verdict({ control = { control } }, { ttl = S }), control)
    end
    assert.equal("no_lifetime", verdict({ control = { "max-age=0" } }, { ttl = S }))
  end)

  it("is one principal's unless it is public", function()
    assert.is_false(rule(minute).shared)
    assert.is_true(rule({ control = { "public, max-age=60" } }).shared)
    assert.is_false(rule({ control = { "public, private, max-age=60" } }).shared)
    assert.is_false(rule({ control = { "s-maxage=60" } }).shared)
    assert.is_true(rule(minute, { shared = true }).shared)
  end)

  it("that says that nothing is there is kept briefly, as a failure", function()
    local r = rule { status = 404, control = { "max-age=3600, stale-if-error=99" } }

    assert.same({ "keep", true, 30 * S, 0, 0 }, { r.verdict, r.negative, r.fresh, r.swr, r.sie })
  end)
end)

describe("the lifetime", function()
  it("is s-maxage, else max-age, less the age, at most an hour", function()
    assert.same({ 60, 60, 0 }, times "max-age=60")
    assert.same({ 30, 0, 0 }, times "max-age=60, s-maxage=30")
    assert.same({ 3600, 60, 0 }, times "max-age=99999999999999999999999")
    assert.same({ 50, 50, 0 }, times("max-age=60", {}, { age = "10" }))
    assert.equal("no_lifetime", verdict { control = { "max-age=60" }, age = "61" })
    assert.equal("no_lifetime", verdict { control = { "max-age=60" }, age = "old" })
  end)

  it("is Expires less Date when nothing else is said", function()
    local date, expires = "Fri, 20 Nov 2026 10:00:00 GMT", "Fri, 20 Nov 2026 10:01:30 GMT"

    assert.same({ 90, 60, 0 }, times("public", {}, { date = date, expires = expires }))
    assert.same({ 5, 5, 0 }, times("max-age=5", {}, { date = date, expires = expires }))
    for _, bad in ipairs { "0", "-1", "never", "", "3600", date } do
      assert.equal("no_lifetime", verdict({ date = date, expires = bad }, { ttl = 9 * S }), bad)
    end
  end)

  it("goes on stale as the answer says, or as the policy, or not at all", function()
    assert.same({ 60, 5, 7 }, times("max-age=60, stale-while-revalidate=5, stale-if-error=7", { sie = 99 * S }))
    assert.same({ 10, 10, 99 }, times("max-age=10", { sie = 99 * S }))
    for _, must in ipairs { "must-revalidate", "proxy-revalidate", "s-maxage=60" } do
      assert.same({ 60, 0, 0 }, times("max-age=60, stale-if-error=9, " .. must, { sie = 99 * S }))
    end
  end)
end)

describe("Cache-Control", function()
  it("is read over several fields, with blanks, quotes and strange words", function()
    local r = rule { control = { " ,, max-age = \"60\" ,x=\"no-store, private\",", "\tPUBLIC" } }

    assert.same({ "keep", 60 * S, true }, { r.verdict, r.fresh, r.shared })
  end)

  it("is read cautiously where it is broken or says two things", function()
    assert.same({ 30, 30, 0 }, times "max-age=60, max-age=30")
    assert.same({ 30, 30, 0 }, times "max-age=30, max-age=60")
    for _, control in ipairs { "max-age=", "max-age", "max-age=-5", "max-age=6e1", "max-age=60;x", 'max-age="60' } do
      assert.equal("no_lifetime", verdict({ control = { control } }, { ttl = S }), control)
    end
  end)
end)
