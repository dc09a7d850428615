#pragma once
// Observed entries as lists: of every row its entries, left to right, or of every column its entries, downwards. Loops
// on pointers, on several threads; the results do not depend on how many.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "cpu/entry_lists.h"

namespace factorise::cpu {

/// The counts and checks of a pass over a matrix and its mask.
struct EntryCounts {
  std::vector<int64_t> starts;  ///< rows + 1: how many entries are observed above each row
  bool all_finite = true;       ///< the observed entries
  int64_t mask_nan = 0;         ///< entries of the mask that are NaN
  bool fits_bytes = true;       ///< whether the observed entries are all whole numbers from 1 to 255

  int64_t observed() const { return starts.empty() ? 0 : starts.back(); }
};

/// Reads A (m x n, any real type and strides) and its mask (likewise, nonzero where observed; left out: everywhere)
/// once as T, without a copy of either.
template <class T>
EntryCounts count_entries(const at::Tensor& A, const std::optional<at::Tensor>& M, int threads);

/// The same of lists by row.
template <class T>
EntryCounts count_entries(const EntryLists<T>& lists);

/// Lists a matrix' observed entries by row; `starts` are count_entries'.
template <class T>
void list_rows(const at::Tensor& A, const std::optional<at::Tensor>& M, const int64_t* starts, int32_t* indices,
               T* values, int threads);

/// Lists by column from lists by row, or back. `starts`: columns + 1. Bits: an unsigned type of the values' size.
template <class Bits>
void turn_lists(const EntryLists<Bits>& lists, int64_t* starts, int32_t* indices, Bits* values, int threads);

/// The faults and the order of entries in coordinates.
struct CoordinateCheck {
  int64_t outside = -1;   ///< the first entry whose row or column is outside the matrix; -1: none
  bool ascending = true;  ///< whether they come row by row and left to right, each once
};
CoordinateCheck check_coordinates(const int64_t* row_of, const int64_t* column_of, int64_t count, int64_t rows,
                                  int64_t columns, int threads);

/// Lists by row of entries in coordinates, which may come in any order; equal ones stay in the order in which they
/// come. `starts`: rows + 1.
template <class Bits>
void list_coordinates(const int64_t* row_of, const int64_t* column_of, const Bits* from, int64_t count, int64_t rows,
                      int64_t columns, int64_t* starts, int32_t* indices, Bits* values, int threads);

/// The first entry of lists whose index equals its predecessor's in the same row, or -1.
int64_t first_repeated(const int64_t* starts, const int32_t* indices, int64_t rows, int threads);

}  // namespace factorise::cpu
