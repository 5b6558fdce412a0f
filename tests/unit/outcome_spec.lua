local guard = require("T").guard

local METHODS = { "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE" }
local SAFE = { GET = true, HEAD = true, OPTIONS = true }

local function outcome(ending, status, method, more)
  more = more or {}
  if more.sent == nil then more.sent = true end
  return guard.outcome(ending, status, method or "POST", more)
end

describe("outcome", function()
  -- end, status, outcome, code, side effect of a POST that was sent
  local ROWS = {
    { "answered", 200, "ok", "ok", "done" },
    { "answered", 304, "ok", "ok", "done" },
    { "answered", 400, "app_error", "invalid_argument", "none" },
    { "answered", 401, "app_error", "unauthorized", "none" },
    { "answered", 403, "app_error", "forbidden", "none" },
    { "answered", 404, "app_error", "not_found", "none" },
    { "answered", 408, "stale_reuse", "timeout", "possible" },
    { "answered", 409, "app_error", "conflict", "none" },
    { "answered", 410, "app_error", "not_found", "none" },
    { "answered", 413, "app_error", "too_large", "none" },
    { "answered", 422, "app_error", "invalid_argument", "none" },
    { "answered", 429, "throttled", "rate_limited", "none" },
    { "answered", 500, "server_error", "upstream_error", "possible" },
    { "answered", 501, "not_implemented", "upstream_error", "none" },
    { "answered", 503, "server_error", "upstream_error", "possible" },
    { "no_name", 0, "conn_fail", "unavailable", "none" },
    { "refused", 0, "conn_fail", "unavailable", "none" },
    { "connect_timeout", 0, "conn_fail", "unavailable", "none" },
    { "tls_untrusted", 0, "tls_trust", "tls_failed", "none" },
    { "blocked", 0, "local_reject", "blocked", "none" },
    { "stale_connection", 0, "stale_reuse", "unavailable", "possible" },
    { "reset", 0, "reset_mid", "upstream_error", "possible" },
    { "cut", 200, "reset_mid", "upstream_error", "possible" },
    { "timeout", 0, "timeout", "timeout", "possible" },
    { "garbage", 0, "bad_payload", "bad_response", "possible" },
    { "too_large", 200, "bad_payload", "bad_response", "possible" },
    { "stream_refused", 0, "refused", "unavailable", "none" },
    { "cancelled", 0, "cancelled", "cancelled", "possible" },
  }
  for _, row in ipairs(ROWS) do
    local ending, status, what, code, effect = table.unpack(row)
    it(("of %s %d is %s"):format(ending, status, what), function()
      assert.same({ what, code, effect }, { outcome(ending, status) })
    end)
  end

  it("of a 503 that says when is a throttle", function()
    local what, code = outcome("answered", 503, "GET", { retry_after = "3" })

    assert.same({ "throttled", "rate_limited" }, { what, code })
  end)

  it("of a timeout that the deadline cut short does not blame the service", function()
    assert.equal("deadline", (outcome("timeout", 0, "GET", { cut_by_deadline = true })))
    assert.equal("deadline", (outcome("connect_timeout", 0, "GET", { cut_by_deadline = true })))
  end)

  it("never tells of a side effect when nothing was sent or the method is safe", function()
    for _, ending in ipairs(guard.ends()) do
      for _, method in ipairs(METHODS) do
        for _, status in ipairs { 0, 200, 404, 500 } do
          local _, _, unsent = outcome(ending, status, method, { sent = false })
          local _, _, sent = outcome(ending, status, method)

          assert.equal("none", unsent)
          assert.is_true(not SAFE[method] or sent == "none")
        end
      end
    end
  end)
end)

describe("Retry-After", function()
  local NOW = 1784000000000 -- 2026-07-14T03:33:20Z
  local DATE = "Tue, 14 Jul 2026 03:33:20 GMT"

  it("is seconds", function()
    assert.equal(3000, guard.retry_after("3", nil, NOW))
    assert.equal(0, guard.retry_after("0", nil, NOW))
  end)

  it("is a date, measured by the answer's own clock", function()
    assert.equal(10000, guard.retry_after("Tue, 14 Jul 2026 03:33:30 GMT", DATE, 5))
    assert.equal(10000, guard.retry_after("Tue, 14 Jul 2026 03:33:30 GMT", nil, NOW))
  end)

  it("is nothing to wait for when it is past", function()
    assert.equal(0, guard.retry_after("Mon, 13 Jul 2026 03:33:30 GMT", DATE, NOW))
  end)

  it("is at most six hours", function()
    for _, value in ipairs { "21601", "99999999999999999999", "Tue, 14 Jul 2099 03:33:30 GMT" } do
      assert.equal(21600000, guard.retry_after(value, DATE, NOW))
    end
  end)

  it("is unknown when it is nonsense", function()
    for _, value in ipairs {
      "", "-1", "soon", "1.5", "3 s", ("9"):rep(70) .. "x", "Fri, 20 Nov 2026010000:0:0GMT",
    } do
      assert.equal(-1, guard.retry_after(value, DATE, NOW))
    end
  end)
end)
