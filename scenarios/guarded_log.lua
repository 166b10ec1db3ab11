-- A log call that synchronises is a collective in disguise: behind a rank-0 guard it hangs like
-- any other. A log call that only writes may stand behind the guard, once the value is reduced.

-- What self.log(..., sync_dist=True) does under the hood: reduce on all ranks, write on rank 0.
local function log_mean(writer, tag, value, step)
  local mean = dist.all_reduce(tensor(value), { op = dist.ReduceOp.AVG, name = tag })  -- @hidden
  if dist.get_rank() == 0 then writer:add_scalar(tag, mean, step) end
end

return {
  title  = "a log call that synchronises, behind a rank-0 guard",
  lesson = "Know which log calls synchronise. Those that do must be reached by every rank; only " ..
           "the write itself belongs behind the guard.",
  world  = { size = 4, backend = "nccl" },

  variants = {
    { name = "guard_around_sync",
      main = function()
        local writer = SummaryWriter("run")
        local loss = 1.0 + dist.get_rank()
        if dist.get_rank() == 0 then
          log_mean(writer, "loss", loss, 0)                        -- @guarded_log
        end
        writer:close()
      end,
      expect = {
        outcome = "deadlock",
        diagnosis = { class = "missing_rank", blamed = { 0 }, lines = { "@hidden" } },
        logs = {},
      } },

    { name = "guard_inside", fixes = "guard_around_sync",
      main = function()
        local writer = SummaryWriter("run")
        local loss = 1.0 + dist.get_rank()
        log_mean(writer, "loss", loss, 0)
        writer:close()
      end,
      expect = {
        outcome = "completed", findings = {},
        logs = { { path = "run", tag = "loss", values = { 2.5 } } },
      } },

    { name = "guard_around_write", fixes = "guard_around_sync",
      main = function()
        local loss = tensor(1.0 + dist.get_rank())
        dist.all_reduce(loss, { op = dist.ReduceOp.AVG, name = "loss" })
        if dist.get_rank() == 0 then
          local writer = SummaryWriter("run")
          writer:add_scalar("loss", loss, 0)
          writer:close()
        end
      end,
      expect = {
        outcome = "completed", findings = {},
        logs = { { path = "run", tag = "loss", values = { 2.5 } } },
        files = { run = 1 },
      } },
  },
}
