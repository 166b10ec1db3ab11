/* SPDX-License-Identifier: MIT */
#include "model/nn.h"

#include <math.h>

#include "model/internal.h"
#include "model/ops.h"
#include "model/ops_embedding.h"

/* What kaiming_uniform_(a = sqrt(5)) and torch's rule for the bias come to, for @fan terms. */
static double
uniform_bound(int64_t fan)
{
    return fan > 0 ? 1.0 / sqrt((double)fan) : 0.0;
}

static bool
reset_uniform(DdpTensor *weight, DdpTensor *bias, double bound, DdpGenerator *generator,
              GError **error)
{
    bool grad_enabled = ddp_model_context_set_grad_enabled(weight->context, false);
    bool ok = ddp_uniform_(weight, generator, -bound, bound, error) &&
              (bias == NULL || ddp_uniform_(bias, generator, -bound, bound, error));

    ddp_model_context_set_grad_enabled(weight->context, grad_enabled);
    return ok;
}

bool
ddp_linear_reset(DdpTensor *weight, DdpTensor *bias, DdpGenerator *generator, GError **error)
{
    g_return_val_if_fail(weight->ndim == 2, false);

    return reset_uniform(weight, bias, uniform_bound(weight->shape[1]), generator, error);
}

bool
ddp_conv_reset(DdpTensor *weight, DdpTensor *bias, DdpGenerator *generator, GError **error)
{
    g_return_val_if_fail(weight->ndim > 2, false);

    int64_t fan = 1;

    for (int i = 1; i < weight->ndim; i++)
        fan *= weight->shape[i];
    return reset_uniform(weight, bias, uniform_bound(fan), generator, error);
}

static DdpTensor *
parameter_new(DdpModelContext *context, int ndim, const int64_t *shape, GError **error)
{
    DdpTensor *parameter = ddp_tensor_new_uninitialized(context, DDP_DTYPE_F32, ndim, shape, error);

    if (parameter != NULL) {
        parameter->requires_grad = true;
        parameter->is_parameter = true;
    }
    return parameter;
}

typedef bool (*ResetFunc)(DdpTensor *weight, DdpTensor *bias, DdpGenerator *generator,
                          GError **error);

/* A weight of @shape and, if @bias is not NULL, a bias for its first dimension. */
static bool
layer_new(DdpModelContext *context, int ndim, const int64_t *shape, ResetFunc reset,
          DdpTensor **weight, DdpTensor **bias, GError **error)
{
    DdpTensor *own_bias = NULL;
    DdpTensor *own_weight = parameter_new(context, ndim, shape, error);

    if (own_weight != NULL && bias != NULL)
        own_bias = parameter_new(context, 1, shape, error);
    if (own_weight == NULL || (bias != NULL && own_bias == NULL) ||
        !reset(own_weight, own_bias, NULL, error)) {
        clear_tensor(&own_weight);
        clear_tensor(&own_bias);
        return false;
    }
    *weight = own_weight;
    if (bias != NULL)
        *bias = own_bias;
    return true;
}

bool
ddp_linear_new(DdpModelContext *context, int64_t in_features, int64_t out_features,
               DdpTensor **weight, DdpTensor **bias, GError **error)
{
    int64_t shape[2] = {out_features, in_features};

    return layer_new(context, 2, shape, ddp_linear_reset, weight, bias, error);
}

bool
ddp_conv_new(DdpModelContext *context, int ndim, const int64_t *shape, DdpTensor **weight,
             DdpTensor **bias, GError **error)
{
    return layer_new(context, ndim, shape, ddp_conv_reset, weight, bias, error);
}

DdpTensor *
ddp_embedding_new(DdpModelContext *context, int64_t rows, int64_t width, int64_t padding_idx,
                  GError **error)
{
    int64_t shape[2] = {rows, width};
    DdpTensor *weight = parameter_new(context, 2, shape, error);

    if (weight != NULL && !ddp_embedding_reset(weight, padding_idx, NULL, error))
        clear_tensor(&weight);
    return weight;
}

DdpTensor *
ddp_parameters_flatten(DdpTensor *const *parameters, size_t count, GError **error)
{
    size_t total = 0;

    g_return_val_if_fail(count > 0, NULL);

    for (size_t i = 0; i < count; i++) {
        if (parameters[i]->dtype != parameters[0]->dtype) {
            g_set_error(error, DDP_TENSOR_ERROR, DDP_TENSOR_ERROR_DTYPE,
                        "parameters of torch.%s and torch.%s cannot share one block",
                        ddp_dtype_name(dtype_of(parameters[0])),
                        ddp_dtype_name(dtype_of(parameters[i])));
            return NULL;
        }
        total += parameters[i]->numel;
    }

    int64_t shape[1] = {(int64_t)total};
    DdpTensor *flat = ddp_tensor_new_uninitialized(parameters[0]->context, dtype_of(parameters[0]),
                                                   1, shape, error);
    size_t first = 0;

    for (size_t i = 0; flat != NULL && i < count; i++) {
        if (!ddp_tensor_rebase(parameters[i], flat, first, error)) {
            clear_tensor(&flat);
            break;
        }
        first += parameters[i]->numel;
    }
    return flat;
}
