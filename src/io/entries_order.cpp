// Ids are numbered by a table where they lie close together, else by hashing; then entries are scattered by column and
// by row, which keeps the file's order among those of one place.

#include "io/entries_order.h"

#include <ATen/ops/_sparse_coo_tensor_unsafe.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

namespace factorise {
namespace {

using Side = int64_t RawEntry::*;

/// Ids, and in the entries their places among these.
struct Numbered {
  std::vector<int64_t> numbers;  ///< ascending; of texts their places in the list that was read
  Ids ids;
};

/// Where the ids lie so close together that a table of all between them is small.
std::vector<int64_t> number_by_table(std::vector<RawEntry>& entries, Side side, int64_t least, size_t range) {
  std::vector<int64_t> places(range, -1);
  const auto slot = [&](const RawEntry& entry) -> int64_t& {
    return places[static_cast<size_t>(static_cast<uint64_t>(entry.*side) - static_cast<uint64_t>(least))];
  };
  for (const RawEntry& entry : entries) slot(entry) = 0;
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < range; ++i) {
    if (places[i] < 0) continue;
    places[i] = static_cast<int64_t>(numbers.size());
    numbers.push_back(least + static_cast<int64_t>(i));
  }
  for (RawEntry& entry : entries) entry.*side = slot(entry);
  return numbers;
}

std::vector<int64_t> number_by_hash(std::vector<RawEntry>& entries, Side side) {
  std::unordered_map<int64_t, int64_t> places;
  for (const RawEntry& entry : entries) places.emplace(entry.*side, 0);
  std::vector<int64_t> numbers;
  numbers.reserve(places.size());
  for (const auto& [number, place] : places) numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end());
  for (size_t i = 0; i < numbers.size(); ++i) places[numbers[i]] = static_cast<int64_t>(i);
  for (RawEntry& entry : entries) entry.*side = places.find(entry.*side)->second;
  return numbers;
}

Numbered number_numbers(std::vector<RawEntry>& entries, Side side) {
  const auto [low, high] = std::minmax_element(entries.begin(), entries.end(),
                                               [&](const RawEntry& a, const RawEntry& b) { return a.*side < b.*side; });
  const int64_t least = (*low).*side;
  const uint64_t range = static_cast<uint64_t>((*high).*side) - static_cast<uint64_t>(least);
  constexpr uint64_t kAlwaysSmall = 1 << 16;
  const bool is_small = range < std::max<uint64_t>(kAlwaysSmall, 2 * entries.size());
  std::vector<int64_t> numbers =
      is_small ? number_by_table(entries, side, least, range + 1) : number_by_hash(entries, side);
  const Ids ids(at::tensor(at::ArrayRef<int64_t>(numbers), at::TensorOptions(at::kLong)));
  return {std::move(numbers), ids};
}

Numbered number_texts(std::vector<RawEntry>& entries, Side side, std::vector<std::string> texts) {
  std::vector<int64_t> order(texts.size());
  std::iota(order.begin(), order.end(), 0);
  const auto text = [&](int64_t i) -> std::string& { return texts[static_cast<size_t>(i)]; };
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return text(a) < text(b); });
  std::vector<int64_t> places(order.size());
  std::vector<std::string> sorted;
  sorted.reserve(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    places[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
    sorted.push_back(std::move(text(order[i])));
  }
  for (RawEntry& entry : entries) entry.*side = places[static_cast<size_t>(entry.*side)];
  return {std::move(order), Ids(std::move(sorted))};
}

/// The entries by one of their sides, and as they were among those with the same.
std::vector<RawEntry> scattered(const std::vector<RawEntry>& entries, Side side, size_t size) {
  std::vector<size_t> next(size + 1, 0);
  for (const RawEntry& entry : entries) ++next[static_cast<size_t>(entry.*side) + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  std::vector<RawEntry> result(entries.size());
  for (const RawEntry& entry : entries) result[next[static_cast<size_t>(entry.*side)]++] = entry;
  return result;
}

bool are_in_one_place(const RawEntry& a, const RawEntry& b) { return a.row == b.row && a.column == b.column; }

/// One value for each place.
void merge(std::vector<RawEntry>& entries, Duplicates duplicates) {
  size_t kept = 0;
  for (size_t begin = 0, end = 0; begin < entries.size(); begin = end) {
    double sum = 0;
    for (end = begin; end < entries.size() && are_in_one_place(entries[begin], entries[end]); ++end) {
      sum += entries[end].value;
    }
    RawEntry entry = entries[duplicates == Duplicates::last ? end - 1 : begin];
    if (duplicates == Duplicates::mean) entry.value = sum / static_cast<double>(end - begin);
    entries[kept++] = entry;
  }
  entries.resize(kept);
}

template <class T>
void fill(const std::vector<RawEntry>& entries, const at::Tensor& indices, const at::Tensor& values) {
  auto *row = indices.mutable_data_ptr<int64_t>(), *column = row + entries.size();
  auto* value = values.mutable_data_ptr<T>();
  for (const RawEntry& entry : entries) {
    *row++ = entry.row;
    *column++ = entry.column;
    *value++ = static_cast<T>(entry.value);
  }
}

}  // namespace

void sort_entries(std::vector<RawEntry>& entries, const std::function<void(const RawEntry&)>& refuse) {
  // By comparing, as a matrix may have far more rows than entries.
  const auto place = [](const RawEntry& entry) { return std::pair(entry.row, entry.column); };
  std::sort(entries.begin(), entries.end(), [&](const RawEntry& a, const RawEntry& b) { return place(a) < place(b); });
  const auto twice = std::adjacent_find(entries.begin(), entries.end(), are_in_one_place);
  if (twice != entries.end()) refuse(*twice);
}

at::Tensor sparse_of(const std::vector<RawEntry>& entries, int64_t m, int64_t n, c10::ScalarType dtype) {
  const auto count = static_cast<int64_t>(entries.size());
  const at::Tensor indices = at::empty({2, count}, at::TensorOptions(at::kLong));
  const at::Tensor values = at::empty({count}, at::TensorOptions(dtype));
  (dtype == at::kDouble ? fill<double> : fill<float>)(entries, indices, values);
  return at::_sparse_coo_tensor_unsafe(indices, values, {m, n}, values.options().layout(at::kSparse),
                                       /*is_coalesced=*/true);
}

OrderedEntries ordered(RawEntries raw, Duplicates duplicates, const std::function<void(const RawEntry&)>& refuse) {
  std::vector<RawEntry>& entries = raw.entries;
  const auto number = [&](Side side, std::optional<std::vector<std::string>>& texts) {
    return texts ? number_texts(entries, side, std::move(*texts)) : number_numbers(entries, side);
  };
  const Numbered rows = number(&RawEntry::row, raw.row_texts);
  const Numbered columns = number(&RawEntry::column, raw.column_texts);
  entries = scattered(entries, &RawEntry::column, columns.numbers.size());
  entries = scattered(entries, &RawEntry::row, rows.numbers.size());
  const auto twice = std::adjacent_find(entries.begin(), entries.end(), are_in_one_place);
  if (twice != entries.end()) {
    if (duplicates == Duplicates::refused) {
      refuse({rows.numbers[static_cast<size_t>(twice->row)], columns.numbers[static_cast<size_t>(twice->column)], 0});
    }
    merge(entries, duplicates);
  }
  return {std::move(entries), rows.ids, columns.ids};
}

}  // namespace factorise
