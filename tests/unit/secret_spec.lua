local T = require "T"
local e = T.encode

-- Every place where one of `secrets` occurs, masked; what overlaps is one mask.
local function reference(secrets, text)
  local ends = {}
  for _, secret in ipairs(secrets) do
    local at = text:find(secret, 1, true)
    while at do
      ends[at] = math.max(ends[at] or 0, at + #secret)
      at = text:find(secret, at + 1, true)
    end
  end
  local out, at = {}, 1
  while at <= #text do
    local stop = ends[at]
    if stop then
      for inside = at + 1, #text do
        if inside >= stop then break end
        stop = math.max(stop, ends[inside] or 0)
      end
      table.insert(out, "***")
      at = stop
    else
      table.insert(out, text:sub(at, at))
      at = at + 1
    end
  end
  return table.concat(out)
end

local function set_of(values)
  local set, held = T.secret.new(), {}
  for i, value in ipairs(values) do held[i] = set:add(value) end
  return set, held
end

local function finish(set, held)
  for _, secret in ipairs(held) do set:drop(secret) end
  set:finish()
end

describe("a secret", function()
  it("is masked wherever it stands", function()
    local set, held = set_of { "hunter22", "correct horse battery staple" }

    assert.equal("***", set:scrub("hunter22"))
    assert.equal("a ***b***", set:scrub("a hunter22bcorrect horse battery staple"))
    assert.equal("******", set:scrub("hunter22hunter22"))
    assert.equal("hunter2 orrect horse battery staple", set:scrub("hunter2 orrect horse battery staple"))
    assert.equal("", set:scrub(""))
    assert.is_true(set:found("x hunter22"))
    assert.is_false(set:found("x hunter2"))
    finish(set, held)
  end)

  it("is masked in its usual spellings", function()
    local value = 'pa ss/wo"rd\\&é'
    local set, held = set_of { value }

    local spelled = {
      value, e.base64(value), e.base64url(value), e.percent(value), e.percent_path(value),
      (e.percent(value):gsub("%%%x%x", string.lower)), (e.percent(value):gsub("%%20", "+")),
      T.json.string(value):sub(2, -2),
    }
    for _, text in ipairs(spelled) do
      assert.equal("<***>", set:scrub("<" .. text .. ">"))
      assert.is_true(set:found(text))
    end
    finish(set, held)
  end)

  it("is masked inside a longer base64, as in Basic authentication", function()
    math.randomseed(9)
    for _ = 1, 300 do
      local bytes = {}
      for i = 1, math.random(8, 40) do bytes[i] = string.char(math.random(33, 126)) end
      local value = table.concat(bytes)
      local set, held = set_of { value }
      for before = 0, 5 do
        for after = 0, 3 do
          local whole = ("u"):rep(before) .. value .. ("v"):rep(after)
          for _, coded in ipairs { e.base64(whole), e.base64url(whole) } do
            local scrubbed = set:scrub(coded)
            assert.truthy(scrubbed:find("***", 1, true))
            -- at most the characters shared with the neighbours stay
            local beside = math.ceil((before + after) * 4 / 3) + 2 + 2 + 2
            assert.is_true(#scrubbed - 3 <= beside)
          end
        end
      end
      finish(set, held)
    end
  end)

  it("under six bytes is kept but not masked", function()
    local set, held = set_of { "12345", "" }

    assert.equal("12345", set:reveal(held[1]))
    assert.equal("", set:reveal(held[2]))
    assert.equal("a 12345", set:scrub("a 12345"))
    finish(set, held)
  end)

  it("of equal value is one, and is masked until its last reference ends", function()
    local set, held = set_of { "same-value", "same-value" }
    assert.equal(held[1], held[2])

    set:drop(held[1])
    assert.equal("***", set:scrub("same-value"))

    set:drop(held[2])
    assert.equal("same-value", set:scrub("same-value"))
    set:finish()
  end)

  it("is found by the index exactly where a plain search finds it", function()
    math.randomseed(10)
    local function word(n)
      local chars = {}
      for i = 1, n do chars[i] = math.random() < 0.7 and "a" or "b" end
      return table.concat(chars)
    end
    for _ = 1, 300 do
      local values, distinct = {}, {}
      for _ = 1, math.random(1, 5) do
        local value = word(math.random(6, 14))
        if not distinct[value] then table.insert(values, value) end
        distinct[value] = true
      end
      local set, held = set_of(values)
      for _ = 1, 30 do
        local text = word(math.random(0, 120))
        local expected = reference(values, text)

        assert.equal(expected, set:scrub(text))
        assert.equal(expected ~= text, set:found(text))
      end
      finish(set, held)
    end
  end)

  it("is found among many of any length and any bytes", function()
    math.randomseed(12)
    local values = {}
    for i = 1, 60 do
      local bytes = {}
      for k = 1, math.random(6, 400) do bytes[k] = string.char(math.random(0, 255)) end
      values[i] = table.concat(bytes)
    end
    local set, held = set_of(values)
    for _ = 1, 300 do
      local parts, expected = {}, {}
      for i = 1, math.random(0, 8) do
        local secret = math.random() < 0.5
        parts[i] = secret and values[math.random(#values)] or ("."):rep(math.random(1, 500))
        expected[i] = secret and "***" or parts[i]
      end

      assert.equal(table.concat(expected), set:scrub(table.concat(parts)))
    end
    finish(set, held)
  end)

  it("survives every failing allocation", function()
    local set, held = set_of { "first-secret" }
    local n = 0
    local added
    repeat
      T.buf.fail_after(n)
      added = set:add("second-secret")
      local fired = T.buf.fired()
      assert.equal(fired, added == nil)
      assert.equal("***", set:scrub("first-secret"))
      n = n + 1
    until not fired
    assert.is_true(n > 6)
    assert.equal("*** ***", set:scrub("first-secret second-secret"))

    T.buf.fail_after(0)
    assert.is_nil(set:scrub("a second-secret"))
    T.buf.fail_after(0) -- the index cannot be made anew: it stays masked
    set:drop(added)
    assert.equal("*** ***", set:scrub("first-secret second-secret"))
    finish(set, held)
  end)
end)
