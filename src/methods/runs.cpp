// Many runs of a method, in terms of one. (train_mlp_runs is in src/labs/mlp.cpp.)

#include <factorise/runs.h>

#include <ATen/Parallel.h>

#include <algorithm>
#include <type_traits>

#include "methods/method.h"
#include "methods/sgd_runs.h"
#include "methods/side_by_side.h"

namespace factorise {
namespace {

constexpr char kFunction[] = "fit_runs";
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
  if constexpr (std::is_same_v<Options, GibbsOptions>) {
    TORCH_CHECK_VALUE(!options.on_posterior(), "[", function,
                      "] on_posterior must not be set: sweeps of several runs pass at once.");
    TORCH_CHECK_VALUE(!options.resume(), "[", function, "] resume must not be set: runs start from their seeds.");
  }
}

/// How many runs of a problem of this size may go side by side; 0: one after another.
template <class Options>
int threads_for(const Options& options, double size, const c10::Device& device) {
  const double small = options.engine() == Engine::fused ? kSmallFused : kSmallReference;
  return device.is_cpu() && size <= small ? std::max(1, at::get_num_threads()) : 0;
}

/// The options of a run of no epochs, which only checks its arguments.
template <class Options>
Options only_checked(const Options& options) {
  return Options(options).num_epochs(std::min<int64_t>(options.num_epochs(), 0)).seed(0).stop(nullptr);
}

/// Multiply-adds of an epoch.
template <class Options>
double size_of(const Observed& observed, int64_t rank, const Options&) {
  const double cells = static_cast<double>(observed.rows()) * static_cast<double>(observed.columns());
  return static_cast<double>(rank) * (observed.data().is_sparse() ? static_cast<double>(observed.count()) : cells);
}

double size_of(const Observed& observed, int64_t rank, const AlsOptions&) {
  const auto r = static_cast<double>(rank), systems = static_cast<double>(observed.rows() + observed.columns());
  return static_cast<double>(observed.count()) * r * (r + 3) + systems * r * r * r / 6;
}

double size_of(const Observed& observed, int64_t rank, const GibbsOptions&) {
  return size_of(observed, rank, AlsOptions());
}

template <class Options>
std::vector<Run> runs(const Observed& observed, int64_t rank, at::ArrayRef<uint64_t> seeds, const Options& options,
                      const RunsCallback& on_runs) {
  check_set(kFunction, options);
  check_options(kFunction, options);  // of all epochs, which only_checked leaves out
  run(kFunction, observed, rank, only_checked(options));
  if constexpr (std::is_same_v<Options, SgdOptions>) {
    if (!observed.device().is_cpu() && options.engine() == Engine::fused) {
      return sgd_runs_on_gpu(kFunction, observed, rank, seeds, options, on_runs);
    }
  }
  const double size = size_of(observed, rank, options);
  // A short run is finished before `stop` is called.
  const bool asked_within =
      options.engine() == Engine::reference || size * static_cast<double>(options.num_epochs()) >= kShort;
  std::vector<Run> results(seeds.size());
  const int64_t finished = for_each_run(std::ssize(seeds), threads_for(options, size, observed.device()),
                                        options.stop(), on_runs, [&](int64_t i, const StopRequest& stop) {
                                          const auto index = static_cast<size_t>(i);
                                          try {
                                            const auto of_run =
                                                Options(options).seed(seeds[index]).stop(asked_within ? stop : nullptr);
                                            results[index].factors = run(kFunction, observed, rank, of_run);
                                          } catch (const DivergenceError& error) {
                                            results[index].diverged_at = error.epoch();
                                          }
                                        });
  results.resize(static_cast<size_t>(finished));
  return results;
}

}  // namespace

std::vector<Run> fit_runs(const Observed& observed, int64_t rank, at::ArrayRef<uint64_t> seeds, const Method& method,
                          const RunsCallback& on_runs) {
  return std::visit([&](const auto& options) { return runs(observed, rank, seeds, options, on_runs); }, method);
}

}  // namespace factorise
