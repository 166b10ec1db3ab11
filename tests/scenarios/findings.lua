-- What completes and is wrong all the same, beside what looks like it and is right.

return {
  title = "findings",
  world = { size = 4 },
  variants = {
    { name = "swapped",
      main = function()
        local loss, acc = tensor{ 1.0 }, tensor{ 0.5 }
        if dist.get_rank() == 1 then
          dist.all_reduce(acc, { name = "val_acc" })
          dist.all_reduce(loss, { name = "val_loss" })
        else
          dist.all_reduce(loss, { name = "val_loss" })
          dist.all_reduce(acc, { name = "val_acc" })
        end
      end,
      world = { size = 3 },
      expect = function(report)
        local found = report.findings[1]
        return report.outcome == "completed" and found and found.kind == "silent_pairing" and
          found.class == "swap" and #found.blamed == 1 and found.blamed[1] == 1 and #found.sites == 2,
          found and found.message or "no finding"
      end },

    -- Both branches may call the same collective for the same thing: that is no swap.
    { name = "same_name_elsewhere",
      main = function()
        local loss = tensor{ 1.0 }
        if dist.get_rank() == 0 then dist.all_reduce(loss, { name = "val_loss" })
        else dist.all_reduce(loss, { name = "val_loss" }) end
      end,
      expect = { outcome = "completed", findings = {} } },

    -- A loop over works goes round once more on rank 2.
    { name = "uneven_works",
      main = function()
        for _ = 1, dist.get_rank() == 2 and 4 or 3 do
          dist.all_reduce(tensor{ 1.0 }, { async_op = true }):wait()   -- @begun
        end
      end,
      expect = { outcome = "deadlock",
                 diagnosis = { class = "uneven_iterations", blamed = { 2 }, lines = { "@begun" } } } },

    -- A message, or a reduction among some, brings no rank the samples of all.
    { name = "some_is_not_all",
      main = function()
        local set = data.TensorDataset(torch.arange(8))
        local loader = data.DataLoader(set, { batch_size = 2,
          sampler = data.DistributedSampler(set, { shuffle = false }) })
        local pair = dist.get_rank() < 2 and { 0, 1 } or { 2, 3 }
        local low, high = dist.new_group{ 0, 1 }, dist.new_group{ 2, 3 }
        sim.evaluation(0, function()
          local sum = torch.zeros(1)
          for x in loader:iter() do sum:add_(x:sum()) end
          if dist.get_world_size() > 1 then
            dist.all_reduce(sum, { group = pair[1] == 0 and low or high, async_op = true }):wait()
          end
          if dist.get_rank() == 0 then SummaryWriter("run"):add_scalar("sum", sum, 0) end
        end)
      end,
      expect = { outcome = "completed", findings = { "partial_coverage" },
                 audit = { { key = "sum", share = 1/4 } } } },
  },
}
