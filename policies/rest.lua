--- REST over HTTPS. Reads are repeated when they fail; writes only when they
--- certainly were not executed, or a key or an annotation allows it.
local rest = {
  deadline_ms = 30000,
  attempt = { timeout_ms = 8000, connect_ms = 2000 },
  retry = { attempts = 3, base_ms = 50 },
  response = { max_bytes = 8 * 1024 * 1024 },
}

return {
  -- For most services.
  rest = rest,

  -- Reads that somebody waits for.
  ["rest.read"] = tide.policy.extend(rest, {
    deadline_ms = 10000,
    attempt = { timeout_ms = 3000 },
  }),

  -- Reads that many agents repeat, of what may be half a minute old: kept for
  -- that long per principal, served stale for as long while it is refreshed, and
  -- for an hour when the service fails. For tools that say read_only = true.
  ["rest.cached"] = tide.policy.extend(rest, {
    deadline_ms = 10000,
    attempt = { timeout_ms = 3000 },
    cache = { ttl_ms = 30000, stale_ms = 30000, stale_if_error_ms = 3600000 },
  }),

  -- Writes: one try may take longer, since a second one is rarely safe.
  ["rest.write"] = tide.policy.extend(rest, {
    attempt = { timeout_ms = 15000 },
    retry = { attempts = 2 },
  }),

  -- Reports and exports that take their time; few of them at once.
  slow_report = tide.policy.extend(rest, {
    deadline_ms = 120000,
    attempt = { timeout_ms = 60000 },
    retry = { attempts = 2 },
    bulkhead = { concurrent = 8, queue = 8, max_wait_ms = 5000 },
  }),
}
