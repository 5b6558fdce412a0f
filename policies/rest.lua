--- REST over HTTPS.
local rest = {
  deadline_ms = 20000,
  attempt = { timeout_ms = 8000, connect_ms = 2000 },
  response = { max_bytes = 8 * 1024 * 1024 },
}

return {
  rest = rest,

  -- A write is not repeated, so its one try may take longer.
  ["rest.write"] = tide.policy.extend(rest, { attempt = { timeout_ms = 15000 } }),

  -- Reports and exports that take their time.
  ["rest.slow"] = tide.policy.extend(rest, {
    deadline_ms = 120000,
    attempt = { timeout_ms = 60000 },
  }),
}
