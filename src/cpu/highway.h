// Google Highway as the kernels use it: headers alone, and only targets with a fused multiply-add, because Highway
// emulates MulAdd with two roundings on the SSE targets. A kernel includes this before hwy/foreach_target.h, and puts
// what is compiled for each target between HWY_BEFORE_NAMESPACE and HWY_AFTER_NAMESPACE, in HWY_NAMESPACE. Highway's
// static target (scalar, or EMU128) stands for "no vectors" and is left empty: there, a kernel has a loop of its own.
#ifndef FACTORISE_CPU_HIGHWAY_H_
#define FACTORISE_CPU_HIGHWAY_H_

#include "cpu/isa.h"

// Without optimisation, and under sanitizers, Highway checks arguments by a function that its headers lack.
#define HWY_IS_DEBUG_BUILD 0

// The bits of HWY_AVX3, HWY_AVX2, HWY_NEON, HWY_EMU128 and HWY_SCALAR, which Highway keeps between its versions. Names
// cannot be used: those that a version does not know would be zero in a condition, and an error elsewhere.
#define HWY_DISABLED_TARGETS (~((1LL << 8) | (1LL << 9) | (1LL << 28) | (1LL << 61) | (1LL << 62)))
#include <hwy/detect_targets.h>

// Unrolls a loop of a few turns, so that arrays of vectors become registers.
#if defined(__clang__)
#define FACTORISE_UNROLL _Pragma("unroll")
#else
#define FACTORISE_UNROLL _Pragma("GCC unroll 16")
#endif

// FACTORISE_CHOOSE(isa, call, otherwise): returns the call of the target for that instruction set, in a kernel's
// HWY_ONCE part.
#if HWY_TARGETS & HWY_AVX3
#define FACTORISE_CASE_AVX512(call) \
  case Isa::avx512:                 \
    return N_AVX3::call;
#else
#define FACTORISE_CASE_AVX512(call)
#endif
#if HWY_TARGETS & HWY_AVX2
#define FACTORISE_CASE_AVX2(call) \
  case Isa::avx2:                 \
    return N_AVX2::call;
#else
#define FACTORISE_CASE_AVX2(call)
#endif
#if HWY_TARGETS & HWY_NEON
#define FACTORISE_CASE_NEON(call) \
  case Isa::neon:                 \
    return N_NEON::call;
#else
#define FACTORISE_CASE_NEON(call)
#endif
#define FACTORISE_CHOOSE(isa, call, otherwise)                                                                  \
  switch (isa) {                                                                                                \
    FACTORISE_CASE_AVX512(call) FACTORISE_CASE_AVX2(call) FACTORISE_CASE_NEON(call) default : return otherwise; \
  }

#endif

/// Whether the target that is being compiled has vectors.
#undef FACTORISE_HAS_VECTORS
#define FACTORISE_HAS_VECTORS (HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128)
