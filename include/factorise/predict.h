#pragma once
// What factors say about entries: single ones, the best of a column, and how far two factorisations are apart in them.
// All in float64, whatever the factors' type.
//
//   const auto values = factorise::predict(factors, rows, columns);  // U[row]·V[column] of each pair
//   const auto seen = M.select(/*dim=*/1, /*index=*/4);              // rows that column 4 has already
//   for (const auto& [row, value] : factorise::best_rows(factors, /*column=*/4, /*count=*/10, seen)) {
//     std::cout << row << ' ' << value << '\n';
//   }

#include <factorise/export.h>
#include <factorise/factors.h>
#include <factorise/observations.h>

#include <optional>
#include <vector>

namespace factorise {

/// The entries U[rows[i]]·V[columns[i]] of U Vᵀ. rows and columns: int64, 1-D, of one length, from 0 on. Returns
/// float64, 1-D, on the CPU. Throws c10::ValueError for indices outside, or of another type or length.
FACTORISE_EXPORT Tensor predict(const Factors& factors, const Tensor& rows, const Tensor& columns);

/// Predicted entries, and which of them the factors have no say in.
struct Predictions {
  Tensor values;    ///< float64, 1-D, on the CPU
  Tensor fallback;  ///< bool, of the same length: whether the row or the column had no observed entry, so that the
                    ///< value is not U[row]·V[column] but the mean of those that were observed
};

/// The same where it is known what the factors were fitted to. An index may be -1 too: a row or column that the fitted
/// matrix did not have. `clip`: values outside are moved to its nearer end, the fallback as well. Throws as above, and
/// where `observed` is of another shape, or the clip's low is above its high.
FACTORISE_EXPORT Predictions predict(const Factors& factors, const Observations& observed, const Tensor& rows,
                                     const Tensor& columns, const std::optional<Range>& clip = std::nullopt);

/// A row and its predicted entry.
struct RankedRow {
  int64_t row;   ///< from 0 on
  double value;  ///< U[row]·V[column]
};

/// The `count` rows (or as many as there are) with the largest entries in a column of U Vᵀ, largest first, of equal
/// ones the upper first. column: 0 to n - 1; count: >= 0. `seen`: m, any real type; rows where it is not zero are left
/// out, as those that a user has rated. Throws c10::ValueError for bad arguments.
FACTORISE_EXPORT std::vector<RankedRow> best_rows(const Factors& factors, int64_t column, int64_t count,
                                                  const std::optional<Tensor>& seen = std::nullopt);

/// The same of the rows that had an observed entry when the factors were fitted: of the others nothing is known that
/// could rank them. None where the column had no entry itself.
FACTORISE_EXPORT std::vector<RankedRow> best_rows(const Factors& factors, const Observations& observed, int64_t column,
                                                  int64_t count, const std::optional<Tensor>& seen = std::nullopt);

/// max |U Vᵀ - U' V'ᵀ| over all entries; the ranks may differ, the shapes m x n may not, else c10::ValueError. In
/// strips of rows, so that no matrix of that shape is needed.
FACTORISE_EXPORT double largest_difference(const Factors& a, const Factors& b);

}  // namespace factorise
