#pragma once
// Observed entries as lists, for kernels.

#include <cstdint>

namespace factorise::cpu {

/// Lists by row: row r owns the entries [starts[r], starts[r + 1]), in ascending columns. By column the same with the
/// words exchanged.
template <class T>
struct EntryLists {
  int64_t rows, columns;
  const int64_t* starts;   ///< rows + 1
  const int32_t* indices;  ///< columns of the entries
  const T* values;

  int64_t count() const { return starts[rows]; }
};

}  // namespace factorise::cpu
