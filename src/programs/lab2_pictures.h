#pragma once
// The data of lab 2's pictures in ./labs report that the exercises do not compute: the norm variant's curve from
// several seeds, and the MLP's losses over the seeds.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "programs/lab2_exercises.h"

namespace factorise::programs::lab2 {

/// The norm variant's curve from one seed; empty where it diverged.
struct SeededCurve {
  uint64_t seed;
  std::vector<NormPoint> curve;
};
std::vector<SeededCurve> norm_curves(const std::vector<uint64_t>& seeds, const Tensor& A);

/// Cross-entropy by epoch over runs: the median and the 5th and 95th percentile of each epoch.
struct LossBand {
  std::vector<double> low, median, high;
};
LossBand loss_band(const std::vector<Mlp>& runs);

nlohmann::ordered_json to_json(const std::vector<SeededCurve>& curves);

/// 1.3's three scatters, a row of two for each flower, and the flowers' species.
nlohmann::ordered_json to_json(const Projections& projections, const Iris& flowers);

/// {name, lr, losses {ours, low, median, high}, train_accuracies, validation_accuracies} of a setting; `ours` is the
/// run at this seed.
nlohmann::ordered_json to_json(const MlpSetting& setting, const std::optional<Mlp>& ours, const std::vector<Mlp>& runs);

}  // namespace factorise::programs::lab2
