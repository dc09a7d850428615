#pragma once
// Regularised least squares for every row of a matrix, given the features of its columns: half a sweep of alternating
// least squares. The bits are those of contract/least_squares.h on every instruction set and number of threads.

#include <cstdint>

#include "contract/least_squares.h"
#include "cpu/entry_lists.h"

namespace factorise::cpu {

/// Entries in three bytes each, which take less time to read than lists' eight or twelve.
struct NarrowEntries {
  const uint16_t* indices = nullptr;
  const uint8_t* values = nullptr;
};

/// Whether solve_rows reads them at this number of unknowns: more take so long to sum that reading hides behind it.
constexpr bool reads_narrow(int64_t unknowns) { return unknowns <= kChainedUnknowns; }

/// Whether entries fit: `whole`: whether their values are whole numbers from 0 to 255.
constexpr bool fits_narrow(int64_t columns, bool whole) { return whole && columns <= 1 << 16; }

/// Writes the lists' entries, which fit.
template <class T>
void narrow_entries(const EntryLists<T>& lists, uint16_t* indices, uint8_t* values, int threads);

/// The problem of all rows: row r's solution x minimises
///   Σ (values[e] - offsets[indices[e]] - features[indices[e]]·x)² + λ x·x  over its entries e,
/// λ being the regularisation, times the row's count of entries where weighted; the last unknown has its own.
template <class T>
struct LeastSquares {
  EntryLists<T> lists;
  NarrowEntries narrow;  ///< the lists' entries again, or null
  int64_t unknowns;
  const T* features;  ///< a row for each column of the lists, feature_stride(unknowns) apart, aligned to 64 bytes;
                      ///< zeros after the unknowns
  const T* offsets;   ///< one for each column of the lists; null: none
  double regularisation, last_regularisation;
  bool weighted;
  T* solutions;  ///< a row for each row of the lists, laid out as the features; what is after the unknowns stays
};

/// Numbers from one row of features to the next.
constexpr int64_t feature_stride(int64_t unknowns) { return unknowns <= 8 ? 8 : (unknowns + 15) / 16 * 16; }

/// Solves for all rows; a row without entries has the solution 0. Returns the first row whose system is not positive
/// definite, or -1; the solutions are then not all written.
template <class T>
int64_t solve_rows(const LeastSquares<T>& problem, int threads);

}  // namespace factorise::cpu
