--- What the official conformance suite expects to find on a server, by the names
--- that it gives (every tool, prompt and resource of `test_*` and `test://`).
local schema, content = tide.schema, tide.content
local str, int = schema.string, schema.integer

local PNG = tide.base64.decode "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk\z
  +M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
local WAV = tide.base64.decode "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="

-- --- tools ---

local function simple_text() return "This is a simple text response for testing." end
local function image_content() return content.image(PNG, "image/png") end
local function audio_content() return content.audio(WAV, "audio/wav") end

local function embedded()
  return content.resource("test://embedded-resource", {
    text = "This is an embedded resource content.", mime_type = "text/plain",
  })
end

local function multiple_content_types()
  return {
    content.text "Multiple content types test:",
    content.image(PNG, "image/png"),
    content.resource("test://mixed-content-resource", {
      text = '{"test":"data","value":123}', mime_type = "application/json",
    }),
  }
end

local function tool_with_logging(ctx)
  ctx.notify("info", "Tool execution started")
  tide.time.sleep(0.05)
  ctx.notify("info", "Tool processing data")
  tide.time.sleep(0.05)
  ctx.notify("info", "Tool execution completed")
  return "Tool with logging executed successfully"
end

local function tool_with_progress(ctx)
  for _, progress in ipairs { 0, 50, 100 } do
    ctx.progress(progress, 100, ("Completed step %d of 100"):format(progress))
    tide.time.sleep(0.05)
  end
  return "Tool with progress executed successfully"
end

local function error_handling()
  return nil, tide.error("conflict", "This tool intentionally returns an error for testing")
end

-- Lets its client go, which comes back for the answer.
local function reconnection(ctx)
  ctx.detach(100)
  tide.time.sleep(0.3)
  return "Reconnection test completed"
end

-- --- questions ---

local function completed(what, answer)
  return ("%s completed: action=%s, content=%s"):format(what, answer.action,
    tide.json.encode(answer.values or {}))
end

local function sampling(ctx, args)
  return "LLM response: " .. assert(ctx.sample { messages = args.prompt, max_tokens = 100 }).text
end

local function elicitation(ctx, args)
  return completed("User response", assert(ctx.ask {
    message = args.message,
    fields = {
      username = str { about = "User's response" },
      email = str { about = "User's email address" },
    },
  }))
end

local function elicitation_defaults(ctx)
  return completed("Elicitation", assert(ctx.ask {
    message = "Please review and update the form fields with defaults",
    fields = {
      name = str { default = "John Doe" }, age = int { default = 30 },
      score = schema.number { default = 95.5 },
      status = str { "active", "inactive", "pending", default = "active" },
      verified = schema.boolean { default = true },
    },
  }))
end

local function titled(first, second, third)
  local list = {}
  for i, title in ipairs { first, second, third } do
    list[i] = { const = "value" .. i, title = title }
  end
  return list
end

local function elicitation_enums(ctx)
  return completed("Elicitation", assert(ctx.ask {
    message = "Please select options from the enum fields",
    fields = {
      untitledSingle = str { "option1", "option2", "option3" },
      titledSingle = schema.raw {
        type = "string", oneOf = titled("First Option", "Second Option", "Third Option"),
      },
      legacyEnum = schema.raw {
        type = "string", enum = { "opt1", "opt2", "opt3" },
        enumNames = { "Option One", "Option Two", "Option Three" },
      },
      untitledMulti = schema.list(str { "option1", "option2", "option3" }),
      titledMulti = schema.raw {
        type = "array", items = { anyOf = titled("First Choice", "Second Choice", "Third Choice") },
      },
    },
  }))
end

local function streaming_elicitation(ctx)
  return completed("Elicitation", assert(ctx.ask { message = "Go on?" }))
end

local function headers(_, args)
  local names = {}
  for name in pairs(args) do names[#names + 1] = name end
  table.sort(names)
  return "given: " .. table.concat(names, ", ")
end

local CUSTOM = schema.raw {
  type = "object",
  properties = {
    region = { type = "string", ["x-mcp-header"] = "Region" },
    priority = { type = "integer", ["x-mcp-header"] = "Priority" },
    verbose = { type = "boolean", ["x-mcp-header"] = "Verbose" },
    query = { type = "string" },
  },
}

local function logging_tool(ctx)
  ctx.notify("info", "for those who asked to hear it")
  return "logged"
end

-- The lists stay as they are: what clients must hear of is the word alone.
local function trigger_tool_change(ctx)
  ctx.changed "tools"
  return "said"
end

local function trigger_prompt_change(ctx)
  ctx.changed "prompts"
  return "said"
end

local function update_watched(ctx)
  ctx.updated "test://watched-resource"
  return "said"
end

-- --- resources ---

local function template(_, vars)
  return { id = vars.id, templateTest = true, data = "Data for ID: " .. vars.id }
end

-- --- prompts ---

local function with_arguments(_, args)
  return ("Prompt with arguments: arg1='%s', arg2='%s'"):format(args.arg1, args.arg2)
end

local function with_embedded_resource(_, args)
  return {
    content.resource(args.resourceUri, {
      text = "Embedded resource content for testing.", mime_type = "text/plain",
    }),
    "Please process the embedded resource above.",
  }
end

local function with_image()
  return { content.image(PNG, "image/png"), "Please analyze the image above." }
end

local function complete(_, prefix)
  local values = {}
  for _, word in ipairs { "paris", "park", "party" } do
    if word:sub(1, #prefix) == prefix then values[#values + 1] = word end
  end
  return values
end

return {
  name = "test",
  title = "Conformance",
  upstream = { base = "http://127.0.0.1:9" },
  tools = {
    simple_text = { about = "Tests a text.", run = simple_text },
    image_content = { about = "Tests an image.", run = image_content },
    audio_content = { about = "Tests a sound.", run = audio_content },
    embedded_resource = { about = "Tests an embedded resource.", run = embedded },
    multiple_content_types = { about = "Tests a mixture.", run = multiple_content_types },
    tool_with_logging = { about = "Tests messages.", run = tool_with_logging },
    tool_with_progress = { about = "Tests progress.", run = tool_with_progress },
    reconnection = { about = "Tests a client that comes back.", run = reconnection },
    error_handling = { about = "Tests an error.", run = error_handling },
    logging_tool = { about = "Tests who hears messages.", run = logging_tool },
    trigger_tool_change = { about = "Tests subscriptions.", run = trigger_tool_change },
    trigger_prompt_change = { about = "Tests subscriptions.", run = trigger_prompt_change },
    update_watched = { about = "Tests subscriptions.", run = update_watched },
    sampling = { about = "Tests sampling.", args = { prompt = str() }, run = sampling },
    elicitation = { about = "Tests a form.", args = { message = str() }, run = elicitation },
    elicitation_sep1034_defaults = { about = "Tests defaults.", run = elicitation_defaults },
    elicitation_sep1330_enums = { about = "Tests choices.", run = elicitation_enums },
    missing_capability = {
      about = "Tests what cannot be asked.",
      run = function(ctx) return assert(ctx.sample { messages = "Say hello" }).text end,
    },
    streaming_elicitation = { about = "Tests a question.", run = streaming_elicitation },
    custom_headers = { about = "Tests Mcp-Param headers.", args = CUSTOM, run = headers },
  },
  resources = {
    static_text = {
      uri = "test://static-text", about = "A text.", mime = "text/plain",
      read = function() return "This is the content of the static text resource." end,
    },
    static_binary = {
      uri = "test://static-binary", about = "A picture.", mime = "image/png",
      read = function() return PNG end,
    },
    watched = {
      uri = "test://watched-resource", about = "One to watch.", mime = "text/plain",
      read = function() return "Watch me." end,
    },
  },
  templates = {
    data = {
      uri = "test://template/{id}/data", about = "Data of an id.", mime = "application/json",
      read = template,
    },
  },
  prompts = {
    simple_prompt = {
      about = "Tests a text.", run = function() return "This is a simple prompt for testing." end,
    },
    prompt_with_arguments = {
      about = "Tests arguments.", run = with_arguments, complete = { arg1 = complete },
      args = { arg1 = str { about = "First test argument" }, arg2 = str { about = "Second" } },
    },
    prompt_with_embedded_resource = {
      about = "Tests a resource.", run = with_embedded_resource,
      args = { resourceUri = str { about = "URI of the resource" } },
    },
    prompt_with_image = { about = "Tests an image.", run = with_image },
  },
}
