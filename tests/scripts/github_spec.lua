local recorded = require "recorded"

describe("github", function()
  local github

  setup(function()
    github = recorded.start("github", { env = { GITHUB_TOKEN = "planted-token" } })
  end)

  teardown(function()
    github:stop()
  end)

  it("lists issues without pull requests, and says where to go on", function()
    local result = github:call("github_list_issues", { repo = "tide/gate" })

    assert.equal(2, #result.issues)
    assert.equal("Gate sticks", result.issues[1].title)
    assert.equal("ada", result.issues[1].author)
    assert.equal(2, result.next_page)
  end)

  it("lists an issue whose author is gone", function()
    local result = github:call("github_list_issues", { repo = "tide/gate" })

    assert.is_nil(result.issues[2].author)
  end)

  it("answers an empty list on the last page", function()
    local args = { repo = "tide/gate", state = "closed", page = 5 }

    local result = github:call("github_list_issues", args)

    assert.same({}, result.issues)
    assert.is_nil(result.next_page)
    assert.matches('"issues":%s*%[%]', github.output)
  end)

  it("reads an issue that has no text", function()
    local result = github:call("github_get_issue", { repo = "tide/gate", number = 12 })

    assert.equal(12, result.number)
  end)

  it("searches with the words that it is given", function()
    local args = { query = "repo:tide/gate sticks & leaks" }

    local result = github:call("github_search_issues", args)

    assert.equal(1, result.total)
    assert.equal(12, result.issues[1].number)
  end)

  it("opens an issue with the token", function()
    local args = {
      repo = "tide/gate", title = "It leaks", body = "At high tide", labels = { "bug" },
    }

    local result = github:call("github_create_issue", args)

    assert.equal(13, result.number)
  end)

  it("comments on an issue", function()
    local args = { repo = "tide/gate", number = 12, body = "Seen it too" }

    local result = github:call("github_add_comment", args)

    assert.equal(991, result.id)
  end)

  it("hands on that a repository is not there", function()
    local _, err = github:call("github_list_issues", { repo = "tide/none" })

    assert.equal("not_found", err.code)
  end)

  it("tells a limit from a refusal, though both are 403", function()
    local _, limit = github:call("github_list_issues", { repo = "tide/busy" })
    local _, refusal = github:call("github_list_issues", { repo = "tide/private" })

    assert.equal("rate_limited", limit.code)
    assert.equal("forbidden", refusal.code)
  end)

  it("says that a token is needed to write, and that nothing was written", function()
    local args = { repo = "tide/gate", title = "No token" }

    local _, err = github:call("github_create_issue", args)

    assert.equal("unauthorized", err.code)
    assert.equal("none", err.side_effect)
  end)

  it("refuses what is no repository before anything is sent", function()
    local before = #github:requests()

    local _, err = github:call("github_list_issues", { repo = "../../user" })

    assert.equal("invalid_argument", err.code)
    assert.equal(before, #github:requests())
  end)

  it("shows the token nowhere", function()
    github:call("github_add_comment", { repo = "tide/gate", number = 12, body = "Seen it too" })

    assert.is_nil(github.output:find("planted-token", 1, true))
  end)

  it("reads without a token", function()
    local anonymous = recorded.start("github", { env = { GITHUB_TOKEN = false } })

    local result = anonymous:call("github_list_issues", { repo = "tide/gate" })
    local requests = anonymous:requests()
    anonymous:stop()

    assert.equal(2, #result.issues)
    assert.is_nil(requests[1].headers.authorization)
  end)
end)
