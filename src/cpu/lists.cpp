// Counting, listing and turning entries. Each is a pass in pieces of rows or entries, and the pieces are put together in
// their order.

#include "cpu/lists.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <mutex>
#include <numeric>
#include <type_traits>
#include <utility>

#include "cpu/entry_rows.h"
#include "cpu/for_blocks.h"

namespace factorise::cpu {
namespace {

constexpr int64_t kRowsOfBlock = 16;
constexpr int64_t kWorthThreads = 100'000;  // entries or cells

int threads_worth(int64_t work, int threads) { return work < kWorthThreads ? 1 : threads; }

/// Of `count` values those that are observed: how many are not finite, and whether all are whole numbers from 1 to 255.
/// Without a branch, so that the loop becomes vectors.
template <class T>
void look_at(const T* values, const uint8_t* observed, int64_t count, int64_t& not_finite, bool& fits_bytes) {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  constexpr Bits kExponent = sizeof(T) == 4 ? Bits{0x7F800000} : static_cast<Bits>(0x7FF0000000000000);
  Bits infinite = 0, unfit = 0;
  for (int64_t i = 0; i < count; ++i) {
    const Bits seen = observed ? static_cast<Bits>(observed[i] != 0) : Bits{1};
    const T value = values[i];
    const bool in_range = value >= T(1) && value <= T(255);
    const T whole = static_cast<T>(static_cast<int32_t>(in_range ? value : T(1)));
    infinite += seen & static_cast<Bits>((std::bit_cast<Bits>(value) & kExponent) == kExponent);
    unfit |= seen & static_cast<Bits>(!(in_range && whole == value));
  }
  not_finite += static_cast<int64_t>(infinite);
  fits_bytes = fits_bytes && unfit == 0;
}

/// A part of the entries for each thread: whole rows, about as many entries each.
std::vector<int64_t> parts_of(const int64_t* starts, int64_t rows, int parts) {
  std::vector<int64_t> bounds{0};
  for (int part = 1; part < parts; ++part) {
    const int64_t wanted = starts[rows] / parts * part;
    bounds.push_back(std::max(bounds.back(), std::lower_bound(starts, starts + rows, wanted) - starts));
  }
  bounds.push_back(rows);
  return bounds;
}

/// A stable distribution by keys below `keys`, in parts that are side by side: count(part, add) calls add(key) for each
/// of a part's entries, place(part, next) asks next(key) for the place of each, in the same order.
template <class Count, class Place>
void distribute(int64_t keys, int parts, int64_t* starts, Count count, Place place) {
  std::vector<std::vector<int64_t>> next(static_cast<size_t>(parts));
  for_workers(parts, [&](int64_t part) {
    std::vector<int64_t>& mine = next[static_cast<size_t>(part)];
    mine.assign(static_cast<size_t>(keys), 0);
    int64_t* const counts = mine.data();
    count(part, [counts](int64_t key) { ++counts[key]; });
  });
  int64_t at = 0;
  for (int64_t key = 0; key < keys; ++key) {
    starts[key] = at;
    for (std::vector<int64_t>& of_part : next) at += std::exchange(of_part[static_cast<size_t>(key)], at);
  }
  starts[keys] = at;
  for_workers(parts, [&](int64_t part) {
    int64_t* const places = next[static_cast<size_t>(part)].data();
    place(part, [places](int64_t key) { return places[key]++; });
  });
}

}  // namespace

template <class T>
EntryCounts count_entries(const at::Tensor& A, const std::optional<at::Tensor>& M, int threads) {
  const int64_t rows = A.size(0), columns = A.size(1);
  EntryCounts total;
  total.starts.assign(static_cast<size_t>(rows + 1), 0);
  std::mutex mutex;
  for_blocks((rows + kRowsOfBlock - 1) / kRowsOfBlock, threads_worth(A.numel(), threads), [&] {
    return [&, source = MatrixRows<T>(A, M)](int64_t block) mutable {
      EntryCounts counts;
      for (int64_t r = block * kRowsOfBlock; r < std::min(rows, (block + 1) * kRowsOfBlock); ++r) {
        const auto [values, observed] = source.row(r);
        int64_t marks = columns;
        if (observed) {
          marks = source.count_observed();
          counts.mask_nan += source.nan_marks();
        }
        total.starts[static_cast<size_t>(r + 1)] = marks;
        look_at(values, observed, columns, counts.not_finite, counts.fits_bytes);
      }
      const std::lock_guard lock(mutex);
      total.not_finite += counts.not_finite;
      total.mask_nan += counts.mask_nan;
      total.fits_bytes = total.fits_bytes && counts.fits_bytes;
    };
  });
  std::partial_sum(total.starts.begin(), total.starts.end(), total.starts.begin());
  return total;
}

template <class T>
EntryCounts count_entries(const EntryLists<T>& lists) {
  EntryCounts counts;
  counts.starts.assign(lists.starts, lists.starts + lists.rows + 1);
  constexpr int64_t kPiece = 1 << 20;  // of which 32 bits count the infinite
  for (int64_t e = 0; e < lists.count(); e += kPiece) {
    look_at<T>(lists.values + e, nullptr, std::min(kPiece, lists.count() - e), counts.not_finite, counts.fits_bytes);
  }
  return counts;
}

template <class T>
void list_rows(const at::Tensor& A, const std::optional<at::Tensor>& M, const int64_t* starts, int32_t* indices,
               T* values, int threads) {
  const int64_t rows = A.size(0);
  for_blocks((rows + kRowsOfBlock - 1) / kRowsOfBlock, threads_worth(A.numel(), threads), [&] {
    return [&, source = MatrixRows<T>(A, M)](int64_t block) mutable {
      for (int64_t r = block * kRowsOfBlock; r < std::min(rows, (block + 1) * kRowsOfBlock); ++r) {
        source.list(r, indices + starts[r], values + starts[r]);
      }
    };
  });
}

template <class Bits>
void turn_lists(const EntryLists<Bits>& lists, int64_t* starts, int32_t* indices, Bits* values, int threads) {
  const int parts = threads_worth(lists.count(), threads);
  const std::vector<int64_t> bounds = parts_of(lists.starts, lists.rows, parts);
  const auto count = [&](int64_t part, auto add) {
    const int64_t end = lists.starts[bounds[static_cast<size_t>(part + 1)]];
    for (int64_t e = lists.starts[bounds[static_cast<size_t>(part)]]; e < end; ++e) add(lists.indices[e]);
  };
  const auto place = [&](int64_t part, auto next) {
    for (int64_t r = bounds[static_cast<size_t>(part)]; r < bounds[static_cast<size_t>(part + 1)]; ++r) {
      for (int64_t e = lists.starts[r]; e < lists.starts[r + 1]; ++e) {
        const int64_t to = next(lists.indices[e]);
        indices[to] = static_cast<int32_t>(r);
        values[to] = lists.values[e];
      }
    }
  };
  distribute(lists.columns, parts, starts, count, place);
}

CoordinateCheck check_coordinates(const int64_t* row_of, const int64_t* column_of, int64_t count, int64_t rows,
                                  int64_t columns, int threads) {
  constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
  const int64_t parts = threads_worth(count, threads);
  std::vector<int64_t> outside(static_cast<size_t>(parts), kNone);
  std::atomic<bool> ascending{true};
  for_workers(static_cast<int>(parts), [&](int64_t part) {
    const int64_t begin = count / parts * part, end = part == parts - 1 ? count : count / parts * (part + 1);
    bool in_order = true;
    for (int64_t e = begin; e < end; ++e) {
      const int64_t r = row_of[e], c = column_of[e];
      if (r < 0 || r >= rows || c < 0 || c >= columns) {
        outside[static_cast<size_t>(part)] = e;
        return;
      }
      in_order &= e == 0 || row_of[e - 1] < r || (row_of[e - 1] == r && column_of[e - 1] < c);
    }
    if (!in_order) ascending = false;
  });
  const int64_t first = *std::min_element(outside.begin(), outside.end());
  return {first == kNone ? -1 : first, ascending};
}

template <class Bits>
void group_by_column(const int64_t* row_of, const int64_t* column_of, const Bits* from, int64_t count, int64_t columns,
                     int64_t* starts, int32_t* indices, Bits* values, int threads) {
  const int parts = threads_worth(count, threads);
  const auto begin_of = [&](int64_t part) { return part == parts ? count : count / parts * part; };
  const auto count_some = [&](int64_t part, auto add) {
    for (int64_t e = begin_of(part); e < begin_of(part + 1); ++e) add(column_of[e]);
  };
  const auto place = [&](int64_t part, auto next) {
    for (int64_t e = begin_of(part); e < begin_of(part + 1); ++e) {
      const int64_t to = next(column_of[e]);
      indices[to] = static_cast<int32_t>(row_of[e]);
      values[to] = from[e];
    }
  };
  distribute(columns, parts, starts, count_some, place);
}

int64_t first_repeated(const int64_t* starts, const int32_t* indices, int64_t rows) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t e = starts[r] + 1; e < starts[r + 1]; ++e) {
      if (indices[e] == indices[e - 1]) return e;
    }
  }
  return -1;
}

#define FACTORISE_INSTANTIATE(T)                                                                                    \
  template EntryCounts count_entries<T>(const at::Tensor&, const std::optional<at::Tensor>&, int);                  \
  template EntryCounts count_entries<T>(const EntryLists<T>&);                                                      \
  template void list_rows<T>(const at::Tensor&, const std::optional<at::Tensor>&, const int64_t*, int32_t*, T*, int);
FACTORISE_INSTANTIATE(float)
FACTORISE_INSTANTIATE(double)
#undef FACTORISE_INSTANTIATE

#define FACTORISE_INSTANTIATE(Bits)                                                                           \
  template void turn_lists<Bits>(const EntryLists<Bits>&, int64_t*, int32_t*, Bits*, int);                    \
  template void group_by_column<Bits>(const int64_t*, const int64_t*, const Bits*, int64_t, int64_t, int64_t*, \
                                      int32_t*, Bits*, int);
FACTORISE_INSTANTIATE(uint8_t)
FACTORISE_INSTANTIATE(uint16_t)
FACTORISE_INSTANTIATE(uint32_t)
FACTORISE_INSTANTIATE(uint64_t)
#undef FACTORISE_INSTANTIATE

}  // namespace factorise::cpu
