--- The files of policies/: they load, their numbers make sense together, and
--- each named policy does what it says in the engine.

local T = require "T"
local testing = require "tidegate.testing"

local folder = require "folder"
local tree = require "tree"

-- One integration per policy: demo_<n>, with a tool that reads and one that
-- writes.
local SCRIPT = [[return {
  name = "demo_%d",
  upstream = { base = "https://demo.example", policy = %q },
  tools = {
    read = { about = "Read.", annotations = { read_only = true },
      run = function(ctx) return ctx.http:get "/" end },
    write = { about = "Write.", run = function(ctx) return ctx.http:post "/" end },
  },
}]]

local names = {}
for _, path in ipairs(tree.find "policies -name '*.lua'") do
  local env = { tide = { policy = { extend = function(_, more) return more end } } }
  for name in pairs(assert(loadfile(path, "t", env))()) do names[#names + 1] = name end
end
table.sort(names)

local root, kit, policies

setup(function()
  root = folder.new()
  for i, name in ipairs(names) do
    folder.fill(root, { [("demo_%d.lua"):format(i)] = SCRIPT:format(i, name) })
  end
  local generation, faults = T.generation.load(root, "policies")
  assert(generation, faults)
  policies = generation:policies()
  generation:free()
end)

teardown(function() folder.remove(root) end)

before_each(function() kit = testing.new { scripts = root } end)

after_each(function() kit:close() end)

describe("the policies", function()
  it("are there, each name once", function()
    local once = {}
    for _, name in ipairs(names) do
      assert.is_nil(once[name], name .. " is in two files")
      once[name] = true
      assert.is_table(policies[name], name)
    end
    assert.is_true(once.default and once.rest and once["rest.write"])
  end)

  it("have those that the integrations of this tree name", function()
    local own <close> = testing.new()

    assert.is_table(own:tools())
  end)

  it("fire, each setting that they state, as `check --prove` measures it", function()
    local told = require("cjson").decode((T.prove.run(root, "policies", { json = true })))

    local never = {}
    for _, group in ipairs(told.groups) do
      for _, proof in ipairs(group.settings) do
        if proof.fault then
          never[#never + 1] = group.policy .. ": " .. proof.setting .. " " .. proof.measured
        end
      end
    end
    assert.same({}, never)
    assert.equal(2 * #names, #told.groups)
  end)

  it("say in default.lua what the engine does without it", function()
    for path, field in pairs(T.generation.policy_fields()) do
      assert.equal(field.value, policies.default[path], path)
    end
  end)
end)

for i, name in ipairs(names) do
  describe("the policy " .. name, function()
    local read, write = ("demo_%d_read"):format(i), ("demo_%d_write"):format(i)
    local policy

    before_each(function() policy = policies[name] end)

    it("has times that fit into each other", function()
      assert.is_true(policy["attempt.timeout_ms"] <= policy.deadline_ms)
      assert.is_true(policy["attempt.connect_ms"] < policy["attempt.timeout_ms"])
      assert.is_true(policy["attempt.first_byte_ms"] <= policy["attempt.timeout_ms"])
      assert.is_true(policy["retry.base_ms"] <= policy["retry.max_ms"])
    end)

    it("gives a service that hangs its time and no more", function()
      kit:upstream("* *", { hang = true })
      local first_byte = policy["attempt.first_byte_ms"]
      local patience = first_byte > 0 and first_byte or policy["attempt.timeout_ms"]

      local once, again = kit:call(write), kit:call(read)

      assert.same({ "timeout", patience, 1 }, { once.error.code, once.ms, once.attempts })
      assert.equal("timeout", again.error.code)
      assert.is_true(again.ms <= policy.deadline_ms)
    end)

    it("asks again as often as it says, but never for a write", function()
      kit:upstream("* *", { status = 500 })

      assert.equal(policy["retry.attempts"], kit:call(read).attempts)
      assert.equal(1, kit:call(write).attempts)
    end)

    it("takes an answer of the size that it allows, and none above", function()
      local most = policy["response.max_bytes"]
      kit:upstream("POST *", { body = ("x"):rep(most) }, { body = ("x"):rep(most + 1) })

      assert.is_true(kit:call(write).ok)
      assert.equal("bad_response", kit:call(write).error.code)
    end)

    it("leaves a service alone that fails again and again", function()
      kit:upstream("* *", { status = 500 })
      for _ = 1, policy["breaker.consecutive"] do kit:call(write) end

      local call = kit:call(write)

      assert.same({ "unavailable", 0, "none" },
        { call.error.code, call.attempts, call.side_effect })
    end)

    it("has as many requests under way as it allows", function()
      kit:upstream("* *", { hang = true })
      local calls = {}
      for n = 1, policy["bulkhead.concurrent"] + policy["bulkhead.queue"] + 1 do
        calls[n] = kit:start(write)
      end

      assert.equal(policy["bulkhead.concurrent"], #kit:requests())
      assert.equal("unavailable", calls[#calls].error.code)
      for _, call in ipairs(calls) do call:cancel() end
    end)
  end)
end
