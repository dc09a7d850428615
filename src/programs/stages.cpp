// One run, looked at now and then.

#include "programs/stages.h"

#include <ATen/core/Tensor.h>
#include <factorise/sgd.h>
#include <fmt/format.h>

#include <algorithm>

namespace factorise::programs {
namespace {

void judge(State& state, double error) {
  if (!state.best || error < state.best_rmse) {
    state.best = state.factors;
    state.best_rmse = error;
    state.best_epoch = state.epoch;
    state.worse = 0;
  } else {
    ++state.worse;
  }
}

Factors run_from(const State& begin, int64_t epochs, const FactorsCallback& look, const RunEpochs& run) {
  try {
    return run(begin, epochs, look);
  } catch (const DivergenceError& error) {
    if (begin.epoch == 0) throw;
    const int64_t epoch = begin.epoch + error.epoch();
    throw DivergenceError(
        {__func__, __FILE__, static_cast<uint32_t>(__LINE__)},
        fmt::format("diverged: after epoch {} the result is no longer finite. Try a smaller --lr.", epoch), epoch);
  }
}

}  // namespace

State run_stages(State state, const Stages& stages, const Error& error, const Progress& progress,
                 const RunEpochs& run) {
  const int64_t first_epoch = state.epoch;
  const auto is_out_of_patience = [&] { return stages.patience && state.worse >= *stages.patience; };
  const auto is_over = [&] { return state.epoch == stages.epochs || progress.stopped() || is_out_of_patience(); };
  const auto keep = [&] {
    if (!stages.checkpoint.empty()) save_checkpoint(stages.checkpoint, state, stages.settings);
  };
  if (is_over() && state.factors) return state;
  do {
    if (state.lr == 0) {  // so far decayed, it moves nothing any more
      state.epoch = stages.epochs;
      break;
    }
    const State begin = state;
    const auto arrive = [&](int64_t epochs, const Factors& factors) {
      state.factors = factors;
      state.epoch = begin.epoch + epochs;
      state.lr = lr_after(begin.lr, stages.lr_decay, epochs);
    };
    const auto look = [&](int64_t epochs, const Factors& factors) {
      arrive(epochs, factors);
      if (stages.patience) judge(state, error(*state.factors));
      keep();
      return !is_out_of_patience();
    };
    // Looks are at multiples of `every`: a run that was stopped between two of them goes to the next one first.
    const int64_t behind = stages.every ? begin.epoch % *stages.every : 0, left = stages.epochs - begin.epoch;
    const int64_t epochs = behind > 0 ? std::min(left, *stages.every - behind) : left;
    const Factors last = run_from(begin, epochs, look, run);
    if (progress.stopped()) {
      arrive(progress.done() - (begin.epoch - first_epoch), last);
      if (stages.counts_epochs) keep();
    } else if (!stages.every || epochs == 0) {
      arrive(epochs, last);
    }
  } while (!is_over());
  return state;
}

}  // namespace factorise::programs
