local testing = require "tidegate.testing"

local fixtures = require "fixtures"

local NULL = testing.json.null

local kit

local function open(secrets)
  kit = testing.new { secrets = secrets }
  fixtures.play(kit, "github", "https://api.github.com")
end

local function last_request()
  return table.remove(kit:requests())
end

before_each(function() open { github_token = "planted-token" } end)

after_each(function() kit:close() end)

describe("github_list_issues", function()
  it("lists issues without pull requests, and says where to go on", function()
    local call = kit:call("github_list_issues", { repo = "tide/gate" })

    assert.equal(2, #call.value.issues)
    assert.equal("Gate sticks", call.value.issues[1].title)
    assert.equal("ada", call.value.issues[1].author)
    assert.equal(2, call.value.next_page)
  end)

  it("asks for one page of them, as GitHub wants to be asked", function()
    kit:call("github_list_issues", { repo = "tide/gate" })

    local request = last_request()
    assert.equal("GET", request.method)
    assert.equal("/repos/tide/gate/issues", request.path)
    assert.same({ state = "open", per_page = "30", page = "1" }, request.query)
    assert.equal("application/vnd.github+json", request.headers.accept)
    assert.equal("Bearer planted-token", request.headers.authorization)
  end)

  it("lists an issue whose author is gone", function()
    local call = kit:call("github_list_issues", { repo = "tide/gate" })

    assert.is_nil(call.value.issues[2].author)
  end)

  it("answers an empty list on the last page", function()
    local args = { repo = "tide/gate", state = "closed", page = 5 }

    assert.equal('{"issues":[]}', kit:call("github_list_issues", args).body)
  end)

  it("hands on that a repository is not there", function()
    local call = kit:call("github_list_issues", { repo = "tide/none" })

    assert.equal("not_found", call.error.code)
    assert.equal("GitHub issues answered 404: Not Found", call.error.message)
  end)

  it("tells a limit from a refusal, though both are 403", function()
    local limit = kit:call("github_list_issues", { repo = "tide/busy" })
    local refusal = kit:call("github_list_issues", { repo = "tide/private" })

    assert.equal("rate_limited", limit.error.code)
    assert.equal("forbidden", refusal.error.code)
  end)

  it("refuses what is no repository before anything is sent", function()
    local call = kit:call("github_list_issues", { repo = "../../user" })

    assert.equal("invalid_argument", call.error.code)
    assert.same({}, kit:requests())
  end)

  it("works without a token", function()
    kit:close()
    open()

    assert.is_true(kit:call("github_list_issues", { repo = "tide/gate" }).ok)
    assert.is_nil(last_request().headers.authorization)
  end)
end)

describe("github_get_issue", function()
  it("reads an issue that has no text", function()
    local call = kit:call("github_get_issue", { repo = "tide/gate", number = 12 })

    assert.equal(12, call.value.number)
    assert.equal(NULL, call.value.body)
    assert.equal("/repos/tide/gate/issues/12", last_request().path)
  end)
end)

describe("github_search_issues", function()
  it("searches with the words that it is given", function()
    local call = kit:call("github_search_issues", { query = "repo:tide/gate sticks & leaks" })

    assert.equal(1, call.value.total)
    assert.equal(12, call.value.issues[1].number)
    assert.equal("repo:tide/gate sticks & leaks is:issue", last_request().query.q)
  end)
end)

describe("github_create_issue", function()
  it("opens an issue with the token", function()
    local call = kit:call("github_create_issue", {
      repo = "tide/gate", title = "It leaks", body = "At high tide", labels = { "bug" },
    })

    assert.same({ 13, "done" }, { call.value.number, call.side_effect })
    assert.same({ title = "It leaks", body = "At high tide", labels = { "bug" } },
      last_request().json)
  end)

  it("says that a token is needed, and that nothing was written", function()
    local call = kit:call("github_create_issue", { repo = "tide/gate", title = "No token" })

    assert.same({ "unauthorized", "none" }, { call.error.code, call.side_effect })
  end)

  it("is not sent twice when nobody knows what became of it", function()
    kit:upstream("POST *", { fail = "reset" })

    local call = kit:call("github_create_issue", { repo = "tide/gate", title = "It leaks" })

    assert.same({ "upstream_error", "possible", 1 },
      { call.error.code, call.side_effect, #kit:requests() })
  end)
end)

describe("github_add_comment", function()
  it("comments on an issue", function()
    local call = kit:call("github_add_comment",
      { repo = "tide/gate", number = 12, body = "Seen it too" })

    assert.equal(991, call.value.id)
    assert.same({ body = "Seen it too" }, last_request().json)
  end)
end)

describe("each tool of github", function()
  local calls = {
    github_list_issues = { repo = "a/b" },
    github_get_issue = { repo = "a/b", number = 1 },
    github_search_issues = { query = "x" },
    github_create_issue = { repo = "a/b", title = "x" },
    github_add_comment = { repo = "a/b", number = 1, body = "x" },
  }

  for name, args in pairs(calls) do
    it("hands the service's error on: " .. name, function()
      kit:upstream("* *", { status = 422, json = { message = "Validation Failed" } })

      local call = kit:call(name, args)

      assert.equal("invalid_argument", call.error.code)
      assert.equal("GitHub issues answered 422: Validation Failed", call.error.message)
      assert.equal(422, call.error.status)
    end)

    it("shows the token nowhere: " .. name, function()
      kit:upstream("* *", { status = 401, json = { message = "Bad credentials" } })

      local call = kit:call(name, args)

      assert.equal("Bearer planted-token", last_request().headers.authorization)
      local shown = kit:log() .. call:explain() .. call.error.message
      assert.is_nil(shown:find("planted", 1, true))
    end)
  end

  it("is there", function()
    for name in pairs(kit:tools()) do
      assert(not name:find "^github_" or calls[name], name .. " has no spec here")
    end
  end)
end)
