// Gradient descent with autograd. The reference engine is the sheet's code, line for line in ATen; the fused engine
// takes the gradients that factor_loss has (descent.cpp) without an op, a graph or an allocation per epoch.

#include <factorise/autograd.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mse_loss.h>

#include "factorise/arguments.h"
#include "factorise/descent.h"
#include "factorise/epochs.h"
#include "ops/gd.h"

namespace factorise {
namespace {

/// The loss as a differentiable number. The mask is float, 1 where observed; A is 0 elsewhere.
Tensor loss_of(const Problem& problem, const Tensor& mask, const Factors& factors, AdLoss loss) {
  Tensor prediction = factors.U.matmul(factors.V.t());
  if (mask.defined()) prediction = prediction * mask;
  if (loss == AdLoss::norm) return at::linalg_vector_norm(problem.A - prediction, 2);
  return at::mse_loss(prediction, problem.A, at::Reduction::Sum);
}

void run_reference(const Problem& problem, const Schedule& schedule, const AdOptions& options, Factors& factors) {
  const Tensor mask = problem.observed.defined() ? problem.observed.to(problem.A.scalar_type()) : Tensor();
  const at::AutoGradMode with_grad(true);
  factors.U.requires_grad_();
  factors.V.requires_grad_();
  run_epochs(
      schedule, factors,
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
      },
      [&] { return copied(factors); });
  factors = {factors.U.detach(), factors.V.detach()};
}

template <class T>
void run_fused(const Problem& problem, const Schedule& schedule, const AdOptions& options, Factors& factors) {
  const WithoutAutograd guard;
  Descent<T> descent(problem, factors);
  run_epochs(
      schedule, descent.state(), [&] { descent.gradient_step(options.lr(), options.loss()); },
      [&] { return descent.loss(options.loss()); }, [&] { return descent.factors(); });
  factors = descent.factors();
}

void run_on_gpu(const Problem& problem, const Schedule& schedule, const AdOptions& options, Factors& factors) {
  if (schedule.num_epochs == 0) return;
  const WithoutAutograd guard;
  const bool norm = options.loss() == AdLoss::norm;
  const auto ratings = descent_ratings(problem.A, problem.mask());
  run_epoch_steps(
      schedule,
      [&](int64_t epochs) {
        const char* method = norm ? "norm" : "squared";
        return descent_epochs(ratings, factors.U, factors.V, options.lr(), method, epochs).item<int64_t>();
      },
      [&] { return descent_loss(ratings, factors.U, factors.V, norm).item<double>(); },
      [&] { return copied(factors); });
}

}  // namespace

Factors gd_factorise_ad(const Tensor& A, int64_t rank, const AdOptions& options) {
  constexpr char function[] = "gd_factorise_ad";
  const PlainComputation plain;
  check_epochs(function, options.num_epochs(), options.lr(), options.report_every());
  const bool any_rank = options.overcomplete() || options.mask();
  const bool fused = options.engine() == Engine::fused;
  const auto check = fused ? check_fused_problem : check_problem;
  const Problem problem =
      check(function, A, options.mask(), rank, any_rank ? RankLimit::none : RankLimit::smaller_side);
  Factors factors = start(problem, options.initial(), options.seed());
  const auto run = !fused                                     ? run_reference
                   : problem.A.is_cuda()                      ? run_on_gpu
                   : computing_type(problem.A) == at::kDouble ? run_fused<double>
                                                              : run_fused<float>;
  run(problem, schedule_of(function, options, "a smaller lr", problem.A), options, factors);
  return factors;
}

}  // namespace factorise
