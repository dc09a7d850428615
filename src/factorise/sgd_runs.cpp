// Starts side by side in one tensor, and the slices of epochs that all of them take together.

#include "factorise/sgd_runs.h"

#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "factorise/epochs.h"
#include "factorise/sgd_problem.h"
#include "ops/sgd.h"
#include "ops/sgd_contract.h"

namespace factorise {
namespace {

/// Bytes of a GPU's memory that the factors of the runs at a time may take, as the kernels keep them: three times.
constexpr int64_t kMemory = int64_t{1} << 30;

int64_t runs_at_a_time(const Problem& problem) {
  const int64_t numbers = (problem.rows() + problem.columns()) * problem.rank;
  return std::max<int64_t>(1, kMemory / (3 * numbers * static_cast<int64_t>(problem.A.element_size())));
}

/// Runs some seeds; false where it was stopped.
bool run_some(const Problem& problem, const Tensor& ratings, at::ArrayRef<uint64_t> seeds, const SgdOptions& options,
              Run* results) {
  std::vector<Tensor> Us, Vs;
  for (const uint64_t seed : seeds) {
    const Factors factors = start(problem, std::nullopt, seed);
    Us.push_back(factors.U);
    Vs.push_back(factors.V);
  }
  const Tensor U = at::stack(Us), V = at::stack(Vs);
  std::vector<double> lrs(seeds.size(), options.lr());
  Tensor diverged = at::zeros({U.size(0)}, at::TensorOptions(at::kLong));
  int64_t done = 0;
  const Schedule schedule{problem.function, options.num_epochs(), 1, {}, options.stop(), "", kBetweenStopsOnGpu};
  const auto step = [&](int64_t epochs) {
    const Tensor here =
        sgd_epochs_of_runs(ratings, U, V, lrs, options.weight_decay(), options.lr_decay(), epochs).cpu();
    diverged = first_divergence(diverged, here, done);
    for (double& lr : lrs) lr = sgd_lr_after(lr, options.lr_decay(), epochs);
    done += epochs;
    return int64_t{0};  // a run that diverges is a result
  };
  run_epoch_steps(
      schedule, step, [] { return 0.0; }, [] { return Factors(); });
  if (done < options.num_epochs()) return false;
  for (size_t i = 0; i < seeds.size(); ++i) {
    const auto run = static_cast<int64_t>(i);
    results[i].diverged_at = diverged.const_data_ptr<int64_t>()[run];
    if (results[i].diverged_at == 0) results[i].factors = {U.select(0, run).clone(), V.select(0, run).clone()};
  }
  return true;
}

}  // namespace

std::vector<Run> sgd_runs_on_gpu(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                                 RankLimit limit, at::ArrayRef<uint64_t> seeds, const SgdOptions& options,
                                 const RunsCallback& on_runs) {
  const WithoutAutograd guard;
  const SgdProblem sgd = check_sgd_problem(function, A, M, rank, limit);
  std::vector<Run> results(seeds.size());
  if (seeds.empty() || (options.stop() && options.stop()())) return {};
  const Tensor ratings = pack_sgd_problem(sgd, static_cast<cpu::SgdPath>(options.path()));
  const auto at_a_time = static_cast<size_t>(runs_at_a_time(sgd.problem));
  for (size_t first = 0; first < seeds.size(); first += at_a_time) {
    const size_t count = std::min(at_a_time, seeds.size() - first);
    if (!run_some(sgd.problem, ratings, seeds.slice(first, count), options, results.data() + first)) {
      results.resize(first);
      break;
    }
    if (on_runs) on_runs(static_cast<int64_t>(first + count), static_cast<int64_t>(seeds.size()));
  }
  return results;
}

}  // namespace factorise
