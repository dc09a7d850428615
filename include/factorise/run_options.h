#pragma once
// The options that the runs of all methods share.
//
//   auto options = factorise::SgdOptions().num_epochs(50).seed(0);
//   options.report_every(10).on_epoch([](int64_t, double loss) { return loss > 1e-3; });     // false stops the run

#include <factorise/factors.h>

#include <optional>
#include <utility>

namespace factorise {

/// Options is the method's own type, which each call returns, as in torch::optim.
template <class Options>
class RunOptions {
/// An option: set and read by calls of its name.
#define FACTORISE_OPTION(T, name)                    \
 public:                                             \
  Options& name(T value) {                           \
    name##_ = std::move(value);                      \
    return static_cast<Options&>(*this);             \
  }                                                  \
  const T& name() const noexcept { return name##_; } \
                                                     \
 private:                                            \
  T name##_

  /// Epochs of the whole run, >= 0: passes over the observed entries, steps or sweeps. 0 returns the start.
  FACTORISE_OPTION(int64_t, num_epochs) = 1000;
  /// Allows rank > min(m, n) for a matrix that is observed everywhere; of others any rank is allowed.
  FACTORISE_OPTION(bool, overcomplete) = false;
  /// Seed of the start. Not given: torch's global CPU generator, as in the labs.
  FACTORISE_OPTION(std::optional<uint64_t>, seed);
  /// Factors to start from in place of drawn ones; copied, never written to.
  FACTORISE_OPTION(std::optional<Factors>, initial);
  /// Epochs of the run that were done before, 0 to num_epochs: `initial` is where they led. What is left is run to the
  /// same bits, with the same step sizes, as one run of all epochs; observers are called with the epochs of all.
  FACTORISE_OPTION(int64_t, epochs_done) = 0;
  /// Which code runs the epochs.
  FACTORISE_OPTION(Engine, engine) = Engine::fused;
  /// Epochs between calls of on_epoch, >= 1; the last epoch is always reported. Each report costs a pass over A, for
  /// gd_factorise_ad one of its own loss.
  FACTORISE_OPTION(int64_t, report_every) = 1;
  /// Called with the epoch and the loss.
  FACTORISE_OPTION(EpochCallback, on_epoch);
  /// Epochs between calls of on_factors, >= 1; the last epoch's factors are always given. Each call costs a copy.
  FACTORISE_OPTION(int64_t, factors_every) = 1;
  /// Called with the epoch and its factors. Patience (factorise/patience.h) is such a function.
  FACTORISE_OPTION(FactorsCallback, on_factors);
  /// Ends the run early.
  FACTORISE_OPTION(StopRequest, stop);
};

/// Those of methods that go along a gradient.
template <class Options>
class StepOptions : public RunOptions<Options> {
  /// Step size, > 0. See the method's type for its default.
  FACTORISE_OPTION(double, lr) = 0.01;

#undef FACTORISE_OPTION
};

}  // namespace factorise
