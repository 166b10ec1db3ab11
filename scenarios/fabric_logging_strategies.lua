-- Three ways to log one number from four ranks with Fabric and TensorBoard, read back with an
-- event accumulator: without reduction, reduced on every rank, reduced and written by rank 0.
--
-- The order of the four entries is that of the writers' files, which sort by the process ids that
-- the ranks got when they were started; here rank 2 is started before rank 1. Another schedule
-- shows another order (ddpsim run fabric_logging_strategies --schedule round_robin); the
-- counts 4, 4 and 1 never change.

return {
  title  = "Fabric: who writes the number?",
  lesson = "Gather or reduce on all ranks, then let one rank write: one entry with the right value.",
  world  = { size = 4, backend = "gloo", schedule = "order:0,2,1,3" },

  variants = {
    { name = "three_strategies",
      main = function()
        local fabric = Fabric{ accelerator = "cpu", devices = dist.get_world_size() }
        fabric:launch()

        -- Unique data per device
        local data = tensor(10.0 * fabric.global_rank, { dtype = torch.float64 })

        local no_reduce_writer = SummaryWriter("no_reduce")
        local reduce_writer = SummaryWriter("reduce")
        local reduce_rank_zero_writer = SummaryWriter("reduce_rank_zero")

        local result = fabric:all_gather(data)
        -- Log without gather and reduction
        no_reduce_writer:add_scalar("data", data:mean(), 0)
        -- Log with gather and reduction
        reduce_writer:add_scalar("data", result:mean(), 0)
        -- Log with gather and reduction on rank zero
        if fabric.global_rank == 0 then
          reduce_rank_zero_writer:add_scalar("data", result:mean(), fabric.global_rank)
        end

        -- Wait for all processes
        fabric:barrier()

        if fabric.global_rank == 0 then
          for _, name in ipairs{ "no_reduce", "reduce", "reduce_rank_zero" } do
            local scalars = EventAccumulator(name):Reload():Scalars("data")
            local values = {}
            for i, scalar in ipairs(scalars) do values[i] = tostring(scalar.value) end
            print("Strategy: " .. name)
            print("Number of log entries: " .. #scalars)
            print("[" .. table.concat(values, ", ") .. "]")
          end
        end
      end,

      expect = function(report)
        local printed = {}
        for _, series in ipairs(report.logs) do printed[series.path] = #series.entries end
        local size = report.world.size
        if printed.no_reduce ~= size then return false, "no_reduce: one entry a rank" end
        if printed.reduce ~= size then return false, "reduce: one entry a rank" end
        if printed.reduce_rank_zero ~= 1 then return false, "reduce_rank_zero: one entry" end
        return report.outcome == "completed", report.outcome
      end },
  },
}
