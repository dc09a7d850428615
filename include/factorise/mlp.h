#pragma once
// The multilayer perceptron of lab 2, part 2: relu(X W1 + b1) W2 + b2 on iris, by plain gradient descent on the
// cross-entropy.
//
//   const auto data = factorise::iris();
//   const auto options = factorise::MlpOptions().num_epochs(100).lr(0.01).seed(0);
//   const auto mlp = factorise::train_mlp(data.X, data.y, /*classes=*/3, /*train=*/100, options);
//   std::cout << mlp.losses.back() << ' ' << mlp.validation_accuracy << '\n';

#include <c10/util/ArrayRef.h>
#include <factorise/export.h>
#include <factorise/factors.h>
#include <torch/csrc/api/include/torch/arg.h>

#include <vector>

namespace factorise {

/// How the biases start and what shape they have.
enum class MlpVariant {
  scalar_biases,  ///< the sheet: weights from randn, one zero bias for each layer, all rows at once
  vector_biases,  ///< a report: weights from randn, a zero bias for each unit, all rows at once
  xavier,         ///< a report: weights and a bias for each unit from randn / sqrt(fan-in), batches of 16 rows
};

/// Options of train_mlp and train_mlp_runs. Each is set by a call of its name, as in torch::optim.
struct MlpOptions {
  /// The sheet's network, or a report's.
  TORCH_ARG(MlpVariant, variant) = MlpVariant::scalar_biases;
  /// Passes over the training rows, >= 0.
  TORCH_ARG(int64_t, num_epochs) = 100;
  /// Step size, > 0.
  TORCH_ARG(double, lr) = 0.01;
  /// Hidden units, >= 1.
  TORCH_ARG(int64_t, hidden) = 12;
  /// Seed of the split and of the weights. Not given: torch's global CPU generator.
  TORCH_ARG(std::optional<uint64_t>, seed);
  /// Asked before every epoch; true stops the run, which then returns the network that it has.
  TORCH_ARG(StopRequest, stop);
};

/// A trained network and how it did.
struct Mlp {
  Tensor W1;                   ///< features x hidden
  Tensor b1;                   ///< hidden, or a scalar (MlpVariant::scalar_biases)
  Tensor W2;                   ///< hidden x classes
  Tensor b2;                   ///< classes, or a scalar
  std::vector<double> losses;  ///< cross-entropy of each epoch (mean over its batches), before its steps
  double train_accuracy;       ///< share of the training rows classified right, 0 to 1
  double validation_accuracy;  ///< the same of the validation rows
};

/// The result of one seed of train_mlp_runs.
struct MlpRun {
  Mlp mlp;                  ///< without weights where the run diverged
  int64_t diverged_at = 0;  ///< the first epoch after which a weight was not finite; 0: all stayed finite
};

/// Rows of a labelled data set, shuffled, scaled and split as the sheet does.
struct LabelledSplit {
  Tensor train_x;       ///< train rows x features
  Tensor train_y;       ///< their classes, int64
  Tensor validation_x;  ///< the other rows x features
  Tensor validation_y;  ///< their classes, int64
};

/// Shuffles the rows of X by randperm, scales every column to (x - mean) / var (the sheet divides by the variance, not
/// by its root) over all rows, and gives the first `train` rows to training.
///
/// X: rows x features, float32 or float64; y: rows, int64; 2 <= train < rows. Not given a seed: the global generator.
/// Throws c10::ValueError for bad arguments, and for a column of X that is the same in every row.
FACTORISE_EXPORT LabelledSplit shuffle_scale_split(const Tensor& X, const Tensor& y, int64_t train,
                                                   std::optional<uint64_t> seed = std::nullopt);

/// The logits relu(X W1 + b1) W2 + b2 of a network, rows x classes. X: rows x features, in the weights' type and on
/// their device.
FACTORISE_EXPORT Tensor mlp_logits(const Mlp& mlp, const Tensor& X);

/// Trains on the rows of a split. classes: 1 to 2^24; y holds 0 to classes - 1. Draws W1, (b1,) W2, (b2) in
/// this order from randn, on the CPU whatever the device. It is the sheet's code line for line in ATen, with the bits
/// of Python on the same torch and number of threads. Throws c10::ValueError for bad arguments, DivergenceError when a
/// weight leaves the finite numbers.
FACTORISE_EXPORT Mlp train_mlp(const LabelledSplit& data, int64_t classes, const MlpOptions& options = {});

/// shuffle_scale_split and train_mlp from one generator, as one run of the sheet's code: the split is drawn first.
/// Throws as both.
FACTORISE_EXPORT Mlp train_mlp(const Tensor& X, const Tensor& y, int64_t classes, int64_t train,
                               const MlpOptions& options = {});

/// train_mlp on the rows of X from many seeds, in their order, each run with its own split and start. Runs are trained
/// at once, by batched products: as many as have 2^19 numbers in their layers (rows * (features + hidden + classes)
/// each), on each of at::get_num_threads() threads; a run that is larger alone is trained with all threads.
///
/// A run starts as train_mlp does from its seed. Its weights are train_mlp's but for rounding, which grows with the
/// epochs. On the CPU (tested with torch's MKL) they do not depend on the other seeds, nor, where at least two runs
/// fit, on the number of threads.
///
/// `seed` must not be set. `stop` is called on the calling thread before every epoch of the runs that it trains, and
/// ends all: then the result is shorter than `seeds`, and holds those before the first one that was not finished.
/// on_runs is called after the runs that were trained at once. A run that diverges is a result, and throws nothing.
FACTORISE_EXPORT std::vector<MlpRun> train_mlp_runs(const Tensor& X, const Tensor& y, int64_t classes, int64_t train,
                                                    at::ArrayRef<uint64_t> seeds, const MlpOptions& options = {},
                                                    const RunsCallback& on_runs = {});

}  // namespace factorise
