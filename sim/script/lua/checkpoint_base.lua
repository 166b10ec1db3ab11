-- Checkpoint: the base of callbacks that write checkpoints. A Trainer puts them behind all others.
local use = ...

return use("callback"):extend("Checkpoint")
