local mailbox = require("T").mailbox

describe("a mailbox", function()
  it("delivers the messages of many threads, each thread's in order", function()
    local delivered, in_order = mailbox.threads(4, 5000)

    assert.equal(20000, delivered)
    assert.is_true(in_order)
  end)

  it("delivers on a simulated loop in the order of posting", function()
    local by_run, in_all, in_order = mailbox.simulated(10, 0)

    assert.same({ 10, 10, true }, { by_run, in_all, in_order })
  end)

  it("delivers what is left when it is freed", function()
    local by_run, in_all, in_order = mailbox.simulated(3, 5)

    assert.same({ 3, 8, true }, { by_run, in_all, in_order })
  end)
end)

describe("a worker", function()
  it("starts, gets its messages, stops", function()
    local started, stopped, letters = mailbox.workers(4, false)

    assert.same({ 4, 4, 4 }, { started, stopped, letters })
  end)

  it("that refuses to start is reported and leaves the others alone", function()
    local started, stopped, letters, message = mailbox.workers(3, true)

    assert.same({ 2, 2, 2 }, { started, stopped, letters })
    assert.equal("worker 1 will not", message)
  end)
end)
