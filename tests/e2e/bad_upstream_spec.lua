--- Whatever a service does, the agent gets a clear error and knows what may
--- have happened; the engine goes on.

local gateway = require "gateway"

local SCRIPT = [[
local str = tide.schema.string

local function get(ctx, args) return ctx.http:get(args.path) end
local function post(ctx, args) return ctx.http:post(args.path, { json = { n = 1 } }) end

return {
  name = "%s",
  title = "Harbour",
  about = "Gets.",
  upstream = { base = "%s", policy = "quick"%s },
  tools = {
    get = { about = "Get.", args = { path = str() }, annotations = { read_only = true },
      run = get },
    post = { about = "Post.", args = { path = str() }, run = post },
  },
}
]]

local POLICY = [[return { quick = {
  deadline_ms = 5000, attempt = { timeout_ms = 1200, connect_ms = 500 },
  response = { max_bytes = 2000000 },
  retry = { attempts = 1 }, breaker = { consecutive = 0, min_calls = 10000 },
} }]]

describe("a service that misbehaves", function()
  local g, up

  setup(function()
    up = require("upstream").start()
    local scripts = {}
    local function add(name, base, more)
      scripts[name .. ".lua"] = SCRIPT:format(name, base, more or "")
    end
    add("web", (up:url(""):gsub("/$", "")))
    add("closed", up:url("", "closed"))
    add("mute", up:url("", "mute"))
    add("expired", up:url("", "expired"))
    add("self_signed", up:url("", "self_signed"))
    add("wrong_name", up:url("", "wrong_name"))
    add("trusted", up:url("", "https"))
    add("careless", up:url("", "self_signed"), ", insecure_tls = true")
    add("nowhere", "https://no-such-name.invalid")
    g = gateway.start {
      scripts = scripts,
      policies = { ["quick.lua"] = POLICY },
      args = { "--workers", "1", "--ca-file", up.ca },
    }
  end)

  teardown(function()
    g:stop()
    up:stop()
  end)

  after_each(function()
    local result = g:call("web_get", { path = "/json" })

    assert.is_true(result.structuredContent.ok)
  end)

  local READS = {
    { "refuses", "closed_get", "/json", "unavailable" },
    { "has a name that does not resolve", "nowhere_get", "/", "unavailable" },
    { "accepts and says nothing", "mute_get", "/", "timeout" },
    { "stalls before the headers", "web_get", "/stall-headers", "timeout" },
    { "stalls in the body", "web_get", "/stall-body", "timeout" },
    { "resets before the answer", "web_get", "/reset-before", "upstream_error" },
    { "resets in the middle", "web_get", "/reset-mid", "upstream_error" },
    { "sends garbage", "web_get", "/garbage", "bad_response" },
    { "has no status line", "web_get", "/http09", "bad_response" },
    { "has a bad status", "web_get", "/bad-status", "bad_response" },
    { "has a bad chunk", "web_get", "/bad-chunk", "bad_response" },
    { "lies about its length", "web_get", "/short-body", "upstream_error" },
    { "sends 100 MB", "web_get", "/huge?mb=100", "bad_response" },
    { "sends a bomb", "web_get", "/gzip-bomb?mb=8", "bad_response" },
    { "sends endless headers", "web_get", "/headers-huge?kb=512", "bad_response" },
    { "redirects inward", "web_get", "/redirect?to=http://10.0.0.1/", "bad_response" },
    { "has an expired certificate", "expired_get", "/json", "tls_failed" },
    { "has a certificate of its own", "self_signed_get", "/json", "tls_failed" },
    { "has another's certificate", "wrong_name_get", "/json", "tls_failed" },
    { "answers 401", "web_get", "/status/401", "unauthorized" },
    { "answers 404", "web_get", "/status/404", "not_found" },
    { "answers 500", "web_get", "/status/500", "upstream_error" },
    { "limits", "web_get", "/limited", "rate_limited" },
  }
  for _, row in ipairs(READS) do
    local what, tool, path, code = table.unpack(row)
    it(("that %s gives %s"):format(what, code), function()
      local err, result = g:fails(tool, { path = path })

      assert.equal(code, err.code)
      assert.equal("none", err.side_effect)
      assert.equal(err.message, result.text:sub(1, #err.message))
      assert.is_nil(result.text:find("127.0.0.1", 1, true))
    end)
  end

  it("gets no more than one POST when it dies before the answer", function()
    local before = up:count("/close-reused")
    g:call("web_get", { path = "/json" })

    local err = g:fails("web_post", { path = "/close-before" })

    assert.equal("possible", err.side_effect)
    assert.equal(1, err.attempts)
    assert.equal(1, up:count("/close-before"))
    assert.equal(before, up:count("/close-reused"))
  end)

  it("is told of as not reached when a POST was refused", function()
    local err = g:fails("closed_post", { path = "/json" })

    assert.equal("none", err.side_effect)
  end)

  it("says when to come again", function()
    local err, result = g:fails("web_get", { path = "/limited" })

    assert.is_true(err.retry_after_ms > 0)
    assert.matches("again in", result.text)
  end)

  it("is trusted without one when the integration says so, which is shouted", function()
    local result = g:call("careless_get", { path = "/json" })

    assert.is_true(result.structuredContent.ok)
    assert.matches("warn [^\n]*careless%.lua: upstream%.insecure_tls: [^\n]*", g:log())
    assert.equal("tls_failed", g:fails("self_signed_get", { path = "/json" }).code)
  end)

  it("is trusted with the right certificate", function()
    local result = g:call("trusted_get", { path = "/json" })

    assert.is_true(result.structuredContent.ok)
  end)
end)
