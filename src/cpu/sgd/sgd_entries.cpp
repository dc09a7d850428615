// The entry kernel: one observed entry after another, the rank on the lanes. Neighbours in the list are of other rows
// and columns (sgd_layout.h), so their long dependent chains overlap in the processor.

#include "cpu/highway.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/sgd/sgd_entries.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "cpu/sgd/sgd_kernels.h"

HWY_BEFORE_NAMESPACE();
namespace factorise::cpu {
namespace HWY_NAMESPACE {
#if FACTORISE_HAS_VECTORS
namespace hn = hwy::HWY_NAMESPACE;

/// The last steps of the contract's dot product: lanes folded in halves.
template <class D>
HWY_INLINE hn::TFromD<D> fold(D d, hn::Vec<D> s) {
  using T = hn::TFromD<D>;
  if constexpr (MaxLanes(D()) * sizeof(T) > 16) {
    const hn::Half<D> half;
    return fold(half, hn::Add(hn::LowerHalf(half, s), hn::UpperHalf(half, s)));
  } else if constexpr (sizeof(T) == 4) {
    s = hn::Add(s, hn::Shuffle1032(s));
    return hn::GetLane(hn::Add(s, hn::Shuffle2301(s)));
  } else {
    return hn::GetLane(hn::Add(s, hn::Shuffle01(s)));
  }
  static_cast<void>(d);
}

/// u·v of the contract at rank >= 8, for rows of 8 * groups numbers, zeros from the rank on.
template <class T, class D>
HWY_INLINE T chained_dot(D d, const T* HWY_RESTRICT u, const T* HWY_RESTRICT v, int64_t groups) {
  constexpr size_t L = MaxLanes(D()), kVectors = 8 / L;
  hn::Vec<D> s[kVectors];
  for (size_t i = 0; i < kVectors; ++i) s[i] = hn::Mul(hn::Load(d, u + i * L), hn::Load(d, v + i * L));
  for (int64_t g = 1; g < groups; ++g) {
    for (size_t i = 0; i < kVectors; ++i) {
      s[i] = hn::MulAdd(hn::Load(d, u + 8 * g + i * L), hn::Load(d, v + 8 * g + i * L), s[i]);
    }
  }
  for (size_t half = kVectors / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) s[i] = hn::Add(s[i], s[i + half]);
  }
  return fold(d, s[0]);
}

/// Updates u and v by g, in vectors.
template <class T, class D, bool kDecay>
HWY_INLINE void move(D d, T* HWY_RESTRICT u, T* HWY_RESTRICT v, int64_t stride, T g, T s) {
  constexpr int64_t L = MaxLanes(D());
  const auto gs = hn::Set(d, g), ss = hn::Set(d, s);
  for (int64_t k = 0; k < stride; k += L) {
    auto x = hn::Load(d, u + k), y = hn::Load(d, v + k);
    x = hn::MulAdd(gs, y, kDecay ? hn::Mul(ss, x) : x);
    y = hn::MulAdd(gs, x, kDecay ? hn::Mul(ss, y) : y);
    hn::Store(x, d, u + k);
    hn::Store(y, d, v + k);
  }
}

/// kRank: 1 to 7 for that rank; 8 for any from 8 on. kGroups: stride / 8 where it is known, else 0.
template <class T, int kRank, int kGroups, bool kDecay>
void advance(const SgdBlock<T>& block, int64_t from, int64_t to) {
  constexpr size_t kLanes = kRank <= 4 ? 4 : 8;
  using D = hn::CappedTag<T, kLanes>;
  const D d;
  const auto [values, columns, rows, begin, end] = SgdEntries<T>(block, from, to);
  const int64_t stride = kRank < kChainedRank ? sgd_stride(kRank) : kGroups > 0 ? 8 * kGroups : block.stride;
  const T lr = block.step.lr, s = block.step.s;
  T* const U = block.U;
  T* const V = block.V;
  for (int64_t e = begin; e < end; ++e) {
    __builtin_prefetch(V + static_cast<int64_t>(columns[e + kSgdLookahead]) * stride);
    T* u = U + static_cast<int64_t>(rows[e]) * stride;
    T* v = V + static_cast<int64_t>(columns[e]) * stride;
    T p;
    if constexpr (kRank < kChainedRank) {
      p = u[0] * v[0];
      for (int k = 1; k < kRank; ++k) p = std::fma(u[k], v[k], p);
    } else {
      p = chained_dot<T>(d, u, v, stride / 8);
    }
    move<T, D, kDecay>(d, u, v, stride, lr * (values[e] - p), s);
  }
}

template <class T, int kRank, int kGroups>
SgdKernels<T> kernels_of_rank(bool decay) {
  return {nullptr, decay ? &advance<T, kRank, kGroups, true> : &advance<T, kRank, kGroups, false>, nullptr};
}

template <class T>
SgdKernels<T> kernels_of(int64_t rank, bool decay) {
  switch (rank < kChainedRank ? rank : kChainedRank - 1 + sgd_stride(rank) / 8) {
    case 1:
      return kernels_of_rank<T, 1, 0>(decay);
    case 2:
      return kernels_of_rank<T, 2, 0>(decay);
    case 3:
      return kernels_of_rank<T, 3, 0>(decay);
    case 4:
      return kernels_of_rank<T, 4, 0>(decay);
    case 5:
      return kernels_of_rank<T, 5, 0>(decay);
    case 6:
      return kernels_of_rank<T, 6, 0>(decay);
    case 7:
      return kernels_of_rank<T, 7, 0>(decay);
    case 8:
      return kernels_of_rank<T, 8, 1>(decay);
    case 9:
      return kernels_of_rank<T, 8, 2>(decay);
    default:
      return kernels_of_rank<T, 8, 0>(decay);
  }
}

SgdKernels<float> float_kernels(int64_t rank, bool decay) { return kernels_of<float>(rank, decay); }
SgdKernels<double> double_kernels(int64_t rank, bool decay) { return kernels_of<double>(rank, decay); }

#endif
}  // namespace HWY_NAMESPACE
}  // namespace factorise::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace factorise::cpu {
namespace {

/// The contract's code (contract/sgd.h) itself, for machines without vectors that fuse.
template <class T>
void advance_plainly(const SgdBlock<T>& block, int64_t from, int64_t to) {
  const auto [values, columns, rows, begin, end] = SgdEntries<T>(block, from, to);
  for (int64_t e = begin; e < end; ++e) {
    sgd_update(block.U + rows[e] * block.stride, block.V + static_cast<int64_t>(columns[e]) * block.stride,
               static_cast<int>(block.layout->rank), values[e], block.step);
  }
}

}  // namespace

template <>
SgdKernels<float> entry_kernels<float>(Isa isa, int64_t rank, bool decay) {
  using Plain = SgdKernels<float>;
  FACTORISE_CHOOSE(isa, float_kernels(rank, decay), (Plain{nullptr, &advance_plainly<float>, nullptr}))
}
template <>
SgdKernels<double> entry_kernels<double>(Isa isa, int64_t rank, bool decay) {
  using Plain = SgdKernels<double>;
  FACTORISE_CHOOSE(isa, double_kernels(rank, decay), (Plain{nullptr, &advance_plainly<double>, nullptr}))
}

}  // namespace factorise::cpu
#endif
