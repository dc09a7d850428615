// Gradient descent with autograd, reference engine: the sheet's code, line for line in ATen.

#include <factorise/autograd.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mse_loss.h>

#include "factorise/arguments.h"
#include "factorise/epochs.h"

namespace factorise {
namespace {

/// The loss as a differentiable number. The mask is float, 1 where observed; A is 0 elsewhere.
Tensor loss_of(const Problem& problem, const Tensor& mask, const Factors& factors, AdLoss loss) {
  Tensor prediction = factors.U.matmul(factors.V.t());
  if (mask.defined()) prediction = prediction * mask;
  if (loss == AdLoss::norm) return at::linalg_vector_norm(problem.A - prediction, 2);
  return at::mse_loss(prediction, problem.A, at::Reduction::Sum);
}

}  // namespace

Factors gd_factorise_ad(const Tensor& A, int64_t rank, const AdOptions& options) {
  constexpr char function[] = "gd_factorise_ad";
  const PlainComputation plain;
  check_epochs(function, options.num_epochs(), options.lr(), options.report_every());
  check_engine(function, options.engine());
  const bool any_rank = options.overcomplete() || options.mask();
  const Problem problem =
      check_problem(function, A, options.mask(), rank, any_rank ? RankLimit::none : RankLimit::smaller_side);
  const Tensor mask = problem.observed.defined() ? problem.observed.to(problem.A.scalar_type()) : Tensor();
  Factors factors = start(problem, options.initial(), options.seed());
  const at::AutoGradMode with_grad(true);
  factors.U.requires_grad_();
  factors.V.requires_grad_();

  run_epochs(
      schedule_of(function, options, "a smaller lr"), factors,
      [&] {
        loss_of(problem, mask, factors, options.loss()).backward();
        const at::NoGradGuard no_grad;
        for (Tensor& factor : {std::ref(factors.U), std::ref(factors.V)}) {
          factor.sub_(factor.grad() * options.lr());
          factor.mutable_grad().reset();
        }
      },
      [&] {
        const at::NoGradGuard no_grad;
        return loss_of(problem, mask, factors, options.loss()).item<double>();
      });
  return {factors.U.detach(), factors.V.detach()};
}

}  // namespace factorise
