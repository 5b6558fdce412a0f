--- For every tool that names no policy, and for services that break easily.
local default = {
  deadline_ms = 30000,
  attempt = { timeout_ms = 10000, connect_ms = 3000 },
  retry = { attempts = 3 },
  response = { max_bytes = 16 * 1024 * 1024 },
}

return {
  -- When nothing is known of the service.
  default = default,

  -- An old or small service: few at a time, give up early, leave it alone soon.
  fragile = tide.policy.extend(default, {
    deadline_ms = 10000,
    attempt = { timeout_ms = 5000, connect_ms = 1000, first_byte_ms = 4000 },
    retry = { attempts = 2, budget = 10 },
    breaker = { consecutive = 4, min_calls = 8, open_ms = 15000 },
    bulkhead = { concurrent = 4, queue = 8, max_wait_ms = 1000 },
    response = { max_bytes = 1024 * 1024 },
  }),
}
