-- What goes wrong around SyncBatchNorm, and what is said of it.

local x = function() return torch.ones(2, 2) + dist.get_rank() end

return {
  title = "norm_mistakes",
  world = { size = 3 },
  variants = {
    -- A rank that leaves a batch out never comes to the statistics of the others.
    { name = "batch_left_out",
      main = function()
        local norm = nn.SyncBatchNorm(2)
        if dist.get_rank() ~= 1 then
          norm(x())                                                    -- @forward
        end
      end,
      expect = function(report)
        local d = report.diagnosis
        return report.outcome == "deadlock" and d.class == "missing_rank" and #d.blamed == 1 and
          d.blamed[1] == 1 and d.ranks[1].collective:find("all_gather") and
          report.ranks[1].error == nil, d and d.summary
      end },

    -- In evaluation on one rank only: that rank meets nobody.
    { name = "evaluation_on_one_rank",
      main = function()
        local norm = nn.SyncBatchNorm(2)
        if dist.get_rank() == 2 then norm:eval() end
        norm(x())
      end,
      expect = { outcome = "deadlock",
                 diagnosis = { class = "missing_rank", blamed = { 2 } } } },

    -- A backward that one rank does not do; pcall does not keep the end of the world from it.
    { name = "backward_left_out",
      main = function()
        local norm = nn.SyncBatchNorm(2)
        local input = x():requires_grad_(true)
        local out = norm(input)
        if dist.get_rank() ~= 0 then
          pcall(function() out:sum():backward() end)                   -- @backward
          print("kept")
        end
      end,
      expect = function(report)
        local d = report.diagnosis
        return report.outcome == "deadlock" and d.class == "missing_rank" and d.blamed[1] == 0 and
          #report.printed == 0 and d.ranks[2].collective:find("all_reduce"), d and d.summary
      end },

    -- Without a gradient for the input nothing is summed, so a backward may be left out.
    { name = "no_gradient_of_the_input",
      main = function()
        local norm = nn.SyncBatchNorm(2)
        local out = norm(x())
        if dist.get_rank() ~= 0 then out:sum():backward() end
      end,
      expect = { outcome = "completed", findings = {} } },

    { name = "other_group",
      main = function()
        local group = dist.new_group{ 0, 1 }
        local norm = nn.SyncBatchNorm(2, { process_group = group })
        local ok, message = pcall(norm, x())
        assert(ok == (dist.get_rank() ~= 2))
        if not ok then assert(message:find("rank 2 is no member of group"), message) end
      end,
      expect = { outcome = "completed", findings = {} } },
  },
}
