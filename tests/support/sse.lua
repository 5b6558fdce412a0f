--- Event streams as text: what specs find in them.
local json = require "cjson"

local M = {}

--- The messages in a stream, decoded, and how many comments there are.
function M.messages(text)
  local messages, comments = {}, 0
  for block in text:gmatch "(.-)\n\n" do
    local data = block:match "data: ([^\n]*)"
    if data then
      messages[#messages + 1] = json.decode(data)
    elseif block:match "^:" then
      comments = comments + 1
    end
  end
  return messages, comments
end

return M
