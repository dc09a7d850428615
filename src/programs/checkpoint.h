#pragma once
// What a run needs to go on after its end, however it ended: U, V, the epoch, the step size, and what it was a run of.

#include <factorise/patience.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace factorise::programs {

/// Where a run is.
struct State {
  int64_t epoch = 0;               ///< epochs done
  double lr = 0;                   ///< of the next epoch
  std::optional<Factors> factors;  ///< nothing: not begun, with the method's own start to come

  // With a patience:
  std::optional<Patience::Best> best;
  int64_t worse = 0;  ///< judgements since then
};

/// Names and texts of what must be as it was for a run to go on to the same bits.
using Settings = std::vector<std::pair<std::string, std::string>>;

/// Writes both, whole or not at all. Throws FileError.
void save_checkpoint(const std::string& file, const State& state, const Settings& settings);

/// Reads a state, on the CPU. Throws FileError where the file is no checkpoint, and c10::ValueError where a setting is
/// not what it was; the sentence names it.
State load_checkpoint(const std::string& file, const Settings& settings);

}  // namespace factorise::programs
