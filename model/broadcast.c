/* SPDX-License-Identifier: MIT */
#include "model/broadcast.h"

#include <string.h>

bool
ddp_shape_equal(const DdpShape *a, const DdpShape *b)
{
    return a->ndim == b->ndim &&
           memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof a->shape[0]) == 0;
}

size_t
ddp_shape_count(const DdpShape *shape)
{
    size_t count = 1;

    for (int i = 0; i < shape->ndim; i++)
        count *= (size_t)shape->shape[i];
    return count;
}

static int64_t
size_from_end(const DdpShape *shape, int from_end)
{
    return from_end < shape->ndim ? shape->shape[shape->ndim - 1 - from_end] : 1;
}

bool
ddp_shape_broadcast(const DdpShape *a, const DdpShape *b, DdpShape *common, GError **error)
{
    common->ndim = MAX(a->ndim, b->ndim);
    for (int i = 0; i < common->ndim; i++) {
        int64_t x = size_from_end(a, i);
        int64_t y = size_from_end(b, i);

        if (x != y && x != 1 && y != 1) {
            g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_SHAPE,
                        "The size of tensor a (%" G_GINT64_FORMAT ") must match the size of "
                        "tensor b (%" G_GINT64_FORMAT ") at non-singleton dimension %d",
                        x, y, common->ndim - 1 - i);
            return false;
        }
        common->shape[common->ndim - 1 - i] = x == 1 ? y : x;
    }
    return true;
}

/* One loop over memory: how far each side moves with it, in elements. */
typedef struct {
    size_t count;
    size_t a_step;
    size_t b_step;
} Level;

/* Steps of @side along the dimensions of @shape: 0 where it is repeated. */
static void
steps_of(const DdpShape *side, const DdpShape *shape, size_t *steps)
{
    size_t step = 1;

    for (int i = 0; i < shape->ndim; i++) {
        int64_t size = size_from_end(side, i);

        steps[shape->ndim - 1 - i] = size == 1 ? 0 : step;
        step *= (size_t)size;
    }
}

/* As few loops as possible, outermost first: neighbours that move evenly become one. */
static int
levels_of(const DdpShape *shape, const DdpShape *a, const DdpShape *b, Level *levels)
{
    size_t a_steps[DDP_TENSOR_DIMS_MAX];
    size_t b_steps[DDP_TENSOR_DIMS_MAX];
    int count = 0;

    steps_of(a, shape, a_steps);
    steps_of(b, shape, b_steps);
    for (int i = 0; i < shape->ndim; i++) {
        Level level = {(size_t)shape->shape[i], a_steps[i], b_steps[i]};

        if (level.count == 1)
            continue;
        if (count > 0 && levels[count - 1].a_step == level.a_step * level.count &&
            levels[count - 1].b_step == level.b_step * level.count) {
            level.count *= levels[count - 1].count;
            count--;
        }
        levels[count++] = level;
    }
    if (count == 0)
        levels[count++] = (Level){1, 1, 1};
    return count;
}

void
ddp_broadcast_walk(DdpBinaryLoop loop, const DdpShape *shape, void *out, size_t out_element_bytes,
                   DdpBroadcastSide a, DdpBroadcastSide b)
{
    Level levels[DDP_TENSOR_DIMS_MAX];
    size_t index[DDP_TENSOR_DIMS_MAX] = {0};
    int inner;
    const char *a_data = a.data;
    const char *b_data = b.data;
    char *target = out;

    if (ddp_shape_count(shape) == 0)
        return;

    inner = levels_of(shape, a.shape, b.shape, levels) - 1;
    for (;;) {
        loop(levels[inner].count, target, a_data, levels[inner].a_step, b_data,
             levels[inner].b_step);
        target += levels[inner].count * out_element_bytes;

        /* The next position of the outer loops, counted like an odometer. */
        int l = inner - 1;

        for (; l >= 0; l--) {
            a_data += levels[l].a_step * a.element_bytes;
            b_data += levels[l].b_step * b.element_bytes;
            if (++index[l] < levels[l].count)
                break;
            a_data -= levels[l].a_step * levels[l].count * a.element_bytes;
            b_data -= levels[l].b_step * levels[l].count * b.element_bytes;
            index[l] = 0;
        }
        if (l < 0)
            return;
    }
}
