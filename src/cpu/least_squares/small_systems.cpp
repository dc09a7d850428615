// Least squares with up to eight unknowns. The products of an entry's features are made in the lanes of one or two
// vectors and added to four chains of sums; the systems of neighbouring rows are then solved side by side in lanes.

#include "cpu/highway.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/least_squares/small_systems.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "contract/least_squares.h"
#include "cpu/least_squares/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace factorise::cpu {
namespace HWY_NAMESPACE {
#if FACTORISE_HAS_VECTORS
namespace hn = hwy::HWY_NAMESPACE;

/// Where the sums of an entry lie in vectors: first the products w_i w_j, i <= j, row by row, then w_i t.
template <class T, int kUnknowns>
struct Places {
  static constexpr int kProducts = kUnknowns * (kUnknowns + 1) / 2;
  static constexpr int kNumbers = kProducts + kUnknowns;
  // All features of an entry in one vector, widened to that of the products. Where vectors are too short for that, each
  // row of products has vectors of its own.
  static constexpr size_t kWidest = kProducts <= 4 ? 4 : kProducts <= 8 ? 8 : 16;
  using Products = hn::CappedTag<T, kWidest>;
  using Features = hn::CappedTag<T, kWidest == 4 ? 4 : 8>;
  static constexpr int kLanes = static_cast<int>(MaxLanes(Products()));
  static constexpr int kFeatureLanes = static_cast<int>(MaxLanes(Features()));
  static constexpr bool kPermuted = kFeatureLanes >= kUnknowns;
  static constexpr int kSumLanes = kPermuted ? kLanes : kFeatureLanes;  // of a vector of products
  static constexpr int kFeatureVectors = (kUnknowns + kFeatureLanes - 1) / kFeatureLanes;

  /// Vectors of the products of row i and of those above it, where each row has its own.
  static constexpr int vectors_to(int i) {
    int vectors = 0;
    for (int row = 0; row <= i; ++row) vectors += kFeatureVectors - row / kFeatureLanes;
    return vectors;
  }
  static constexpr int kVectors = kPermuted ? (kProducts + kLanes - 1) / kLanes : vectors_to(kUnknowns - 1);

  /// The place of the product of i and j among the lanes of all vectors of products.
  static constexpr int of(int i, int j) {
    if (kPermuted) return i * kUnknowns - i * (i - 1) / 2 + (j - i);
    const int before = i == 0 ? 0 : vectors_to(i - 1);
    return before * kFeatureLanes + j - i / kFeatureLanes * kFeatureLanes;
  }
};

/// The four chains of a segment.
template <class T, int kUnknowns>
class Chains {
  using P = Places<T, kUnknowns>;
  using D = typename P::Products;
  using F = typename P::Features;
  using Sums = hn::Vec<std::conditional_t<P::kPermuted, D, F>>;

 public:
  /// Numbers that save() writes.
  static constexpr int kSaved = 4 * (P::kVectors * P::kSumLanes + P::kFeatureVectors * P::kFeatureLanes);

  HWY_INLINE Chains() {
    clear();
    if constexpr (P::kPermuted) {
      FACTORISE_UNROLL
      for (int v = 0; v < P::kVectors; ++v) {
        first_[v] = hn::SetTableIndices(D(), kPairs.first + v * P::kLanes);
        second_[v] = hn::SetTableIndices(D(), kPairs.second + v * P::kLanes);
      }
    }
  }

  HWY_INLINE void clear() {
    FACTORISE_UNROLL
    for (int c = 0; c < 4; ++c) {
      FACTORISE_UNROLL
      for (int v = 0; v < P::kVectors; ++v) products_[c][v] = hn::Zero(Tag());
      FACTORISE_UNROLL
      for (int v = 0; v < P::kFeatureVectors; ++v) targets_[c][v] = hn::Zero(F());
    }
  }

  HWY_INLINE void load(const T* HWY_RESTRICT from) {
    FACTORISE_UNROLL
    for (int c = 0; c < 4; ++c) {
      FACTORISE_UNROLL
      for (int v = 0; v < P::kVectors; ++v, from += P::kSumLanes) products_[c][v] = hn::Load(Tag(), from);
    }
    FACTORISE_UNROLL
    for (int c = 0; c < 4; ++c) {
      FACTORISE_UNROLL
      for (int v = 0; v < P::kFeatureVectors; ++v, from += P::kFeatureLanes) targets_[c][v] = hn::Load(F(), from);
    }
  }

  HWY_INLINE void save(T* HWY_RESTRICT to) const {
    FACTORISE_UNROLL
    for (int c = 0; c < 4; ++c) {
      FACTORISE_UNROLL
      for (int v = 0; v < P::kVectors; ++v, to += P::kSumLanes) hn::Store(products_[c][v], Tag(), to);
    }
    FACTORISE_UNROLL
    for (int c = 0; c < 4; ++c) {
      FACTORISE_UNROLL
      for (int v = 0; v < P::kFeatureVectors; ++v, to += P::kFeatureLanes) hn::Store(targets_[c][v], F(), to);
    }
  }

  template <int kChain>
  HWY_INLINE void add(const T* HWY_RESTRICT w, T t) {
    const F f;
    const auto ts = hn::Set(f, t);
    hn::Vec<F> features[P::kFeatureVectors];
    FACTORISE_UNROLL
    for (int v = 0; v < P::kFeatureVectors; ++v) {
      features[v] = hn::Load(f, w + v * P::kFeatureLanes);
      targets_[kChain][v] = hn::MulAdd(features[v], ts, targets_[kChain][v]);
    }
    if constexpr (P::kPermuted) {
      const auto wide = widened(features[0]);
      FACTORISE_UNROLL
      for (int v = 0; v < P::kVectors; ++v) {
        const auto product = hn::Mul(hn::TableLookupLanes(wide, first_[v]), hn::TableLookupLanes(wide, second_[v]));
        products_[kChain][v] = hn::Add(products_[kChain][v], product);
      }
    } else {
      int sums = 0;
      FACTORISE_UNROLL
      for (int i = 0; i < kUnknowns; ++i) {
        const auto wi = hn::Set(f, w[i]);
        FACTORISE_UNROLL
        for (int v = i / P::kFeatureLanes; v < P::kFeatureVectors; ++v, ++sums) {
          products_[kChain][sums] = hn::Add(products_[kChain][sums], hn::Mul(wi, features[v]));
        }
      }
    }
  }

  /// Writes the chains' sums, or adds them to those of earlier segments, at their places.
  HWY_INLINE void fold(T* HWY_RESTRICT products, T* HWY_RESTRICT targets, bool first_segment) {
    FACTORISE_UNROLL
    for (int v = 0; v < P::kVectors; ++v) fold(Tag(), products_, v, products, first_segment);
    FACTORISE_UNROLL
    for (int v = 0; v < P::kFeatureVectors; ++v) fold(F(), targets_, v, targets, first_segment);
  }

 private:
  using Tag = std::conditional_t<P::kPermuted, D, F>;

  using Index = hwy::MakeSigned<T>;

  /// The two features of each product, at its place.
  struct Pairs {
    alignas(64) Index first[P::kVectors * P::kLanes] = {};
    alignas(64) Index second[P::kVectors * P::kLanes] = {};

    constexpr Pairs() {
      for (int i = 0; P::kPermuted && i < kUnknowns; ++i) {
        for (int j = i; j < kUnknowns; ++j) {
          first[P::of(i, j)] = static_cast<Index>(i);
          second[P::of(i, j)] = static_cast<Index>(j);
        }
      }
    }
  };
  static constexpr Pairs kPairs{};

  static HWY_INLINE hn::Vec<D> widened(hn::Vec<F> features) {
    if constexpr (P::kLanes == P::kFeatureLanes) {
      return features;
    } else {
      return hn::ZeroExtendVector(D(), features);
    }
  }

  template <class E, class Sum>
  static HWY_INLINE void fold(E d, const Sum& chains, int v, T* to, bool first_segment) {
    constexpr int kLanes = static_cast<int>(MaxLanes(E()));
    auto sum = hn::Add(hn::Add(chains[0][v], chains[2][v]), hn::Add(chains[1][v], chains[3][v]));
    if (!first_segment) sum = hn::Add(hn::Load(d, to + v * kLanes), sum);
    hn::Store(sum, d, to + v * kLanes);
  }

  Sums products_[4][P::kVectors];
  hn::Vec<F> targets_[4][P::kFeatureVectors];
  decltype(hn::SetTableIndices(D(), static_cast<const Index*>(nullptr))) first_[P::kVectors], second_[P::kVectors];
};

/// Systems of neighbouring rows, a lane for each.
template <class T, int kUnknowns>
struct Systems {
  using D = hn::ScalableTag<T>;
  static constexpr int64_t kLanes = static_cast<int64_t>(MaxLanes(D()));
  using P = Places<T, kUnknowns>;

  alignas(64) T S[kUnknowns * kUnknowns][kLanes];  // the upper triangle
  alignas(64) T s[kUnknowns][kLanes];

  /// A system whose solution is 0, or with a prior to be added no entries.
  void set_empty(int64_t lane, bool has_prior) {
    for (int i = 0; i < kUnknowns; ++i) {
      for (int j = i; j < kUnknowns; ++j) S[i * kUnknowns + j][lane] = i == j && !has_prior ? T(1) : T(0);
      s[i][lane] = 0;
    }
  }

  void set(int64_t lane, const T* products, const T* targets, T added, T last_added) {
    for (int i = 0; i < kUnknowns; ++i) {
      for (int j = i; j < kUnknowns; ++j) S[i * kUnknowns + j][lane] = products[P::of(i, j)];
      S[i * kUnknowns + i][lane] += i + 1 < kUnknowns ? added : last_added;
      s[i][lane] = targets[i];
    }
  }

  void add(const Prior<T>& prior) {
    const D d;
    const auto alpha = hn::Set(d, prior.alpha);
    for (int i = 0; i < kUnknowns; ++i) {
      for (int j = i; j < kUnknowns; ++j) {
        T* sums = S[i * kUnknowns + j];
        hn::Store(hn::MulAdd(alpha, hn::Load(d, sums), hn::Set(d, prior.precision[i * prior.stride + j])), d, sums);
      }
      hn::Store(hn::MulAdd(alpha, hn::Load(d, s[i]), hn::Set(d, prior.shift[i])), d, s[i]);
    }
  }

  /// Leaves the solutions in s, or draws with the deviates, kUnknowns x kLanes, of which `terms` are |z|² - |y|².
  /// Returns the first lane that is not positive definite, or -1.
  template <bool kDraws>
  int64_t solve(const T (*deviates)[kLanes], T* terms) {
    const D d;
    hn::Vec<D> R[kUnknowns * kUnknowns], y[kUnknowns], inverse[kUnknowns];
    auto is_definite = hn::Eq(hn::Zero(d), hn::Zero(d));
    FACTORISE_UNROLL
    for (int i = 0; i < kUnknowns; ++i) {
      FACTORISE_UNROLL
      for (int j = i; j < kUnknowns; ++j) {
        auto x = hn::Load(d, S[i * kUnknowns + j]);
        const auto diagonal = x;
        FACTORISE_UNROLL
        for (int k = 0; k < i; ++k) x = hn::NegMulAdd(R[k * kUnknowns + i], R[k * kUnknowns + j], x);
        if (j == i) {
          // smallest_pivot(), of which the factor is exact.
          const auto smallest = hn::Mul(hn::Set(d, smallest_pivot<T>(kUnknowns, 1)), diagonal);
          is_definite = hn::And(is_definite, hn::Gt(x, smallest));
          inverse[i] = hn::Div(hn::Set(d, T(1)), hn::Sqrt(x));
        } else {
          R[i * kUnknowns + j] = hn::Mul(x, inverse[i]);
        }
      }
      auto x = hn::Load(d, s[i]);
      FACTORISE_UNROLL
      for (int k = 0; k < i; ++k) x = hn::NegMulAdd(R[k * kUnknowns + i], y[k], x);
      y[i] = hn::Mul(x, inverse[i]);
    }
    if constexpr (kDraws) {
      auto term = hn::Zero(d);
      FACTORISE_UNROLL
      for (int i = 0; i < kUnknowns; ++i) {
        const auto z = hn::Load(d, deviates[i]);
        term = hn::MulAdd(z, z, hn::NegMulAdd(y[i], y[i], term));
        y[i] = hn::Add(y[i], z);
      }
      hn::Store(term, d, terms);
    }
    FACTORISE_UNROLL
    for (int i = kUnknowns - 1; i >= 0; --i) {
      y[i] = hn::Mul(y[i], inverse[i]);
      FACTORISE_UNROLL
      for (int j = 0; j < i; ++j) y[j] = hn::NegMulAdd(R[j * kUnknowns + i], y[i], y[j]);
      hn::Store(y[i], d, s[i]);
    }
    return hn::FindFirstTrue(d, hn::Not(is_definite));
  }
};

/// The entries of lists.
template <class T>
struct ListedEntries {
  explicit ListedEntries(const LeastSquares<T>& problem)
      : indices(problem.lists.indices), values(problem.lists.values) {}
  HWY_INLINE int64_t index(int64_t e) const { return indices[e]; }
  HWY_INLINE T value(int64_t e) const { return values[e]; }

  const int32_t* indices;
  const T* values;
};

/// The same from three bytes each. A table of all values takes less time than a conversion.
template <class T>
struct PackedEntries {
  explicit PackedEntries(const LeastSquares<T>& problem)
      : indices(problem.narrow.indices), values(problem.narrow.values), table(table_of_values()) {}
  HWY_INLINE int64_t index(int64_t e) const { return indices[e]; }
  HWY_INLINE T value(int64_t e) const { return table[values[e]]; }

  static const T* table_of_values() {
    static const std::vector<T> all = [] {
      std::vector<T> numbers(256);
      std::iota(numbers.begin(), numbers.end(), T(0));
      return numbers;
    }();
    return all.data();
  }

  const uint16_t* indices;
  const uint8_t* values;
  const T* table;
};

/// Entries, less the offsets of their columns.
template <class T, class Entries>
struct WithOffsets : Entries {
  explicit WithOffsets(const LeastSquares<T>& problem) : Entries(problem), offsets(problem.offsets) {}
  HWY_INLINE T value(int64_t e) const { return Entries::value(e) - offsets[Entries::index(e)]; }

  const T* offsets;
};

/// The sums of neighbouring rows, of which the systems are made. Where features are too many for the first cache, the
/// rows go through them together, block after block of columns.
template <class T, int kUnknowns, class Entries>
class Sums {
 public:
  using P = Places<T, kUnknowns>;
  using C = Chains<T, kUnknowns>;
  static constexpr int64_t kRows = Systems<T, kUnknowns>::kLanes;

  explicit Sums(const LeastSquares<T>& problem)
      : problem_(problem), entries_(problem), last_(problem.lists.count() - 1), is_far_(are_far(problem)) {
    const double density = static_cast<double>(problem.lists.count()) /
                           (static_cast<double>(problem.lists.rows) * static_cast<double>(problem.lists.columns));
    // With fewer entries in a block, going from row to row takes the time that it saves.
    block_ = density * kBlock >= 64 && problem.lists.columns > 2 * kBlock ? kBlock : problem.lists.columns;
  }

  /// Writes the systems of the rows [begin, begin + rows).
  void make(int64_t begin, int64_t rows, Systems<T, kUnknowns>& systems) {
    const int64_t* starts = problem_.lists.starts + begin;
    for (int64_t lane = 0; lane < kRows; ++lane) {
      if (lane < rows && starts[lane] < starts[lane + 1]) {
        next_[lane] = starts[lane];
      } else {
        next_[lane] = kDone;
        systems.set_empty(lane, problem_.draw != nullptr);
      }
    }
    for (int64_t end = block_;; end += block_) {
      const bool is_last = end >= problem_.lists.columns;
      for (int64_t lane = 0; lane < rows; ++lane) {
        if (!is_last && lane + 1 < rows) request(next_[lane + 1]);
        if (next_[lane] != kDone) advance(starts[lane], starts[lane + 1], lane, is_last ? kNoEnd : end, systems);
      }
      if (is_last) return;
    }
  }

 private:
  static constexpr int64_t kStride = feature_stride(kUnknowns);
  static constexpr int64_t kBlock = (1 << 15) / (kStride * static_cast<int64_t>(sizeof(T)));
  static constexpr int64_t kRequested = 128;  // entries
  static constexpr int64_t kDone = -1, kNoEnd = int64_t{1} << 62;

  /// Requests the next entries of a row, which lie apart from those that are read before.
  HWY_INLINE void request(int64_t next) const {
    if (next == kDone) return;
    for (int64_t byte = 0; byte < kRequested * static_cast<int64_t>(sizeof(*entries_.indices)); byte += 64) {
      __builtin_prefetch(reinterpret_cast<const char*>(entries_.indices + next) + byte);
    }
    for (int64_t byte = 0; byte < kRequested * static_cast<int64_t>(sizeof(*entries_.values)); byte += 64) {
      __builtin_prefetch(reinterpret_cast<const char*>(entries_.values + next) + byte);
    }
  }

  /// Sums a row's entries up to the column `end`, which may be passed by three entries: whole fours are summed.
  HWY_INLINE void advance(int64_t first, int64_t stop, int64_t lane, int64_t end, Systems<T, kUnknowns>& systems) {
    int64_t e = next_[lane];
    const Entries entries = entries_;
    const T* features = problem_.features;
    const auto w = [&](int64_t x) HWY_ATTR { return features + entries.index(x) * kStride; };
    const bool is_far = is_far_;
    C chains;
    if (e > first) chains.load(saved_[lane]);
    for (;;) {
      const int64_t begun = (e - first) / kSegmentEntries * kSegmentEntries;
      const int64_t to = std::min(stop, first + begun + kSegmentEntries);
      for (; e + 4 <= to && entries.index(e) < end; e += 4) {
        if (is_far) {
          for (int64_t k = kAhead; k < kAhead + 4; ++k) __builtin_prefetch(w(std::min(e + k, last_)));
        }
        chains.template add<0>(w(e), entries.value(e));
        chains.template add<1>(w(e + 1), entries.value(e + 1));
        chains.template add<2>(w(e + 2), entries.value(e + 2));
        chains.template add<3>(w(e + 3), entries.value(e + 3));
      }
      if (e + 4 <= to) break;
      if (e < to) chains.template add<0>(w(e), entries.value(e));
      if (e + 1 < to) chains.template add<1>(w(e + 1), entries.value(e + 1));
      if (e + 2 < to) chains.template add<2>(w(e + 2), entries.value(e + 2));
      chains.fold(products_[lane], targets_[lane], begun == 0);
      if (to == stop) {
        const auto added = [&](double regularisation) {
          return problem_.draw ? T(0) : regularisation_of<T>(regularisation, problem_.weighted, stop - first);
        };
        systems.set(lane, products_[lane], targets_[lane], added(problem_.regularisation),
                    added(problem_.last_regularisation));
        next_[lane] = kDone;
        return;
      }
      chains.clear();
      e = to;
    }
    chains.save(saved_[lane]);
    next_[lane] = e;
  }

  const LeastSquares<T>& problem_;
  const Entries entries_;
  const int64_t last_;
  const bool is_far_;
  int64_t block_;
  int64_t next_[kRows];  // entries that are not summed yet
  alignas(64) T products_[kRows][P::kVectors * P::kSumLanes];
  alignas(64) T targets_[kRows][P::kFeatureVectors * P::kFeatureLanes];
  alignas(64) T saved_[kRows][C::kSaved];
};

template <class T, int kUnknowns, class Entries>
int64_t solve_small_of(const LeastSquares<T>& problem, int64_t begin, int64_t end) {
  constexpr int64_t kStride = feature_stride(kUnknowns), kLanes = Systems<T, kUnknowns>::kLanes;
  static_assert(kRowsTogether % kLanes == 0);
  Systems<T, kUnknowns> systems;
  Sums<T, kUnknowns, Entries> sums(problem);
  alignas(64) T deviates[kUnknowns][kLanes] = {}, terms[kLanes];
  for (int64_t batch = begin; batch < end; batch += kLanes) {
    const int64_t rows = std::min(kLanes, end - batch);
    sums.make(batch, rows, systems);
    int64_t failed = -1;
    if (const auto* draw = problem.draw) {
      systems.add(draw->prior);
      for (int64_t lane = 0; lane < rows; ++lane) {
        for (int i = 0; i < kUnknowns; ++i) deviates[i][lane] = draw->deviates[(batch + lane) * kStride + i];
      }
      failed = systems.template solve<true>(deviates, terms);
      std::copy(terms, terms + rows, draw->terms + batch);
    } else {
      failed = systems.template solve<false>(nullptr, nullptr);
    }
    if (failed >= 0) return batch + failed;
    for (int64_t lane = 0; lane < rows; ++lane) {
      for (int i = 0; i < kUnknowns; ++i) problem.solutions[(batch + lane) * kStride + i] = systems.s[i][lane];
    }
  }
  return -1;
}

template <class T, int kUnknowns, class Entries>
int64_t solve_small_from(const LeastSquares<T>& problem, int64_t begin, int64_t end) {
  return problem.offsets ? solve_small_of<T, kUnknowns, WithOffsets<T, Entries>>(problem, begin, end)
                         : solve_small_of<T, kUnknowns, Entries>(problem, begin, end);
}

template <class T, int kUnknowns>
int64_t solve_small(const LeastSquares<T>& problem, int64_t begin, int64_t end, T*) {
  return problem.narrow.indices ? solve_small_from<T, kUnknowns, PackedEntries<T>>(problem, begin, end)
                                : solve_small_from<T, kUnknowns, ListedEntries<T>>(problem, begin, end);
}

template <class T>
RowSolver<T> small_solver_of(int64_t unknowns) {
  switch (unknowns) {
    case 1:
      return {&solve_small<T, 1>, 0};
    case 2:
      return {&solve_small<T, 2>, 0};
    case 3:
      return {&solve_small<T, 3>, 0};
    case 4:
      return {&solve_small<T, 4>, 0};
    case 5:
      return {&solve_small<T, 5>, 0};
    case 6:
      return {&solve_small<T, 6>, 0};
    case 7:
      return {&solve_small<T, 7>, 0};
    default:
      return {&solve_small<T, 8>, 0};
  }
}

RowSolver<float> small_float_solver(int64_t unknowns) { return small_solver_of<float>(unknowns); }
RowSolver<double> small_double_solver(int64_t unknowns) { return small_solver_of<double>(unknowns); }

#endif
}  // namespace HWY_NAMESPACE
}  // namespace factorise::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace factorise::cpu {

template <>
RowSolver<float> small_solver<float>(Isa isa, int64_t unknowns) {
  FACTORISE_CHOOSE(isa, small_float_solver(unknowns), (RowSolver<float>{}))
}
template <>
RowSolver<double> small_solver<double>(Isa isa, int64_t unknowns) {
  FACTORISE_CHOOSE(isa, small_double_solver(unknowns), (RowSolver<double>{}))
}

}  // namespace factorise::cpu
#endif
