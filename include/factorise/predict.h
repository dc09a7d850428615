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

/// Says that factors are those of several draws side by side (Posterior::factors of factorise/gibbs.h), so that the
/// draws' spread can be read off them.
struct Draws {
  int64_t count;          ///< draws; the factors have so many times their columns
  double noise_variance;  ///< of a rating around what factors predict
  Factors unseen = {};    ///< 1 x as many columns each: the draws of a row and of a column of which nothing is known,
                          ///< as of a new user. Undefined: there are none
};

/// Predicted entries, and which of them the factors have no say in.
struct Predictions {
  Tensor values;    ///< float64, 1-D, on the CPU
  Tensor fallback;  ///< bool, of the same length: whether the row or the column had no observed entry, so that the
                    ///< value is not U[row]·V[column] but the mean of those that were observed
  Tensor deviations = {};  ///< float64, of the same length: of draws, the standard deviation of a rating, by the draws'
                           ///< spread and the noise; NaN at a fallback, and of a single draw. Undefined otherwise
};

/// The same where it is known what the factors were fitted to. An index may be -1 too: a row or column that the fitted
/// matrix did not have. `clip`: values outside are moved to its nearer end, the fallback as well. `draws`: what the
/// factors are of; rows and columns without an observed entry then have draws too, from their prior, and are predicted
/// by these. Throws as above, and where `observed` is of another shape, the clip's low is above its high, or the
/// factors cannot be of so many draws.
FACTORISE_EXPORT Predictions predict(const Factors& factors, const Observations& observed, const Tensor& rows,
                                     const Tensor& columns, const std::optional<Range>& clip = std::nullopt,
                                     const std::optional<Draws>& draws = std::nullopt);

/// A row and its predicted entry.
struct RankedRow {
  int64_t row;   ///< from 0 on
  double value;  ///< U[row]·V[column]
};

/// The same of draws.
struct RankedDraws {
  int64_t row;       ///< from 0 on
  double value;      ///< U[row]·V[column], the mean of the draws
  double deviation;  ///< as Predictions::deviations
};

/// By what rows are ranked: by their values, or, of draws, cautiously: by the values less their deviations.
enum class RankBy { value, lower };

/// The `count` rows (or as many as there are) with the largest entries in a column of U Vᵀ, largest first, of equal
/// ones the upper first. column: 0 to n - 1; count: >= 0. `seen`: m, any real type; rows where it is not zero are left
/// out, as those that a user has rated. Throws c10::ValueError for bad arguments.
FACTORISE_EXPORT std::vector<RankedRow> best_rows(const Factors& factors, int64_t column, int64_t count,
                                                  const std::optional<Tensor>& seen = std::nullopt);

/// The same of the rows that had an observed entry when the factors were fitted: of the others nothing is known that
/// could rank them. None where the column had no entry itself.
FACTORISE_EXPORT std::vector<RankedRow> best_rows(const Factors& factors, const Observations& observed, int64_t column,
                                                  int64_t count, const std::optional<Tensor>& seen = std::nullopt);

/// The same of draws, with deviations; also for a column without an entry. Throws also for RankBy::lower of fewer than
/// 2 draws.
FACTORISE_EXPORT std::vector<RankedDraws> best_rows(const Factors& factors, const Draws& draws,
                                                    const Observations& observed, int64_t column, int64_t count,
                                                    const std::optional<Tensor>& seen = std::nullopt,
                                                    RankBy by = RankBy::value);

/// max |U Vᵀ - U' V'ᵀ| over all entries; the ranks may differ, the shapes m x n may not, else c10::ValueError. In
/// strips of rows, so that no matrix of that shape is needed.
FACTORISE_EXPORT double largest_difference(const Factors& a, const Factors& b);

}  // namespace factorise
