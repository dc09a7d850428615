#pragma once
// Full-batch gradient descent over the observed entries: exercise 4.1 of lab 1.
//
//   const auto options = factorise::GdOptions().num_epochs(200).lr(1e-4).seed(0);
//   const auto factors = factorise::gd_factorise_masked(A, M, /*rank=*/5, options);  // M: nonzero where A is observed
//   const double error = factorise::squared_error(A, factors, M);

#include <factorise/factors.h>
#include <torch/csrc/api/include/torch/arg.h>

namespace factorise {

/// Options of gd_factorise_masked. Each is set by a call of its name, as in torch::optim.
struct GdOptions {
  /// Steps, >= 0. 0 returns the start.
  TORCH_ARG(int64_t, num_epochs) = 1000;
  /// Step size, > 0; the sum over all observed entries is descended, so it shrinks as the matrix grows.
  TORCH_ARG(double, lr) = 1e-5;
  /// Seed of the start. Not given: torch's global CPU generator, as in the labs.
  TORCH_ARG(std::optional<uint64_t>, seed);
  /// Factors to start from in place of drawn ones; copied, never written to.
  TORCH_ARG(std::optional<Factors>, initial);
  /// Which code runs the epochs.
  TORCH_ARG(Engine, engine) = Engine::fused;
  /// Epochs between calls of on_epoch, >= 1; the last epoch is always reported. Each report costs a pass over A.
  TORCH_ARG(int64_t, report_every) = 1;
  /// Told how the run goes; not given: nobody is.
  TORCH_ARG(EpochCallback, on_epoch);
  /// Epochs between calls of on_factors, >= 1; the last epoch's factors are always given. Each call costs a copy.
  TORCH_ARG(int64_t, factors_every) = 1;
  /// Given the factors on the way; not given: nobody is.
  TORCH_ARG(FactorsCallback, on_factors);
  /// Ends the run early; not given: nothing does.
  TORCH_ARG(StopRequest, stop);
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
Factors gd_factorise_masked(const Tensor& A, const Tensor& M, int64_t rank, const GdOptions& options = {});

}  // namespace factorise
