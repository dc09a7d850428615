// Many runs of a factoriser, in terms of the functions of one. (train_mlp_runs is in src/labs/mlp.cpp.)

#include <factorise/runs.h>

#include <ATen/Parallel.h>

#include <algorithm>

#include "methods/sgd_runs.h"
#include "methods/side_by_side.h"

namespace factorise {
namespace {

constexpr double kSmallFused = 1 << 22;      // above, a run is faster with all threads
constexpr double kSmallReference = 1 << 15;  // below, torch splits no operation among threads
constexpr double kShort = 1 << 24;  // multiply-adds, below which calls of `stop` would take longer than the run

/// Options that would make all runs the same, or be called from several threads.
template <class Options>
void check_set(const char* function, const Options& options) {
  TORCH_CHECK_VALUE(!options.seed(), "[", function, "] seed must not be set: each run has its own, of seeds.");
  TORCH_CHECK_VALUE(!options.initial(), "[", function,
                    "] initial must not be set: all runs would be one. Runs start from their seeds.");
  TORCH_CHECK_VALUE(
      !options.on_epoch(), "[", function,
      "] on_epoch must not be set: epochs of several runs pass at once. on_runs tells how many are done.");
  TORCH_CHECK_VALUE(!options.on_factors(), "[", function,
                    "] on_factors must not be set: epochs of several runs pass at once.");
}

/// How many runs of a problem of this size may go side by side; 0: one after another.
template <class Options>
int threads_for(const Options& options, double size, const Tensor& A) {
  const double small = options.engine() == Engine::fused ? kSmallFused : kSmallReference;
  return A.is_cpu() && size <= small ? std::max(1, at::get_num_threads()) : 0;
}

/// single(options, result): one run. asked_within: whether it calls `stop` before every epoch, or never.
template <class Result, class Options, class Single>
std::vector<Result> run_all(at::ArrayRef<uint64_t> seeds, const Options& options, int threads, bool asked_within,
                            const RunsCallback& on_runs, Single single) {
  std::vector<Result> results(seeds.size());
  const int64_t finished = for_each_run(
      static_cast<int64_t>(seeds.size()), threads, options.stop(), on_runs, [&](int64_t i, const StopRequest& stop) {
        const auto index = static_cast<size_t>(i);
        try {
          single(Options(options).seed(seeds[index]).stop(asked_within ? stop : nullptr), results[index]);
        } catch (const DivergenceError& error) {
          results[index].diverged_at = error.epoch();
        }
      });
  results.resize(static_cast<size_t>(finished));
  return results;
}

/// The options of a run of no epochs, which only checks its arguments.
template <class Options>
Options only_checked(const Options& options) {
  return Options(options).num_epochs(std::min<int64_t>(options.num_epochs(), 0)).seed(0).stop(nullptr);
}

/// factorise(options): the function of one run, on A at this rank.
template <class Options, class Factorise>
std::vector<Run> factorise_all(const char* function, const Tensor& A, int64_t rank, at::ArrayRef<uint64_t> seeds,
                               const Options& options, const RunsCallback& on_runs, Factorise factorise) {
  check_set(function, options);
  factorise(only_checked(options));
  const double size = static_cast<double>(A.numel()) * static_cast<double>(rank);
  const bool asked_within =
      options.engine() == Engine::reference || size * static_cast<double>(options.num_epochs()) >= kShort;
  return run_all<Run>(seeds, options, threads_for(options, size, A), asked_within, on_runs,
                      [&](const Options& of_run, Run& result) { result.factors = factorise(of_run); });
}

/// The same for exact SGD, which a GPU runs from many seeds at once.
template <class Factorise>
std::vector<Run> sgd_all(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                         RankLimit limit, at::ArrayRef<uint64_t> seeds, const SgdOptions& options,
                         const RunsCallback& on_runs, Factorise factorise) {
  if (!A.defined() || !A.is_cuda() || options.engine() != Engine::fused)
    return factorise_all(function, A, rank, seeds, options, on_runs, factorise);
  check_set(function, options);
  factorise(only_checked(options));
  return sgd_runs_on_gpu(function, A, M, rank, limit, seeds, options, on_runs);
}

}  // namespace

std::vector<Run> sgd_factorise_runs(const Tensor& A, int64_t rank, at::ArrayRef<uint64_t> seeds,
                                    const SgdOptions& options, const RunsCallback& on_runs) {
  const auto single = [&](const SgdOptions& of_run) { return sgd_factorise(A, rank, of_run); };
  const auto limit = options.overcomplete() ? RankLimit::none : RankLimit::smaller_side;
  return sgd_all("sgd_factorise_runs", A, {}, rank, limit, seeds, options, on_runs, single);
}

std::vector<Run> sgd_factorise_masked_runs(const Tensor& A, const Tensor& M, int64_t rank, at::ArrayRef<uint64_t> seeds,
                                           const SgdOptions& options, const RunsCallback& on_runs) {
  const auto single = [&](const SgdOptions& of_run) { return sgd_factorise_masked(A, M, rank, of_run); };
  return sgd_all("sgd_factorise_masked_runs", A, M, rank, RankLimit::none, seeds, options, on_runs, single);
}

std::vector<Run> gd_factorise_masked_runs(const Tensor& A, const Tensor& M, int64_t rank, at::ArrayRef<uint64_t> seeds,
                                          const GdOptions& options, const RunsCallback& on_runs) {
  return factorise_all("gd_factorise_masked_runs", A, rank, seeds, options, on_runs,
                       [&](const GdOptions& of_run) { return gd_factorise_masked(A, M, rank, of_run); });
}

std::vector<Run> gd_factorise_ad_runs(const Tensor& A, int64_t rank, at::ArrayRef<uint64_t> seeds,
                                      const AdOptions& options, const RunsCallback& on_runs) {
  return factorise_all("gd_factorise_ad_runs", A, rank, seeds, options, on_runs,
                       [&](const AdOptions& of_run) { return gd_factorise_ad(A, rank, of_run); });
}

}  // namespace factorise
