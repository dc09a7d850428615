// One stage after another.

#include "programs/stages.h"

#include <ATen/core/Tensor.h>
#include <factorise/sgd.h>
#include <fmt/format.h>

#include <algorithm>

namespace factorise::programs {
namespace {

Factors run_stage(const State& state, int64_t epochs, const RunEpochs& run) {
  try {
    return run(epochs, state.lr, state.factors);
  } catch (const DivergenceError& error) {
    if (state.epoch == 0) throw;
    const int64_t epoch = state.epoch + error.epoch();
    throw DivergenceError(
        {__func__, __FILE__, static_cast<uint32_t>(__LINE__)},
        fmt::format("diverged: after epoch {} the result is no longer finite. Try a smaller --lr.", epoch), epoch);
  }
}

void judge(State& state, const HoldOut& aside) {
  const double error = rmse(aside, *state.factors);
  if (!state.best || error < state.best_rmse) {
    state.best = state.factors;
    state.best_rmse = error;
    state.best_epoch = state.epoch;
    state.worse = 0;
  } else {
    ++state.worse;
  }
}

}  // namespace

State run_stages(State state, const Stages& stages, const std::optional<HoldOut>& aside, const Progress& progress,
                 const RunEpochs& run) {
  const auto is_over = [&] {
    return state.epoch == stages.epochs || progress.stopped() || (stages.patience && state.worse >= *stages.patience);
  };
  if (is_over() && state.factors) return state;
  do {
    if (state.lr == 0) {  // so far decayed, it moves nothing any more
      state.epoch = stages.epochs;
      break;
    }
    const int64_t left = stages.epochs - state.epoch;
    // Whole multiples of `every`, also for a run that was stopped between two of them.
    const int64_t epochs = stages.every ? std::min(left, *stages.every - state.epoch % *stages.every) : left;
    const int64_t before = progress.done();
    state.factors = run_stage(state, epochs, run);
    const int64_t done = progress.stopped() ? progress.done() - before : epochs;
    state.epoch += done;
    state.lr = lr_after(state.lr, stages.lr_decay, done);
    if (stages.patience && aside && done == epochs) judge(state, *aside);
    const bool is_known = stages.counts_epochs || !progress.stopped();
    if (!stages.checkpoint.empty() && is_known) save_checkpoint(stages.checkpoint, state, stages.settings);
  } while (!is_over());
  return state;
}

}  // namespace factorise::programs
