// What Gibbs sampling needs beside the solver: the deviates of rows, four blocks and more side by side in lanes, and
// the sums of rows' products, of which tiles stay in registers.

#include "cpu/highway.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/least_squares/posterior.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "contract/deviates.h"
#include "cpu/isa.h"
#include "cpu/least_squares/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace factorise::cpu {
namespace HWY_NAMESPACE {
#if FACTORISE_HAS_VECTORS
namespace hn = hwy::HWY_NAMESPACE;

using U32 = hn::ScalableTag<uint32_t>;
using Lanes32 = hn::Vec<U32>;

/// The high and low words of x * multiplier.
HWY_INLINE void multiply(Lanes32 x, uint32_t multiplier, Lanes32& high, Lanes32& low) {
  const U32 d;
  const hn::RepartitionToWide<U32> wide;
  const auto m = hn::Set(d, multiplier);
  const auto even = hn::MulEven(x, m);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, x))), m);
  high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
  low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
}

/// philox() of contract/deviates.h.
HWY_INLINE void philox(uint64_t seed, Lanes32 (&c)[4]) {
  const U32 d;
  uint32_t first = static_cast<uint32_t>(seed), second = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    Lanes32 high0, low0, high1, low1;
    multiply(c[0], kPhiloxMultipliers[0], high0, low0);
    multiply(c[2], kPhiloxMultipliers[1], high1, low1);
    c[0] = hn::Xor(hn::Xor(high1, c[1]), hn::Set(d, first));
    c[2] = hn::Xor(hn::Xor(high0, c[3]), hn::Set(d, second));
    c[1] = low1;
    c[3] = low0;
    first += kPhiloxSteps[0];
    second += kPhiloxSteps[1];
  }
}

/// normal_pair() of contract/deviates.h.
HWY_INLINE void normal_pair(Lanes32 of_radius, Lanes32 of_angle, hn::Vec<hn::ScalableTag<float>>& first,
                            hn::Vec<hn::ScalableTag<float>>& second) {
  using N = NormalNumbers;
  const U32 u32;
  const hn::ScalableTag<int32_t> i32;
  const hn::ScalableTag<float> f;
  const auto u = hn::MulAdd(hn::ConvertTo(f, hn::BitCast(i32, hn::ShiftRight<1>(of_radius))), hn::Set(f, N::kStep),
                            hn::Set(f, N::kHalfStep));
  const auto bits = hn::BitCast(i32, u);
  const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(i32, N::kSplit)));
  const auto m = hn::BitCast(f, hn::Sub(bits, hn::ShiftLeft<23>(exponent)));
  const auto one = hn::Set(f, 1.0f);
  const auto s = hn::Div(hn::Sub(m, one), hn::Add(m, one));
  const auto s2 = hn::Mul(s, s), twice = hn::Add(s, s);
  auto p = hn::Set(f, N::kArtanh[0]);
  FACTORISE_UNROLL
  for (int k = 1; k < 4; ++k) p = hn::MulAdd(p, s2, hn::Set(f, N::kArtanh[k]));
  p = hn::Mul(p, s2);
  const auto e = hn::ConvertTo(f, exponent);
  const auto log =
      hn::MulAdd(e, hn::Set(f, N::kLn2High), hn::MulAdd(e, hn::Set(f, N::kLn2Low), hn::MulAdd(twice, p, twice)));
  const auto radius = hn::Sqrt(hn::Mul(hn::Set(f, -2.0f), log));

  const auto centred = hn::Sub(hn::BitCast(i32, hn::And(of_angle, hn::Set(u32, 0x3FFFFFFF))), hn::Set(i32, 0x20000000));
  const auto a = hn::Mul(hn::ConvertTo(f, centred), hn::Set(f, N::kAngle));
  const auto a2 = hn::Mul(a, a);
  auto sine = hn::Set(f, N::kSine[0]), cosine = hn::Set(f, N::kCosine[0]);
  FACTORISE_UNROLL
  for (int k = 1; k < 4; ++k) {
    sine = hn::MulAdd(sine, a2, hn::Set(f, N::kSine[k]));
    cosine = hn::MulAdd(cosine, a2, hn::Set(f, N::kCosine[k]));
  }
  sine = hn::MulAdd(hn::Mul(a, a2), sine, a);
  cosine = hn::MulAdd(a2, cosine, one);
  const auto quadrant = hn::ShiftRight<30>(of_angle);
  const auto is_odd =
      hn::MaskFromVec(hn::BitCast(f, hn::Sub(hn::Zero(u32), hn::And(quadrant, hn::Set(u32, 1)))));  // all bits or none
  const auto x = hn::IfThenElse(is_odd, sine, cosine), y = hn::IfThenElse(is_odd, cosine, sine);
  const auto x_sign = hn::ShiftLeft<31>(hn::Xor(quadrant, hn::ShiftRight<1>(quadrant)));
  const auto y_sign = hn::ShiftLeft<31>(hn::ShiftRight<1>(quadrant));
  first = hn::Mul(radius, hn::Xor(x, hn::BitCast(f, x_sign)));
  second = hn::Mul(radius, hn::Xor(y, hn::BitCast(f, y_sign)));
}

template <class T>
void draw_normals_in_lanes(const DeviateSource& source, int64_t begin, int64_t end, int64_t unknowns, T* to) {
  constexpr int64_t kLanes = static_cast<int64_t>(MaxLanes(U32()));
  const U32 d;
  const hn::ScalableTag<float> f;
  const auto blocks = static_cast<uint32_t>((unknowns + kNormalsOfBlock - 1) / kNormalsOfBlock);
  const int64_t stride = feature_stride(unknowns);
  alignas(64) uint32_t block_of[kLanes], row_of[kLanes];
  alignas(64) float drawn[kLanes * kNormalsOfBlock];
  auto row = static_cast<uint32_t>(begin);
  uint32_t block = 0;
  while (row < end) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {  // those after the end are not stored
      block_of[lane] = block;
      row_of[lane] = row;
      if (++block == blocks) {
        block = 0;
        ++row;
      }
    }
    Lanes32 words[4] = {hn::Load(d, block_of), hn::Load(d, row_of), hn::Set(d, source.sweep),
                        hn::Set(d, static_cast<uint32_t>(source.of))};
    philox(source.seed, words);
    hn::Vec<decltype(f)> normals[4];
    normal_pair(words[0], words[1], normals[0], normals[1]);
    normal_pair(words[2], words[3], normals[2], normals[3]);
    hn::StoreInterleaved4(normals[0], normals[1], normals[2], normals[3], f, drawn);
    for (int64_t lane = 0; lane < kLanes && row_of[lane] < end; ++lane) {
      T* place = to + (row_of[lane] - begin) * stride + block_of[lane] * kNormalsOfBlock;
      for (int i = 0; i < kNormalsOfBlock; ++i) place[i] = static_cast<T>(drawn[lane * kNormalsOfBlock + i]);
    }
  }
}

using F64 = hn::ScalableTag<double>;

HWY_INLINE hn::Vec<F64> load_wide(const float* from) {
  const hn::Rebind<float, F64> narrow;
  return hn::PromoteTo(F64(), hn::LoadU(narrow, from));
}
HWY_INLINE hn::Vec<F64> load_wide(const double* from) { return hn::LoadU(F64(), from); }

/// The sums of kProductRows rows from i on with a vector of columns from j on, or with the 1 after the unknowns.
template <bool kOfOne, class T>
HWY_INLINE void sum_tile(const T* rows, int64_t count, int64_t unknowns, int64_t stride, int64_t i, int64_t j,
                         double* sums) {
  constexpr int64_t kLanes = static_cast<int64_t>(MaxLanes(F64()));
  const F64 d;
  hn::Vec<F64> totals[kProductRows];
  FACTORISE_UNROLL
  for (int r = 0; r < kProductRows; ++r) totals[r] = hn::Zero(d);
  for (int64_t from = 0; from < count; from += kSegmentEntries) {
    hn::Vec<F64> chains[kProductRows];
    FACTORISE_UNROLL
    for (int r = 0; r < kProductRows; ++r) chains[r] = hn::Zero(d);
    const int64_t end = std::min(count, from + kSegmentEntries);
    for (int64_t k = from; k < end; ++k) {
      const T* x = rows + k * stride;
      const auto right = kOfOne ? hn::Set(d, 1.0) : load_wide(x + j);
      FACTORISE_UNROLL
      for (int r = 0; r < kProductRows; ++r) {
        chains[r] = hn::MulAdd(hn::Set(d, static_cast<double>(x[i + r])), right, chains[r]);
      }
    }
    FACTORISE_UNROLL
    for (int r = 0; r < kProductRows; ++r) totals[r] = from == 0 ? chains[r] : hn::Add(totals[r], chains[r]);
  }
  for (int r = 0; r < kProductRows && i + r < unknowns; ++r) {
    double* line = sums + (i + r) * (unknowns + 1);
    if constexpr (kOfOne) {
      line[unknowns] = hn::GetLane(totals[r]);
    } else {
      alignas(64) double lanes[kLanes];
      hn::Store(totals[r], d, lanes);
      for (int64_t c = std::max(j, i + r); c < std::min(j + kLanes, unknowns); ++c) line[c] = lanes[c - j];
    }
  }
}

template <class T>
void sum_products_in_lanes(const T* rows, int64_t count, int64_t unknowns, int64_t stride, int64_t i, double* sums) {
  constexpr int64_t kLanes = static_cast<int64_t>(MaxLanes(F64()));
  for (int64_t j = i / kLanes * kLanes; j < unknowns; j += kLanes) {
    sum_tile<false>(rows, count, unknowns, stride, i, j, sums);
  }
  sum_tile<true>(rows, count, unknowns, stride, i, 0, sums);
}

/// Entries whose products are summed side by side.
constexpr int kTogether = 4;

/// add_predictions() for the entries [begin, end).
template <class T>
void add_predictions_in_lanes(const PredictionSums<T>& sums, int64_t begin, int64_t end) {
  const double share = 1 / static_cast<double>(sums.draws);
  for (int64_t e = begin; e < end; e += kTogether) {
    const T *u[kTogether], *v[kTogether];
    T product[kTogether] = {};
    FACTORISE_UNROLL
    for (int i = 0; i < kTogether; ++i) {
      const int64_t entry = std::min(e + i, end - 1);
      u[i] = sums.U + sums.rows[entry] * sums.width;
      v[i] = sums.V + sums.columns[entry] * sums.width;
    }
    for (int64_t k = 0; k < sums.width; ++k) {
      FACTORISE_UNROLL
      for (int i = 0; i < kTogether; ++i) product[i] = std::fma(u[i][k], v[i][k], product[i]);
    }
    for (int i = 0; i < kTogether && e + i < end; ++i) {
      sums.add(e + i, static_cast<double>(product[i]), share);
    }
  }
}

PosteriorKernels<float> float_posterior_kernels() {
  return {&draw_normals_in_lanes<float>, &sum_products_in_lanes<float>, &add_predictions_in_lanes<float>};
}
PosteriorKernels<double> double_posterior_kernels() {
  return {&draw_normals_in_lanes<double>, &sum_products_in_lanes<double>, &add_predictions_in_lanes<double>};
}

#endif
}  // namespace HWY_NAMESPACE
}  // namespace factorise::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace factorise::cpu {
namespace {

template <class T>
void plain_normals(const DeviateSource& source, int64_t begin, int64_t end, int64_t unknowns, T* to) {
  const int64_t stride = feature_stride(unknowns);
  for (int64_t row = begin; row < end; ++row, to += stride) {
    for (int64_t block = 0; block * kNormalsOfBlock < unknowns; ++block) {
      const auto drawn = normals(source, static_cast<uint32_t>(block), static_cast<uint32_t>(row));
      std::copy(drawn.begin(), drawn.end(), to + block * kNormalsOfBlock);
    }
  }
}

template <class T>
void plain_products(const T* rows, int64_t count, int64_t unknowns, int64_t stride, int64_t i, double* sums) {
  for (int64_t r = i; r < std::min(i + kProductRows, unknowns); ++r) {
    for (int64_t c = r; c <= unknowns; ++c) {
      double total = 0;
      for (int64_t from = 0; from < count; from += kSegmentEntries) {
        double chain = 0;
        for (int64_t k = from; k < std::min(count, from + kSegmentEntries); ++k) {
          const T* x = rows + k * stride;
          chain = std::fma(static_cast<double>(x[r]), c < unknowns ? static_cast<double>(x[c]) : 1.0, chain);
        }
        total = from == 0 ? chain : total + chain;
      }
      sums[r * (unknowns + 1) + c] = total;
    }
  }
}

template <class T>
void plain_predictions(const PredictionSums<T>& sums, int64_t begin, int64_t end) {
  const double share = 1 / static_cast<double>(sums.draws);
  for (int64_t e = begin; e < end; ++e) {
    const T *u = sums.U + sums.rows[e] * sums.width, *v = sums.V + sums.columns[e] * sums.width;
    T product = 0;
    for (int64_t k = 0; k < sums.width; ++k) product = std::fma(u[k], v[k], product);
    sums.add(e, static_cast<double>(product), share);
  }
}

template <class T>
constexpr PosteriorKernels<T> kPlain{&plain_normals<T>, &plain_products<T>, &plain_predictions<T>};

}  // namespace

template <>
PosteriorKernels<float> posterior_kernels<float>(Isa isa) {
  FACTORISE_CHOOSE(isa, float_posterior_kernels(), kPlain<float>)
}
template <>
PosteriorKernels<double> posterior_kernels<double>(Isa isa) {
  FACTORISE_CHOOSE(isa, double_posterior_kernels(), kPlain<double>)
}

}  // namespace factorise::cpu
#endif
