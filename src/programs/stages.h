#pragma once
// A run that is judged every few epochs by what it has not seen, and kept. One that goes on from what was kept has the
// factors and the step size of that epoch, so that the bits are those of one run of all epochs.

#include <factorise/factors.h>

#include <functional>
#include <optional>
#include <string>

#include "programs/checkpoint.h"
#include "programs/progress.h"

namespace factorise::programs {

struct Stages {
  int64_t epochs;                   ///< of the whole run
  std::optional<int64_t> every;     ///< between looks; nothing: none
  double lr_decay = 1;              ///< after each epoch
  std::optional<int64_t> patience;  ///< looks that may be no better than the best before them; for a hold-out
  std::string checkpoint;           ///< written at every look; empty: none
  Settings settings;                ///< of the checkpoint
  bool counts_epochs = true;        ///< whether `progress` is told of every epoch: not on a GPU
};

/// Runs that many epochs from there, where there are factors, else from the start that the method draws; calls `look`
/// every so many epochs, and after the last.
using RunEpochs = std::function<Factors(const State& from, int64_t epochs, const FactorsCallback& look)>;

/// How far factors are from what the run has not seen.
using Error = std::function<double(const Factors& factors)>;

/// Goes on until all epochs are done, the patience ends or Ctrl-C comes, and returns where that is. `error`: what a
/// patience goes by; may be empty where there is none. Throws what `run` throws; a DivergenceError names the epoch of
/// the whole run.
State run_stages(State state, const Stages& stages, const Error& error, const Progress& progress, const RunEpochs& run);

}  // namespace factorise::programs
