#pragma once
// Drives the epochs of a run: asks whether to stop, takes a step, notices divergence, reports.

#include <factorise/factors.h>

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <limits>

namespace factorise {

/// The part of the options that the driver needs.
struct Schedule {
  const char* function;
  int64_t num_epochs;
  int64_t report_every;
  EpochCallback on_epoch;
  StopRequest stop;
  const char* advice;        ///< what to try when the run diverges, as a clause
  double between_stops = 0;  ///< seconds, about, after which steps of several epochs ask stop(); 0: before every epoch
  int64_t factors_every = 1;
  FactorsCallback on_factors = {};
};

/// To ask a GPU for its result after every epoch would cost more than most epochs.
constexpr double kBetweenStopsOnGpu = 0.02;

template <class Options>
Schedule schedule_of(const char* function, const Options& options, const char* advice, const Tensor& A = {}) {
  TORCH_CHECK_VALUE(options.factors_every() >= 1, "[", function, "] factors_every must be at least 1, but was ",
                    options.factors_every(), ".");
  return {function,
          options.num_epochs(),
          options.report_every(),
          options.on_epoch(),
          options.stop(),
          advice,
          A.defined() && A.is_cuda() ? kBetweenStopsOnGpu : 0,
          options.factors_every(),
          options.on_factors()};
}

/// Factors that stay as they are when the run goes on.
Factors copied(const Factors& factors);

/// Whether something is to be told after an epoch.
inline bool is_due(const Schedule& schedule, int64_t every, int64_t epoch) {
  return epoch % every == 0 || epoch == schedule.num_epochs;
}

/// Tells who listens; false where one of them stops the run. loss() and copy() are asked for only where they are told.
template <class Loss, class Copy>
bool tell(const Schedule& schedule, int64_t epoch, Loss loss, Copy copy) {
  bool goes_on = true;
  if (schedule.on_epoch && is_due(schedule, schedule.report_every, epoch)) goes_on = schedule.on_epoch(epoch, loss());
  if (schedule.on_factors && is_due(schedule, schedule.factors_every, epoch)) {
    goes_on = schedule.on_factors(epoch, copy()) && goes_on;
  }
  return goes_on;
}

/// How many epochs a step may have where stop() is to be asked in time: learnt from how long they take.
class EpochsBetweenStops {
 public:
  explicit EpochsBetweenStops(const Schedule& schedule)
      : seconds_(schedule.between_stops), epochs_(schedule.stop ? 1 : std::numeric_limits<int64_t>::max()) {}

  int64_t count() const { return epochs_; }

  /// Calls step(), which takes that many epochs or fewer.
  template <class Step>
  auto timed(Step step) {
    const auto begin = std::chrono::steady_clock::now();
    const auto result = step();
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (2 * took < seconds_ && epochs_ < std::numeric_limits<int64_t>::max() / 2) epochs_ *= 2;
    if (took > 2 * seconds_ && epochs_ < std::numeric_limits<int64_t>::max() && epochs_ > 1) epochs_ /= 2;
    return result;
  }

 private:
  double seconds_;
  int64_t epochs_;
};

/// Whether a tensor holds neither NaN nor infinity.
bool all_finite(const Tensor& tensor);

/// Throws DivergenceError.
[[noreturn]] void refuse_divergence(const char* function, int64_t epoch, const char* advice);

/// Throws DivergenceError unless all tensors are finite.
void check_finite(const char* function, std::initializer_list<Tensor> tensors, int64_t epoch, const char* advice);

/// Runs step() once for every epoch. `factors`: what must stay finite.
template <class Step, class Loss, class Copy>
void run_epochs(const Schedule& schedule, const Factors& factors, Step step, Loss loss, Copy copy) {
  for (int64_t epoch = 1; epoch <= schedule.num_epochs; ++epoch) {
    if (schedule.stop && schedule.stop()) return;
    step();
    check_finite(schedule.function, {factors.U, factors.V}, epoch, schedule.advice);
    if (!tell(schedule, epoch, loss, copy)) return;
  }
}

/// The same for steps of several epochs: step(n) runs n epochs and returns the first of them (from 1) after which a
/// factor was not finite, or 0. Steps are as long as stop(), on_epoch() and on_factors() leave them.
template <class Step, class Loss, class Copy>
void run_epoch_steps(const Schedule& schedule, Step step, Loss loss, Copy copy) {
  EpochsBetweenStops between_stops(schedule);
  for (int64_t epoch = 0, asked = -1; epoch < schedule.num_epochs;) {
    // Once for every epoch, if late: whoever counts the questions counts the epochs.
    bool stops = false;
    for (; asked < epoch; ++asked) stops = (schedule.stop && schedule.stop()) || stops;
    if (stops) return;
    int64_t epochs = std::min(schedule.num_epochs - epoch, between_stops.count());
    if (schedule.on_epoch) epochs = std::min(epochs, schedule.report_every - epoch % schedule.report_every);
    if (schedule.on_factors) epochs = std::min(epochs, schedule.factors_every - epoch % schedule.factors_every);
    const int64_t diverged = between_stops.timed([&] { return step(epochs); });
    if (diverged) refuse_divergence(schedule.function, epoch + diverged, schedule.advice);
    epoch += epochs;
    if (!tell(schedule, epoch, loss, copy)) return;
  }
}

/// While one lives, torch computes plainly, whatever the caller has switched on: no autocast, no inference tensors.
struct PlainComputation {
  c10::InferenceMode no_inference_tensors{false};
  c10::impl::ExcludeDispatchKeyGuard no_autocast{c10::autocast_dispatch_keyset};
};

/// The same without autograd and its bookkeeping. Tensors made or written to while one lives stay inside the run.
struct WithoutAutograd : PlainComputation {
  at::NoGradGuard no_grad;
  at::AutoDispatchBelowADInplaceOrView below_autograd;
};

}  // namespace factorise
