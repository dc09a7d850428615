#pragma once
// Observed entries as a list, for matrices that nobody could store whole.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace factorise::cpu {

/// Row by row and left to right: row r owns the entries [row_starts[r], row_starts[r + 1]).
struct EntryList {
  int64_t rows, columns;
  at::Tensor indices;     ///< int64, 2 x observed, contiguous: rows, then columns
  at::Tensor values;      ///< 1-D, contiguous, of any real type
  at::Tensor row_starts;  ///< int64, rows + 1

  int64_t observed() const { return values.numel(); }
  const int64_t* row_of() const { return indices.const_data_ptr<int64_t>(); }
  const int64_t* column_of() const { return indices.const_data_ptr<int64_t>() + observed(); }
  const int64_t* starts() const { return row_starts.const_data_ptr<int64_t>(); }
};

}  // namespace factorise::cpu
