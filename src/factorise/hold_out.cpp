// Drawing entries, and judging by them.

#include <factorise/hold_out.h>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/rand.h>
#include <factorise/predict.h>

#include <cmath>

#include "factorise/arguments.h"
#include "factorise/epochs.h"

namespace factorise {

HoldOut hold_out(const Tensor& A, const std::optional<Tensor>& M, double fraction, uint64_t seed) {
  constexpr char function[] = "hold_out";
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  check_matrix(function, "A", A);
  TORCH_CHECK_VALUE(fraction > 0 && fraction < 1, "[", function, "] fraction must be above 0 and below 1, but was ",
                    fraction, ".");
  const Tensor observed = (M ? check_mask(function, A, *M) : at::ones_like(A.detach(), at::kBool)).cpu();
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  const Tensor aside = at::rand(A.sizes(), generator).lt(fraction).logical_and_(observed);
  const Tensor seen = observed.logical_and(aside.logical_not());
  const Tensor entries = aside.nonzero();
  TORCH_CHECK_VALUE(entries.size(0) > 0 && seen.any().item<bool>(), "[", function,
                    "] some observed entries must be set aside and some remain, but of ",
                    observed.sum().item<int64_t>(), " a fraction of ", fraction, " sets ", entries.size(0), " aside.");
  const Tensor values = A.detach().cpu().masked_select(aside).to(at::kDouble);
  TORCH_CHECK_VALUE(values.isfinite().all().item<bool>(), "[", function,
                    "] A must be finite where it is observed, but holds NaN or infinity there.");
  return {seen.to(A.device()), entries.select(1, 0).contiguous(), entries.select(1, 1).contiguous(), values};
}

double rmse(const HoldOut& aside, const Factors& factors) {
  const PlainComputation plain;
  const at::NoGradGuard no_grad;
  const Tensor error = aside.values - predict(factors, aside.rows, aside.columns);
  return std::sqrt(error.square().mean().item<double>());
}

}  // namespace factorise
