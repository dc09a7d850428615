#pragma once
// Regularised least squares for every row of a matrix, given the features of its columns: half a sweep of alternating
// least squares; or a draw from every row's posterior: half a sweep of Gibbs sampling. The bits are those of
// contract/least_squares.h on every instruction set and number of threads.

#include <cstdint>

#include "contract/deviates.h"
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

/// A draw of every row from its posterior.
template <class T>
struct Draw {
  Prior<T> prior;
  DeviateSource source;
  T* deviates;  ///< room for a row for each row of the lists, laid out as the features; aligned to 64 bytes
  T* terms;     ///< one for each row: |z|² - |y|² of contract/least_squares.h
};

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
  const Draw<T>* draw = nullptr;  ///< in place of the regularisation
};

/// Numbers from one row of features to the next.
constexpr int64_t feature_stride(int64_t unknowns) { return unknowns <= 8 ? 8 : (unknowns + 15) / 16 * 16; }

/// Solves for all rows; a row without entries has the solution 0, or a draw from the prior. Returns the first row whose
/// system is not positive definite, or -1; the solutions are then not all written.
template <class T>
int64_t solve_rows(const LeastSquares<T>& problem, int threads);

/// Writes the deviates of the rows [begin, end), in float32 and then converted, to `to` (row `begin` first).
template <class T>
void draw_normals(const DeviateSource& source, int64_t begin, int64_t end, int64_t unknowns, T* to);

/// The sums of rows and of their products, in float64: sums[i * (unknowns + 1) + j] = Σ x_i x_j for i <= j, with x the
/// first `unknowns` numbers of a row, and a 1 after them. Segments of kSegmentEntries rows, each one chain of fused
/// multiply-adds, are added in order. The rows are `stride` apart.
template <class T>
void sum_products(const T* rows, int64_t count, int64_t unknowns, int64_t stride, double* sums, int threads);

/// Entries of U Vᵀ over many draws of U and V: their means, and the sums of squared distances to them (Welford,
/// Technometrics 4(3), 1962).
template <class T>
struct PredictionSums {
  const int64_t *rows, *columns;
  int64_t count;
  const T *U, *V;  ///< rows of `width` numbers
  int64_t width;
  int64_t draws;  ///< with this one
  double *means, *squares;

  /// Adds this draw's product of an entry; share: 1 / draws.
  void add(int64_t entry, double product, double share) const {
    const double before = product - means[entry];
    const double change = before * share;
    means[entry] += change;
    const double square = before * (product - means[entry]);
    squares[entry] += square;
  }
};

/// Adds a draw: U[row]·V[column] is one chain of fused multiply-adds in T.
template <class T>
void add_predictions(const PredictionSums<T>& sums, int threads);

}  // namespace factorise::cpu
