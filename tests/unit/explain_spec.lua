--- A trail in words: every kind of step has some, the time adds up, and what was
--- waited for is seen.

local T = require "T"
local testing = require "tidegate.testing"

local folder = require "folder"

local SCRIPT = [[return {
  name = "shop",
  upstream = { base = "https://shop.example", policy = "quick" },
  tools = {
    list = { about = "List.", annotations = { read_only = true },
      run = function(ctx) return ctx.http:get "/items" end },
    order = { about = "Order.", run = function(ctx) return ctx.http:post "/orders" end },
    both = { about = "Both.", annotations = { read_only = true }, run = function(ctx)
      return tide.all {
        a = function() return ctx.http:get "/a" end,
        b = function() return ctx.http:get "/b" end,
      }
    end },
    ask = { about = "Ask.", annotations = { read_only = true }, run = function(ctx)
      return tide.all {
        a = function() return ctx.http:get "/slow" end,
        b = function() return ctx.call "list" end,
      }
    end },
    nap = { about = "Nap.", run = function() tide.time.sleep(2) return "rested" end },
  },
}]]

local POLICY = [[return { quick = {
  deadline_ms = 5000, attempt = { timeout_ms = 2000 }, retry = { attempts = 2 },
} }]]

local root, kit

setup(function()
  root = folder.new()
  folder.fill(root, { ["scripts/shop.lua"] = SCRIPT, ["policies/quick.lua"] = POLICY })
end)

teardown(function() folder.remove(root) end)

before_each(function()
  kit = testing.new { scripts = root .. "/scripts", policies = root .. "/policies" }
end)

after_each(function() kit:close() end)

-- The row of that step: at, took, bar, words.
local function row(text, step)
  for line in text:gmatch "[^\n]+" do
    local times, bar, name, words = line:match "^(.-) |([=.! ]*)| ([%w_]+) +(.*)$"
    if name == step then return { times = times:match "^%s*(.*)$", bar = bar, words = words } end
  end
end

describe("the words of a trail", function()
  it("are there for every kind of step", function()
    for number, name in ipairs(T.explain.kinds()) do
      local words, own = T.explain.words(number, 1, 1, "label")

      assert.is_true(own, name .. " has no words in core/base/explain_words.c")
      assert.is_true(#words > 3, name)
    end
  end)

  it("say the error that a step ended with", function()
    for number in ipairs(T.explain.kinds()) do
      assert.matches(" %-> timeout$", (T.explain.words(number, 1, 1, "x", "timeout")))
    end
  end)
end)

describe("a timeline", function()
  it("shows attempts, the wait between them, and what each ended with", function()
    kit:upstream("GET *", { status = 503, delay_ms = 1000 }, { json = {}, delay_ms = 500 })

    local text = kit:call("shop_list"):timeline()

    assert.matches("^shop_list: ok after 1%.5%d%d s\n", text)
    assert.same({ times = "0 us    1.000 s", bar = ("="):rep(13) .. (" "):rep(7),
      words = "1 GET /items" }, row(text, "attempt"))
    assert.equal("503, 0 bytes: server_error -> upstream_error", row(text, "answer").words)
    assert.matches("^waits %d+ ms, tries again after server_error; %d+ left$", row(text, "backoff").words)
    assert.matches("^ +%.+ +$", row(text, "backoff").bar)
    assert.matches("\n1%.5%d%d s in all: 2 attempts, 1%.500 s on the wire, %d+%.%d ms waiting, ", text)
    assert.matches("side effect none: nothing was changed", text)
  end)

  it("says why there was no other try, and what may have happened", function()
    kit:upstream("POST *", { hang = true })

    local text = kit:call("shop_order"):timeline()

    assert.equal("no further try: it may have been executed, and is not safe to send twice",
      row(text, "no_retry").words)
    assert.matches("side effect possible: the request may have been executed\n$", text)
  end)

  it("counts the time of attempts that overlap once", function()
    kit:upstream("GET *", { json = {}, delay_ms = 800 })

    local text = kit:call("shop_both"):timeline()

    assert.matches("800.0 ms in all: 2 attempts, 800.0 ms on the wire, 0 us waiting, 0 us else",
      text, 1, true)
  end)

  it("shows the steps of calls that the call makes, and how long those lasted", function()
    kit:upstream("GET *", { json = {}, delay_ms = 300 })
    kit:upstream("GET */slow", { json = {}, delay_ms = 900 })

    local text = kit:call("shop_ask"):timeline()

    assert.equal("calls shop_list; its steps begin with 1>", row(text, "call").words)
    assert.matches("0 us +300.0 ms |[= ]+| 1> attempt +1 GET /items\n", text)
    assert.matches("0 us +900.0 ms |[= ]+| attempt +1 GET /slow\n", text)
  end)

  it("shows a handler that sleeps", function()
    local text = kit:call("shop_nap"):timeline()

    assert.equal("the handler sleeps 2 s", row(text, "sleep").words)
    assert.equal(("."):rep(19), row(text, "sleep").bar:match "^%.+")
    assert.matches("0 attempts, 0 us on the wire, 2.000 s waiting", text, 1, true)
  end)

  it("shows an open breaker and when to come again", function()
    kit:upstream("GET *", { status = 500 })
    for _ = 1, 8 do kit:call("shop_list") end

    local text = kit:call("shop_list"):timeline()

    assert.matches("^not sent: the breaker is open; again in %d%.?%d* s %-> unavailable$",
      row(text, "reject").words)
    assert.matches("!", row(text, "reject").bar)
  end)

  it("is nothing while the call runs", function()
    assert.equal("", kit:start("shop_nap"):timeline())
  end)

  it("stays within the screen", function()
    kit:upstream("GET *", { status = 503, delay_ms = 1000 }, { hang = true })

    for line in kit:call("shop_list"):timeline():gmatch "[^\n]+" do
      assert.is_true(#line <= 110, line)
    end
  end)
end)
