-- The hub: events to the subscribers of all workers.

local hub_module = require("T").hub

local KEYED = { "resource", "task", "session" }
local LISTS = { "tools", "prompts", "resources" }

describe("a subscriber", function()
  it("hears on any worker what it watches, and nothing else", function()
    local hub = hub_module.new(2)
    local a, b = hub:sub(1), hub:sub(2)
    hub:watch(a, "tools")
    hub:watch(b, "resource", "x://1")

    hub:publish "tools"
    hub:publish "prompts"
    hub:publish("resource", "x://1")
    hub:publish("resource", "x://2")
    hub:publish("task", "x://1", "{}")
    hub:turn()

    assert.equal("tools  \n", hub:heard(a))
    assert.equal("resource x://1 \n", hub:heard(b))
  end)

  it("hears of a list once that changed many times, and of a task the newest", function()
    local hub = hub_module.new(1)
    local a = hub:sub(1)
    hub:watch(a, "tools")
    hub:watch(a, "task", "t")

    for i = 1, 10 do
      hub:publish "tools"
      hub:publish("task", "t", tostring(i))
    end
    hub:turn()

    assert.equal("tools  \ntask t 10\n", hub:heard(a))
    assert.same({ 20, 18, 0 }, { hub:stats() })
  end)

  it("gets every word to its session, in order", function()
    local hub = hub_module.new(1)
    local a = hub:sub(1)
    hub:watch(a, "session", "s")

    for i = 1, 3 do hub:publish("session", "s", tostring(i)) end
    hub:turn()

    assert.equal("session s 1\nsession s 2\nsession s 3\n", hub:heard(a))
  end)

  it("is never told from inside the publisher's call", function()
    local hub = hub_module.new(1)
    local a = hub:sub(1)
    hub:watch(a, "tools")

    hub:publish "tools"

    assert.equal("", hub:heard(a))
  end)

  it("watches twice and is told once; unwatched it hears no more", function()
    local hub = hub_module.new(1)
    local a = hub:sub(1)
    for _ = 1, 2 do
      hub:watch(a, "tools")
      hub:watch(a, "resource", "r")
    end

    hub:publish "tools"
    hub:publish("resource", "r")
    hub:turn()
    assert.equal("tools  \nresource r \n", hub:heard(a))

    hub:unwatch(a, "tools")
    hub:unwatch(a, "resource", "r")
    hub:unwatch(a, "resource", "never watched")
    hub:publish "tools"
    hub:publish("resource", "r")
    hub:turn()
    assert.equal("", hub:heard(a))
  end)

  it("may be finished by itself or by another while events are delivered", function()
    for first = 1, 3 do
      for ended = 1, 3 do
        local hub = hub_module.new(1)
        for i = 1, 3 do
          hub:sub(1)
          hub:watch(i, "tools")
          hub:watch(i, "resource", "r")
        end
        hub:will_end(first, ended)

        hub:publish "tools"
        hub:publish("resource", "r")
        hub:turn()

        for i = 1, 3 do
          local expected = "tools  \nresource r \n"
          if i == ended then expected = ended > first and "" or "tools  \n" end
          assert.equal(expected, hub:heard(i))
        end
      end
    end
  end)
end)

describe("what waits for a worker", function()
  it("is bounded, and taken again once it was delivered", function()
    local hub = hub_module.new(1)
    local a = hub:sub(1)
    hub:watch(a, "session", "s")

    local taken = 0
    while taken < 10000 and hub:publish("session", "s", "x") do taken = taken + 1 end
    assert.equal(4096, taken)
    hub:turn()

    assert.is_true(hub:publish("session", "s", "x"))
    hub:turn()
    assert.equal(("session s x\n"):rep(4097), hub:heard(a))
  end)

  it("is bounded in bytes too", function()
    local hub = hub_module.new(1)
    local a = hub:sub(1)
    hub:watch(a, "session", "s")
    local big = ("x"):rep(1 << 20)

    for _ = 1, 3 do assert.is_true(hub:publish("session", "s", big)) end
    assert.is_false(hub:publish("session", "s", big))
    assert.is_false(hub:publish("session", "s", ("x"):rep((4 << 20) + 1)))
    assert.is_false(hub:publish("resource", ("k"):rep(2049)))
  end)

  it("is nothing where nobody listens", function()
    local hub = hub_module.new(2)
    local a = hub:sub(1)

    for _ = 1, 10000 do assert.is_true(hub:publish("session", "s", "x")) end
    hub:watch(a, "session", "s")
    hub:turn()

    assert.equal("", hub:heard(a))
  end)

  it("is dropped when the worker leaves", function()
    local hub = hub_module.new(2)
    local a, b = hub:sub(1), hub:sub(2)
    hub:watch(a, "tools")
    hub:watch(b, "tools")
    hub:publish "tools"

    hub:finish(a)
    hub:leave(1)
    hub:turn()

    assert.equal("", hub:heard(a))
    assert.equal("tools  \n", hub:heard(b))
  end)
end)

describe("without memory", function()
  it("the hub says so and goes on", function()
    assert.is_false(hub_module.made(0))
    assert.is_false(hub_module.made(1))
    assert.is_true(hub_module.made(2))

    local hub = hub_module.new(1)
    local a = hub:sub(1)
    assert.is_false(hub:watch(a, "resource", "r", 0))
    assert.is_true(hub:watch(a, "resource", "r"))
    assert.is_false(hub:publish("resource", "r", "", 0))
    assert.is_true(hub:publish("resource", "r", ""))
    hub:turn()
    assert.equal("resource r \n", hub:heard(a))
  end)
end)

-- A plain model: what waits for each worker, and who on it watches what.
local WORKERS, SUBS = 3, 9
local RANK = { tools = 1, prompts = 2, resources = 3 }
local Model = {}
Model.__index = Model

local function worker_of(sub) return sub % WORKERS + 1 end

local function new_model()
  local m = setmetatable({ watches = {}, heard = {}, waiting = {} }, Model)
  for sub = 1, SUBS do m.watches[sub], m.heard[sub] = {}, {} end
  for worker = 1, WORKERS do m.waiting[worker] = {} end
  return m
end

function Model:anybody(worker, topic)
  for sub, watches in ipairs(self.watches) do
    for id in pairs(watches) do
      if worker_of(sub) == worker and id:match "^%l+" == topic then return true end
    end
  end
end

function Model:publish(topic, key, payload)
  local id = topic .. " " .. key
  for worker, waiting in ipairs(self.waiting) do
    if self:anybody(worker, topic) then
      for i = #waiting, 1, -1 do
        if waiting[i].id == id and topic ~= "session" then table.remove(waiting, i) end
      end
      waiting[#waiting + 1] = { id = id, rank = RANK[topic] or 4, line = id .. " " .. payload .. "\n" }
    end
  end
end

function Model:turn()
  for worker, waiting in ipairs(self.waiting) do
    self.waiting[worker] = {}
    for rank = 1, 4 do
      for _, event in ipairs(waiting) do
        for sub, watches in ipairs(self.watches) do
          if event.rank == rank and worker_of(sub) == worker and watches[event.id] then
            table.insert(self.heard[sub], event.line)
          end
        end
      end
    end
  end
end

local function random_id()
  if math.random(2) == 1 then return LISTS[math.random(3)], "" end
  return KEYED[math.random(3)], "k" .. math.random(3)
end

local function random_step(hub, m, number)
  local sub, dice = math.random(SUBS), math.random(10)
  local topic, key = random_id()
  if dice <= 4 then
    local payload = RANK[topic] and "" or tostring(number)
    hub:publish(topic, key, payload)
    m:publish(topic, key, payload)
  elseif dice <= 7 then
    hub:watch(sub, topic, key)
    m.watches[sub][topic .. " " .. key] = true
  elseif dice == 8 then
    hub:unwatch(sub, topic, key)
    m.watches[sub][topic .. " " .. key] = nil
  else
    hub:turn()
    m:turn()
  end
end

describe("any sequence of steps", function()
  it("tells each subscriber what a plain model says", function()
    math.randomseed(7)
    for _ = 1, 100 do
      local hub, m = hub_module.new(WORKERS), new_model()
      for sub = 1, SUBS do hub:sub(worker_of(sub)) end
      for number = 1, 100 do random_step(hub, m, number) end
      hub:turn()
      m:turn()
      for sub = 1, SUBS do assert.equal(table.concat(m.heard[sub]), hub:heard(sub)) end
    end
  end)
end)
