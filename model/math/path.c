/* SPDX-License-Identifier: MIT */
#include "model/math/gemm.h"

#include "model/math/kernels.h"

#include <glib.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * Which instructions this process uses.
 *
 * The choice is made once, at first use, and every thread that comes at the same time makes
 * the same one, so it needs no lock: a plain atomic holds it. It changes how fast an answer
 * comes and never the answer.
 */

typedef struct {
    const DdpGemmKernel *gemm;
    const DdpArrayKernel *array;
} PathKernels;

static const char *const path_names[] = {
    [DDP_MATH_PATH_SCALAR] = "scalar",
    [DDP_MATH_PATH_AVX2] = "avx2",
    [DDP_MATH_PATH_AVX512] = "avx512",
};

#define PATH_UNKNOWN (-1)

static atomic_int path_in_use = PATH_UNKNOWN;

#ifdef DDP_MATH_X86

/* __builtin_cpu_supports() also asks whether the operating system saves the registers. */
static bool
cpu_has_fma(void)
{
    return __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx");
}

bool
ddp_math_path_available(DdpMathPath path)
{
    switch (path) {
    case DDP_MATH_PATH_SCALAR:
        return true;
    case DDP_MATH_PATH_AVX2:
        return cpu_has_fma() && __builtin_cpu_supports("avx2");
    case DDP_MATH_PATH_AVX512:
        return cpu_has_fma() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("avx512f");
    }
    return false;
}

static PathKernels
path_kernels(DdpMathPath path)
{
    switch (path) {
    case DDP_MATH_PATH_AVX512:
        return (PathKernels){&ddp_gemm_avx512, &ddp_array_avx512};
    case DDP_MATH_PATH_AVX2:
        return (PathKernels){&ddp_gemm_avx2, &ddp_array_avx2};
    case DDP_MATH_PATH_SCALAR:
        break;
    }
    if (cpu_has_fma())
        return (PathKernels){&ddp_gemm_fma, &ddp_array_fma};
    return (PathKernels){&ddp_gemm_scalar, &ddp_array_scalar};
}

const DdpNumberKernel *
ddp_math_number(void)
{
    return cpu_has_fma() ? &ddp_number_fma : &ddp_number_scalar;
}

DdpGemmF64Func *
ddp_math_gemm_f64(void)
{
    return cpu_has_fma() ? ddp_gemm_f64_fma : ddp_gemm_f64_scalar;
}

#else

bool
ddp_math_path_available(DdpMathPath path)
{
    return path == DDP_MATH_PATH_SCALAR;
}

static PathKernels
path_kernels(DdpMathPath path)
{
    (void)path;
    return (PathKernels){&ddp_gemm_scalar, &ddp_array_scalar};
}

const DdpNumberKernel *
ddp_math_number(void)
{
    return &ddp_number_scalar;
}

DdpGemmF64Func *
ddp_math_gemm_f64(void)
{
    return ddp_gemm_f64_scalar;
}

#endif

/* The best that the CPU has and that is not above @limit. */
static DdpMathPath
best_path(DdpMathPath limit)
{
    DdpMathPath path = limit;

    while (path > DDP_MATH_PATH_SCALAR && !ddp_math_path_available(path))
        path--;
    return path;
}

/* What the environment allows. A word that is no path allows everything. */
static DdpMathPath
path_limit(void)
{
    const char *asked = getenv("DDPSIM_MATH");

    for (size_t i = 0; asked != NULL && i < G_N_ELEMENTS(path_names); i++) {
        if (g_ascii_strcasecmp(asked, path_names[i]) == 0)
            return (DdpMathPath)i;
    }
    return DDP_MATH_PATH_AVX512;
}

DdpMathPath
ddp_math_path(void)
{
    int path = atomic_load_explicit(&path_in_use, memory_order_relaxed);

    if (path == PATH_UNKNOWN) {
        int chosen = (int)best_path(path_limit());

        /* Somebody may have forced a path meanwhile, then that one counts. */
        if (atomic_compare_exchange_strong(&path_in_use, &path, chosen))
            path = chosen;
    }
    return (DdpMathPath)path;
}

const char *
ddp_math_path_name(DdpMathPath path)
{
    g_return_val_if_fail((size_t)path < G_N_ELEMENTS(path_names), "?");

    return path_names[path];
}

void
ddp_math_path_force(DdpMathPath path)
{
    g_return_if_fail(ddp_math_path_available(path));

    atomic_store(&path_in_use, (int)path);
}

const DdpGemmKernel *
ddp_math_gemm(void)
{
    return path_kernels(ddp_math_path()).gemm;
}

const DdpArrayKernel *
ddp_math_array(void)
{
    return path_kernels(ddp_math_path()).array;
}
