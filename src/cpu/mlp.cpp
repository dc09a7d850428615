// The MLP's kernels for each instruction set, and the choice among them.

#include "cpu/mlp.h"

#include "cpu/highway.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/mlp.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#if FACTORISE_HAS_VECTORS
HWY_BEFORE_NAMESPACE();
namespace factorise::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
#include "cpu/exp_log-inl.h"
#include "cpu/mlp-inl.h"
}  // namespace
}  // namespace factorise::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
#include "cpu/one_lane.h"

namespace factorise::cpu {
namespace scalar {
namespace {
namespace hn = one_lane;
#include "cpu/exp_log-inl.h"
#include "cpu/mlp-inl.h"
}  // namespace
}  // namespace scalar

template <class T>
MlpKernels<T> mlp_kernels(Isa isa) {
  FACTORISE_CHOOSE(isa, kernels<T>(), scalar::kernels<T>());
}

template MlpKernels<float> mlp_kernels(Isa isa);
template MlpKernels<double> mlp_kernels(Isa isa);

}  // namespace factorise::cpu
#endif
