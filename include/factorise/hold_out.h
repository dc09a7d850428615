#pragma once
// Entries set aside, which a run does not see: how well it predicts them says what it has learnt, where the error over
// the entries that it sees says how well it remembers.
//
//   const auto aside = factorise::hold_out(A, M, /*fraction=*/0.1, /*seed=*/0);
//   const auto options = factorise::SgdOptions().num_epochs(50).lr(0.002).seed(0);
//   const auto factors = factorise::sgd_factorise_masked(A, aside.seen, /*rank=*/5, options);
//   const auto judged = factorise::judge(aside, factors, factorise::observations(A, aside.seen));
//   std::cout << "RMSE " << judged.rmse << " over " << judged.entries << " entries\n";

#include <factorise/export.h>
#include <factorise/factors.h>
#include <factorise/predict.h>

#include <optional>

namespace factorise {

/// Some of the observed entries, and the mask without them.
struct HoldOut {
  Tensor seen;     ///< m x n, bool, on A's device: the mask to fit with; of a sparse A: A without them
  Tensor rows;     ///< int64, 1-D, on the CPU: rows of the entries set aside, which come row by row
  Tensor columns;  ///< int64, 1-D, on the CPU: their columns
  Tensor values;   ///< float64, 1-D, on the CPU: their values
};

/// Sets each observed entry aside with this probability, 0 < fraction < 1. The draw is of the whole matrix, row by row,
/// from a CPU generator of this seed: it depends on A's shape alone, not on its device, and not on which are observed.
/// A and M: as for sgd_factorise_masked; or A sparse, as for sgd_factorise_entries, and M left out: the same entries as
/// of the matrix and its mask, in memory for the entries alone (and half a nanosecond for each cell). Throws
/// c10::ValueError for bad arguments, and where all or none is set aside.
FACTORISE_EXPORT HoldOut hold_out(const Tensor& A, const std::optional<Tensor>& M, double fraction, uint64_t seed);

/// How far predictions are from what was given, all errors in the unit of A's entries.
struct Judgement {
  int64_t entries;    ///< all of them
  int64_t fallbacks;  ///< those of a row or column without an observed entry, for which the fallback was predicted
  double rmse;        ///< root of the mean squared error over all
  double mae;         ///< mean of the absolute errors over all
  double known_rmse;  ///< the root without the fallbacks; NaN where nothing else is left
  double known_mae;   ///< the mean without them; the same
  double within_50;   ///< of predictions with deviations (fallbacks have none): the share of values in the intervals
                      ///< around the predictions that hold 50 % of a normal distribution; NaN of others
  double within_90;   ///< the same of 90 %
};

/// Sets predictions beside the values of their entries (float64, 1-D, on the CPU, as many), in float64. Throws
/// c10::ValueError where there are none, or not as many.
FACTORISE_EXPORT Judgement judge(const Predictions& predictions, const Tensor& values);

/// The same of the entries set aside, where `observed` is what the factors were fitted to: observations(A,
/// aside.seen), of a sparse A observations(aside.seen). Throws as predict() does.
FACTORISE_EXPORT Judgement judge(const HoldOut& aside, const Factors& factors, const Observations& observed,
                                 const std::optional<Range>& clip = std::nullopt);

/// Root of the mean squared error over the entries set aside, in float64; in the unit of A's entries. Every entry is
/// U[row]·V[column] here, also that of a row or column of which the run saw nothing: judge() tells these apart. Throws
/// c10::ValueError where the factors are smaller than the matrix that the entries are of.
FACTORISE_EXPORT double rmse(const HoldOut& aside, const Factors& factors);

}  // namespace factorise
