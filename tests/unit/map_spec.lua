local T = require "T"

describe("a map", function()
  it("is empty at first", function()
    local map = T.map.new()

    assert.is_nil(map:get("a"))
    assert.is_nil(map:remove("a"))
    assert.equal(0, (map:count()))
  end)

  it("holds any key, the empty one and NULs too", function()
    local map = T.map.new()
    map:put("", 1)
    map:put("\0", 2)
    map:put("\0\0", 3)

    assert.same({ 1, 2, 3 }, { map:get(""), map:get("\0"), map:get("\0\0") })
  end)

  it("does what a Lua table does, whatever the order", function()
    for seed = 1, 20 do
      math.randomseed(seed)
      local map, model, count = T.map.new(seed), {}, 0
      for step = 1, 3000 do
        local key = "key" .. math.random(1, seed * 20)
        local what = math.random(3)
        if what == 1 then
          if not model[key] then count = count + 1 end
          model[key] = step
          assert.is_true(map:put(key, step))
        elseif what == 2 then
          assert.equal(model[key], map:remove(key))
          if model[key] then count = count - 1 end
          model[key] = nil
        else
          assert.equal(model[key], map:get(key))
        end
        assert.equal(count, (map:count()))
      end
      for key, value in pairs(model) do assert.equal(value, map:get(key)) end
    end
  end)

  it("does not grow when keys come and go", function()
    local map = T.map.new()
    for i = 1, 10000 do
      map:put("k" .. i, i)
      if i > 5 then assert.equal(i - 5, map:remove("k" .. i - 5)) end
    end

    local _, size = map:count()

    assert.is_true(size <= 16)
  end)

  it("is unchanged when it could not grow", function()
    local map = T.map.new()
    for i = 1, 5 do map:put("k" .. i, i) end

    T.buf.fail_after(0)
    assert.is_false(map:put("k6", 6))
    assert.is_true(T.buf.fired())

    for i = 1, 5 do assert.equal(i, map:get("k" .. i)) end
    assert.is_nil(map:get("k6"))
    assert.is_true(map:put("k6", 6))
    assert.equal(6, map:get("k6"))
  end)
end)
