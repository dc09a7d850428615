#pragma once
// Entries set aside, which a run does not see: how well it predicts them says what it has learnt, where the error over
// the entries that it sees says how well it remembers.

#include <factorise/factors.h>

#include <optional>

namespace factorise {

/// Some of the observed entries, and the mask without them.
struct HoldOut {
  Tensor seen;     ///< m x n, bool, on A's device: the mask to fit with
  Tensor rows;     ///< int64, 1-D, on the CPU: rows of the entries set aside, which come row by row
  Tensor columns;  ///< int64, 1-D, on the CPU: their columns
  Tensor values;   ///< float64, 1-D, on the CPU: their values
};

/// Sets each observed entry aside with this probability, 0 < fraction < 1. The draw is of the whole matrix, row by row,
/// from a CPU generator of this seed: it depends on A's shape alone, not on its device, and not on which are observed.
/// A and M: as for sgd_factorise_masked. Throws c10::ValueError for bad arguments, and where all or none is set aside.
HoldOut hold_out(const Tensor& A, const std::optional<Tensor>& M, double fraction, uint64_t seed);

/// Root of the mean squared error over the entries set aside, in float64; in the unit of A's entries. Throws
/// c10::ValueError where the factors are smaller than the matrix that the entries are of.
double rmse(const HoldOut& aside, const Factors& factors);

}  // namespace factorise
