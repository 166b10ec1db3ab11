/* SPDX-License-Identifier: MIT */
#include "model/kernels.h"

#include "model/math/gemm.h"

#define KERNELS(path)                                                                              \
    {                                                                                              \
        .elementwise = &ddp_elementwise_kernels_##path, .reduce = &ddp_reduce_kernels_##path,      \
        .random = &ddp_random_kernels_##path, .optim = &ddp_optim_kernels_##path,                  \
        .half = &ddp_half_kernels_##path, .norm = &ddp_norm_kernels_##path,                        \
        .activation = &ddp_activation_kernels_##path, .conv = &ddp_conv_kernels_##path,            \
    }

const DdpKernels *
ddp_kernels(void)
{
    static const DdpKernels scalar = KERNELS(scalar);

#ifdef DDP_KERNELS_X86
    static const DdpKernels avx2 = KERNELS(avx2);
    static const DdpKernels avx512 = KERNELS(avx512);

    switch (ddp_math_path()) {
    case DDP_MATH_PATH_AVX512:
        return &avx512;
    case DDP_MATH_PATH_AVX2:
        return &avx2;
    case DDP_MATH_PATH_SCALAR:
        break;
    }
#endif
    return &scalar;
}
