// The data of lab 1's pictures.

#include "programs/lab1_pictures.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/zeros.h>
#include <factorise/sgd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "programs/command_line.h"
#include "programs/json_file.h"

namespace factorise::programs::lab1 {
namespace {

using nlohmann::ordered_json;

constexpr int64_t kPictureRank = 2, kEpochs = 1000;
constexpr int64_t kGridRows = 50, kGridColumns = 100;
constexpr int64_t kMostRatings = 20, kBinsPerStar = 10;
constexpr int64_t kRowsAtOnce = 128;  // U Vᵀ is never stored as a whole

/// The epoch that a curve has after this one.
int64_t next_shown(int64_t epoch) { return std::max(epoch + 1, epoch * 9 / 8); }

}  // namespace

std::vector<LossCurve> loss_curves(const std::vector<uint64_t>& seeds, const Tensor& A) {
  std::vector<LossCurve> curves;
  for (const uint64_t seed : seeds) {
    LossCurve curve{.seed = seed};
    int64_t due = 1;
    const auto record = [&](int64_t epoch, double loss) {
      if (epoch < due && epoch < kEpochs) return true;
      curve.epochs.push_back(epoch);
      curve.losses.push_back(loss);
      due = next_shown(epoch);
      return true;
    };
    try {
      sgd_factorise(A, kPictureRank,
                    SgdOptions().num_epochs(kEpochs).seed(seed).engine(engine_on(A.device())).on_epoch(record));
    } catch (const DivergenceError&) {
      // The curve ends there.
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

Tensor rated_share(const Tensor& A) {
  const Tensor rated = A.gt(0).to(at::kFloat).unsqueeze(0);
  return at::adaptive_avg_pool2d(rated, {std::min(A.size(0), kGridRows), std::min(A.size(1), kGridColumns)})[0];
}

Predictions predictions_by_rating(const Tensor& A, const Factors& factors) {
  Predictions result;
  const Tensor observed = A.masked_select(A.gt(0)).to(at::kDouble).round();
  const auto lowest = static_cast<int64_t>(observed.min().item<double>());
  const auto highest = static_cast<int64_t>(observed.max().item<double>());
  if (highest - lowest >= kMostRatings) return result;
  // From one below the lowest rating to one above the highest.
  const int64_t ratings = highest - lowest + 1, bins = (ratings + 1) * kBinsPerStar;
  for (int64_t i = 0; i <= bins; ++i) {
    result.edges.push_back(static_cast<double>(lowest - 1) + static_cast<double>(i) / kBinsPerStar);
  }
  Tensor counts = at::zeros({ratings * bins}, at::kLong);
  Tensor sums = at::zeros({ratings}, at::kDouble);
  const Tensor U = factors.U.cpu(), V = factors.V.cpu();
  for (int64_t row = 0; row < A.size(0); row += kRowsAtOnce) {
    const int64_t rows = std::min(kRowsAtOnce, A.size(0) - row);
    const Tensor given = A.narrow(0, row, rows), mask = given.gt(0);
    const Tensor rating = given.masked_select(mask).to(at::kDouble).round().to(at::kLong) - lowest;
    const Tensor predicted = U.narrow(0, row, rows).mm(V.t()).masked_select(mask).to(at::kDouble);
    // A run that all but diverged has infinite products of both signs, whose sum is NaN: beyond all bins as well.
    const Tensor scaled = ((predicted - result.edges.front()) * kBinsPerStar).nan_to_num(static_cast<double>(bins));
    const Tensor bin = scaled.floor().clamp(0, bins - 1).to(at::kLong);
    counts += at::bincount(rating * bins + bin, {}, ratings * bins);
    sums += at::bincount(rating, predicted, ratings);
  }
  counts = counts.view({ratings, bins});
  for (int64_t i = 0; i < ratings; ++i) {
    const auto count = counts[i].sum().item<int64_t>();
    if (count == 0) continue;
    Predictions::Given given{lowest + i, count, sums[i].item<double>() / static_cast<double>(count), {}};
    for (int64_t bin = 0; bin < bins; ++bin) {
      given.shares.push_back(counts[i][bin].item<double>() / static_cast<double>(count));
    }
    result.given.push_back(std::move(given));
  }
  return result;
}

ordered_json to_json(const std::vector<LossCurve>& curves) {
  ordered_json list = ordered_json::array();
  for (const LossCurve& curve : curves) {
    list.push_back({{"seed", curve.seed}, {"epochs", curve.epochs}, {"losses", curve.losses}});
  }
  return list;
}

ordered_json to_json(const Predictions& predictions) {
  ordered_json given = ordered_json::array();
  for (const Predictions::Given& of : predictions.given) {
    given.push_back({{"rating", of.rating}, {"count", of.count}, {"mean", number(of.mean)}, {"shares", of.shares}});
  }
  return {{"edges", predictions.edges}, {"given", given}};
}

}  // namespace factorise::programs::lab1
