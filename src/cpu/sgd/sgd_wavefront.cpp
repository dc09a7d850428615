// The wavefront kernels: a block's rows on the lanes of some vectors, each row one column behind the row above it. U
// stays; V enters at the first row, moves on by one row a step, and leaves at the last.

#include "cpu/highway.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/sgd/sgd_wavefront.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "cpu/sgd/sgd_kernels.h"

HWY_BEFORE_NAMESPACE();
namespace factorise::cpu {
namespace HWY_NAMESPACE {
#if FACTORISE_HAS_VECTORS
namespace hn = hwy::HWY_NAMESPACE;

/// Cells as numbers, and which of them are observed.
template <class D>
struct Cells {
  hn::Vec<D> values;
  hn::Mask<D> observed;
};

template <class D, class Cell>
HWY_INLINE Cells<D> load_cells(D d, const Cell* cells) {
  if constexpr (std::is_same_v<Cell, uint8_t>) {
    const hn::Rebind<uint8_t, D> d8;
    const hn::Rebind<int32_t, D> d32;
    hn::Vec<D> values;
    if constexpr (sizeof(hn::TFromD<D>) == 4) {
      values = hn::ConvertTo(d, hn::PromoteTo(d32, hn::LoadU(d8, cells)));
    } else {
      values = hn::PromoteTo(d, hn::PromoteTo(d32, hn::LoadU(d8, cells)));
    }
    return {values, hn::Ne(values, hn::Zero(d))};
  } else {
    const auto values = hn::Load(d, cells);
    return {values, hn::Eq(values, values)};
  }
}

/// lr (a - p) where observed, else 0.
template <class D>
HWY_INLINE hn::Vec<D> step_of(const Cells<D>& cells, hn::Vec<D> p, hn::Vec<D> lr) {
  return hn::IfThenElseZero(cells.observed, hn::Mul(lr, hn::Sub(cells.values, p)));
}

/// Updates u and v of one k. `keep` is s where observed, else 1.
template <bool kDecay, class D>
HWY_INLINE void move(hn::Vec<D>& u, hn::Vec<D>& v, hn::Vec<D> g, hn::Vec<D> keep, D) {
  u = hn::MulAdd(g, v, kDecay ? hn::Mul(keep, u) : u);
  v = hn::MulAdd(g, u, kDecay ? hn::Mul(keep, v) : v);
}

template <class T, class Cell>
const Cell* cells_of(const SgdBlock<T>& block) {
  const SgdLayout& layout = *block.layout;
  const int64_t steps = layout.columns + layout.lag();
  return reinterpret_cast<const Cell*>(block.ratings + layout.cells) + block.block * steps * layout.block_rows;
}

#if HWY_TARGET == HWY_AVX2
#include "cpu/sgd/sgd_wavefront_cached-inl.h"
#else
#include "cpu/sgd/sgd_wavefront_shifting-inl.h"
#endif

template <class T>
SgdKernels<T> kernels_of(const SgdLayout& layout, bool decay) {
  const int64_t rank = layout.rank;
  if (layout.is_bytes) {
    return decay ? kernels_of_rank<T, uint8_t, true>(rank) : kernels_of_rank<T, uint8_t, false>(rank);
  }
  return decay ? kernels_of_rank<T, T, true>(rank) : kernels_of_rank<T, T, false>(rank);
}

SgdKernels<float> float_kernels(const SgdLayout& layout, bool decay) { return kernels_of<float>(layout, decay); }
SgdKernels<double> double_kernels(const SgdLayout& layout, bool decay) { return kernels_of<double>(layout, decay); }
SgdShape float_shape(int64_t rank, int64_t rows, int64_t columns) { return shape_of<float>(rank, rows, columns); }
SgdShape double_shape(int64_t rank, int64_t rows, int64_t columns) { return shape_of<double>(rank, rows, columns); }

#endif
}  // namespace HWY_NAMESPACE
}  // namespace factorise::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace factorise::cpu {

template <>
SgdShape wavefront_shape<float>(Isa isa, int64_t rank, int64_t rows, int64_t columns) {
  FACTORISE_CHOOSE(isa, float_shape(rank, rows, columns), {})
}
template <>
SgdShape wavefront_shape<double>(Isa isa, int64_t rank, int64_t rows, int64_t columns) {
  FACTORISE_CHOOSE(isa, double_shape(rank, rows, columns), {})
}
template <>
SgdKernels<float> wavefront_kernels<float>(Isa isa, const SgdLayout& layout, bool decay) {
  FACTORISE_CHOOSE(isa, float_kernels(layout, decay), {})
}
template <>
SgdKernels<double> wavefront_kernels<double>(Isa isa, const SgdLayout& layout, bool decay) {
  FACTORISE_CHOOSE(isa, double_kernels(layout, decay), {})
}

}  // namespace factorise::cpu
#endif
