#pragma once
// A run in stages of some epochs, between which it is judged by what it has not seen, and kept. Each stage goes on from
// the factors and the step size of the one before, so that the bits are those of one run of all epochs.

#include <factorise/hold_out.h>

#include <functional>
#include <optional>
#include <string>

#include "programs/checkpoint.h"
#include "programs/progress.h"

namespace factorise::programs {

struct Stages {
  int64_t epochs;                   ///< of the whole run
  std::optional<int64_t> every;     ///< of a stage; nothing: one stage
  double lr_decay = 1;              ///< after each epoch
  std::optional<int64_t> patience;  ///< stages that may be no better than the best before them; for a hold-out
  std::string checkpoint;           ///< written after every stage; empty: none
  Settings settings;                ///< of the checkpoint
  bool counts_epochs = true;        ///< whether `progress` is told of every epoch: not on a GPU
};

/// Runs that many epochs from there; nothing: from the start that the method draws.
using RunEpochs = std::function<Factors(int64_t epochs, double lr, const std::optional<Factors>& from)>;

/// Goes on until all epochs are done, the patience ends or Ctrl-C comes, and returns where that is. Throws what `run`
/// throws; a DivergenceError names the epoch of the whole run.
State run_stages(State state, const Stages& stages, const std::optional<HoldOut>& aside, const Progress& progress,
                 const RunEpochs& run);

}  // namespace factorise::programs
