-- A scenario that is only there where the installed command looks: it reads a data set, too.
return {
  title = "planted beside the installed scenarios",
  world = { size = 2 },
  variants = {
    { name = "reads",
      main = function()
        local digits = data.Digits{}
        if dist.get_rank() == 0 then print("digits", #digits) end
        dist.barrier()
      end,
      expect = { outcome = "completed" } },
  },
}
