// The data of lab 2's pictures.

#include "programs/lab2_pictures.h"

#include <nlohmann/json.hpp>

#include "programs/comparison.h"
#include "programs/json_file.h"

namespace factorise::programs::lab2 {
namespace {

using nlohmann::ordered_json;

constexpr double kLowPercentile = 5, kHighPercentile = 95;

ordered_json accuracies(const std::vector<Mlp>& runs, double Mlp::*accuracy) {
  ordered_json list = ordered_json::array();
  for (const Mlp& run : runs) list.push_back(number(run.*accuracy));
  return list;
}

}  // namespace

std::vector<SeededCurve> norm_curves(const std::vector<uint64_t>& seeds, const Tensor& A) {
  std::vector<SeededCurve> curves;
  for (const uint64_t seed : seeds) {
    SeededCurve of_seed{seed, {}};
    try {
      of_seed.curve = descend_norm(seed, A, {}).curve;
    } catch (const DivergenceError&) {
      // A run that diverged has no curve.
    }
    curves.push_back(std::move(of_seed));
  }
  return curves;
}

LossBand loss_band(const std::vector<Mlp>& runs) {
  LossBand band;
  if (runs.empty()) return band;
  for (size_t epoch = 0; epoch < runs.front().losses.size(); ++epoch) {
    std::vector<double> losses;
    for (const Mlp& run : runs) losses.push_back(run.losses[epoch]);
    band.low.push_back(percentile_of(losses, kLowPercentile));
    band.median.push_back(percentile_of(losses, 50));
    band.high.push_back(percentile_of(losses, kHighPercentile));
  }
  return band;
}

ordered_json to_json(const std::vector<SeededCurve>& curves) {
  ordered_json list = ordered_json::array();
  for (const SeededCurve& of_seed : curves) {
    ordered_json epochs = ordered_json::array(), norms = ordered_json::array();
    for (const NormPoint& point : of_seed.curve) {
      epochs.push_back(point.epoch);
      norms.push_back(number(point.norm));
    }
    list.push_back({{"seed", of_seed.seed}, {"epochs", epochs}, {"norms", norms}});
  }
  return list;
}

ordered_json to_json(const Projections& projections, const Iris& flowers) {
  ordered_json species = ordered_json::array();
  for (int64_t i = 0; i < flowers.y.size(0); ++i) {
    species.push_back(flowers.species[static_cast<size_t>(flowers.y[i].item<int64_t>())]);
  }
  return {{"svd", programs::to_json(projections.svd_U)},
          {"gd", programs::to_json(projections.gd_U)},
          {"svd_mapped", programs::to_json(projections.mapped)},
          {"species", species}};
}

ordered_json to_json(const MlpSetting& setting, const std::optional<Mlp>& ours, const std::vector<Mlp>& runs) {
  const LossBand band = loss_band(runs);
  return {{"name", setting.name},
          {"lr", setting.lr},
          {"losses",
           {{"ours", ours ? ours->losses : std::vector<double>()},
            {"low", band.low},
            {"median", band.median},
            {"high", band.high}}},
          {"train_accuracies", accuracies(runs, &Mlp::train_accuracy)},
          {"validation_accuracies", accuracies(runs, &Mlp::validation_accuracy)}};
}

}  // namespace factorise::programs::lab2
