// Counting, listing and turning entries. Each is a pass in pieces of rows or entries, and the pieces are put together
// in their order.

#include "cpu/lists.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <mutex>
#include <numeric>
#include <utility>

#include "cpu/entry_rows.h"
#include "cpu/memory.h"
#include "cpu/threads/for_blocks.h"

namespace factorise::cpu {
namespace {

constexpr int64_t kRowsOfBlock = 16;
constexpr int64_t kWorthThreads = 100'000;  // entries or cells
constexpr int64_t kEntriesOfBlock = 1 << 15, kMostBlocks = 1024;
constexpr int kDigitBits = 11;

/// An entry in coordinates.
template <class Bits>
struct Coordinates {
  int32_t row, column;
  Bits value;
};

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
        source.list(r, starts[r + 1] - starts[r], indices + starts[r], values + starts[r]);
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
  // Some columns of all rows at a time, so that the ends of the lists that are written to stay in the nearest cache; as
  // many that a row has some sixteen entries in them, or going through the rows would cost more than their entries.
  const double wanted =
      16.0 * static_cast<double>(lists.rows) / static_cast<double>(std::max<int64_t>(1, lists.count()));
  const auto columns = static_cast<double>(lists.columns);
  const auto at_once = static_cast<int64_t>(std::max(256.0, std::min(columns, wanted * columns)));
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
void list_coordinates(const int64_t* row_of, const int64_t* column_of, const Bits* from, int64_t count, int64_t rows,
                      int64_t columns, int64_t* starts, int32_t* indices, Bits* values, int threads) {
  // Blocks of rows whose entries stay in a core's cache while they are sorted; not more of them than lists that can be
  // written to at the same time.
  int row_bits = 0;
  while ((rows >> row_bits) > kMostBlocks || (rows >> row_bits) * kEntriesOfBlock > count) ++row_bits;
  const int64_t blocks = (rows >> row_bits) + 1;
  const int parts = threads_worth(count, threads);
  const auto begin_of = [&](int64_t part) { return part == parts ? count : count / parts * part; };
  std::vector<int64_t> block_starts(static_cast<size_t>(blocks + 1));
  using Entry = Coordinates<Bits>;
  const at::Tensor memory = empty_for_packing(count * static_cast<int64_t>(sizeof(Entry)), at::kByte);
  auto* const entries = static_cast<Entry*>(memory.mutable_data_ptr());
  distribute(
      blocks, parts, block_starts.data(),
      [&](int64_t part, auto add) {
        for (int64_t e = begin_of(part); e < begin_of(part + 1); ++e) add(row_of[e] >> row_bits);
      },
      [&](int64_t part, auto next) {
        for (int64_t e = begin_of(part); e < begin_of(part + 1); ++e) {
          entries[next(row_of[e] >> row_bits)] = {static_cast<int32_t>(row_of[e]), static_cast<int32_t>(column_of[e]),
                                                  from[e]};
        }
      });
  const auto column_bits = static_cast<int>(std::bit_width(static_cast<uint64_t>(columns - 1)));
  const int passes = (column_bits + kDigitBits - 1) / kDigitBits;
  const int digit_bits = passes ? (column_bits + passes - 1) / passes : 0;
  starts[rows] = count;
  for_blocks(blocks, parts, [&] {
    return [&, other = std::vector<Entry>(), next = std::vector<int64_t>()](int64_t block) mutable {
      const int64_t begin = block_starts[static_cast<size_t>(block)];
      const int64_t size = block_starts[static_cast<size_t>(block + 1)] - begin;
      other.resize(static_cast<size_t>(size));
      Entry *now = entries + begin, *then = other.data();
      for (int pass = 0; pass < passes; ++pass) {
        const int shift = pass * digit_bits;
        const int64_t mask = (int64_t{1} << digit_bits) - 1;
        const auto digit = [&](const Entry& entry) { return (entry.column >> shift) & mask; };
        next.assign(static_cast<size_t>(mask + 1), 0);
        for (int64_t e = 0; e < size; ++e) ++next[static_cast<size_t>(digit(now[e]))];
        int64_t at = 0;
        for (int64_t& places : next) at += std::exchange(places, at);
        for (int64_t e = 0; e < size; ++e) then[next[static_cast<size_t>(digit(now[e]))]++] = now[e];
        std::swap(now, then);
      }
      const int64_t first = block << row_bits, height = std::min(rows, (block + 1) << row_bits) - first;
      next.assign(static_cast<size_t>(std::max<int64_t>(0, height)), 0);
      for (int64_t e = 0; e < size; ++e) ++next[static_cast<size_t>(now[e].row - first)];
      int64_t at = begin;
      for (int64_t i = 0; i < height; ++i) {
        starts[first + i] = at;
        at += std::exchange(next[static_cast<size_t>(i)], at);
      }
      for (int64_t e = 0; e < size; ++e) {
        const int64_t to = next[static_cast<size_t>(now[e].row - first)]++;
        indices[to] = now[e].column;
        values[to] = now[e].value;
      }
    };
  });
}

int64_t first_repeated(const int64_t* starts, const int32_t* indices, int64_t rows, int threads) {
  const int parts = threads_worth(starts[rows], threads);
  const std::vector<int64_t> bounds = parts_of(starts, rows, parts);
  std::vector<int64_t> found(static_cast<size_t>(parts), -1);
  for_workers(parts, [&](int64_t part) {
    for (int64_t r = bounds[static_cast<size_t>(part)]; r < bounds[static_cast<size_t>(part + 1)]; ++r) {
      for (int64_t e = starts[r] + 1; e < starts[r + 1]; ++e) {
        if (indices[e] != indices[e - 1]) continue;
        found[static_cast<size_t>(part)] = e;
        return;
      }
    }
  });
  const auto first = std::find_if(found.begin(), found.end(), [](int64_t e) { return e >= 0; });
  return first == found.end() ? -1 : *first;
}

template EntryCounts count_entries<float>(const at::Tensor&, const std::optional<at::Tensor>&, int);
template EntryCounts count_entries(const EntryLists<float>&);
template void list_rows(const at::Tensor&, const std::optional<at::Tensor>&, const int64_t*, int32_t*, float*, int);
template EntryCounts count_entries<double>(const at::Tensor&, const std::optional<at::Tensor>&, int);
template EntryCounts count_entries(const EntryLists<double>&);
template void list_rows(const at::Tensor&, const std::optional<at::Tensor>&, const int64_t*, int32_t*, double*, int);
template void turn_lists(const EntryLists<uint8_t>&, int64_t*, int32_t*, uint8_t*, int);
template void list_coordinates(const int64_t*, const int64_t*, const uint8_t*, int64_t, int64_t, int64_t, int64_t*,
                               int32_t*, uint8_t*, int);
template void turn_lists(const EntryLists<uint16_t>&, int64_t*, int32_t*, uint16_t*, int);
template void list_coordinates(const int64_t*, const int64_t*, const uint16_t*, int64_t, int64_t, int64_t, int64_t*,
                               int32_t*, uint16_t*, int);
template void turn_lists(const EntryLists<uint32_t>&, int64_t*, int32_t*, uint32_t*, int);
template void list_coordinates(const int64_t*, const int64_t*, const uint32_t*, int64_t, int64_t, int64_t, int64_t*,
                               int32_t*, uint32_t*, int);
template void turn_lists(const EntryLists<uint64_t>&, int64_t*, int32_t*, uint64_t*, int);
template void list_coordinates(const int64_t*, const int64_t*, const uint64_t*, int64_t, int64_t, int64_t, int64_t*,
                               int32_t*, uint64_t*, int);

}  // namespace factorise::cpu
