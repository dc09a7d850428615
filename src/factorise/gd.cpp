// Full-batch gradient descent. The reference engine is the sheet's code, line for line in ATen, into buffers that are
// kept; the fused engine's epochs are in descent.cpp, on a GPU in src/cuda/gd_tasks.h.

#include <factorise/gd.h>

#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sub.h>

#include "factorise/arguments.h"
#include "factorise/descent.h"
#include "factorise/epochs.h"
#include "ops/gd.h"

namespace factorise {
namespace {

void gd_reference(const Problem& problem, const Schedule& schedule, double lr, Factors& factors) {
  auto& [U, V] = factors;
  const Tensor mask = problem.observed.to(problem.A.scalar_type());
  // One matrix of A's size that lives for the whole run: fresh ones in every epoch take twice the time.
  Tensor err = at::empty_like(problem.A);
  run_epochs(
      schedule, factors,
      [&] {
        at::mm_out(err, U, V.t());
        at::sub_out(err, problem.A, err);
        err.mul_(mask);  // err = (A - U Vᵀ) * M
        err.mul_(lr);
        U.add_(err.mm(V));      // U += (lr err) V
        V.add_(err.t().mm(U));  // V += (lr errᵀ) U, with the new U
      },
      [&] { return squared_error(problem.A, factors, problem.observed); }, [&] { return copied(factors); });
}

template <class T>
void gd_fused(const Problem& problem, const Schedule& schedule, double lr, Factors& factors) {
  Descent<T> descent(problem, factors);
  run_epochs(
      schedule, descent.state(), [&] { descent.masked_step(lr); },
      [&] { return squared_error(problem.A, descent.factors(), problem.mask()); }, [&] { return descent.factors(); });
  factors = descent.factors();
}

void gd_on_gpu(const Problem& problem, const Schedule& schedule, double lr, Factors& factors) {
  if (schedule.num_epochs == 0) return;
  const auto ratings = descent_ratings(problem.A, problem.mask());
  run_epoch_steps(
      schedule,
      [&](int64_t epochs) {
        return descent_epochs(ratings, factors.U, factors.V, lr, "masked", epochs).item<int64_t>();
      },
      [&] { return squared_error(problem.A, factors, problem.mask()); }, [&] { return copied(factors); });
}

}  // namespace

Factors gd_factorise_masked(const Tensor& A, const Tensor& M, int64_t rank, const GdOptions& options) {
  constexpr char function[] = "gd_factorise_masked";
  const PlainComputation plain;
  check_epochs(function, options.num_epochs(), options.lr(), options.report_every());
  const bool fused = options.engine() == Engine::fused;
  const auto check = fused ? check_fused_problem : check_problem;
  const Problem problem = check(function, A, M, rank, RankLimit::none);
  Factors factors = start(problem, options.initial(), options.seed());
  const WithoutAutograd guard;
  const auto run = !fused                                     ? gd_reference
                   : problem.A.is_cuda()                      ? gd_on_gpu
                   : computing_type(problem.A) == at::kDouble ? gd_fused<double>
                                                              : gd_fused<float>;
  run(problem, schedule_of(function, options, "a smaller lr", problem.A), options.lr(), factors);
  return factors;
}

}  // namespace factorise
