#pragma once
// Entries in their file's order made into a sparse matrix: ids ascending, entries row by row.

#include <cstdint>
#include <functional>
#include <vector>

#include "io/entries_reader.h"
#include "io/ids.h"

namespace factorise {

/// What is done with an entry that is given more than once.
enum class Duplicates : uint8_t { refused, last, first, mean };

/// Entries with the places of their ids, row by row and left to right, each place once.
struct OrderedEntries {
  std::vector<RawEntry> entries;  ///< row and column count from 0
  Ids row_ids, column_ids;        ///< ascending
};

/// Puts entries, whose rows and columns count from 0, in the order of OrderedEntries. `refuse`: is called with one that
/// is given twice, and does not return.
void sort_entries(std::vector<RawEntry>& entries, const std::function<void(const RawEntry&)>& refuse);

/// Entries in that order as an m x n tensor, sparse COO, coalesced. dtype: float32 or float64.
at::Tensor sparse_of(const std::vector<RawEntry>& entries, int64_t m, int64_t n, c10::ScalarType dtype);

/// Orders them. `refuse`: is called with the ids' place in the file's terms (as raw entries have them) of an entry that
/// is given twice where that is refused, and does not return.
OrderedEntries ordered(RawEntries raw, Duplicates duplicates, const std::function<void(const RawEntry&)>& refuse);

}  // namespace factorise
