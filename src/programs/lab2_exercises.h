#pragma once
// The exercises of lab 2, computed: each with its own seed, so that no figure depends on what ran before it.

#include <factorise/autograd.h>
#include <factorise/datasets.h>
#include <factorise/mlp.h>
#include <factorise/runs.h>
#include <factorise/subspace.h>
#include <factorise/svd.h>

#include <string>
#include <vector>

namespace factorise::programs::lab2 {

/// Iris less its column means, 150 x 4.
Tensor centred(const Iris& iris);

/// Exercise 1.2: gd_factorise_ad with the sheet's 1000 epochs at 0.01.
struct Descent {
  Factors factors;
  double loss;  ///< squared
};
Descent descend(uint64_t seed, const Tensor& A, int64_t rank);

/// The squared loss of the truncated SVD, which no matrix of this rank beats.
double svd_loss(const Tensor& A, int64_t rank);

/// A point of the norm variant's curve.
struct NormPoint {
  int64_t epoch;
  double norm;
};

/// The norm variant, run beyond the report's 1000 epochs.
struct NormDescent {
  double loss = 0;               ///< ‖A - U Vᵀ‖ after 1000 epochs
  std::vector<NormPoint> curve;  ///< every 100 epochs, to 10,000
};
NormDescent descend_norm(uint64_t seed, const Tensor& A, const StopRequest& stop);

/// descend, and `epochs` of the norm variant, from many seeds. `stop` and `on_runs` as in the library.
std::vector<Run> descend_runs(at::ArrayRef<uint64_t> seeds, const Tensor& A, int64_t rank, const StopRequest& stop,
                              const RunsCallback& on_runs);
std::vector<Run> norm_runs(at::ArrayRef<uint64_t> seeds, const Tensor& A, int64_t epochs, const StopRequest& stop,
                           const RunsCallback& on_runs);

/// Exercise 1.3: the SVD's U beside the Û of gradient descent.
struct Projections {
  Tensor svd_U, gd_U, mapped;  ///< 150 x 2 each; mapped: svd_U by the best linear map onto gd_U
  std::vector<double> angles;  ///< principal angles in radians
  double map_residual;         ///< relative residual of the best linear map
  double rotation_residual;    ///< and of the best rotation with a scale
};
Projections compare_projections(const Tensor& A, const Factors& descent);

/// An MLP that exercise 2 trains.
struct MlpSetting {
  std::string name;
  MlpVariant variant;
  double lr;
};

/// Every combination that the sheet or a report has.
std::vector<MlpSetting> mlp_settings();

/// A spread over runs; NaN where there are none.
struct Spread {
  double min, median, max;
};
Spread spread_of(const std::vector<Mlp>& runs, double Mlp::*accuracy);

/// train from many seeds.
std::vector<MlpRun> train_runs(at::ArrayRef<uint64_t> seeds, const Iris& iris, const MlpSetting& setting,
                               const StopRequest& stop, const RunsCallback& on_runs);

/// One run: split, weights and training from one seed; 100 rows train, 50 validate.
Mlp train(uint64_t seed, const Iris& iris, const MlpSetting& setting, c10::Device device);

}  // namespace factorise::programs::lab2
