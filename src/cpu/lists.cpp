// Counting, listing and turning entries. Each is a pass in pieces of rows or entries, and the pieces are put together
// in their order.

#include "cpu/lists.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>
#include <numeric>
#include <utility>

#include "cpu/entry_rows.h"
#include "cpu/for_blocks.h"

namespace factorise::cpu {
namespace {

constexpr int64_t kRowsOfBlock = 16;
constexpr int64_t kWorthThreads = 100'000;  // entries or cells

int threads_worth(int64_t work, int threads) { return work < kWorthThreads ? 1 : threads; }

void add(const RowFacts& facts, EntryCounts& counts) {
  counts.all_finite = counts.all_finite && facts.finite;
  counts.fits_bytes = counts.fits_bytes && facts.fits_bytes;
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
/// of a part's entries, place(part, next) calls next(key) for the place of each, in the same order.
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
  const int64_t rows = A.size(0);
  EntryCounts total;
  total.starts.assign(static_cast<size_t>(rows + 1), 0);
  std::mutex mutex;
  for_blocks((rows + kRowsOfBlock - 1) / kRowsOfBlock, threads_worth(A.numel(), threads), [&] {
    return [&, source = MatrixRows<T>(A, M)](int64_t block) mutable {
      EntryCounts counts;
      for (int64_t r = block * kRowsOfBlock; r < std::min(rows, (block + 1) * kRowsOfBlock); ++r) {
        source.row(r);
        total.starts[static_cast<size_t>(r + 1)] = source.count_observed();
        counts.mask_nan += source.nan_marks();
        add(source.facts(), counts);
      }
      const std::lock_guard lock(mutex);
      total.mask_nan += counts.mask_nan;
      add({counts.all_finite, counts.fits_bytes}, total);
    };
  });
  std::partial_sum(total.starts.begin(), total.starts.end(), total.starts.begin());
  return total;
}

template <class T>
EntryCounts count_entries(const EntryLists<T>& lists) {
  EntryCounts counts;
  counts.starts.assign(lists.starts, lists.starts + lists.rows + 1);
  add(row_kernels<T>(chosen_isa()).look_at(lists.values, nullptr, lists.count()), counts);
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
void turn_lists(const EntryLists<Bits>& lists, bool ascending, int64_t* starts, int32_t* indices, Bits* values,
                int threads) {
  const int parts = threads_worth(lists.count(), threads);
  const std::vector<int64_t> bounds = parts_of(lists.starts, lists.rows, parts);
  const auto count = [&](int64_t part, auto add) {
    const int64_t end = lists.starts[bounds[static_cast<size_t>(part + 1)]];
    for (int64_t e = lists.starts[bounds[static_cast<size_t>(part)]]; e < end; ++e) add(lists.indices[e]);
  };
  // Some columns of all rows at a time, so that the ends of the lists that are written to stay in the nearest cache; as
  // many that a row has some sixteen entries in them, or going through the rows would cost more than their entries.
  const int64_t wanted = 16 * lists.rows * lists.columns / std::max<int64_t>(1, lists.count());
  const int64_t at_once = ascending ? std::max<int64_t>(256, wanted) : lists.columns;
  const auto place = [&](int64_t part, auto next) {
    const int64_t first = bounds[static_cast<size_t>(part)], last = bounds[static_cast<size_t>(part + 1)];
    std::vector<int64_t> begun(lists.starts + first, lists.starts + last);
    for (int64_t begin = 0; begin < lists.columns; begin += at_once) {
      const int64_t end = begin + at_once;
      for (int64_t r = first; r < last; ++r) {
        int64_t e = begun[static_cast<size_t>(r - first)];
        for (; e < lists.starts[r + 1] && lists.indices[e] < end; ++e) {
          const int64_t to = next(lists.indices[e]);
          indices[to] = static_cast<int32_t>(r);
          values[to] = lists.values[e];
        }
        begun[static_cast<size_t>(r - first)] = e;
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

template EntryCounts count_entries<float>(const at::Tensor&, const std::optional<at::Tensor>&, int);
template EntryCounts count_entries(const EntryLists<float>&);
template void list_rows(const at::Tensor&, const std::optional<at::Tensor>&, const int64_t*, int32_t*, float*, int);
template EntryCounts count_entries<double>(const at::Tensor&, const std::optional<at::Tensor>&, int);
template EntryCounts count_entries(const EntryLists<double>&);
template void list_rows(const at::Tensor&, const std::optional<at::Tensor>&, const int64_t*, int32_t*, double*, int);
template void turn_lists(const EntryLists<uint8_t>&, bool, int64_t*, int32_t*, uint8_t*, int);
template void group_by_column(const int64_t*, const int64_t*, const uint8_t*, int64_t, int64_t, int64_t*, int32_t*,
                              uint8_t*, int);
template void turn_lists(const EntryLists<uint16_t>&, bool, int64_t*, int32_t*, uint16_t*, int);
template void group_by_column(const int64_t*, const int64_t*, const uint16_t*, int64_t, int64_t, int64_t*, int32_t*,
                              uint16_t*, int);
template void turn_lists(const EntryLists<uint32_t>&, bool, int64_t*, int32_t*, uint32_t*, int);
template void group_by_column(const int64_t*, const int64_t*, const uint32_t*, int64_t, int64_t, int64_t*, int32_t*,
                              uint32_t*, int);
template void turn_lists(const EntryLists<uint64_t>&, bool, int64_t*, int32_t*, uint64_t*, int);
template void group_by_column(const int64_t*, const int64_t*, const uint64_t*, int64_t, int64_t, int64_t*, int32_t*,
                              uint64_t*, int);

}  // namespace factorise::cpu
