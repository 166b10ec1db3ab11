/* SPDX-License-Identifier: MIT */
/* Collectives that nobody sees in the source: in Fabric, in the DDP wrapper, behind an evaluation.
 */
#include "tests/bugset/bugset.h"

#define MODEL                                                                                      \
    " local model = DistributedDataParallel(nn.Linear(4, 1))\n"                                    \
    " local optimizer = optim.SGD(model:parameters(), { lr = 0.1 })\n"

#define STEP                                                                                       \
    "   local loss = model(torch.ones(2, 4)):sum()\n"                                              \
    "   loss:backward() @A\n"                                                                      \
    "   optimizer:step()\n"                                                                        \
    "   optimizer:zero_grad()\n"

static const BugsetShape shapes[] = {
    {.name = "fabric_all_gather",
     .body = " local fabric = Fabric{}\n"
             "-if r == $odd then fabric:all_gather(t) end @A\n"
             "+fabric:all_gather(t)\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    {.name = "fabric_all_reduce",
     .body = " local fabric = Fabric{}\n"
             "-if not fabric.is_global_zero then return end\n"
             " local mean = fabric:all_reduce(t) @A\n",
     .who = BUGSET_WHO_FIRST,
     .classes = {"missing_rank"}},

    {.name = "fabric_nested",
     .body = " local fabric = Fabric{}\n"
             " local outputs = { loss = tensor{ 1.0 }, acc = tensor{ 0.5 } }\n"
             "-if r == $odd then outputs.acc = nil end\n"
             " fabric:all_gather(outputs) @A\n",
     .who = BUGSET_WHO_ODD,
     /* One line calls twice or once: a loop over the fields, or a call that is missing. */
     .classes = {"missing_rank", "uneven_iterations"}},

    {.name = "wrapped_by_one",
     .body = " local model = nn.Linear(4, 1)\n"
             "-if r == $odd then model = DistributedDataParallel(model) end @A\n"
             "+model = DistributedDataParallel(model)\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    {.name = "model_differs",
     .body = "-local width = r == dist.get_world_size() - 1 and 8 or 4\n"
             "+local width = 4\n"
             " local model = DistributedDataParallel(nn.Linear(4, width)) @A\n",
     .who = BUGSET_WHO_EXACTLY_LAST,
     .classes = {"died"}}, /* DDP compares the ranks' parameters itself, and raises */

    {.name = "one_batch_less",
     .body = MODEL "-for batch = 1, r == $odd and 2 or 3 do\n"
                   "+for batch = 1, 3 do\n" STEP " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    /* Behind the loop stands another all_reduce, which meets the gradients'. */
    {.name = "one_batch_less_then_metric",
     .body = MODEL "-for batch = 1, r == $odd and 2 or 3 do\n"
                   "+for batch = 1, 3 do\n" STEP " end\n"
                   " dist.all_reduce(tensor{ 1.0 }) @B\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations"}},

    {.name = "skips_a_bad_batch",
     .body = MODEL " for batch = 1, 3 do\n"
                   "-  if not (r == $odd and batch == 2) then\n" STEP "-  end\n"
                   " end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"uneven_iterations", "missing_rank"}},

    {.name = "backward_on_one",
     .body = MODEL " local loss = model(torch.ones(2, 4)):sum()\n"
                   "-if r == $odd then loss:backward() end @A\n"
                   "+loss:backward()\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    {.name = "metric_before_backward",
     .body = MODEL " local loss = model(torch.ones(2, 4)):sum()\n"
                   "-if r == $odd then dist.all_gather_object(\"sample\") end @B\n"
                   "+dist.all_gather_object(\"sample\")\n"
                   " loss:backward() @A\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank", "kind"}},

    {.name = "evaluation_on_one",
     .body = "-if r == $odd then\n"
             "   sim.evaluation(0, function()\n"
             "     dist.all_reduce(torch.ones(1)) @A\n"
             "   end)\n"
             "-end\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank"}},

    {.name = "evaluation_before_backward",
     .body = MODEL " local loss = model(torch.ones(2, 4)):sum()\n"
                   "-if r == $odd then\n"
                   "   sim.evaluation(0, function()\n"
                   "     dist.all_gather(torch.ones(1)) @B\n"
                   "   end)\n"
                   "-end\n"
                   " loss:backward() @A\n",
     .who = BUGSET_WHO_ODD,
     .classes = {"missing_rank", "kind"}},
};

void
bugset_make_hidden(Bugset *set)
{
    static const BugsetKind unused[] = {BUGSET_BARRIER};

    bugset_add_shapes(set, "hidden", shapes, G_N_ELEMENTS(shapes), unused, 1);
}
