#pragma once
// Full-batch gradient descent over the observed entries: exercise 4.1 of lab 1.
//
//   const auto options = factorise::GdOptions().num_epochs(200).lr(1e-4).seed(0);
//   const auto factors = factorise::gd_factorise_masked(A, M, /*rank=*/5, options);  // M: nonzero where A is observed
//   const double error = factorise::squared_error(A, factors, M);

#include <factorise/export.h>
#include <factorise/run_options.h>

namespace factorise {

/// Options of gd_factorise_masked: those of all runs. lr: 1e-5 where none is given; the loss is a sum over all observed
/// entries, so a larger matrix needs a smaller lr.
struct GdOptions : StepOptions<GdOptions> {
  GdOptions() { lr(1e-5); }
};

/// Factorises the observed entries of A by full-batch gradient descent (lab 1, exercise 4.1).
///
/// Per epoch, with M taken as 1 where it is not zero:
///   err = (A - U Vᵀ) * M;  U += (lr err) V;  V += (lr errᵀ) U, with the new U and the old err.
///
/// A and M: m x n, as for sgd_factorise_masked; rank 1 to 256. U and V start uniform on [0, 1), U drawn first, on the
/// CPU whatever A's device. Returns factors in A's computing type on A's device. The fused engine has the bits of
/// docs/contract.md on every number of threads, instruction set and GPU, the reference engine those of the sheet's
/// Python. Throws c10::ValueError for bad arguments, DivergenceError when a factor leaves the finite numbers.
FACTORISE_EXPORT Factors gd_factorise_masked(const Tensor& A, const Tensor& M, int64_t rank,
                                             const GdOptions& options = {});

}  // namespace factorise
