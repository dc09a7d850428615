#pragma once
// What a run sees of each row and column. Factors say nothing of a row or column without an observed entry: they are
// where the run's start drew them. What is predicted there has to come from what is known of the other entries.
//
//   const auto seen = factorise::observations(A, M);                        // of what the factors are fitted to
//   const auto entries = factorise::predict(factors, seen, rows, columns);  // factorise/predict.h
//   const auto means = entries.fallback.sum();  // how many of entries.values are the mean, not the factors' own

#include <ATen/core/Tensor.h>
#include <factorise/export.h>

#include <cstdint>
#include <optional>

namespace factorise {

using at::Tensor;

/// Between these two, both included, in the unit of A's entries.
struct Range {
  double low;   ///< at most high
  double high;  ///< at least low
};

/// How many entries each row and column has, and what is known of all.
struct Observations {
  Tensor row_counts;     ///< m, int64, on the CPU: observed entries of each row; undefined: not known, none is without
  Tensor column_counts;  ///< n, the same of each column
  double mean;           ///< of the observed entries, in their unit; NaN where there are none
  Range range;           ///< their lowest and their highest; NaN where there are none
};

/// Counts the observed entries, and sums them up in float64 in a fixed order: the same for every thread count. A: m x
/// n, any real type; M: m x n, nonzero where A is observed (left out: everywhere). Or A is sparse, as for
/// sgd_factorise_entries, and M left out. Where an observed entry is NaN, so is the mean. Throws c10::ValueError where
/// shapes or devices do not fit, or M holds NaN.
FACTORISE_EXPORT Observations observations(const Tensor& A, const std::optional<Tensor>& M = std::nullopt);

/// How many rows or columns have no observed entry: the zeros among the counts, 0 of none.
FACTORISE_EXPORT int64_t count_unobserved(const Tensor& counts);

}  // namespace factorise
