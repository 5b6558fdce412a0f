--- GitHub issues, for agents that triage a repository.
--- Reading public repositories needs no token; GITHUB_TOKEN raises the limits.
local str, int, list = tide.schema.string, tide.schema.integer, tide.schema.list

local repo = str { about = "owner/name", pattern = "^[%w-]+/[%w._-]+$" }
local number = int { about = "the issue's number", min = 1 }
local page = int { min = 1, default = 1 }
local limit = int { about = "how many on a page", min = 1, max = 100, default = 30 }

local function summary(issue)
  return {
    number = issue.number,
    title = issue.title,
    state = issue.state,
    author = issue.user ~= tide.json.null and issue.user.login or nil,
    comments = issue.comments,
    updated_at = issue.updated_at,
    url = issue.html_url,
  }
end

--- The number of the next page from `<https://...&page=3>; rel="next"`.
local function next_page(res)
  local link = (res.headers.link or ""):match '<([^>]*)>; rel="next"'
  return link and tonumber(link:match "[?&]page=(%d+)")
end

local function list_issues(ctx, args)
  local res = assert(ctx.http:get("/repos/" .. args.repo .. "/issues", {
    query = { state = args.state, per_page = args.limit, page = args.page },
  }))

  local issues = {}
  for _, issue in ipairs(res.json) do
    if not issue.pull_request then issues[#issues + 1] = summary(issue) end
  end
  return { issues = tide.json.array(issues), next_page = next_page(res) }
end

local function get_issue(ctx, args)
  local res = assert(ctx.http:get("/repos/" .. args.repo .. "/issues/" .. args.number))
  local issue = summary(res.json)
  issue.body = res.json.body
  return issue
end

local function search_issues(ctx, args)
  local res = assert(ctx.http:get("/search/issues", {
    query = { q = args.query .. " is:issue", per_page = args.limit, page = args.page },
  }))

  local issues = {}
  for i, issue in ipairs(res.json.items) do issues[i] = summary(issue) end
  return {
    total = res.json.total_count,
    issues = tide.json.array(issues),
    next_page = next_page(res),
  }
end

local function create_issue(ctx, args)
  local res = assert(ctx.http:post("/repos/" .. args.repo .. "/issues", {
    json = { title = args.title, body = args.body, labels = args.labels },
  }))
  return summary(res.json)
end

local function add_comment(ctx, args)
  local path = "/repos/" .. args.repo .. "/issues/" .. args.number .. "/comments"
  local res = assert(ctx.http:post(path, { json = { body = args.body } }))
  return { id = res.json.id, url = res.json.html_url }
end

--- A 403 with no requests left is a limit, and the header says until when.
local function classify(res)
  if res.status == 403 and res.headers["x-ratelimit-remaining"] == "0" then
    return "rate_limited"
  end
end

local reads = { read_only = true }
local writes = { destructive = false }

---@type tide.Integration
return {
  name = "github",
  title = "GitHub issues",
  upstream = {
    base = "https://api.github.com",
    policy = "rest",
    headers = {
      ["Accept"] = "application/vnd.github+json",
      ["X-GitHub-Api-Version"] = "2022-11-28",
    },
    errors = classify,
  },
  auth = { kind = "bearer", secret = "github_token", optional = true },
  tools = {
    list_issues = {
      about = "List the issues of a repository, newest first.",
      args = { repo = repo, state = str { "open", "closed", "all", default = "open" },
               limit = limit, page = page },
      annotations = reads,
      run = list_issues,
    },
    get_issue = {
      about = "Read one issue with its text.",
      args = { repo = repo, number = number },
      annotations = reads,
      run = get_issue,
    },
    search_issues = {
      about = "Search issues everywhere, with GitHub's words: `repo:a/b label:bug crash`.",
      args = { query = str { min_length = 1 }, limit = limit, page = page },
      annotations = reads,
      run = search_issues,
    },
    create_issue = {
      about = "Open a new issue.",
      args = { repo = repo, title = str { min_length = 1 }, body = str { optional = true },
               labels = list { str(), optional = true } },
      annotations = writes,
      policy = "rest.write",
      run = create_issue,
    },
    add_comment = {
      about = "Comment on an issue.",
      args = { repo = repo, number = number, body = str { min_length = 1 } },
      annotations = writes,
      policy = "rest.write",
      run = add_comment,
    },
  },
}
