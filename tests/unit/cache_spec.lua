local T = require "T"

local MS, S = 1000000, 1000000000
local MIB = 1048576

local function cache(bytes, value_bytes) return T.cache.new(bytes or 64 * MIB, value_bytes or MIB) end

local function key(name, principal, space) return { space or "github", principal or false, name } end

local function state(c, ...) return (c:get(...)) end

describe("a cached answer", function()
  it("is fresh, then stale, then a last resort, then gone", function()
    local c = cache()
    c:put(key "a", "hello", { fresh = 10 * S, swr = 5 * S, sie = 20 * S }, 0)

    local states = {}
    for i, at in ipairs { 0, 10 * S - 1, 10 * S, 15 * S - 1, 15 * S, 30 * S - 1, 30 * S } do
      states[i] = state(c, key "a", at)
    end

    assert.same({ "fresh", "fresh", "stale", "stale", "last_resort", "last_resort", "miss" }, states)
    assert.equal(0, c:stats().entries)
  end)

  it("is what was stored, with NULs, meta and status", function()
    local c = cache()
    c:put(key "a", "he\0llo", { fresh = S }, 0)

    local _, body, _, negative, value = c:get(key "a", 0)

    assert.equal("he\0llo", body)
    assert.is_false(negative)
    assert.same({ "he\0llo", "text/plain", 200 }, { value:body() })
  end)

  it("is never another user's, nor another integration's", function()
    local c = cache()
    c:put(key("me", "ann"), "ann's", { fresh = S }, 0)

    for _, other in ipairs {
      key("me", "bob"), key("me"), key("me", "ann", "gitlab"), key("e", "annm"), key("", "annme"), key("me", ""),
    } do
      assert.equal("miss", state(c, other, 0))
    end
    assert.equal("fresh", state(c, key("me", "ann"), 0))
  end)

  it("for everyone is not the one of the user without a name", function()
    local c = cache()
    c:put({ "x", false, "a" }, "for all", { fresh = S }, 0)

    assert.equal("miss", state(c, { "x", "", "a" }, 0))
  end)

  it("may be a kept failure", function()
    local c = cache()
    c:put(key "a", "", { fresh = 30 * S, negative = true }, 0)

    local what, _, _, negative = c:get(key "a", 0)

    assert.same({ "fresh", true }, { what, negative })
    assert.equal(1, c:stats().negative)
  end)

  it("is not stored if it would end at once, or is too large", function()
    local c = cache(MIB, 1000)

    assert.equal("pointless", c:put(key "a", "x", {}, 0))
    assert.equal("too_large", c:put(key "a", ("x"):rep(1001), { fresh = S }, 0))
    assert.equal("too_large", c:put(key(("k"):rep(5000)), "x", { fresh = S }, 0))
    assert.equal("stored", c:put(key "a", ("x"):rep(1000), { fresh = S }, 0))
  end)

  it("lives on with those who hold it when it is evicted or replaced", function()
    local c = cache()
    c:put(key "a", "old", { fresh = S }, 0)
    local value = select(5, c:get(key "a", 0))

    c:put(key "a", "new", { fresh = S }, 0)
    c:finish()

    assert.equal("old", (value:body()))
  end)

  it("loses up to a tenth of its time, by chance", function()
    local c = cache()
    c:put(key "a", "x", { fresh = 100 * S, unit = 0.5 }, 0)

    assert.equal("fresh", state(c, key "a", 95 * S - 1))
    assert.equal("miss", state(c, key "a", 95 * S))
  end)

  it("survives durations that never end", function()
    local c = cache()
    c:put(key "a", "x", { fresh = math.maxinteger, swr = math.maxinteger, sie = math.maxinteger }, 5)

    assert.equal("fresh", state(c, key "a", math.maxinteger))
  end)

  it("is not stored without memory, and nothing is lost", function()
    local c = cache()
    c:put(key "a", "old", { fresh = S }, 0)

    T.buf.fail_after(0)
    local answer = c:put(key "a", "new", { fresh = S }, 0)

    assert.is_true(T.buf.fired())
    assert.equal("no_memory", answer)
    assert.equal("old", (select(2, c:get(key "a", 0))))
  end)
end)

describe("a refresh", function()
  local function refresh(c, at, unit) return (select(3, c:get(key "a", at, unit))) end

  it("is wanted by all who see a stale answer, and claimed by one", function()
    local c = cache()
    c:put(key "a", "x", { fresh = S, swr = S }, 0)
    assert.is_true(refresh(c, S))

    assert.is_true(c:claim(key "a", S, 100 * MS))
    assert.is_false(c:claim(key "a", S, 100 * MS))

    assert.is_false(refresh(c, S))
  end)

  it("may be claimed again after put, unclaim, or the lease", function()
    local c = cache()
    c:put(key "a", "x", { fresh = S, swr = S }, 0)
    c:claim(key "a", S, 100 * MS)
    assert.is_true(c:claim(key "a", S + 100 * MS, 100 * MS))
    c:unclaim(key "a")
    assert.is_true(c:claim(key "a", S + 100 * MS, 100 * MS))

    c:put(key "a", "y", { fresh = S, swr = S }, S)

    assert.is_true(refresh(c, 2 * S))
  end)

  it("is wanted early by few, by more towards the end, and never too early", function()
    local c = cache()
    c:put(key "a", "x", { fresh = 10 * S, took = 100 * MS }, 0)
    local function share(at)
      local n = 0
      for i = 0, 999 do
        if refresh(c, at, i / 1000) then n = n + 1 end
      end
      return n / 1000
    end

    assert.equal(0, share(5 * S))
    assert.near(math.exp(-5), share(9500 * MS), 0.01)
    assert.near(math.exp(-1), share(9900 * MS), 0.01)
    assert.near(1, share(10 * S - 1), 0.01)
  end)

  it("is not wanted early where fetching takes long beside the time it stays fresh", function()
    local c = cache()
    c:put(key "a", "x", { fresh = S, took = 251 * MS }, 0)

    assert.is_false(refresh(c, S - 1, 0.999))
  end)
end)

describe("invalidation", function()
  it("takes out what matches in its space, for all or for one user", function()
    local c = cache()
    for _, who in ipairs { "ann", "bob" } do
      for _, name in ipairs { "GET /repos/a/issues", "GET /repos/a/pulls", "GET /repos/b/issues" } do
        c:put(key(name, who), "x", { fresh = S }, 0)
        c:put(key(name, who, "gitlab"), "x", { fresh = S }, 0)
      end
    end

    assert.equal(2, c:invalidate("github", "ann", "GET /repos/a/*"))
    assert.equal(2, c:invalidate("github", nil, "GET /repos/a/*"))
    assert.equal(0, c:invalidate("github", nil, "nothing"))
    assert.equal(2, c:invalidate("github", nil, "*issues"))

    assert.equal(6, c:stats().entries)
  end)

  it("keeps out the answer of a fetch that was under way", function()
    local c = cache()
    local ticket = c:ticket(key "a")
    c:invalidate("github", nil, "*")

    assert.equal("outdated", c:put(key "a", "old", { fresh = S, ticket = ticket }, 0))

    ticket = c:ticket(key "a")
    c:remove(key "a")
    assert.equal("outdated", c:put(key "a", "old", { fresh = S, ticket = ticket }, 0))
    assert.equal("stored", c:put(key "a", "new", { fresh = S, ticket = c:ticket(key "a") }, 0))
  end)

  it("matches as a plain backtracking matcher does", function()
    local function plain(p, n)
      if p == "" then return n == "" end
      local first = p:sub(1, 1)
      if first == "*" then
        for i = 1, #n + 1 do
          if plain(p:sub(2), n:sub(i)) then return true end
        end
        return false
      end
      return n ~= "" and (first == "?" or first == n:sub(1, 1)) and plain(p:sub(2), n:sub(2))
    end
    local function random(letters, most)
      local s = {}
      for i = 1, math.random(0, most) do
        local at = math.random(#letters)
        s[i] = letters:sub(at, at)
      end
      return table.concat(s)
    end

    math.randomseed(1)
    for _ = 1, 20000 do
      local p, n = random("ab*?", 6), random("ab", 8)
      assert(T.cache.matches(p, n) == plain(p, n), p .. " " .. n)
    end
  end)
end)

describe("a full cache", function()
  it("stays within its bytes, whatever comes", function()
    math.randomseed(1)
    local c = cache(MIB, 20000)
    for i = 1, 5000 do
      c:put(key("k" .. math.random(3000)), ("x"):rep(math.random(0, 20000)), { fresh = S }, 0)
      if i % 50 == 0 then assert(c:stats().bytes <= MIB) end
    end

    assert(c:stats().evicted > 1000)
    assert(c:stats().bytes > MIB * 0.8)
  end)

  it("keeps what is used, and lets ten thousand strangers a second pass", function()
    local c = cache(MIB, 20000)
    for i = 1, 100 do c:put(key("hot" .. i), ("x"):rep(500), { fresh = S }, 0) end

    for i = 1, 20000 do
      c:put(key("cold" .. i), ("x"):rep(500), { fresh = S }, 0)
      assert.equal("fresh", state(c, key("hot" .. i % 100 + 1), 0))
    end
  end)
end)

describe("any order of storing, finding, removing and time", function()
  local horizon = { "fresh", "stale", "last_resort" }

  it("is handled as a table of Lua handles it", function()
    for seed = 1, 40 do
      math.randomseed(seed)
      local c, m, now = cache(), {}, 0
      for _ = 1, 1000 do
        now = now + math.random(0, 300) * MS
        local name, who = "k" .. math.random(30), ({ false, "ann", "bob" })[math.random(3)]
        local k, id = key(name, who), name .. tostring(who)
        local what = math.random(10)
        if what <= 4 then
          local fresh, swr, sie = math.random(0, 9) * S, math.random(0, 5) * S, math.random(0, 9) * S
          local answer = c:put(k, id .. now, { fresh = fresh, swr = swr, sie = sie }, now)
          if fresh + swr + sie > 0 then
            m[id] = { body = id .. now, ends = { now + fresh, now + fresh + swr, now + fresh + sie }, name = name }
          end
          assert(answer == (fresh + swr + sie > 0 and "stored" or "pointless"))
        elseif what <= 8 then
          local e, expected = m[id], "miss"
          for i = 3, 1, -1 do
            if e and now < e.ends[i] then expected = horizon[i] end
          end
          local got, body = c:get(k, now)
          assert(got == expected, got .. " is not " .. expected)
          assert(got == "miss" or body == e.body)
        elseif what == 9 then
          local alive = m[id] ~= nil
          assert(not c:remove(k) or alive)
          m[id] = nil
        else
          local pattern = "k" .. math.random(3) .. "*"
          c:invalidate("github", nil, pattern)
          for other, e in pairs(m) do
            if T.cache.matches(pattern, e.name) then m[other] = nil end
          end
        end
      end
    end
  end)
end)
