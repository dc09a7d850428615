// Least squares with more than eight unknowns, one row after another: the features of 64 entries are gathered into a
// panel, and the upper triangle of their products is summed in tiles that stay in registers; the same tiles then factor
// the system.

#include "cpu/highway.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/least_squares/large_systems.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "contract/least_squares.h"
#include "cpu/least_squares/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace factorise::cpu {
namespace HWY_NAMESPACE {
#if FACTORISE_HAS_VECTORS
namespace hn = hwy::HWY_NAMESPACE;

/// Entries of a panel; a segment is whole panels.
constexpr int64_t kPanel = 64;
static_assert(kSegmentEntries % kPanel == 0);

/// The rows of a tile: with two vectors in each, its sums fill half of the registers.
constexpr int kTileRows = MaxLanes(hn::ScalableTag<uint8_t>()) == 32 ? 4 : 8;

/// Rows of a tile x kVectors vectors: S[i][j] = fma(±panel[k][i], panel[k][j], S[i][j]) for k ascending.
template <bool kSubtract, int kVectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void add_tile(D d, const T* panel, int64_t stride, int64_t entries, int64_t i, int64_t j, T* S) {
  constexpr int64_t kLanes = static_cast<int64_t>(MaxLanes(D()));
  hn::Vec<D> sums[kTileRows][kVectors];
  FACTORISE_UNROLL
  for (int r = 0; r < kTileRows; ++r) {
    FACTORISE_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::Load(d, S + (i + r) * stride + j + v * kLanes);
  }
  const T* left = panel + i;
  const T* right = panel + j;
  for (int64_t k = 0; k < entries; ++k, left += stride, right += stride) {
    hn::Vec<D> y[kVectors];
    FACTORISE_UNROLL
    for (int v = 0; v < kVectors; ++v) y[v] = hn::Load(d, right + v * kLanes);
    FACTORISE_UNROLL
    for (int r = 0; r < kTileRows; ++r) {
      const auto x = hn::Set(d, left[r]);
      FACTORISE_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        sums[r][v] = kSubtract ? hn::NegMulAdd(x, y[v], sums[r][v]) : hn::MulAdd(x, y[v], sums[r][v]);
      }
    }
  }
  FACTORISE_UNROLL
  for (int r = 0; r < kTileRows; ++r) {
    FACTORISE_UNROLL
    for (int v = 0; v < kVectors; ++v) hn::Store(sums[r][v], d, S + (i + r) * stride + j + v * kLanes);
  }
}

/// All tiles of the rows from i on: columns from the diagonal to the stride.
template <bool kSubtract, class T>
HWY_INLINE void add_tiles(const T* panel, int64_t stride, int64_t entries, int64_t i, int64_t columns, T* S) {
  const hn::ScalableTag<T> d;
  const hn::Half<decltype(d)> half;
  constexpr int64_t kLanes = static_cast<int64_t>(MaxLanes(hn::ScalableTag<T>()));
  int64_t j = i / kLanes * kLanes;
  if constexpr (kTileRows <= kLanes / 2) {
    if (i >= j + kLanes / 2) {
      add_tile<kSubtract, 1>(half, panel, stride, entries, i, j + kLanes / 2, S);
      j += kLanes;
    }
  }
  for (; j + 2 * kLanes <= columns; j += 2 * kLanes) add_tile<kSubtract, 2>(d, panel, stride, entries, i, j, S);
  if (j < columns) add_tile<kSubtract, 1>(d, panel, stride, entries, i, j, S);
}

/// The right-hand side: s = fma(panel[k], targets[k], s) for k ascending.
template <class T>
HWY_INLINE void add_targets(const T* panel, int64_t stride, const T* targets, int64_t entries, int64_t columns, T* s) {
  const hn::ScalableTag<T> d;
  constexpr int64_t kLanes = static_cast<int64_t>(MaxLanes(hn::ScalableTag<T>()));
  const auto add = [&]<int kVectors>(int64_t j, std::integral_constant<int, kVectors>) HWY_ATTR {
    hn::Vec<decltype(d)> sums[kVectors];
    FACTORISE_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[v] = hn::Load(d, s + j + v * kLanes);
    for (int64_t k = 0; k < entries; ++k) {
      const auto t = hn::Set(d, targets[k]);
      FACTORISE_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        sums[v] = hn::MulAdd(hn::Load(d, panel + k * stride + j + v * kLanes), t, sums[v]);
      }
    }
    FACTORISE_UNROLL
    for (int v = 0; v < kVectors; ++v) hn::Store(sums[v], d, s + j + v * kLanes);
  };
  int64_t j = 0;
  for (; j + 4 * kLanes <= columns; j += 4 * kLanes) add(j, std::integral_constant<int, 4>());
  for (; j < columns; j += kLanes) add(j, std::integral_constant<int, 1>());
}

/// One row's system, in the workspace.
template <class T>
class System {
 public:
  static constexpr int64_t kLanes = static_cast<int64_t>(MaxLanes(hn::ScalableTag<T>()));
  static constexpr int64_t kNumbersOfLine = 64 / sizeof(T);

  System(int64_t unknowns, T* workspace)
      : unknowns_(unknowns),
        stride_(feature_stride(unknowns)),
        rows_((unknowns + kTileRows - 1) / kTileRows * kTileRows),
        columns_((unknowns + kLanes - 1) / kLanes * kLanes),
        panel_(workspace),
        S_(panel_ + kPanel * stride_),
        s_(S_ + rows_ * stride_),
        of_segment_(s_ + stride_),
        inverse_(of_segment_ + (rows_ + 1) * stride_),
        smallest_(inverse_ + stride_),
        targets_(smallest_ + stride_) {}

  static int64_t workspace(int64_t unknowns) {
    const int64_t stride = feature_stride(unknowns), rows = (unknowns + kTileRows - 1) / kTileRows * kTileRows;
    return kPanel * stride + 2 * (rows + 1) * stride + 2 * stride + kPanel;
  }

  /// The sums over a row's entries.
  void sum(const LeastSquares<T>& problem, int64_t first, int64_t stop) {
    if (first == stop) std::fill(S_, s_ + stride_, T(0));
    for (int64_t from = first; from < stop; from += kSegmentEntries) {
      const int64_t end = std::min(stop, from + kSegmentEntries);
      T* S = from == first ? S_ : of_segment_;
      T* s = S + rows_ * stride_;
      if (kLanes > kChainedUnknowns && unknowns_ <= kLanes) {
        unknowns_ <= kLanes * 3 / 4 ? sum_narrow<kLanes / 4>(problem, from, end, S, s)
                                    : sum_narrow<kLanes / 2>(problem, from, end, S, s);
      } else {
        std::fill(S, s + stride_, T(0));
        for (int64_t e = from; e < end; e += kPanel) add_panel(problem, e, std::min(kPanel, end - e), S, s);
      }
      if (from == first) continue;
      for (int64_t x = 0; x < (rows_ + 1) * stride_; ++x) S_[x] += of_segment_[x];
    }
  }

  void regularise(T added, T last_added) {
    for (int64_t i = 0; i + 1 < unknowns_; ++i) S_[i * stride_ + i] += added;
    S_[(unknowns_ - 1) * (stride_ + 1)] += last_added;
  }

  void add(const Prior<T>& prior) {
    const hn::ScalableTag<T> d;
    const auto alpha = hn::Set(d, prior.alpha);
    const auto add_to = [&](T* sums, const T* added, int64_t from) HWY_ATTR {
      for (int64_t j = from / kLanes * kLanes; j < columns_; j += kLanes) {
        hn::Store(hn::MulAdd(alpha, hn::Load(d, sums + j), hn::Load(d, added + j)), d, sums + j);
      }
    };
    for (int64_t i = 0; i < unknowns_; ++i) add_to(S_ + i * stride_, prior.precision + i * prior.stride, i);
    add_to(s_, prior.shift, 0);
  }

  /// Writes the solution, or a draw with these deviates, of which `term` is |z|² - |y|². False where the system is not
  /// positive definite.
  bool solve(T* solution, const T* deviates = nullptr, T* term = nullptr) {
    for (int64_t i = 0; i < unknowns_; ++i) {
      smallest_[i] = smallest_pivot(static_cast<int>(unknowns_), S_[i * stride_ + i]);
    }
    for (int64_t i = 0; i < unknowns_; i += kTileRows) {
      if (i > 0) add_tiles<true>(S_, stride_, i, i, columns_, S_);
      if (!factor_rows(i, std::min(unknowns_, i + kTileRows))) return false;
    }
    const hn::ScalableTag<T> d;
    T* y = of_segment_;
    for (int64_t k = 0; k < unknowns_; ++k) {
      y[k] = s_[k] * inverse_[k];
      const auto yk = hn::Set(d, y[k]);
      for (int64_t j = k / kLanes * kLanes; j < columns_; j += kLanes) {
        hn::Store(hn::NegMulAdd(hn::Load(d, S_ + k * stride_ + j), yk, hn::Load(d, s_ + j)), d, s_ + j);
      }
    }
    if (deviates) {
      T sum = 0;
      for (int64_t i = 0; i < unknowns_; ++i) {
        sum = std::fma(deviates[i], deviates[i], std::fma(-y[i], y[i], sum));
        y[i] += deviates[i];
      }
      *term = sum;
    }
    for (int64_t i = unknowns_ - 1; i >= 0; --i) {
      const T x = y[i] * inverse_[i];
      solution[i] = x;
      for (int64_t j = 0; j < i; ++j) y[j] = std::fma(-S_[j * stride_ + i], x, y[j]);
    }
    return true;
  }

 private:
  /// A segment of up to as many unknowns as a vector has lanes: all sums stay in registers, S's lower half in vectors
  /// of half the length. kBelow: rows of the lower half.
  template <int kBelow>
  void sum_narrow(const LeastSquares<T>& problem, int64_t from, int64_t end, T* S, T* s) {
    const hn::ScalableTag<T> d;
    const hn::Half<decltype(d)> half;
    constexpr int kHalf = static_cast<int>(kLanes / 2);
    using V = hn::Vec<decltype(d)>;
    using H = hn::Vec<decltype(half)>;
    V above[kHalf], right = hn::Zero(d);
    H below[kBelow];
    FACTORISE_UNROLL
    for (int i = 0; i < kHalf; ++i) above[i] = hn::Zero(d);
    FACTORISE_UNROLL
    for (int i = 0; i < kBelow; ++i) below[i] = hn::Zero(half);
    const int32_t* indices = problem.lists.indices;
    const int64_t last = problem.lists.count() - 1;
    const bool is_far = are_far(problem);
    for (int64_t e = from; e < end; ++e) {
      if (is_far) __builtin_prefetch(problem.features + indices[std::min(e + kAhead, last)] * kLanes);
      const int64_t index = indices[e];
      const T* w = problem.features + index * kLanes;
      const V x = hn::Load(d, w);
      const H upper = hn::Load(half, w + kHalf);
      right = hn::MulAdd(
          x, hn::Set(d, problem.offsets ? problem.lists.values[e] - problem.offsets[index] : problem.lists.values[e]),
          right);
      FACTORISE_UNROLL
      for (int i = 0; i < kHalf; ++i) above[i] = hn::MulAdd(hn::Set(d, w[i]), x, above[i]);
      FACTORISE_UNROLL
      for (int i = 0; i < kBelow; ++i) below[i] = hn::MulAdd(hn::Set(half, w[kHalf + i]), upper, below[i]);
    }
    FACTORISE_UNROLL
    for (int i = 0; i < kHalf; ++i) hn::Store(above[i], d, S + i * kLanes);
    FACTORISE_UNROLL
    for (int i = 0; i < kBelow; ++i) hn::Store(below[i], half, S + (kHalf + i) * kLanes + kHalf);
    hn::Store(right, d, s);
  }

  void add_panel(const LeastSquares<T>& problem, int64_t first, int64_t entries, T* S, T* s) {
    const hn::ScalableTag<T> d;
    const int32_t* indices = problem.lists.indices + first;
    for (int64_t k = 0; k < entries; ++k) {
      const T* from = problem.features + indices[k] * stride_;
      T* to = panel_ + k * stride_;
      for (int64_t j = 0; j < stride_; j += kLanes) hn::Store(hn::Load(d, from + j), d, to + j);
    }
    if (are_far(problem)) {
      const int64_t after = problem.lists.count() - first;  // entries from here on
      for (int64_t k = kPanel; k < std::min(2 * kPanel, after); ++k) {
        const T* later = problem.features + indices[k] * stride_;
        for (int64_t j = 0; j < stride_; j += kNumbersOfLine) __builtin_prefetch(later + j, 0, 2);
      }
    }
    for (int64_t i = 0; i < rows_; i += kTileRows) add_tiles<false>(panel_, stride_, entries, i, columns_, S);
    const T* targets = problem.lists.values + first;
    if (problem.offsets) {
      for (int64_t k = 0; k < entries; ++k) targets_[k] = targets[k] - problem.offsets[indices[k]];
      targets = targets_;
    }
    add_targets(panel_, stride_, targets, entries, columns_, s);
  }

  /// Rows [begin, end) of the factor, from which the products of the rows above are subtracted already. Elements left
  /// of the diagonal get numbers that are not read.
  bool factor_rows(int64_t begin, int64_t end) {
    const hn::ScalableTag<T> d;
    for (int64_t k = begin; k < end; ++k) {
      T* row = S_ + k * stride_;
      if (!(row[k] > smallest_[k])) return false;  // NaN too
      inverse_[k] = T(1) / std::sqrt(row[k]);
      const auto inverse = hn::Set(d, inverse_[k]);
      for (int64_t j = k / kLanes * kLanes; j < columns_; j += kLanes) {
        hn::Store(hn::Mul(hn::Load(d, row + j), inverse), d, row + j);
      }
      for (int64_t i = k + 1; i < end; ++i) {
        const auto left = hn::Set(d, row[i]);
        T* below = S_ + i * stride_;
        for (int64_t j = i / kLanes * kLanes; j < columns_; j += kLanes) {
          hn::Store(hn::NegMulAdd(left, hn::Load(d, row + j), hn::Load(d, below + j)), d, below + j);
        }
      }
    }
    return true;
  }

  const int64_t unknowns_, stride_, rows_, columns_;
  T* const panel_;       // kPanel x stride
  T* const S_;           // rows x stride
  T* const s_;           // stride, after S
  T* const of_segment_;  // as S and s
  T* const inverse_;     // stride
  T* const smallest_;    // stride
  T* const targets_;     // kPanel
};

template <class T>
int64_t solve_large(const LeastSquares<T>& problem, int64_t begin, int64_t end, T* workspace) {
  System<T> system(problem.unknowns, workspace);
  const int64_t stride = feature_stride(problem.unknowns);
  for (int64_t row = begin; row < end; ++row) {
    T* solution = problem.solutions + row * stride;
    const int64_t first = problem.lists.starts[row], stop = problem.lists.starts[row + 1];
    if (first == stop && !problem.draw) {
      std::fill(solution, solution + problem.unknowns, T(0));
      continue;
    }
    system.sum(problem, first, stop);
    if (const auto* draw = problem.draw) {
      system.add(draw->prior);
      if (!system.solve(solution, draw->deviates + row * stride, draw->terms + row)) return row;
      continue;
    }
    system.regularise(regularisation_of<T>(problem.regularisation, problem.weighted, stop - first),
                      regularisation_of<T>(problem.last_regularisation, problem.weighted, stop - first));
    if (!system.solve(solution)) return row;
  }
  return -1;
}

RowSolver<float> large_float_solver(int64_t unknowns) {
  return {&solve_large<float>, System<float>::workspace(unknowns)};
}
RowSolver<double> large_double_solver(int64_t unknowns) {
  return {&solve_large<double>, System<double>::workspace(unknowns)};
}

#endif
}  // namespace HWY_NAMESPACE
}  // namespace factorise::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace factorise::cpu {

template <>
RowSolver<float> large_solver<float>(Isa isa, int64_t unknowns) {
  FACTORISE_CHOOSE(isa, large_float_solver(unknowns), (RowSolver<float>{}))
}
template <>
RowSolver<double> large_solver<double>(Isa isa, int64_t unknowns) {
  FACTORISE_CHOOSE(isa, large_double_solver(unknowns), (RowSolver<double>{}))
}

}  // namespace factorise::cpu
#endif
