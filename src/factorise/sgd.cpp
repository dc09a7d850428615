// Stochastic gradient descent. Reference engine: the sheet's loop, line for line in ATen. Fused engine: an op.

#include <factorise/sgd.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/dot.h>

#include <cmath>
#include <vector>

#include "factorise/arguments.h"
#include "factorise/epochs.h"
#include "factorise/sgd_problem.h"
#include "ops/sgd.h"
#include "ops/sgd_contract.h"

namespace factorise {
namespace {

constexpr char kAdvice[] = "a smaller lr, or weight_decay";

void check_options(const char* function, const SgdOptions& options) {
  check_epochs(function, options.num_epochs(), options.lr(), options.report_every());
  check_decay(function, options.lr(), options.weight_decay(), options.lr_decay());
}

/// The rows of a factor as vectors that share its memory.
std::vector<Tensor> rows_of(const Tensor& factor) { return factor.unbind(0); }

/// The sheet's step for an entry a.
void step(const Tensor& a, const Tensor& u, const Tensor& v, double lr, double weight_decay) {
  const double s = 1 - lr * weight_decay;
  const Tensor e = a - at::dot(u, v);
  const Tensor g = e * lr;  // Python's precedence: (lr * e) * V[c]
  if (weight_decay != 0) u.mul_(s);
  u.add_(g * v);
  if (weight_decay != 0) v.mul_(s);
  v.add_(g * u);  // the new U[r]
}

/// Calls visit(r, c, a) for the observed entries of a matrix, row by row; `observed`: null where all are.
template <class Visit>
void visit_matrix(const Tensor& A, const bool* observed, Visit visit) {
  for (int64_t r = 0; r < A.size(0); ++r) {
    const Tensor row = A.select(0, r);
    for (int64_t c = 0; c < A.size(1); ++c) {
      if (!observed || observed[r * A.size(1) + c]) visit(r, c, row.select(0, c));
    }
  }
}

/// The same for a list.
template <class Visit>
void visit_list(const cpu::EntryList& list, Visit visit) {
  for (int64_t e = 0; e < list.observed(); ++e) visit(list.row_of()[e], list.column_of()[e], list.values.select(0, e));
}

/// The reference engine.
Factors factorise_entry_by_entry(const SgdProblem& sgd, const SgdOptions& options) {
  const Problem& problem = sgd.problem;
  Factors factors = start(problem, options.initial(), options.seed());
  const auto squared = [&] { return squared_error(sgd, factors); };
  const Tensor mask = problem.observed.defined() ? problem.observed.cpu() : Tensor();
  const bool* observed = mask.defined() ? mask.const_data_ptr<bool>() : nullptr;
  const WithoutAutograd guard;
  const std::vector<Tensor> U = rows_of(factors.U), V = rows_of(factors.V);
  double lr = options.lr();
  const auto visit = [&](int64_t r, int64_t c, const Tensor& a) {
    step(a, U[static_cast<size_t>(r)], V[static_cast<size_t>(c)], lr, options.weight_decay());
  };
  run_epochs(
      schedule_of(problem.function, options, kAdvice), factors,
      [&] {
        sgd.list ? visit_list(*sgd.list, visit) : visit_matrix(problem.A, observed, visit);
        lr *= options.lr_decay();
      },
      squared, [&] { return copied(factors); });
  return factors;
}

Factors factorise_fused(const SgdProblem& sgd, const SgdOptions& options) {
  const Problem& problem = sgd.problem;
  Factors factors = start(problem, options.initial(), options.seed());
  if (options.num_epochs() == 0) return factors;
  const Tensor ratings = pack_sgd_problem(sgd, static_cast<cpu::SgdPath>(options.path()));
  double lr = options.lr();
  run_epoch_steps(
      schedule_of(problem.function, options, kAdvice, problem.A),
      [&](int64_t epochs) {
        if (lr == 0) return int64_t{0};  // so far decayed, it moves nothing any more
        const WithoutAutograd guard;
        const int64_t diverged =
            sgd_epochs(ratings, factors.U, factors.V, lr, options.weight_decay(), options.lr_decay(), epochs);
        lr = sgd_lr_after(lr, options.lr_decay(), epochs);
        return diverged;
      },
      [&] { return squared_error(sgd, factors); }, [&] { return copied(factors); });
  return factors;
}

Factors factorise(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank, RankLimit limit,
                  const SgdOptions& options) {
  const PlainComputation guard;
  check_options(function, options);
  if (options.engine() == Engine::fused) {
    return factorise_fused(check_sgd_problem(function, A, M, rank, limit), options);
  }
  return factorise_entry_by_entry({check_problem(function, A, M, rank, limit), {}, {}}, options);
}

}  // namespace

Factors sgd_factorise(const Tensor& A, int64_t rank, const SgdOptions& options) {
  const auto limit = options.overcomplete() ? RankLimit::none : RankLimit::smaller_side;
  return factorise("sgd_factorise", A, std::nullopt, rank, limit, options);
}

Factors sgd_factorise_masked(const Tensor& A, const Tensor& M, int64_t rank, const SgdOptions& options) {
  return factorise("sgd_factorise_masked", A, M, rank, RankLimit::none, options);
}

Factors sgd_factorise_entries(const Tensor& A, int64_t rank, const SgdOptions& options) {
  constexpr char function[] = "sgd_factorise_entries";
  const PlainComputation guard;
  check_options(function, options);
  const SgdProblem sgd = check_sgd_entries(function, A, rank);
  return options.engine() == Engine::fused ? factorise_fused(sgd, options) : factorise_entry_by_entry(sgd, options);
}

double lr_after(double lr, double lr_decay, int64_t epochs) { return sgd_lr_after(lr, lr_decay, epochs); }

}  // namespace factorise
