// Lab 2's exercises, in calls of the library.

#include "programs/lab2_exercises.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

#include "programs/command_line.h"

namespace factorise::programs::lab2 {
namespace {

constexpr int64_t kReportedEpochs = 1000, kLongRun = 10000, kCurveStep = 100;
constexpr int64_t kTrainRows = 100, kClasses = 3;

}  // namespace

Tensor centred(const Iris& iris) { return iris.X - iris.X.mean(0); }

Descent descend(uint64_t seed, const Tensor& A, int64_t rank) {
  const Factors factors = gd_factorise_ad(A, rank, AdOptions().seed(seed).engine(engine_on(A.device())));
  return {factors, squared_error(A, factors)};
}

double svd_loss(const Tensor& A, int64_t rank) {
  return (A - truncated_svd(A, rank).reconstruction).to(at::kDouble).square().sum().item<double>();
}

NormDescent descend_norm(uint64_t seed, const Tensor& A, const StopRequest& stop) {
  NormDescent result{};
  const auto record = [&](int64_t epoch, double loss) {
    result.curve.push_back({epoch, loss});
    if (epoch == kReportedEpochs) result.loss = loss;
    return true;
  };
  gd_factorise_ad(A, 2,
                  AdOptions()
                      .seed(seed)
                      .engine(engine_on(A.device()))
                      .loss(AdLoss::norm)
                      .num_epochs(kLongRun)
                      .report_every(kCurveStep)
                      .on_epoch(record)
                      .stop(stop));
  return result;
}

std::vector<Run> descend_runs(at::ArrayRef<uint64_t> seeds, const Tensor& A, int64_t rank, const StopRequest& stop,
                              const RunsCallback& on_runs) {
  return fit_runs(Observed::all(A), rank, seeds, AdOptions().engine(engine_on(A.device())).stop(stop), on_runs);
}

std::vector<Run> norm_runs(at::ArrayRef<uint64_t> seeds, const Tensor& A, int64_t epochs, const StopRequest& stop,
                           const RunsCallback& on_runs) {
  const auto options = AdOptions().engine(engine_on(A.device())).loss(AdLoss::norm).num_epochs(epochs).stop(stop);
  return fit_runs(Observed::all(A), 2, seeds, options, on_runs);
}

Projections compare_projections(const Tensor& A, const Factors& descent) {
  Projections result;
  result.svd_U = truncated_svd(A, 2).U.to(at::kDouble).cpu();
  result.gd_U = descent.U.to(at::kDouble).cpu();
  const MapFit linear = best_linear_map(result.svd_U, result.gd_U);
  result.mapped = result.svd_U.mm(linear.map);
  result.angles = principal_angles(result.svd_U, result.gd_U);
  result.map_residual = linear.residual;
  result.rotation_residual = best_rotation(result.svd_U, result.gd_U).residual;
  return result;
}

std::vector<MlpSetting> mlp_settings() {
  return {{"scalar biases", MlpVariant::scalar_biases, 0.01},
          {"vector biases", MlpVariant::vector_biases, 0.01},
          {"scalar biases", MlpVariant::scalar_biases, 0.1},
          {"vector biases", MlpVariant::vector_biases, 0.1},
          {"Xavier, batches of 16", MlpVariant::xavier, 0.01}};
}

Spread spread_of(const std::vector<Mlp>& runs, double Mlp::*accuracy) {
  if (runs.empty()) return {std::nan(""), std::nan(""), std::nan("")};
  std::vector<double> values;
  for (const Mlp& run : runs) values.push_back(run.*accuracy);
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const double median = values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {values.front(), median, values.back()};
}

Mlp train(uint64_t seed, const Iris& iris, const MlpSetting& setting, c10::Device device) {
  const auto options = MlpOptions().variant(setting.variant).lr(setting.lr).seed(seed);
  return train_mlp(iris.X.to(device), iris.y.to(device), kClasses, kTrainRows, options);
}

std::vector<MlpRun> train_runs(at::ArrayRef<uint64_t> seeds, const Iris& iris, const MlpSetting& setting,
                               const StopRequest& stop, const RunsCallback& on_runs) {
  const auto options = MlpOptions().variant(setting.variant).lr(setting.lr).stop(stop);
  return train_mlp_runs(iris.X, iris.y, kClasses, kTrainRows, seeds, options, on_runs);
}

}  // namespace factorise::programs::lab2
