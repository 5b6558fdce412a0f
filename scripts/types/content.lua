---@meta
error "types only"

--- Content blocks for a tool that answers more than JSON.
---@class tide.content
tide.content = {}

---@class tide.Content

---@param text string
---@return tide.Content
function tide.content.text(text) end

---@param bytes string
---@param mime_type string
---@return tide.Content
function tide.content.image(bytes, mime_type) end

---@param bytes string
---@param mime_type string
---@return tide.Content
function tide.content.audio(bytes, mime_type) end

---@class tide.LinkOptions
---@field name string
---@field title? string
---@field description? string
---@field mime_type? string
---@field size? integer

---@param uri string
---@param options tide.LinkOptions
---@return tide.Content
function tide.content.link(uri, options) end

---@class tide.ResourceOptions
---@field text? string
---@field bytes? string
---@field mime_type? string

---@param uri string
---@param options tide.ResourceOptions
---@return tide.Content
function tide.content.resource(uri, options) end
