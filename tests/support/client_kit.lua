--- What the specs of the HTTP client share: a misbehaving service for the
--- whole file and a client for each test.
--
--   local kit = require("client_kit").install()
--   kit.up, kit.client, kit.start, kit.attempt, kit.get

local T = require "T"
local upstream = require "upstream"

local client_kit = {}

--- `busted` functions are those of the file that calls.
function client_kit.install(busted)
  local kit = {}

  busted.setup(function() kit.up = upstream.start() end)
  busted.teardown(function() kit.up:stop() end)
  busted.before_each(function() kit.client = T.http_client.new { ca_file = kit.up.ca } end)
  busted.after_each(function() kit.client:free() end)

  function kit.url(path, listener) return kit.up:url(path, listener) end

  --- Starts an attempt; it waits for the loop to run.
  function kit.start(options) return assert(kit.client:start(options)) end

  --- Runs one attempt to its end; the answer and the attempt.
  function kit.attempt(options)
    local a = kit.start(options)
    assert(kit.client:run(10000), "did not end")
    return a:answer(), a
  end

  function kit.get(path, options, listener)
    options = options or {}
    options.url = kit.up:url(path, listener)
    return kit.attempt(options)
  end

  --- What the service has seen of a request.
  function kit.echo(options, listener, query)
    local answer = kit.get("/echo" .. (query or ""), options, listener)
    assert(answer.end_ == "answered", answer.end_)
    return require("cjson").decode(answer.body), answer
  end

  return kit
end

return client_kit
