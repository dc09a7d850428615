// How many epochs a step has, and the calls of `stop` and the observers between steps.

#include "core/driver.h"

#include <ATen/ops/empty_like.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

namespace factorise {
namespace {

template <class T>
bool all_finite(const Tensor& tensor) {
  const T* values = tensor.const_data_ptr<T>();
  return std::all_of(values, values + tensor.numel(), [](T value) { return std::isfinite(value); });
}

/// How many epochs a step may have so that `stop` is called often enough: adapted to how long the epochs take.
class EpochsBetweenStops {
 public:
  explicit EpochsBetweenStops(const Schedule& schedule)
      : seconds_(schedule.between_stops), epochs_(schedule.stop ? 1 : kUnlimited) {}

  int64_t count() const { return epochs_; }

  /// Calls step(), which takes that many epochs or fewer.
  template <class Step>
  int64_t timed(Step step) {
    const auto begin = std::chrono::steady_clock::now();
    const int64_t result = step();
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (2 * took < seconds_ && epochs_ < kUnlimited / 2) epochs_ *= 2;
    if (took > 2 * seconds_ && epochs_ < kUnlimited && epochs_ > 1) epochs_ /= 2;
    return result;
  }

 private:
  static constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();
  double seconds_;
  int64_t epochs_;
};

/// Calls the observers that are due; false where one of them ends the run. The loss and the factors are computed only
/// for a call.
bool tell(Session& session, const Schedule& schedule, int64_t epoch) {
  const auto is_due = [&](int64_t every) { return epoch % every == 0 || epoch == schedule.num_epochs; };
  bool goes_on = true;
  if (schedule.on_epoch && is_due(schedule.report_every)) goes_on = schedule.on_epoch(epoch, session.loss());
  if (schedule.on_factors && is_due(schedule.factors_every)) {
    goes_on = schedule.on_factors(epoch, session.factors()) && goes_on;
  }
  if (schedule.on_session && is_due(schedule.factors_every)) goes_on = schedule.on_session(epoch, session) && goes_on;
  return goes_on;
}

/// after(epoch) is called after each step and returns false to end the run there.
template <class After>
int64_t drive_steps(Advancing& run, const Schedule& schedule, After after) {
  EpochsBetweenStops between_stops(schedule);
  int64_t epoch = schedule.epochs_done;
  while (epoch < schedule.num_epochs) {
    if (schedule.stop && schedule.stop(epoch)) break;
    int64_t epochs = std::min(schedule.num_epochs - epoch, between_stops.count());
    if (schedule.on_epoch) epochs = std::min(epochs, schedule.report_every - epoch % schedule.report_every);
    if (schedule.on_factors || schedule.on_session)
      epochs = std::min(epochs, schedule.factors_every - epoch % schedule.factors_every);
    const int64_t diverged = between_stops.timed([&] { return run.advance(epochs); });
    if (diverged) refuse_divergence(schedule.function, epoch + diverged, schedule.advice);
    epoch += epochs;
    if (!after(epoch)) break;
  }
  return epoch;
}

}  // namespace

int64_t drive(Session& session, const Schedule& schedule) {
  return drive_steps(session, schedule, [&](int64_t epoch) { return tell(session, schedule, epoch); });
}

int64_t drive_unobserved(Advancing& run, const Schedule& schedule) {
  return drive_steps(run, schedule, [](int64_t) { return true; });
}

bool all_finite(const Tensor& tensor) {
  // Small tensors on the CPU are the common case, and two ops of dispatch would cost as much as a 3 x 3 epoch.
  if (tensor.is_cpu() && tensor.is_contiguous() && tensor.scalar_type() == at::kFloat) return all_finite<float>(tensor);
  if (tensor.is_cpu() && tensor.is_contiguous() && tensor.scalar_type() == at::kDouble)
    return all_finite<double>(tensor);
  return tensor.detach().isfinite().all().item<bool>();
}

Factors copied(const Factors& factors) {
  const auto copy = [](const Tensor& factor) {
    if (!factor.is_cpu() || !factor.is_contiguous()) return factor.detach().clone();
    Tensor result = at::empty_like(factor.detach());
    // Torch's copy would wake its threads, which spin on beside the next epochs.
    std::memcpy(result.mutable_data_ptr(), factor.const_data_ptr(), factor.nbytes());
    return result;
  };
  return {copy(factors.U), copy(factors.V)};
}

std::string divergence_sentence(const char* function, int64_t epoch, const char* advice) {
  return c10::str("[", function, "] diverged: after epoch ", epoch, " the result is no longer finite. Try ", advice,
                  ".");
}

void refuse_divergence(const char* function, int64_t epoch, const char* advice) {
  throw DivergenceError({__func__, __FILE__, static_cast<uint32_t>(__LINE__)},
                        divergence_sentence(function, epoch, advice), epoch);
}

void check_finite(const char* function, std::initializer_list<Tensor> tensors, int64_t epoch, const char* advice) {
  for (const Tensor& tensor : tensors) {
    if (!all_finite(tensor)) refuse_divergence(function, epoch, advice);
  }
}

}  // namespace factorise
