-- What a checkpoint keeps of a run in progress, as tables; the functions are C's (resume.c).
local _, c = ...

return c
