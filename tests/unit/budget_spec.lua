local T = require "T"

local S = 1000000000
local TOKEN = 1000

-- The same in plain Lua, with a floor that is paid without delay.
local function model(options)
  local m = { balance = options.cap, at = 0, fraction = 0 }

  function m:earn(now)
    self.fraction = self.fraction + (now - self.at) * options.floor_per_s
    self.at = now
    self.balance = math.min(options.cap, self.balance + self.fraction // S)
    self.fraction = self.fraction % S
  end

  function m:deposit() self.balance = math.min(options.cap, self.balance + options.deposit) end

  function m:withdraw(cost, now)
    self:earn(now)
    if self.balance < cost then return false end
    self.balance = self.balance - cost
    return true
  end

  return m
end

describe("a budget", function()
  it("is full at first and pays until it is empty", function()
    local b = T.budget.new({ cap = 3 * TOKEN, floor_per_s = 0 })

    local paid = 0
    while b:withdraw(TOKEN, 0) do paid = paid + 1 end

    assert.equal(3, paid)
    assert.equal(0, b:balance(0))
  end)

  it("earns a tenth of a token with each success", function()
    local b = T.budget.new({ cap = TOKEN, floor_per_s = 0 })
    b:withdraw(TOKEN, 0)

    for _ = 1, 9 do b:deposit() end

    assert.is_false(b:withdraw(TOKEN, 0))
    b:deposit()
    assert.is_true(b:withdraw(TOKEN, 0))
  end)

  it("earns half a token a second while nothing succeeds", function()
    local b = T.budget.new({ cap = TOKEN })
    b:withdraw(TOKEN, 0)

    assert.is_false(b:withdraw(TOKEN, 2 * S - 2000000))
    assert.is_true(b:withdraw(TOKEN, 2 * S))
  end)

  it("loses nothing of the floor when it is asked often", function()
    local b = T.budget.new({ cap = 10 * TOKEN, floor_per_s = 300 })
    for _ = 1, 10 do b:withdraw(TOKEN, 0) end

    for now = 0, 10 * S, 1234567 do b:balance(now) end

    assert(b:balance(10 * S) >= 2999)
  end)

  it("takes back what was never sent, up to its cap", function()
    local b = T.budget.new({ cap = 2 * TOKEN, floor_per_s = 0 })
    b:withdraw(TOKEN, 0)

    b:give_back(TOKEN)
    b:give_back(TOKEN)

    assert.equal(2 * TOKEN, b:balance(0))
  end)

  it("lets no more than fifty retries and a half per second through an outage", function()
    local b = T.budget.new()

    local retries = 0
    for call = 0, 60 * 1000 - 1 do
      if b:withdraw(TOKEN, call * S // 1000) then retries = retries + 1 end
    end

    assert(retries <= 50 + 30)
    assert(retries >= 50 + 29)
  end)

  it("is full again after as many successes as it holds tenths", function()
    local b = T.budget.new({ floor_per_s = 0 })
    while b:withdraw(TOKEN, 0) do end -- luacheck: ignore

    for _ = 1, 500 do b:deposit() end

    assert.equal(50 * TOKEN, b:balance(0))
  end)

  it("survives a jump of time over centuries", function()
    local b = T.budget.new({ cap = 7 * TOKEN, floor_per_s = 1000000 * TOKEN })
    b:withdraw(7 * TOKEN, 0)

    assert.equal(7 * TOKEN, b:balance(math.maxinteger))
    assert.is_true(b:withdraw(TOKEN, 5)) -- and one backwards
  end)

  it("does what the model does, whatever the order #model", function()
    for seed = 1, 50 do
      math.randomseed(seed)
      local options = {
        cap = math.random(0, 20) * TOKEN,
        deposit = math.random(0, 300),
        floor_per_s = math.random(0, 5000),
      }
      local b, m, now = T.budget.new(options), model(options), 0
      for _ = 1, 2000 do
        now = now + math.random(0, 1 << math.random(0, 31))
        local what = math.random(3)
        if what == 1 then
          m:earn(now)
          b:balance(now)
          b:deposit()
          m:deposit()
        else
          local cost = what == 2 and TOKEN or 350
          local near = math.abs(m.balance - cost) < 3
          local took = b:withdraw(cost, now)
          m:earn(now)
          -- each payment may lose a nanosecond's worth
          if took ~= (m.balance >= cost) then assert(near or math.abs(m.balance - cost) < 3) end
          if took then m.balance = m.balance - cost end
        end
        assert(math.abs(m.balance - b:balance(now)) <= 2)
        m.balance = b:balance(now)
        assert(m.balance >= 0 and m.balance <= options.cap)
      end
    end
  end)
end)
