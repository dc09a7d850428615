#pragma once
// The state from which a run can go on: U and V, or a posterior, the epoch, and the settings of the run.

#include <factorise/gibbs.h>
#include <factorise/patience.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace factorise::programs {

/// The state of a run.
struct State {
  int64_t epoch = 0;               ///< epochs done
  std::optional<Factors> factors;  ///< empty: the run has not begun, and starts with the method's own factors

  /// Of --method gibbs, in place of factors.
  std::optional<Posterior> posterior = {};

  // With a patience:
  std::optional<Patience::Best> best;
  int64_t worse = 0;  ///< judgements since then
};

/// Names and values of the settings that must be unchanged for a run to go on with the same bits.
using Settings = std::vector<std::pair<std::string, std::string>>;

/// Writes both, whole or not at all. Throws FileError.
void save_checkpoint(const std::string& file, const State& state, const Settings& settings);

/// Reads a state, on the CPU. Throws FileError where the file is no checkpoint, and c10::ValueError, naming the
/// setting, where one has changed.
State load_checkpoint(const std::string& file, const Settings& settings);

}  // namespace factorise::programs
