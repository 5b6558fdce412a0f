--- What the conformance suite expects of questions in the middle of a call.
local str, bool = tide.schema.string, tide.schema.boolean

local function ask_name(ctx)
  return assert(ctx.ask {
    key = "user_name", message = "What is your name?", fields = { name = str() },
  })
end

local function elicitation(ctx)
  local answer = ask_name(ctx)
  if answer.action ~= "accept" then return "Who are you?" end
  return ("Hello, %s!"):format(answer.values.name)
end

local function sampling(ctx)
  return assert(ctx.sample {
    key = "capital_question", messages = "What is the capital of France?", max_tokens = 100,
  }).text
end

local function list_roots(ctx)
  local uris = {}
  for i, root in ipairs(assert(ctx.roots { key = "client_roots" })) do uris[i] = root.uri end
  return "roots: " .. table.concat(uris, ", ")
end

local function request_state(ctx)
  local answer = assert(ctx.ask {
    key = "confirm", message = "Please confirm", fields = { ok = bool() },
  })
  return "state-ok: " .. answer.action
end

local function multiple_inputs(ctx)
  local results, errors = tide.all {
    name = function() return ask_name(ctx) end,
    greeting = function()
      return ctx.sample { key = "greeting", messages = "Generate a greeting", max_tokens = 50 }
    end,
    roots = function() return ctx.roots { key = "client_roots" } end,
  }
  if errors then return nil, errors.name or errors.greeting or errors.roots end
  return ("%s %s (%d roots)"):format(results.greeting.text, results.name.values.name,
    #results.roots)
end

local function multi_round(ctx)
  local first = assert(ctx.ask {
    key = "step1", message = "Step 1: What is your name?", fields = { name = str() },
  })
  local second = assert(ctx.ask {
    key = "step2", message = "Step 2: What is your favorite color?", fields = { color = str() },
  })
  return ("%s likes %s"):format(first.values.name, second.values.color)
end

--- Asks for whatever the client can give.
local function capabilities(ctx)
  local said = {}
  if ctx.can_ask "form" then said[1] = ask_name(ctx).action end
  if ctx.can_ask "sample" then
    said[#said + 1] = assert(ctx.sample { messages = "Say something", max_tokens = 50 }).text
  end
  return table.concat(said, " ")
end

local function prompt(ctx)
  local answer = assert(ctx.ask {
    key = "user_context", message = "What context should the prompt use?",
    fields = { context = str() },
  })
  return "Use this context: " .. answer.values.context
end

return {
  name = "test_input",
  upstream = { base = "http://127.0.0.1:9" },
  tools = {
    required_result_elicitation = { about = "Asks for a name.", run = elicitation },
    required_result_sampling = { about = "Asks the model.", run = sampling },
    required_result_list_roots = { about = "Asks for folders.", run = list_roots },
    required_result_request_state = { about = "Asks to confirm.", run = request_state },
    required_result_multiple_inputs = { about = "Asks three at once.", run = multiple_inputs },
    required_result_multi_round = { about = "Asks twice.", run = multi_round },
    required_result_tampered_state = { about = "Asks to confirm.", run = request_state },
    required_result_capabilities = { about = "Asks what can be asked.", run = capabilities },
  },
  prompts = {
    required_result_prompt = { about = "Asks for a context.", run = prompt },
  },
}
