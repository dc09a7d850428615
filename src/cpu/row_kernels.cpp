// Rows on vectors, for every instruction set that Highway has, and in loops.

#include "cpu/highway.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/row_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "cpu/row_kernels.h"

HWY_BEFORE_NAMESPACE();
namespace factorise::cpu {
namespace HWY_NAMESPACE {
#if FACTORISE_HAS_VECTORS
namespace hn = hwy::HWY_NAMESPACE;

// At most 64 bytes, as in the other kernels.
template <class T>
using RowTag = hn::CappedTag<T, 64 / sizeof(T)>;
using MarkTag = hn::CappedTag<uint8_t, 64>;

/// Which of the lanes are marked. Without marks, all.
template <class T>
HWY_INLINE hn::Mask<RowTag<T>> marked(const uint8_t* marks, int64_t at) {
  const RowTag<T> d;
  if (!marks) return hn::Eq(hn::Zero(d), hn::Zero(d));
  const hn::Rebind<int32_t, RowTag<T>> d32;
  const auto wide = hn::PromoteTo(d32, hn::LoadU(hn::Rebind<uint8_t, RowTag<T>>(), marks + at));
  if constexpr (sizeof(T) == 4) {
    return hn::RebindMask(d, hn::Ne(wide, hn::Zero(d32)));
  } else {
    return hn::Ne(hn::PromoteTo(d, wide), hn::Zero(d));
  }
}

/// Calls f(at) for whole vectors, then of_rest(at) for each of the last numbers.
template <class T, class F, class OfRest>
HWY_INLINE void along(int64_t count, F f, OfRest of_rest) {
  constexpr int64_t N = hn::MaxLanes(RowTag<T>());
  int64_t at = 0;
  for (; at + N <= count; at += N) f(at);
  for (; at < count; ++at) of_rest(at);
}

/// The same where something is marked: what is not is passed over in whole vectors of marks, as most of a sparse row
/// is.
template <class T, class F, class OfRest>
HWY_INLINE void along_marked(const uint8_t* marks, int64_t count, F f, OfRest of_rest) {
  if (!marks) return along<T>(count, f, of_rest);
  const MarkTag d;
  constexpr int64_t M = hn::MaxLanes(MarkTag()), N = hn::MaxLanes(RowTag<T>());
  int64_t at = 0;
  for (; at + M <= count; at += M) {
    if (hn::AllTrue(d, hn::Eq(hn::LoadU(d, marks + at), hn::Zero(d)))) continue;
    FACTORISE_UNROLL
    for (int64_t i = 0; i < M; i += N) f(at + i);
  }
  for (; at < count; ++at) of_rest(at);
}

int64_t count_marks(const uint8_t* HWY_RESTRICT marks, int64_t count, uint8_t mark) {
  const MarkTag d;
  constexpr int64_t M = hn::MaxLanes(MarkTag());
  const auto wanted = hn::Set(d, mark);
  int64_t found = 0, at = 0;
  for (; at + M <= count; at += M) {
    found += static_cast<int64_t>(hn::CountTrue(d, hn::Eq(hn::LoadU(d, marks + at), wanted)));
  }
  return found + std::count(marks + at, marks + count, mark);
}

template <class T>
RowFacts look_at(const T* HWY_RESTRICT values, const uint8_t* HWY_RESTRICT marks, int64_t count) {
  const RowTag<T> d;
  const auto one = hn::Set(d, T(1)), most = hn::Set(d, T(255));
  RowFacts facts;
  // A lane becomes 1 at the first value that is wrong.
  auto infinite = hn::Zero(d), unfit = hn::Zero(d);
  const auto full = hn::Set(d, T(1));
  along_marked<T>(
      marks, count,
      [&](int64_t at) {
        const auto value = hn::LoadU(d, values + at);
        const auto seen = marked<T>(marks, at);
        const auto fits = hn::And(hn::And(hn::Ge(value, one), hn::Le(value, most)), hn::Eq(hn::Trunc(value), value));
        infinite = hn::IfThenElse(hn::AndNot(hn::IsFinite(value), seen), full, infinite);
        unfit = hn::IfThenElse(hn::AndNot(fits, seen), full, unfit);
      },
      [&](int64_t at) {
        if (marks && !marks[at]) return;
        const T value = values[at];
        facts.finite = facts.finite && std::isfinite(value);
        facts.fits_bytes = facts.fits_bytes && value >= 1 && value <= 255 && std::trunc(value) == value;
      });
  facts.finite = facts.finite && hn::AllTrue(d, hn::Eq(infinite, hn::Zero(d)));
  facts.fits_bytes = facts.fits_bytes && hn::AllTrue(d, hn::Eq(unfit, hn::Zero(d)));
  return facts;
}

/// Observed values as bytes from low to 127 or 255, `absent` elsewhere. Returns whether all observed values are in that
/// range.
template <class Byte, class T>
bool bytes_of(const T* HWY_RESTRICT values, const uint8_t* HWY_RESTRICT marks, int64_t count, T low, T high, T absent,
              Byte* HWY_RESTRICT bytes) {
  const RowTag<T> d;
  const hn::Rebind<int32_t, RowTag<T>> d32;
  const hn::Rebind<Byte, RowTag<T>> d8;
  const auto lows = hn::Set(d, low), highs = hn::Set(d, high), absents = hn::Set(d, absent);
  auto unfit = hn::Zero(d);
  bool fits_rest = true;
  along<T>(
      count,
      [&](int64_t at) {
        const auto value = hn::LoadU(d, values + at);
        const auto seen = marked<T>(marks, at);
        const auto fits = hn::And(hn::And(hn::Ge(value, lows), hn::Le(value, highs)), hn::Eq(hn::Trunc(value), value));
        unfit = hn::IfThenElse(hn::AndNot(fits, seen), hn::Set(d, T(1)), unfit);
        const auto kept = hn::IfThenElse(hn::And(seen, fits), value, absents);
        if constexpr (sizeof(T) == 4) {
          hn::StoreU(hn::DemoteTo(d8, hn::ConvertTo(d32, kept)), d8, bytes + at);
        } else {
          hn::StoreU(hn::DemoteTo(d8, hn::DemoteTo(d32, kept)), d8, bytes + at);
        }
      },
      [&](int64_t at) {
        const bool seen = !marks || marks[at];
        const bool fits = values[at] >= low && values[at] <= high && std::trunc(values[at]) == values[at];
        fits_rest = fits_rest && (!seen || fits);
        bytes[at] = static_cast<Byte>(seen && fits ? values[at] : absent);
      });
  return fits_rest && hn::AllTrue(d, hn::Eq(unfit, hn::Zero(d)));
}

template <class T>
void to_bytes(const T* values, const uint8_t* marks, int64_t count, uint8_t* bytes) {
  bytes_of<uint8_t, T>(values, marks, count, 1, 255, 0, bytes);
}

template <class T>
bool to_signed_bytes(const T* values, const uint8_t* marks, int64_t count, int8_t* bytes) {
  return bytes_of<int8_t, T>(values, marks, count, -127, 127, -128, bytes);
}

/// The lanes that are marked, moved together. Float64 has lanes of twice the places' size.
template <class T>
int64_t list(const T* HWY_RESTRICT values, const uint8_t* HWY_RESTRICT marks, int64_t count, int64_t room,
             int32_t* HWY_RESTRICT places, T* HWY_RESTRICT listed) {
  const RowTag<T> d;
  const hn::Rebind<int32_t, RowTag<T>> d32;
  constexpr int64_t N = hn::MaxLanes(RowTag<T>());
  int64_t found = 0;
  along_marked<T>(
      marks, count,
      [&](int64_t at) {
        const auto seen =
            hn::Ne(hn::PromoteTo(d32, hn::LoadU(hn::Rebind<uint8_t, RowTag<T>>(), marks + at)), hn::Zero(d32));
        const auto seen_values = marked<T>(marks, at);
        // Compressed in registers, then stored whole: processors of AMD take 100 times longer to compress into memory.
        const auto place = hn::Compress(hn::Iota(d32, static_cast<int32_t>(at)), seen);
        const auto value = hn::Compress(hn::LoadU(d, values + at), seen_values);
        const auto more = static_cast<int64_t>(hn::CountTrue(d32, seen));
        if (found + N <= room) {
          hn::StoreU(place, d32, places + found);
          hn::StoreU(value, d, listed + found);
        } else {
          HWY_ALIGN int32_t last_places[N];
          HWY_ALIGN T last[N];
          hn::Store(place, d32, last_places);
          hn::Store(value, d, last);
          std::copy_n(last_places, more, places + found);
          std::copy_n(last, more, listed + found);
        }
        found += more;
      },
      [&](int64_t at) {
        if (!marks[at]) return;
        places[found] = static_cast<int32_t>(at);
        listed[found++] = values[at];
      });
  return found;
}

template <class T>
const RowKernels<T>& kernels_of() {
  static const RowKernels<T> kernels{&look_at<T>, &to_bytes<T>, &to_signed_bytes<T>, &list<T>, &count_marks};
  return kernels;
}
const RowKernels<float>& float_kernels() { return kernels_of<float>(); }
const RowKernels<double>& double_kernels() { return kernels_of<double>(); }

#endif
}  // namespace HWY_NAMESPACE
}  // namespace factorise::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace factorise::cpu {
namespace {

template <class Byte, class T>
bool bytes_in_a_loop(const T* values, const uint8_t* marks, int64_t count, T low, T high, T absent, Byte* bytes) {
  bool all_fit = true;
  for (int64_t i = 0; i < count; ++i) {
    const bool seen = !marks || marks[i];
    const bool fits = values[i] >= low && values[i] <= high && std::trunc(values[i]) == values[i];
    all_fit = all_fit && (!seen || fits);
    bytes[i] = static_cast<Byte>(seen && fits ? values[i] : absent);
  }
  return all_fit;
}

template <class T>
RowFacts look_in_a_loop(const T* values, const uint8_t* marks, int64_t count) {
  RowFacts facts;
  for (int64_t i = 0; i < count; ++i) {
    if (marks && !marks[i]) continue;
    facts.finite = facts.finite && std::isfinite(values[i]);
    facts.fits_bytes = facts.fits_bytes && values[i] >= 1 && values[i] <= 255 && std::trunc(values[i]) == values[i];
  }
  return facts;
}

template <class T>
int64_t list_in_a_loop(const T* values, const uint8_t* marks, int64_t count, int64_t, int32_t* places, T* listed) {
  int64_t found = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (!marks[i]) continue;
    places[found] = static_cast<int32_t>(i);
    listed[found++] = values[i];
  }
  return found;
}

template <class T>
const RowKernels<T>& plain_kernels() {
  static const RowKernels<T> kernels{&look_in_a_loop<T>,
                                     [](const T* values, const uint8_t* marks, int64_t count, uint8_t* bytes) {
                                       bytes_in_a_loop<uint8_t, T>(values, marks, count, 1, 255, 0, bytes);
                                     },
                                     [](const T* values, const uint8_t* marks, int64_t count, int8_t* bytes) {
                                       return bytes_in_a_loop<int8_t, T>(values, marks, count, -127, 127, -128, bytes);
                                     },
                                     &list_in_a_loop<T>,
                                     [](const uint8_t* marks, int64_t count, uint8_t mark) -> int64_t {
                                       return std::count(marks, marks + count, mark);
                                     }};
  return kernels;
}

}  // namespace

template <>
const RowKernels<float>& row_kernels<float>(Isa isa) {
  FACTORISE_CHOOSE(isa, float_kernels(), plain_kernels<float>())
}
template <>
const RowKernels<double>& row_kernels<double>(Isa isa) {
  FACTORISE_CHOOSE(isa, double_kernels(), plain_kernels<double>())
}
}  // namespace factorise::cpu
#endif
