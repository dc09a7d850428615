// Starts side by side in one tensor, and the slices of epochs that all of them take together.

#include "methods/sgd_runs.h"

#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "contract/sgd.h"
#include "core/backend.h"
#include "core/checks.h"
#include "core/driver.h"
#include "methods/sgd_packing.h"

namespace factorise {
namespace {

/// Bytes of a GPU's memory that the factors of the runs in one launch may take; the kernels keep three copies.
constexpr int64_t kMemory = int64_t{1} << 30;

int64_t runs_at_a_time(const Observed& observed, int64_t rank) {
  const int64_t numbers = (observed.rows() + observed.columns()) * rank;
  return std::max<int64_t>(1, kMemory / (3 * numbers * static_cast<int64_t>(c10::elementSize(observed.type()))));
}

/// Runs from several seeds, in one tensor each for U and V. A run that diverges is a result: the others go on.
class SgdRuns final : public Advancing {
 public:
  SgdRuns(const char* function, const Observed& observed, const Tensor& ratings, int64_t rank,
          at::ArrayRef<uint64_t> seeds, const SgdOptions& options)
      : backend_(backend_of(function, observed.device())),
        ratings_(ratings),
        options_(options),
        lrs_(seeds.size(), options.lr()),
        diverged_(at::zeros({static_cast<int64_t>(seeds.size())}, at::TensorOptions(at::kLong))) {
    std::vector<Tensor> Us, Vs;
    for (const uint64_t seed : seeds) {
      const Factors factors = start(function, observed, rank, std::nullopt, seed);
      Us.push_back(factors.U);
      Vs.push_back(factors.V);
    }
    factors_ = {at::stack(Us), at::stack(Vs)};
  }

  int64_t advance(int64_t epochs) override {
    const Tensor here = backend_.sgd_epochs(ratings_, factors_.U, factors_.V, lrs_, options_.weight_decay(),
                                            options_.lr_decay(), epochs);
    diverged_ = first_divergence(diverged_, here, done_);
    for (double& lr : lrs_) lr = sgd_lr_after(lr, options_.lr_decay(), epochs);
    done_ += epochs;
    return 0;
  }

  /// The result of one of the runs.
  Run result(int64_t run) const {
    Run result;
    result.diverged_at = diverged_.const_data_ptr<int64_t>()[run];
    if (result.diverged_at == 0) {
      result.factors = {factors_.U.select(0, run).clone(), factors_.V.select(0, run).clone()};
    }
    return result;
  }

 private:
  const Backend& backend_;
  Tensor ratings_;
  const SgdOptions& options_;
  std::vector<double> lrs_;
  Tensor diverged_;  // the first epoch of each, or 0
  Factors factors_;
  int64_t done_ = 0;
};

}  // namespace

std::vector<Run> sgd_runs_on_gpu(const char* function, const Observed& observed, int64_t rank,
                                 at::ArrayRef<uint64_t> seeds, const SgdOptions& options, const RunsCallback& on_runs) {
  const WithoutAutograd guard;
  std::vector<Run> results;
  if (seeds.empty() || (options.stop() && options.stop()(0))) return results;
  const Tensor ratings = pack_sgd_on_device(function, observed, rank, options.path());
  const Schedule schedule = schedule_of(function, "", options, observed.device());
  const auto at_a_time = static_cast<size_t>(runs_at_a_time(observed, rank));
  for (size_t first = 0; first < seeds.size(); first += at_a_time) {
    const auto some = seeds.slice(first, std::min(at_a_time, seeds.size() - first));
    SgdRuns session(function, observed, ratings, rank, some, options);
    if (drive_unobserved(session, schedule) < options.num_epochs()) break;
    for (int64_t run = 0; run < std::ssize(some); ++run) results.push_back(session.result(run));
    if (on_runs) on_runs(std::ssize(results), static_cast<int64_t>(seeds.size()));
  }
  return results;
}

}  // namespace factorise
