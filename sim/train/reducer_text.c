/* SPDX-License-Identifier: MIT */
/* What a reducer says when a pass cannot be right. */
#include "sim/train/reducer_private.h"

/* " 2 3": which parameters are not ready; " a.bias, b.weight" with names. */
static char *
list_missing(const DdpReducer *reducer, bool names)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < reducer->slot_count; i++) {
        if (reducer->slots[i].ready)
            continue;
        if (!names)
            g_string_append_printf(text, " %zu", i);
        else
            g_string_append_printf(text, "%s %s", text->len > 0 ? "," : "", reducer->names[i]);
    }
    return g_string_free(text, FALSE);
}

bool
ddp_reducer_fail_unfinished(const DdpReducer *reducer, GError **error)
{
    bool names = reducer->spec.names_in_errors && reducer->names != NULL;
    g_autofree char *indices = list_missing(reducer, false);
    g_autofree char *called = names ? list_missing(reducer, true) : NULL;
    const char *cause =
        reducer->spec.static_graph
            ? "your training graph has changed in this iteration, e.g., one parameter is used in "
              "first iteration, but then got unused in the second iteration. this is not "
              "compatible with static_graph set to True."
            : "your module has parameters that were not used in producing loss. Pass "
              "find_unused_parameters = true to DistributedDataParallel, and let all outputs of "
              "forward take part in the loss.";

    g_set_error(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_UNUSED,
                "Expected to have finished reduction in the prior iteration before starting a new "
                "one. This error indicates that %s%s%s%s Parameter indices which did not receive "
                "grad for rank %d:%s",
                cause, names ? " Parameters which did not receive grad:" : "", names ? called : "",
                names ? "." : "", reducer->rank, indices);
    return false;
}

bool
ddp_reducer_fail_twice(const DdpReducer *reducer, const DdpReducerSlot *slot, GError **error)
{
    size_t index = (size_t)(slot - reducer->slots);

    g_set_error(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_TWICE,
                "Expected to mark a variable ready only once: the parameter at index %zu%s%s took "
                "part in two backward passes of one forward, or is used outside of forward; add "
                "the losses up and call backward once, or set static_graph = true if the graph "
                "never changes",
                index, reducer->names != NULL ? " with name " : "",
                reducer->names != NULL ? reducer->names[index] : "");
    return false;
}

bool
ddp_reducer_fail_changed(GError **error)
{
    g_set_error_literal(error, DDP_TRAIN_ERROR, DDP_TRAIN_ERROR_FAILED,
                        "Your training graph has changed in this iteration, e.g., one parameter is "
                        "unused in first iteration, but then got used in the second iteration. "
                        "this is not compatible with static_graph set to True.");
    return false;
}
