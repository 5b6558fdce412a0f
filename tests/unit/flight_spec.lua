local T = require "T"

local function key(name, principal) return { "github", principal or false, name } end

describe("a flight", function()
  local flights, kept

  before_each(function() flights, kept = T.cache.flights(), {} end)

  local function join(name, deadline, principal)
    local caller = T.cache.caller()
    kept[#kept + 1] = caller -- C points to it
    local role, flight = flights:join(key(name, principal), caller, deadline or 1)
    return role, caller, flight
  end

  it("is led by the first and joined by the others, who all get its result", function()
    local role, first, flight = join "a"
    local callers = { first }
    for i = 2, 100 do
      local joined
      joined, callers[i] = join "a"
      assert.equal("joined", joined)
    end

    flights:finish(flight, 42)

    assert.equal("leads", role)
    for _, caller in ipairs(callers) do assert.same({ 1, 42 }, { caller:woken() }) end
    flights:free()
  end)

  it("goes on without the one who led it", function()
    local _, first, flight = join "a"
    local _, second = join "a"

    assert.equal("left", flights:leave(first))
    flights:finish(flight, 7)

    assert.same({ 0, 1 }, { (first:woken()), (second:woken()) })
  end)

  it("is not joined by another user", function()
    local _, _, one = join("a", 1, "ann")

    local role, _, two = join("a", 1, "bob")

    assert.equal("leads", role)
    flights:finish(one, 1)
    flights:finish(two, 1)
  end)

  it("has the deadline of the most patient", function()
    local _, _, flight = join("a", 5)
    local _, patient = join("a", 9)
    join("a", 7)
    flights:leave(patient)

    assert.equal(9, (flights:work(flight)))
    flights:finish(flight, 1)
  end)

  it("tells its work once that nobody waits", function()
    local _, first, flight = join "a"
    local _, second = join "a"
    flights:leave(first)
    assert.equal(0, (select(2, flights:work(flight))))

    flights:leave(second)
    local _, third = join "a"
    flights:leave(third)

    assert.equal(1, (select(2, flights:work(flight))))
    assert.is_true(flights:abandon(flight))
    assert.equal("leads", (join "a"))
  end)

  it("is not abandoned when somebody came meanwhile", function()
    local _, first, flight = join "a"
    flights:leave(first)
    local role, second = join "a"

    assert.is_false(flights:abandon(flight))
    flights:leave(second)

    assert.equal("joined", role)
    assert.equal(2, (select(2, flights:work(flight)))) -- and is told again
    assert.is_true(flights:abandon(flight))
  end)

  it("is out of the table when it has finished", function()
    local _, first, flight = join "a"
    flights:finish(flight, 1)

    assert.equal("woken", flights:leave(first))
    assert.equal("nothing", flights:leave(first))
    local role, _, again = join "a"
    assert.equal("leads", role)
    flights:finish(again, 1)
  end)

  it("takes ten thousand callers and no more", function()
    local _, _, flight = join "a"
    for _ = 2, 10000 do assert.equal("joined", (join "a")) end

    assert.equal("full", (join "a"))

    flights:finish(flight, 1)
    assert.same({ 0, 0, 1, 9999, 1, 0 }, { flights:counts() })
  end)

  it("does not begin without memory", function()
    T.buf.fail_after(0)
    local role, caller = join "a"

    assert.is_true(T.buf.fired())
    assert.equal("no_memory", role)
    assert.equal("nothing", flights:leave(caller))
    flights:free()
  end)
end)

describe("any order of joining, leaving and finishing", function()
  it("is one flight a key, and leaves nobody waiting #model", function()
    for seed = 1, 60 do
      math.randomseed(seed)
      local flights, m, all, waiting = T.cache.flights(), {}, {}, 0
      for step = 1, 600 do
        local name = "k" .. math.random(5)
        local what = math.random(10)
        if what <= 5 then
          local caller = T.cache.caller()
          local role, flight = flights:join(key(name), caller, step)
          assert(role == (m[name] and "joined" or "leads"))
          m[name] = m[name] or { flight = flight, inside = {}, emptied = 0 }
          m[name].inside[caller] = true
          all[#all + 1] = { caller = caller, name = name, flight = m[name] }
          waiting = waiting + 1
        elseif what <= 8 and #all > 0 then
          local who = table.remove(all, math.random(#all))
          local inside = who.flight.inside[who.caller]
          assert(flights:leave(who.caller) == (inside and "left" or "woken"))
          assert((who.caller:woken()) == (inside and 0 or 1))
          if inside then waiting = waiting - 1 end
          who.flight.inside[who.caller] = nil
        elseif what == 9 and m[name] then
          local f = m[name]
          flights:finish(f.flight, step)
          for caller in pairs(f.inside) do
            local times, result = caller:woken()
            assert(times == 1 and result == step)
            waiting = waiting - 1
          end
          f.inside, m[name] = {}, nil
        elseif m[name] then
          local empty = next(m[name].inside) == nil
          assert(flights:abandon(m[name].flight) == empty)
          if empty then m[name] = nil end
        end
        local n = 0
        for _ in pairs(m) do n = n + 1 end
        local open, queued = flights:counts()
        assert(open == n and queued == waiting)
      end
      for _, f in pairs(m) do flights:finish(f.flight, 0) end
      flights:free()
    end
  end)
end)
