#pragma once
// The kernels of devices other than the CPU. The CUDA kernels (src/cuda) register themselves when their shared object
// is opened; src/core and src/methods include none of their headers.

#include <factorise/export.h>
#include <factorise/observed.h>

#include <vector>

namespace factorise {

/// Kernels of a device, by method. Ratings are in the device's own packed form. U, V: contiguous, on the device,
/// changed in place.
struct Backend {
  /// Exact SGD: ratings packed for a rank.
  Tensor (*pack_sgd)(const Observed& observed, int64_t rank);
  /// Epochs of several runs, U: runs x m x rank, V: runs x n x rank, with an lr each, which is multiplied by lr_decay
  /// after each epoch. Returns for each run the first of these epochs (from 1) after which a factor was not finite, or
  /// 0: int64, on the CPU.
  Tensor (*sgd_epochs)(const Tensor& ratings, const Tensor& U, const Tensor& V, at::ArrayRef<double> lr,
                       double weight_decay, double lr_decay, int64_t epochs);

  /// Full-batch descent: ratings packed.
  std::vector<Tensor> (*pack_gd)(const Observed& observed);
  /// Epochs of a run. method: "masked", "squared" or "norm". Returns as above, one number.
  int64_t (*gd_epochs)(at::TensorList ratings, const Tensor& U, const Tensor& V, double lr, const char* method,
                       int64_t epochs);
  /// The squared error, or its root.
  double (*gd_loss)(at::TensorList ratings, const Tensor& U, const Tensor& V, bool norm);
};

/// Joins the results of Backend::sgd_epochs for two successive parts of a run: `known` for the first `done` epochs,
/// `here` for the epochs after them.
FACTORISE_INTERNAL Tensor first_divergence(const Tensor& known, const Tensor& here, int64_t done);

/// Called by the static initialiser of a shared object of kernels.
FACTORISE_INTERNAL bool register_backend(c10::DeviceType type, const Backend& backend);

/// The kernels for a device; opens their shared object at the first call. Throws c10::ValueError, naming `function`,
/// where there are none.
FACTORISE_INTERNAL const Backend& backend_of(const char* function, const c10::Device& device);

}  // namespace factorise
