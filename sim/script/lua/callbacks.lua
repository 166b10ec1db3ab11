-- The table `callbacks`: lightning.pytorch.callbacks. A class is opened when it is first asked for.
local use = ...
local rawset, setmetatable = rawset, setmetatable

-- The module of each class, and the field of it where the class is not all that it returns.
local classes = {
  Callback = { "callback" },
  Checkpoint = { "checkpoint_base" },
  ModelCheckpoint = { "model_checkpoint" },
  EarlyStopping = { "early_stopping" },
  EarlyStoppingReason = { "early_stopping", "Reason" },
  LearningRateMonitor = { "lr_monitor" },
  ProgressBar = { "progress_bar" },
  TQDMProgressBar = { "tqdm_progress_bar" },
  RichProgressBar = { "rich_progress_bar" },
  ModelSummary = { "model_summary" },
  Timer = { "timer" },
  LambdaCallback = { "lambda_callback" },
  GradientAccumulationScheduler = { "accumulation_scheduler" },
  BasePredictionWriter = { "prediction_writer" },
}

local function open(callbacks, name)
  local place = classes[name]
  if not place then return nil end
  local class = use(place[1])
  if place[2] then class = class[place[2]] end
  rawset(callbacks, name, class)
  return class
end

return setmetatable({}, { __index = open, __name = "callbacks" })
