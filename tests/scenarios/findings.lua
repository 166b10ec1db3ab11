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
  },
}
