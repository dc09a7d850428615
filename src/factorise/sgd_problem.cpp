// Counts, sentences, and packing in the computing type.

#include "factorise/sgd_problem.h"

#include <ATen/Parallel.h>

namespace factorise {

SgdProblem check_sgd_problem(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                             RankLimit limit) {
  SgdProblem sgd{describe_problem(function, A, M, rank, limit), {}};
  const Tensor& matrix = sgd.problem.A;
  TORCH_CHECK_VALUE(matrix.is_cpu(), "[", function, "] the fused engine computes on the CPU, but A was on ",
                    matrix.device(), ". Give A's cpu(), or engine reference.");
  const std::optional<Tensor> mask = M ? std::optional(sgd.problem.observed) : std::nullopt;
  const int threads = at::get_num_threads();
  sgd.counts = computing_type(matrix) == at::kDouble ? cpu::count_sgd<double>(matrix, mask, threads)
                                                     : cpu::count_sgd<float>(matrix, mask, threads);
  check_observed(function, M.has_value(), sgd.counts.mask_nan > 0, sgd.counts.observed > 0, sgd.counts.not_finite == 0);
  return sgd;
}

Tensor pack_sgd_problem(const SgdProblem& sgd, cpu::SgdPath path) {
  const Problem& problem = sgd.problem;
  const std::optional<Tensor> mask = problem.observed.defined() ? std::optional(problem.observed) : std::nullopt;
  const int threads = at::get_num_threads();
  return computing_type(problem.A) == at::kDouble
             ? cpu::pack_sgd<double>(problem.A, mask, problem.rank, path, sgd.counts, threads)
             : cpu::pack_sgd<float>(problem.A, mask, problem.rank, path, sgd.counts, threads);
}

}  // namespace factorise
