// Counts, sentences, and packing in the computing type.

#include "factorise/sgd_problem.h"

#include <ATen/Parallel.h>

#include "ops/sgd.h"

namespace factorise {

SgdProblem check_sgd_problem(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                             RankLimit limit) {
  SgdProblem sgd{describe_problem(function, A, M, rank, limit), {}};
  check_fused_device(function, sgd.problem.A);
  if (sgd.problem.A.is_cuda()) {
    sgd.problem = check_problem(function, A, M, rank, limit);
  } else {
    sgd.counts = check_values(sgd.problem);
  }
  return sgd;
}

Tensor pack_sgd_problem(const SgdProblem& sgd, cpu::SgdPath path) {
  const Problem& problem = sgd.problem;
  if (problem.A.is_cuda()) return sgd_ratings(problem.A, problem.mask(), problem.rank, path);
  const int threads = at::get_num_threads();
  return computing_type(problem.A) == at::kDouble
             ? cpu::pack_sgd<double>(problem.A, problem.mask(), problem.rank, path, sgd.counts, threads)
             : cpu::pack_sgd<float>(problem.A, problem.mask(), problem.rank, path, sgd.counts, threads);
}

}  // namespace factorise
