-- A VM that is a little too small, at every size: whatever the script was doing
-- when memory ran out, its task ends with an error and nothing is lost.
local T = require "T"

local SCRIPT = [[
local secret = tide.secret "token"
return function()
  local value = tide.json.decode(('{"list":[%s1],"text":"a\\u00e9b","map":{"a":{"b":[]}}}'):format(("1.5,"):rep(50)))
  local text = tide.json.encode { value = value, list = tide.json.array {} }
  local results, errors = tide.all({
    a = function() tide.time.sleep(1) return text:gsub("%d", "<%0>") end,
    b = function() return lab.wait(1) .. ("x"):rep(500) end,
    c = function() error("oops " .. #text) end,
    d = function() return nil, tide.error("conflict", "taken", { details = { 1, 2, 3 } }) end,
    e = function() return tide.all({ function() lab.wait(2) return { {}, {} } end }) end,
  }, { concurrency = 3 })
  tide.log.info("all done", { n = #text, secret = "Bearer " .. secret, list = { 1, 2, errors.c } })
  local parts = { tide.content.text(text), tide.content.image(text, "image/png"), tide.url.parse "http://a.b/c?d" }
  for word in text:gmatch "%a+" do parts[#parts + 1] = tide.hash.hmac(secret, word) end
  local ok, err = xpcall(function() return nil + 1 end, function(e) return { e, tide.url.query { q = e } } end)
  local copy <close> = setmetatable({}, { __close = function() parts[#parts + 1] = tide.uuid() end })
  return results.b, errors.d.code, #parts, ok, err, tide.policy.extend({ a = { 1 } }, { a = { 2 } })
end]]

describe("a script whose memory runs out", function()
  local function run(limit)
    local vm = T.vm.new { memory = limit, secrets = { token = "s3cr3t-token" } }
    local started, task = pcall(vm.start, vm, SCRIPT)
    if started then
      vm:wake(1, ("y"):rep(300))
      vm:wake(2)
      vm:advance(1000)
      vm:wake(1, "y")
      vm:wake(2)
      assert.is_true(task.done)
      assert.equal(0, (select(2, vm:figures())))
    end
    vm:close()
    return started and task.code or "not loaded"
  end

  it("is told so, wherever it was", function()
    local base = T.vm.new {}
    local size = base:figures()
    base:close()
    local seen = {}
    for limit = size, size + 60000, 150 do
      local code = run(limit)
      seen[code] = (seen[code] or 0) + 1
    end

    assert.equal("ok", run(size + 200000))
    assert.is_true(seen["not loaded"] > 10)
    assert.is_true(seen.script_limit > 10)
    seen["not loaded"], seen.script_limit, seen.ok = nil, nil, nil
    assert.same({}, seen)
  end)
end)
