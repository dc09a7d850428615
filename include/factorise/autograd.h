#pragma once
// Gradient descent with the gradients from autograd: exercises 1.1 and 1.2 of lab 2.
//
//   const auto options = factorise::AdOptions().num_epochs(500).lr(1e-4).mask(M).seed(0);
//   const auto factors = factorise::gd_factorise_ad(A, /*rank=*/5, options);  // M: nonzero where A is observed
//   const auto completed = factorise::reconstruct(factors);                   // U Vᵀ, m x n

#include <factorise/export.h>
#include <factorise/run_options.h>
#include <torch/csrc/api/include/torch/arg.h>

namespace factorise {

/// The loss that gd_factorise_ad minimises.
enum class AdLoss {
  squared,  ///< Σ (U Vᵀ - A)², the sheet's mse_loss with reduction "sum"
  norm,     ///< its square root, the Frobenius norm of A - U Vᵀ, as in one report
};

/// Options of gd_factorise_ad, beside those of all runs; on_epoch is called with the loss that is minimised.
struct AdOptions : StepOptions<AdOptions> {
  /// The loss that is minimised.
  TORCH_ARG(AdLoss, loss) = AdLoss::squared;
  /// m x n, nonzero where A is observed; not given: everywhere.
  TORCH_ARG(std::optional<Tensor>, mask);
};

/// Factorises A ≈ U Vᵀ by plain gradient steps on a loss differentiated by autograd (lab 2, exercise 1.1).
///
/// Per epoch: loss.backward();  U -= lr ∂loss/∂U;  V -= lr ∂loss/∂V, both gradients at the old factors. The fused
/// engine computes the gradients of factor_loss without a graph; the result has the bits of docs/contract.md on every
/// number of threads, instruction set and GPU. The reference engine has the bits of the sheet's Python on the same
/// torch.
///
/// A: m x n, as for sgd_factorise; rank 1 to min(m, n), at most 256 (above min(m, n) with a mask or `overcomplete`).
/// U and V start uniform on [0, 1), U drawn first, on the CPU whatever A's device. Returns factors that need no grad,
/// in A's computing type on A's device.
/// Throws c10::ValueError for bad arguments, DivergenceError when a factor leaves the finite numbers.
FACTORISE_EXPORT Factors gd_factorise_ad(const Tensor& A, int64_t rank, const AdOptions& options = {});

}  // namespace factorise
