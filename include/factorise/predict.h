#pragma once
// What factors say about entries: single ones, the best of a column, and how far two factorisations are apart in them.
// All in float64, whatever the factors' type.

#include <factorise/factors.h>

#include <optional>
#include <vector>

namespace factorise {

/// The entries U[rows[i]]·V[columns[i]] of U Vᵀ. rows and columns: int64, 1-D, of one length, from 0 on. Returns
/// float64, 1-D, on the CPU. Throws c10::ValueError for indices outside, or of another type or length.
Tensor predict(const Factors& factors, const Tensor& rows, const Tensor& columns);

/// A row and its predicted entry.
struct RankedRow {
  int64_t row;   ///< from 0 on
  double value;  ///< U[row]·V[column]
};

/// The `count` rows (or as many as there are) with the largest entries in a column of U Vᵀ, largest first, of equal
/// ones the upper first. column: 0 to n - 1; count: >= 0. `seen`: m, any real type; rows where it is not zero are left
/// out, as a user's who rated them. Throws c10::ValueError for bad arguments.
std::vector<RankedRow> best_rows(const Factors& factors, int64_t column, int64_t count,
                                 const std::optional<Tensor>& seen = std::nullopt);

/// max |U Vᵀ - U' V'ᵀ| over all entries; the ranks may differ, the shapes m x n may not, else c10::ValueError. In
/// strips of rows, so that no matrix of that shape is needed.
double largest_difference(const Factors& a, const Factors& b);

}  // namespace factorise
