-- Callback: what a Trainer calls beside the module's own hooks.
--
--   local Mine = Callback:extend("Mine")
--   function Mine:on_train_epoch_end(trainer, pl_module) ... end
--
-- Every hook of the base does nothing, and a hook that is still the base's is not called at all.
-- `state_key` names the callback in a checkpoint: its class, unless it sets another.
local use = ...
local class = use("class")

local Callback = class("Callback")
Callback.state_key = "Callback"

local extend = Callback.extend

function Callback:extend(name)
  local made = extend(self, name)
  made.state_key = made._name
  return made
end

-- The names of all hooks. Each gets (trainer, pl_module, ...) after self.
Callback.hooks = {
  "setup", "teardown",                                       -- stage
  "on_fit_start", "on_fit_end",
  "on_sanity_check_start", "on_sanity_check_end",
  "on_train_start", "on_train_end", "on_train_epoch_start", "on_train_epoch_end",
  "on_train_batch_start",                                    -- batch, batch_idx
  "on_train_batch_end",                                      -- outputs, batch, batch_idx
  "on_validation_start", "on_validation_end",
  "on_validation_epoch_start", "on_validation_epoch_end",
  "on_validation_batch_start",                               -- batch, batch_idx, dataloader_idx
  "on_validation_batch_end",                                 -- outputs, batch, batch_idx, dataloader_idx
  "on_test_start", "on_test_end", "on_test_epoch_start", "on_test_epoch_end",
  "on_test_batch_start", "on_test_batch_end",
  "on_predict_start", "on_predict_end", "on_predict_epoch_start", "on_predict_epoch_end",
  "on_predict_batch_start", "on_predict_batch_end",
  "on_before_backward",                                      -- loss
  "on_after_backward",
  "on_before_optimizer_step", "on_before_zero_grad",         -- optimizer
  "on_exception",                                            -- exception
  "on_save_checkpoint", "on_load_checkpoint",                -- checkpoint
}

for _, hook in ipairs(Callback.hooks) do
  Callback[hook] = function() end
end

function Callback:state_dict() return {} end
function Callback:load_state_dict() end

-- True if this callback brings a hook of its own.
function Callback:overrides(hook) return self[hook] ~= Callback[hook] end

return Callback
