--- The process when memory runs out once, while it starts, serves and stops.

local gateway = require "gateway"

local SCRIPT = [[
return {
  name = "shop", about = "A shop.", upstream = { base = "http://127.0.0.1:9" },
  auth = { kind = "bearer", secret = "shop_key" },
  tools = { hello = { about = "Greets.", args = {}, run = function() return "hello" end } },
  resources = {
    about = { uri = "shop://about", about = "About.", read = function() return "us" end },
  },
}]]

local CALL = [[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{
  "name":"shop_hello","arguments":{},"_meta":{
    "io.modelcontextprotocol/protocolVersion":"2026-07-28",
    "io.modelcontextprotocol/clientCapabilities":{}}}}]]
CALL = CALL:gsub("%s", "") .. "\n"

-- A start takes memory some 150 times where it can be made to fail, the call
-- and the end some more.
local MOST = 220

-- What the `n`-th allocation's failure makes of a process that serves one call.
local function failing(n, word, args, input)
  return gateway.run(word, {
    scripts = { ["shop.lua"] = SCRIPT }, args = args, input = input,
    env = {
      SHOP_KEY = "a-secret-of-ours", TIDEGATE_FAIL_AFTER = tostring(n),
      ASAN_OPTIONS = "detect_leaks=1",
    },
  })
end

describe("a process whose memory runs out once", function()
  local function each(word, args, input, seen)
    local ended, served = 0, 0
    for n = 0, MOST do
      local code, out, err = failing(n, word, args, input)

      local text = ("%d: %s%s"):format(n, out, err)
      assert.is_true(code <= 2, text)
      for _, word_of_fault in ipairs { "Sanitizer", "runtime error", "Assertion" } do
        assert.is_nil(err:find(word_of_fault), text)
      end
      if code > 0 then
        ended = ended + 1
        assert.matches("%l+ %l+", err, text)
      elseif out:find(seen, 1, true) then
        served = served + 1
      end
    end
    return ended, served
  end

  it("serves, or says why not, and leaves nothing behind", function()
    local ended, served = each("serve", { "--stdio", "--log-level", "info" }, CALL, "hello")

    assert.is_true(ended > 10, ended)
    assert.is_true(served > 10, served)
  end)
end)
