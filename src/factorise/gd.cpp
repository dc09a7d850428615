// Full-batch gradient descent, reference engine: the sheet's code, line for line in ATen, into buffers that are kept.

#include <factorise/gd.h>

#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sub.h>

#include "factorise/arguments.h"
#include "factorise/epochs.h"

namespace factorise {

Factors gd_factorise_masked(const Tensor& A, const Tensor& M, int64_t rank, const GdOptions& options) {
  constexpr char function[] = "gd_factorise_masked";
  const PlainComputation plain;
  check_epochs(function, options.num_epochs(), options.lr(), options.report_every());
  check_engine(function, options.engine());
  const Problem problem = check_problem(function, A, M, rank, RankLimit::none);
  Factors factors = start(problem, options.initial(), options.seed());
  auto& [U, V] = factors;
  const WithoutAutograd guard;
  const Tensor mask = problem.observed.to(problem.A.scalar_type());
  // One matrix of A's size that lives for the whole run: fresh ones in every epoch take twice the time.
  Tensor err = at::empty_like(problem.A);
  run_epochs(
      schedule_of(function, options, "a smaller lr"), factors,
      [&] {
        at::mm_out(err, U, V.t());
        at::sub_out(err, problem.A, err);
        err.mul_(mask);  // err = (A - U Vᵀ) * M
        err.mul_(options.lr());
        U.add_(err.mm(V));      // U += (lr err) V
        V.add_(err.t().mm(U));  // V += (lr errᵀ) U, with the new U
      },
      [&] { return squared_error(problem.A, factors, problem.observed); });
  return factors;
}

}  // namespace factorise
