--- A breaker in plain Lua, without threads, packing or speed: what the C must do.
--- Times are nanoseconds; how long it stays open is read from the C, and judged.
local MS = 1000000
local BUCKETS, FORGIVEN_MS = 10, 300000

local model = {}
model.__index = model

local function new(options)
  return setmetatable({
    o = options, state = "closed", generation = 0, opens = 0, since = 0,
    samples = {}, in_a_row = 0, leases = {}, admitted = 0, good = 0, bad = 0,
  }, model)
end

function model:enter(state)
  self.state, self.generation = state, self.generation + 1
  self.samples, self.in_a_row = {}, 0
  self.admitted, self.good, self.bad = 0, 0, 0
end

function model:window(now)
  local total, failed, slow = 0, 0, 0
  local epoch = now // (self.o.bucket_ms * MS)
  for _, s in ipairs(self.samples) do
    if epoch - s.epoch < BUCKETS then
      total = total + 1
      if s.bad then failed = failed + 1 end
      if s.slow then slow = slow + 1 end
    end
  end
  return total, failed, slow, self.in_a_row
end

function model:open(now)
  local forgiven = self.state == "closed" and now // MS - self.since >= FORGIVEN_MS
  if forgiven then self.opens = 0 end
  self.opens = math.min(31, self.opens + 1)
  self:enter("open")
end

--- The shortest and longest it may stay open, in ms.
function model:open_for(hint_ms)
  local bound = math.min(self.o.max_open_ms, self.o.base_open_ms * 2.0 ^ (self.opens - 1))
  return math.max(0.8 * bound - 1, hint_ms), math.max(1.2 * bound, hint_ms) + 1
end

function model:close(now)
  self.since = now // MS
  self:enter("closed")
end

function model:probe_bad(now)
  self.bad = self.bad + 1
  if self.bad < self.o.failures then return "counted" end
  self:open(now)
  return "opened"
end

function model:sweep(now)
  local generation = self.generation
  for token in pairs(self.leases) do
    if token.ends <= now // MS then
      self.leases[token] = nil
      local counts = token.generation == generation and self.generation == generation
      if counts then self:probe_bad(now) end
    end
  end
end

function model:in_flight()
  local n = 0
  for _ in pairs(self.leases) do n = n + 1 end
  return n
end

--- A token, or nil.
function model:acquire(now)
  if self.state == "open" then
    if now // MS < self.reopen_ms then return end
    self:enter("half_open")
  end
  if self.state == "half_open" then
    self:sweep(now)
    if self.state == "open" then return end
    if self:in_flight() >= self.o.probes or self.admitted >= self.o.admitted then return end
    self.admitted = self.admitted + 1
    local ends = now // MS + self.o.lease_ms + 1
    local token = { generation = self.generation, probe = true, ends = ends }
    self.leases[token] = true
    return token
  end
  return { generation = self.generation }
end

function model:peek(now)
  if self.state == "closed" then return true end
  if self.state == "open" then return now // MS >= self.reopen_ms end
  for token in pairs(self.leases) do
    if token.ends <= now // MS then return true end
  end
  return self:in_flight() < self.o.probes and self.admitted < self.o.admitted
end

function model:release(token)
  if token.probe and self.leases[token] then
    self.leases[token] = nil
    if token.generation == self.generation then self.admitted = self.admitted - 1 end
  end
end

local function record_probe(self, token, bad, now)
  if not self.leases[token] then return "stale" end
  self.leases[token] = nil
  if token.generation ~= self.generation then return "stale" end
  if bad then return self:probe_bad(now) end
  self.good = self.good + 1
  if self.good < self.o.successes then return "counted" end
  self:close(now)
  return "closed"
end

function model:record(token, verdict, now, slow)
  if verdict == "neutral" then
    self:release(token)
    return "released"
  end
  local bad = verdict == "bad"
  if token.probe then return record_probe(self, token, bad or slow, now) end
  if token.generation ~= self.generation then return "stale" end

  table.insert(self.samples, { epoch = now // (self.o.bucket_ms * MS), bad = bad, slow = slow })
  self.in_a_row = bad and self.in_a_row + 1 or 0
  if not bad and not slow then return "counted" end
  local total, failed, slows, row = self:window(now)
  local ratio = total >= self.o.min_calls
    and (failed / total >= self.o.fail_ratio or slows / total >= self.o.slow_ratio)
  local many = self.o.consecutive > 0 and row >= self.o.consecutive
  if not ratio and not many then return "counted" end
  self:open(now)
  return "opened"
end

return { new = new }
