-- Where a Trainer's decisions are noted: a checkpoint kept or not, a stop, a learning rate lowered.
--
-- Every callback and loop that decides on a logged number passes its verdict through here, so that
-- an audit can lay the verdict that the true number would have led to beside it.
--
--   decide(trainer, "checkpoint", "save")    what: "checkpoint", "early_stop" or "lr"
--
-- Returns what it was given as `took`.
local function decide(trainer, what, took, monitor, value)
  local list = trainer._decisions
  if not list then
    list = {}
    trainer._decisions = list
  end
  list[#list + 1] = {
    what = what, epoch = trainer.current_epoch, step = trainer.global_step, took = took,
    monitor = monitor, value = value,
  }
  return took
end

return decide
