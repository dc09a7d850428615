// Counts, sentences, and packing in the computing type.

#include "factorise/sgd_problem.h"

#include <ATen/Parallel.h>

#include "factorise/entries.h"
#include "ops/sgd.h"

namespace factorise {

SgdProblem check_sgd_problem(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                             RankLimit limit) {
  SgdProblem sgd{describe_problem(function, A, M, rank, limit), {}, {}};
  check_fused_device(function, sgd.problem.A);
  if (sgd.problem.A.is_cuda()) {
    sgd.problem = check_problem(function, A, M, rank, limit);
  } else {
    sgd.counts = check_values(sgd.problem);
  }
  return sgd;
}

SgdProblem check_sgd_entries(const char* function, const Tensor& A, int64_t rank) {
  cpu::EntryList list = list_entries(function, A);
  check_rank(function, rank, list.rows, list.columns, RankLimit::none);
  TORCH_CHECK_VALUE(list.observed() > 0, "[", function, "] A must hold at least one entry, but holds none.");
  list.values = to_computing_type(list.values);
  const cpu::SgdCounts counts =
      computing_type(A) == at::kDouble ? cpu::count_sgd<double>(list) : cpu::count_sgd<float>(list);
  if (counts.not_finite > 0) check_finite_entries(function, list);  // which says where
  return {{function, A.detach(), {}, rank}, counts, list};
}

double squared_error(const SgdProblem& sgd, const Factors& factors) {
  return sgd.list ? squared_error_of(*sgd.list, factors) : squared_error(sgd.problem.A, factors, sgd.problem.mask());
}

namespace {

template <class T>
Tensor pack(const SgdProblem& sgd, cpu::SgdPath path) {
  const Problem& problem = sgd.problem;
  const int threads = at::get_num_threads();
  return sgd.list ? cpu::pack_sgd<T>(*sgd.list, problem.rank, path, sgd.counts, threads)
                  : cpu::pack_sgd<T>(problem.A, problem.mask(), problem.rank, path, sgd.counts, threads);
}

}  // namespace

Tensor pack_sgd_problem(const SgdProblem& sgd, cpu::SgdPath path) {
  const Problem& problem = sgd.problem;
  if (problem.A.is_cuda()) return sgd_ratings(problem.A, problem.mask(), problem.rank, path);
  return computing_type(problem.A) == at::kDouble ? pack<double>(sgd, path) : pack<float>(sgd, path);
}

}  // namespace factorise
