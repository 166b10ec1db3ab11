-- What is said of wrong programs, where a class alone would not do; and what is not done.

local function both(t)
  dist.all_reduce(t)
end

-- Everything that can be seen from outside, for a rank that is let go on after the verdict.
local function leave_traces(t)
  print("printed after the verdict")
  sim.finding("after_the_verdict", "found after the verdict")
  SummaryWriter("run"):add_scalar("late", t:sum(), 1)
  sim.fail("kill")
end

-- The class alone, and nothing of what was done after the verdict.
local function silent(class)
  return function(report)
    local found = report.diagnosis and report.diagnosis.class
    return found == class and #report.printed == 0 and #report.findings == 0 and #report.logs == 0,
      ("class %s, %d lines, %d findings"):format(found, #report.printed, #report.findings)
  end
end

return {
  title = "diagnosis",
  world = { size = 4 },
  variants = {
    -- Nobody gets past the first call: what the ranks would call next is the evidence, and finding
    -- that out leaves no trace.
    { name = "order",
      main = function()
        local t = torch.ones(2)
        if dist.get_rank() == 2 then
          dist.broadcast(t, 0)                                         -- @other
          dist.all_reduce(t)
        else
          dist.all_reduce(t)                                           -- @most
          dist.broadcast(t, 0)
        end
        leave_traces(t)
      end,
      expect = { outcome = "deadlock", findings = {}, files = { run = 0 },
                 diagnosis = { class = "order", blamed = { 2 }, lines = { "@other", "@most" } } } },

    { name = "order_unseen",
      main = function()
        local t = torch.ones(2)
        local first, second = function() dist.barrier() end, function() both(t) end
        if dist.get_rank() == 2 then first, second = second, first end
        first()
        print("printed after the verdict")
        second()
        leave_traces(t)
      end,
      expect = silent("order") },

    -- The same meeting, but rank 2 makes a call more and no other order of them.
    { name = "kind",
      main = function()
        local t = torch.ones(2)
        if dist.get_rank() == 2 then
          dist.broadcast(t, 0)                                         -- @extra
        end
        dist.all_reduce(t)                                             -- @all
        leave_traces(t)
      end,
      expect = { outcome = "deadlock", findings = {}, files = { run = 0 },
                 diagnosis = { class = "kind", blamed = { 2 }, lines = { "@extra", "@all" } } } },

    -- A rank that waits inside of pcall goes on too, and its error handler is as mute.
    { name = "order_in_pcall",
      main = function()
        local t = torch.ones(2)
        local first, second = function() dist.barrier() end, function() both(t) end
        if dist.get_rank() == 2 then first, second = second, first end
        local ok = pcall(function() first() second() error("caught") end)
        print(ok)
      end,
      expect = silent("order") },

    -- The mistake is one call before the one that they wait in.
    { name = "one_call_before",
      main = function()
        local t = torch.ones(2)
        if dist.get_rank() ~= 1 then both(t) end                       -- @guarded
        both(t)                                                        -- @waited
      end,
      expect = function(report)
        local cause = report.diagnosis and report.diagnosis.root_cause or "no diagnosis"
        return report.diagnosis.class == "missing_rank" and #report.diagnosis.blamed == 1 and
          report.diagnosis.blamed[1] == 1 and cause:find("did not call all_reduce"), cause
      end },

    { name = "circle",
      main = function()
        local t = torch.ones(2)
        local pair = dist.new_group{ 0, 1 }
        if dist.get_rank() == 0 then dist.all_reduce(t, { group = pair }) end
        dist.barrier()
        if dist.get_rank() == 1 then dist.all_reduce(t, { group = pair }) end
      end,
      expect = function(report)
        local diagnosis = report.diagnosis
        return diagnosis.class == "order" and #diagnosis.blamed == 0 and
          diagnosis.root_cause:find("rank 0 waits in all_reduce of {0,1} at .-diagnosis.lua:%d+ " ..
            "for rank 1, which waits in barrier at .-diagnosis.lua:%d+ for rank 0") and
          report.diagnosis.ranks[1].waiting_for[1] == 1 and
          report.diagnosis.ranks[2].waiting_for[1] == 0 and
          #report.diagnosis.ranks[2].waiting_for == 1, diagnosis.root_cause
      end },

    -- Neither the lines nor the names are crossed, but what travels is.
    { name = "swapped_variables",
      main = function()
        local loss, acc = tensor{ 1.0 }, tensor{ 0.5 }
        if dist.get_rank() == 1 then
          dist.all_reduce(acc)
          dist.all_reduce(loss)
        else
          dist.all_reduce(loss)
          dist.all_reduce(acc)
        end
      end,
      expect = { outcome = "completed", findings = { "silent_pairing" } } },

    -- One tensor through two lines in turns: no order to keep.
    { name = "one_tensor_in_turns",
      main = function()
        local t = tensor{ 1.0 }
        for turn = 1, 4 do
          if (turn + dist.get_rank()) % 2 == 0 then dist.all_reduce(t) else
            dist.all_reduce(t)
          end
        end
      end,
      expect = { outcome = "completed", findings = {} } },

    { name = "detail",
      world = { debug = "detail" },
      main = function()
        local t = tensor{ 1.0 }
        local ok, text = pcall(dist.all_reduce, t, { op = dist.get_rank() == 3 and "max" or "sum" })
        assert(not ok and text:find("rank 0 calls all_reduce%(float32%[1%], sum%) at "), text)
        assert(text:find("rank 3 calls all_reduce%(float32%[1%], max%) at "), text)
        assert(text:find("torch's DETAIL mode does not compare"), text)
        dist.barrier()
        print("went on")
      end,
      expect = { outcome = "mismatch",
                 printed = { "went on", "went on", "went on", "went on" },
                 diagnosis = { class = "op", blamed = { 3 } } } },

    { name = "detail_uncaught",
      world = { debug = "detail" },
      main = function()
        if dist.get_rank() == 0 then dist.barrier() else dist.all_reduce(tensor{ 1.0 }) end
      end,
      expect = { outcome = "mismatch", diagnosis = { class = "kind", blamed = { 0 } } } },

    -- Bits are bits: 1.0 is 0x3f800000, and four of them and an int32 1 are added as each rank reads
    -- them.
    { name = "off_dtype",
      world = { debug = "off", size = 2, backend = "gloo" },
      main = function()
        local r = dist.get_rank()
        local t = torch.ones(1, { dtype = r == 1 and torch.int32 or torch.float32 })
        dist.all_reduce(t)
        if r == 1 then assert(t:item() == 1065353217, t:item()) end
      end,
      expect = function(report)
        local found = report.findings[1]
        return report.outcome == "completed" and found.kind == "silent_pairing" and
          found.class == "dtype" and #found.sites == 1, found.message
      end },

    { name = "off_op",
      world = { debug = "off" },
      main = function()
        local t = tensor{ 1.0 + dist.get_rank() }
        dist.all_reduce(t, { op = dist.get_rank() == 3 and "max" or "sum" })
        assert(t:item() == 10, t:item())
      end,
      expect = { outcome = "completed", findings = { "silent_pairing" } } },

    { name = "off_root",
      world = { debug = "off" },
      main = function()
        local r = dist.get_rank()
        local t = tensor{ 1.0 * r }
        dist.broadcast(t, r == 2 and 2 or 0)
        assert(t:item() == (r == 2 and 2 or 0), t:item())
      end,
      expect = { outcome = "completed", findings = { "silent_pairing" } } },

    { name = "off_root_unknown",
      world = { debug = "off" },
      main = function()
        dist.broadcast(tensor{ 1.0 }, dist.get_rank() == 0 and 1 or 0)
      end,
      expect = { outcome = "deadlock", diagnosis = { class = "root", blamed = { 0 } } } },

    { name = "off_barrier_in_disguise",
      world = { debug = "off" },
      main = function()
        local t = tensor{ 1.0 }
        if dist.get_rank() == 1 then dist.barrier() else
          dist.all_reduce(t)
          assert(t:item() == 3, t:item())
        end
      end,
      expect = { outcome = "completed", findings = { "silent_pairing" } } },

    { name = "off_kind",
      world = { debug = "off" },
      main = function()
        if dist.get_rank() == 1 then dist.all_gather(tensor{ 1.0 }) else
          dist.all_reduce(tensor{ 1.0 })
        end
      end,
      expect = { outcome = "deadlock", diagnosis = { class = "kind", blamed = { 1 } } } },
  },
}
