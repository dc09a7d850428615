#pragma once
// Stochastic gradient descent, one entry at a time, row by row: exercises 1.1 and 3.1 of lab 1, the algorithm of Simon
// Funk's Netflix Prize entry (2006). Exact: the serial loop's result, never an approximation of it.
//
//   const auto options = factorise::SgdOptions().num_epochs(50).lr(0.002).weight_decay(0.02).seed(0);
//   const auto all = factorise::sgd_factorise(A, /*rank=*/5, options);                  // every entry is observed
//   const auto masked = factorise::sgd_factorise_masked(A, M, /*rank=*/5, options);     // those where M is nonzero
//   const auto listed = factorise::sgd_factorise_entries(sparse, /*rank=*/5, options);  // those that it stores

#include <factorise/export.h>
#include <factorise/run_options.h>
#include <torch/csrc/api/include/torch/arg.h>

namespace factorise {

/// How the fused engine walks the observed entries. The result has the same bits either way.
enum class SgdPath {
  automatic,  ///< the faster of the two, by how many entries are observed
  wavefront,  ///< every cell, observed or not, on the lanes of vectors: for dense data. Where there are no vectors:
              ///< entries
  entries,    ///< lists of the observed entries: for sparse data
};

/// Options of sgd_factorise, sgd_factorise_masked and sgd_factorise_entries, beside those of all runs. lr: 0.01, the
/// sheet's, suits its 3 x 3 matrix; on ratings it diverges, 0.001 to 0.002 does not.
struct SgdOptions : StepOptions<SgdOptions> {
  /// L2 shrinkage λ >= 0, with lr * λ < 1: at each entry u and v are first scaled by 1 - lr * λ.
  TORCH_ARG(double, weight_decay) = 0;
  /// Factor > 0 that lr is multiplied by after every epoch.
  TORCH_ARG(double, lr_decay) = 1;
  /// How the fused engine walks the entries; the result is the same.
  TORCH_ARG(SgdPath, path) = SgdPath::automatic;
};

/// Factorises a fully observed matrix, A ≈ U Vᵀ, by stochastic gradient descent (lab 1, exercise 1.1).
///
/// The fused engine has the bits of the numeric contract (docs/contract.md) on every number of threads, instruction set
/// and GPU; on the CPU it uses at::get_num_threads() threads. The reference engine has those of the sheet's Python on
/// the same torch.
///
/// For every epoch, row r and column c:  e = A[r,c] - U[r]·V[c];  U[r] += lr e V[c];  V[c] += lr e U[r] (the new U[r]).
///
/// A: m x n, strided, real; integers, bool and half precision compute in float32; all entries finite; m, n >= 1.
/// rank: 1 to min(m, n), at most 256 (see RunOptions::overcomplete). U and V start uniform on [0, 1), U drawn first,
/// on the CPU whatever A's device. Returns factors in A's computing type on A's device.
/// Throws c10::ValueError for bad arguments, DivergenceError when a factor leaves the finite numbers.
FACTORISE_EXPORT Factors sgd_factorise(const Tensor& A, int64_t rank, const SgdOptions& options = {});

/// The same over the observed entries alone: those where M, m x n of any real type, is not zero (exercise 3.1).
///
/// rank: 1 to 256. A's type, the start, the result and the errors are those of sgd_factorise. Entries that are not
/// observed may hold anything, NaN too. Throws c10::ValueError also where M marks nothing or holds NaN.
FACTORISE_EXPORT Factors sgd_factorise_masked(const Tensor& A, const Tensor& M, int64_t rank,
                                              const SgdOptions& options = {});

/// The same over the entries of a sparse matrix, which is never made dense: the bits of sgd_factorise_masked on the
/// dense A and the mask of these entries, in memory for the entries and the factors alone.
///
/// A: m x n, sparse COO (torch::sparse_coo_tensor), on the CPU, with values of a type that A may have. Its entries, in
/// any order, are the observed ones, zeros included. rank: 1 to 256. SgdPath::wavefront alone takes memory for all
/// cells. Throws c10::ValueError also for an entry that is outside, held twice or not finite, and where there is none.
FACTORISE_EXPORT Factors sgd_factorise_entries(const Tensor& A, int64_t rank, const SgdOptions& options = {});

/// The step size after so many epochs, multiplied epoch by epoch as a run does it. A run that starts from it and from
/// the factors of an earlier run has the bits of one run over the epochs of both.
FACTORISE_EXPORT double lr_after(double lr, double lr_decay, int64_t epochs);

}  // namespace factorise
