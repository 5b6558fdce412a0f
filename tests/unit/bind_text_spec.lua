local T = require "T"

local function run(vm, text)
  local result, code, message = vm:load(text)
  return code and message or result
end

describe("the text modules of tide", function()
  local vm

  before_each(function()
    vm = T.vm.new { secrets = { key = "Jefe", token = "s3cr3t-token" } }
  end)
  after_each(function() vm:close() end)

  local function gives(expected, text)
    assert.same(expected, run(vm, "return " .. text))
  end
  local function refuses(expected, text)
    assert.matches(expected, run(vm, "return " .. text), 1, true)
  end

  describe("tide.base64", function()
    it("encodes and decodes bytes", function()
      gives("AP/+", [[tide.base64.encode "\0\255\254"]])
      gives("\0\255\254", [[tide.base64.decode "AP/+"]])
      gives("AP_-", [[tide.base64.encode_url "\0\255\254"]])
      gives("\0\255\254\1", [[tide.base64.decode_url "AP_-AQ"]])
      gives("", [[tide.base64.encode ""]])
      gives("", [[tide.base64.decode ""]])
    end)

    it("gives nil and an error for what is not base64", function()
      for _, text in ipairs { "A", "AA", "AA=", "A===", "AB==", "A A=", "AAAA\n", "####" } do
        gives("invalid_argument: not base64",
          ("tostring(select(2, tide.base64.decode %q))"):format(text))
      end
      gives("invalid_argument", [[select(2, tide.base64.decode_url "AA==").code]])
    end)

    it("keeps a secret a secret", function()
      gives("***", [[tostring(tide.base64.encode(tide.secret "token"))]])
      gives(true, [[tide.hash.equal(tide.base64.encode(tide.secret "token"), tide.base64.encode "s3cr3t-token")]])
    end)
  end)

  describe("tide.url", function()
    it("encodes all but the unreserved", function()
      gives("a%20b%2F%C3%A9-._~", [[tide.url.encode "a b/é-._~"]])
      gives("a b/é", [[tide.url.decode "a%20b%2F%C3%A9"]])
      gives("a+b", [[tide.url.decode "a+b"]])
      gives("invalid_argument: a % without two hex digits", [[tostring(select(2, tide.url.decode "%zz"))]])
    end)

    it("makes queries with names in order", function()
      gives("a=1&b=two%20words&c=true&d=x&d=y&d=2.5&e=",
        [[tide.url.query { d = { "x", "y", 2.5 }, c = true, b = "two words", a = 1, e = "" }]])
      gives("", "tide.url.query {}")
      gives("", "tide.url.query { a = {} }")
      gives("%26=%3D", [[tide.url.query { ["&"] = "=" }]])
      refuses("x: a table cannot stand in a query", "tide.url.query { x = { {} } }")
      refuses("x: a function cannot stand in a query", "tide.url.query { x = type }")
      refuses("the names must be strings", "tide.url.query { 1 }")
    end)

    it("makes no query of a secret", function()
      refuses("t: a userdata cannot stand in a query", [[tide.url.query { t = tide.secret "token" }]])
    end)

    it("takes URLs apart", function()
      gives({ scheme = "https", host = "a.example", port = 8443, path = "/b/c", query = "d=1", fragment = "e" },
        [[tide.url.parse "https://a.example:8443/b/c?d=1#e"]])
      gives({ scheme = "http", host = "a.example", path = "/" }, [[tide.url.parse "http://a.example"]])
      gives("invalid_argument", [[select(2, tide.url.parse "ftp://x").code]])
    end)
  end)

  describe("tide.hash", function()
    it("makes digests as others do", function()
      gives("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", [[tide.hash.sha256 ""]])
      gives("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", [[tide.hash.sha256 "abc"]])
      local hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
      local call = 'tide.hash.hmac(%s, "what do ya want for nothing?"%s)'
      gives(hex, call:format('"Jefe"', ""))
      gives(hex, call:format('tide.secret "key"', ""))
      gives(hex, call:format('"Jefe"', ', { encoding = "hex" }'))
      gives("W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=", call:format('"Jefe"', ', { encoding = "base64" }'))
      gives((hex:gsub("..", function(x) return string.char(tonumber(x, 16)) end)),
        call:format('"Jefe"', ', { encoding = "raw" }'))
    end)

    it("refuses other options", function()
      refuses("unknown option 'encodng' (did you mean encoding?)", "tide.hash.hmac('a', 'b', { encodng = 'hex' })")
      refuses("invalid option 'hexx'", "tide.hash.hmac('a', 'b', { encoding = 'hexx' })")
      refuses("string expected", "tide.hash.hmac({}, 'b')")
    end)

    it("compares", function()
      gives({ true, false, false, true }, [[{
        tide.hash.equal("abc", "abc"), tide.hash.equal("abc", "abd"), tide.hash.equal("abc", "ab"),
        tide.hash.equal(tide.secret "token", "s3cr3t-token") }]])
    end)
  end)
end)

describe("tide.env and tide.secret", function()
  local vm

  before_each(function()
    vm = T.vm.new { env = { TIDEGATE_REGION = "eu" }, secrets = { token = "s3cr3t-token" } }
  end)
  after_each(function() vm:close() end)

  it("read what the engine was given", function()
    assert.equal("eu", run(vm, "return tide.env 'TIDEGATE_REGION'"))
    assert.equal("us", run(vm, "return tide.env('TIDEGATE_OTHER', 'us')"))
    assert.matches("tide.env: HOME is not set, or scripts may not read it",
      run(vm, "return tide.env 'HOME'"), 1, true)
    assert.matches("there is no secret 'none': set it in the spec", run(vm, "return tide.secret 'none'"), 1, true)
    assert.is_nil((vm:load "return tide.secret('none', { optional = true })"))
    assert.matches("unknown option 'optionl' (did you mean optional?)",
      run(vm, "return tide.secret('none', { optionl = true })"), 1, true)
  end)

  it("show a secret to nobody", function()
    local ways = {
      "return tostring(s)", "return ('%s'):format(s)", "return tostring('Bearer ' .. s)",
      "return tostring(s .. s .. 'x' .. 1)", "return type(s)", "return s == 's3cr3t-token'",
      "return #s", "return s.value", "return s:sub(1)", "return s < 'x'", "return s[1]", "return s + 1",
      "return string.byte(s)", "return table.concat({ s })", "return tide.json.encode(s)",
      "return tide.json.encode { a = { s } }", "return tide.url.encode(s)", "return s .. {}",
      "return tide.base64.decode(tide.base64.encode(s))", "return string.rep(s, 1)",
      "for k in pairs(s) do return k end",
      "tide.log.info('x', { s = s, t = { s }, u = 'a' .. s }) return 1", "error(s)", "return getmetatable(s)",
      "return next(s)", "return rawlen(s)", "return ('x'):gsub('x', s)", "return setmetatable({}, { __index = s }).x",
      "tide.log.info(s)", "tide.log.info('x', s)", "return tide.error('conflict', s)",
    }
    for _, way in ipairs(ways) do
      local result, _, message = vm:load("local s = tide.secret 'token' " .. way)
      local task = vm:start("local s = tide.secret 'token' return function() " .. way .. " end")

      local seen = tostring(result) .. tostring(message) .. tostring(task[1]) .. tostring(task.log)
      assert.is_nil(seen:find("s3cr", 1, true), way)
    end
    assert.is_nil(vm:log():find("s3cr", 1, true))
  end)

  it("are read while the script is loaded, not later", function()
    local task = vm:start "return function() return tide.secret 'token' end"

    assert.matches("tide.secret works only while the script is loaded", task.log, 1, true)
    assert.equal("ok", vm:start "local s = tide.secret 'token' return function() return s end".code)
    assert.equal("eu", vm:start "return function() return tide.env 'TIDEGATE_REGION' end"[1])
  end)
end)

describe("tide.random and tide.uuid", function()
  it("keep to their bounds", function()
    local vm = T.vm.new {}
    assert.is_true(vm:load [[
      local seen = {}
      for _ = 1, 1000 do
        local x = tide.random()
        assert(x >= 0 and x < 1)
        seen[tide.random(1, 3)] = true
        assert(tide.random(5, 5) == 5)
        assert(math.type(tide.random(math.mininteger, math.maxinteger)) == "integer")
      end
      return seen[1] and seen[2] and seen[3] and not seen[0] and not seen[4]
    ]])
    assert.matches("must not be below", (select(3, vm:load "tide.random(2, 1)")))
    assert.matches("number expected", (select(3, vm:load "tide.random(2)")))
    vm:close()
  end)

  it("are the same for the same seed, and else never", function()
    local function draw(seed)
      local vm = T.vm.new { seed = seed }
      local drawn = vm:load "return { tide.random(), tide.random(1, 1000000), tide.uuid(), tide.uuid() }"
      vm:close()
      return drawn
    end

    assert.same(draw(5), draw(5))
    assert.not_same(draw(5), draw(6))
    assert.not_same(draw(0), draw(0))
  end)

  it("make UUIDs of version 4", function()
    for seed = 0, 50 do
      local vm = T.vm.new { seed = seed }
      local id = vm:load "return tide.uuid()"
      vm:close()

      assert.matches("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$", id)
    end
  end)
end)
