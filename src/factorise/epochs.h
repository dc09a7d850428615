#pragma once
// Drives the epochs of a run: asks whether to stop, takes a step, notices divergence, reports.

#include <factorise/factors.h>

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <initializer_list>

namespace factorise {

/// The part of the options that the driver needs.
struct Schedule {
  const char* function;
  int64_t num_epochs;
  int64_t report_every;
  EpochCallback on_epoch;
  StopRequest stop;
  const char* advice;  ///< what to try when the run diverges, as a clause
};

template <class Options>
Schedule schedule_of(const char* function, const Options& options, const char* advice) {
  return {function, options.num_epochs(), options.report_every(), options.on_epoch(), options.stop(), advice};
}

/// Throws DivergenceError.
[[noreturn]] void refuse_divergence(const char* function, int64_t epoch, const char* advice);

/// Throws DivergenceError unless all tensors are finite.
void check_finite(const char* function, std::initializer_list<Tensor> tensors, int64_t epoch, const char* advice);

/// Runs step() once for every epoch; loss() is asked for only where it is reported.
template <class Step, class Loss>
void run_epochs(const Schedule& schedule, const Factors& factors, Step step, Loss loss) {
  for (int64_t epoch = 1; epoch <= schedule.num_epochs; ++epoch) {
    if (schedule.stop && schedule.stop()) return;
    step();
    check_finite(schedule.function, {factors.U, factors.V}, epoch, schedule.advice);
    if (schedule.on_epoch && (epoch % schedule.report_every == 0 || epoch == schedule.num_epochs)) {
      if (!schedule.on_epoch(epoch, loss())) return;
    }
  }
}

/// The same for steps of several epochs: step(n) runs n epochs and returns the first of them (from 1) after which a
/// factor was not finite, or 0. Steps are as long as stop() and on_epoch() leave them.
template <class Step, class Loss>
void run_epoch_steps(const Schedule& schedule, Step step, Loss loss) {
  for (int64_t epoch = 0; epoch < schedule.num_epochs;) {
    if (schedule.stop && schedule.stop()) return;
    int64_t epochs = schedule.num_epochs - epoch;
    if (schedule.on_epoch) epochs = std::min(epochs, schedule.report_every - epoch % schedule.report_every);
    if (schedule.stop) epochs = 1;
    if (const int64_t diverged = step(epochs)) refuse_divergence(schedule.function, epoch + diverged, schedule.advice);
    epoch += epochs;
    if (schedule.on_epoch && (epoch % schedule.report_every == 0 || epoch == schedule.num_epochs)) {
      if (!schedule.on_epoch(epoch, loss())) return;
    }
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
