#pragma once
// Alternating least squares: each sweep solves for all of U given V, then for all of V given the new U. It has no step
// size, and each half of a sweep is the best that one side can be for the other.
//
//   const auto options = factorise::AlsOptions().num_epochs(20).regularisation(0.1).seed(0);
//   const auto masked = factorise::als_factorise_masked(A, M, /*rank=*/5, options);     // where M is not zero
//   const auto listed = factorise::als_factorise_entries(sparse, /*rank=*/5, options);  // the entries that it stores

#include <factorise/export.h>
#include <factorise/run_options.h>
#include <torch/csrc/api/include/torch/arg.h>

#include <optional>

namespace factorise {

/// Options of als_factorise, als_factorise_masked and als_factorise_entries, beside those of all runs. num_epochs: 20
/// sweeps where none are given.
struct AlsOptions : RunOptions<AlsOptions> {
  AlsOptions() { num_epochs(20); }

  /// L2 regularisation λ >= 0 of the factors. 0 needs at least `rank` entries in every row and column that has any.
  TORCH_ARG(double, regularisation) = 0.1;
  /// Whether the model has the mean μ of what is observed and biases: A[r,c] ≈ μ + b[r] + c[c] + U[r]·V[c] (Koren, Bell
  /// and Volinsky, IEEE Computer 42(8), 2009, equation 3). U then has two more columns, μ + b and 1, and V has 1 and c
  /// beside them, so that U Vᵀ is the prediction and all functions of factors take them.
  TORCH_ARG(bool, biases) = false;
  /// λ of b and c. Not given: as of the factors.
  TORCH_ARG(std::optional<double>, bias_regularisation);
  /// Whether λ counts for every entry (Zhou, Wilkinson, Schreiber and Pan, AAIM 2008, equation 3), so that it need not
  /// be changed with the number of entries; else once for every row and column.
  TORCH_ARG(bool, weighted) = true;
};

/// Factorises a fully observed matrix, A ≈ U Vᵀ, by alternating least squares.
///
/// What is minimised: Σ (A[r,c] - U[r]·V[c])² + Σ_r λ_r |U[r]|² + Σ_c λ_c |V[c]|², over the observed entries (r, c);
/// λ_r is the regularisation, times the number of the row's observed entries where `weighted`, λ_c likewise. Each half
/// of a sweep minimises it exactly in U or in V, by the normal equations of every row and Cholesky's factorisation; it
/// never increases but for rounding. A row or column without entries gets the factor 0.
///
/// The fused engine has the bits of docs/contract.md on every number of threads and instruction set; it runs on the
/// CPU, on at::get_num_threads() threads. The reference engine solves with torch's Cholesky, row by row, on any device.
///
/// A: m x n, as for sgd_factorise; rank 1 to min(m, n), at most 256 (see RunOptions::overcomplete). V starts uniform on
/// [0, 1), drawn after U, which the first sweep does not read; biases start at 0. `initial` with biases has the columns
/// of a result with biases. Returns factors in A's computing type on A's device.
/// Throws c10::ValueError for bad arguments, and for a row or column whose system is not positive definite, which it
/// names: `regularisation` is then too small for its entries. DivergenceError when a factor leaves the finite numbers.
FACTORISE_EXPORT Factors als_factorise(const Tensor& A, int64_t rank, const AlsOptions& options = {});

/// The same over the observed entries alone: those where M, m x n of any real type, is not zero.
///
/// rank: 1 to 256. Entries that are not observed may hold anything, NaN too. Throws c10::ValueError also where M marks
/// nothing or holds NaN.
FACTORISE_EXPORT Factors als_factorise_masked(const Tensor& A, const Tensor& M, int64_t rank,
                                              const AlsOptions& options = {});

/// The same over the entries of a sparse matrix, as for sgd_factorise_entries: the bits of als_factorise_masked on the
/// dense A and the mask of these entries.
FACTORISE_EXPORT Factors als_factorise_entries(const Tensor& A, int64_t rank, const AlsOptions& options = {});

}  // namespace factorise
