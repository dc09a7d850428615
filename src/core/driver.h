#pragma once
// Drives the epochs of a run: calls `stop`, advances the session, detects divergence, calls the observers.

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <factorise/export.h>
#include <factorise/factors.h>

#include <initializer_list>
#include <string>

#include "core/session.h"

namespace factorise {

/// The part of the options that the driver needs.
struct Schedule {
  const char* function;
  const char* advice;  ///< what to try when the run diverges, as a clause
  int64_t num_epochs;
  StopRequest stop;
  int64_t report_every = 1;
  EpochCallback on_epoch = {};
  int64_t factors_every = 1;
  FactorsCallback on_factors = {};
  std::function<bool(int64_t epoch, Session& session)> on_session = {};  ///< called as on_factors
  double between_stops = 0;  ///< seconds, about, between two calls of `stop`; 0: one before every epoch
  int64_t epochs_done = 0;   ///< before this run
};

/// Waiting for a GPU's result after every epoch would take longer than most epochs.
constexpr double kBetweenStopsOnGpu = 0.02;

template <class Options>
Schedule schedule_of(const char* function, const char* advice, const Options& options, const c10::Device& device) {
  TORCH_CHECK_VALUE(options.factors_every() >= 1, "[", function, "] factors_every must be at least 1, but was ",
                    options.factors_every(), ".");
  TORCH_CHECK_VALUE(options.epochs_done() >= 0 && options.epochs_done() <= options.num_epochs(), "[", function,
                    "] epochs_done must be from 0 to num_epochs = ", options.num_epochs(), ", but was ",
                    options.epochs_done(), ".");
  if constexpr (requires { options.resume(); }) {
    TORCH_CHECK_VALUE(options.epochs_done() == 0 || options.resume(), "[", function,
                      "] resume must be given with epochs_done: the posterior that those sweeps led to.");
  } else {
    TORCH_CHECK_VALUE(options.epochs_done() == 0 || options.initial(), "[", function,
                      "] initial must be given with epochs_done: the factors that those epochs led to.");
  }
  return {function,
          advice,
          options.num_epochs(),
          options.stop(),
          options.report_every(),
          options.on_epoch(),
          options.factors_every(),
          options.on_factors(),
          {},
          device.is_cuda() && options.engine() == Engine::fused ? kBetweenStopsOnGpu : 0,
          options.epochs_done()};
}

/// Runs the epochs that are not done yet, or until `stop` or an observer ends the run. Returns how many are done then.
/// Throws DivergenceError.
FACTORISE_INTERNAL int64_t drive(Session& session, const Schedule& schedule);

/// The same without observers.
FACTORISE_INTERNAL int64_t drive_unobserved(Advancing& run, const Schedule& schedule);

/// A copy of the factors, which the run does not change.
Factors copied(const Factors& factors);

/// Whether a tensor holds neither NaN nor infinity.
bool all_finite(const Tensor& tensor);

/// The sentence of a DivergenceError.
FACTORISE_INTERNAL std::string divergence_sentence(const char* function, int64_t epoch, const char* advice);

/// Throws DivergenceError.
[[noreturn]] void refuse_divergence(const char* function, int64_t epoch, const char* advice);

/// Throws DivergenceError unless all tensors are finite.
void check_finite(const char* function, std::initializer_list<Tensor> tensors, int64_t epoch, const char* advice);

/// Session::advance for epochs that do not check for divergence themselves: calls epoch() `epochs` times, and stops
/// after the first call that leaves a factor not finite.
template <class Epoch>
int64_t advance_one_by_one(int64_t epochs, const Factors& factors, Epoch epoch) {
  for (int64_t i = 1; i <= epochs; ++i) {
    epoch();
    if (!all_finite(factors.U) || !all_finite(factors.V)) return i;
  }
  return 0;
}

/// While one exists, torch computes without autocast and without inference tensors, whatever the caller has enabled.
struct PlainComputation {
  c10::InferenceMode no_inference_tensors{false};
  c10::impl::ExcludeDispatchKeyGuard no_autocast{c10::autocast_dispatch_keyset};
};

/// The same without autograd and its bookkeeping. Tensors made or written to while one exists must stay inside the run.
struct WithoutAutograd : PlainComputation {
  at::NoGradGuard no_grad;
  at::AutoDispatchBelowADInplaceOrView below_autograd;
};

}  // namespace factorise
