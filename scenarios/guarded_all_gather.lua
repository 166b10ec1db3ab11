-- Seed: "Never guard all_gather itself with is_global_zero: it is a collective, and if some ranks
-- skip it the program will hang."

return {
  title  = "all_gather behind a rank-0 guard",
  lesson = "A collective must be called on every rank. Put the guard around the log call, not " ..
           "around the gather.",
  world  = { size = 4, backend = "nccl" },

  variants = {
    { name = "guarded",
      main = function()
        local loss = tensor{ 10.0 * dist.get_rank() }
        if dist.get_rank() == 0 then
          local all = dist.all_gather(loss)                        -- @guarded_gather
          print("mean loss", torch.stack(all):mean():item())
        end
      end,
      expect = {
        outcome = "deadlock",
        diagnosis = { class = "missing_rank", blamed = { 0 }, lines = { "@guarded_gather" } },
      } },

    { name = "guarded_then_barrier",
      main = function()
        local loss = tensor{ 10.0 * dist.get_rank() }
        if dist.get_rank() == 0 then
          local all = dist.all_gather(loss)                        -- @gather_before_barrier
          print("mean loss", torch.stack(all):mean():item())
        end
        dist.barrier()                                             -- @barrier
      end,
      expect = {
        outcome = "deadlock",
        diagnosis = { class = "kind", blamed = { 0 },
                      lines = { "@gather_before_barrier", "@barrier" } },
      } },

    { name = "fixed", fixes = "guarded",
      main = function()
        local loss = tensor{ 10.0 * dist.get_rank() }
        local all = dist.all_gather(loss)
        if dist.get_rank() == 0 then
          print("mean loss", torch.stack(all):mean():item())
        end
        dist.barrier()
      end,
      expect = { outcome = "completed", findings = {}, printed = { "mean loss\t15.0" } } },
  },
}
