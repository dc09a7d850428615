#pragma once
// Gradient descent with the gradients from autograd: exercises 1.1 and 1.2 of lab 2.
//
//   const auto options = factorise::AdOptions().num_epochs(500).lr(1e-4).mask(M).seed(0);
//   const auto factors = factorise::gd_factorise_ad(A, /*rank=*/5, options);  // M: nonzero where A is observed
//   const auto completed = factorise::reconstruct(factors);                   // U Vᵀ, m x n

#include <factorise/factors.h>
#include <torch/csrc/api/include/torch/arg.h>

namespace factorise {

/// What gd_factorise_ad descends.
enum class AdLoss {
  squared,  ///< Σ (U Vᵀ - A)², the sheet's mse_loss with reduction "sum"
  norm,     ///< its square root, the Frobenius norm of A - U Vᵀ, as one report has it
};

/// Options of gd_factorise_ad. Each is set by a call of its name, as in torch::optim.
struct AdOptions {
  /// Steps, >= 0. 0 returns the start.
  TORCH_ARG(int64_t, num_epochs) = 1000;
  /// Step size, > 0.
  TORCH_ARG(double, lr) = 0.01;
  /// The loss that is descended.
  TORCH_ARG(AdLoss, loss) = AdLoss::squared;
  /// m x n, nonzero where A is observed; not given: everywhere.
  TORCH_ARG(std::optional<Tensor>, mask);
  /// Seed of the start. Not given: torch's global CPU generator, as in the labs.
  TORCH_ARG(std::optional<uint64_t>, seed);
  /// Factors to start from in place of drawn ones; copied, never written to.
  TORCH_ARG(std::optional<Factors>, initial);
  /// Which code runs the epochs.
  TORCH_ARG(Engine, engine) = Engine::fused;
  /// Allows rank > min(m, n) for a matrix without a mask; with a mask it is always allowed.
  TORCH_ARG(bool, overcomplete) = false;
  /// Epochs between calls of on_epoch, >= 1; the last epoch is always reported. The loss given is the one of `loss`.
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

/// Factorises A ≈ U Vᵀ by plain gradient steps on a loss differentiated by autograd (lab 2, exercise 1.1).
///
/// Per epoch: loss.backward();  U -= lr ∂loss/∂U;  V -= lr ∂loss/∂V, both gradients at the old factors.
/// The fused engine computes the gradients that factor_loss has, without a graph, with the bits of docs/contract.md on
/// every number of threads, instruction set and GPU; the reference engine has those of the sheet's Python on the same
/// torch.
///
/// A: m x n, as for sgd_factorise; rank 1 to min(m, n), at most 256 (above min(m, n) with a mask or `overcomplete`).
/// U and V start uniform on [0, 1), U drawn first, on the CPU whatever A's device. Returns factors that need no grad,
/// in A's computing type on A's device.
/// Throws c10::ValueError for bad arguments, DivergenceError when a factor leaves the finite numbers.
Factors gd_factorise_ad(const Tensor& A, int64_t rank, const AdOptions& options = {});

}  // namespace factorise
