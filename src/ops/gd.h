#pragma once
// The ops of full-batch descent, called through torch's dispatcher: by the factorisers on a GPU, by the Python package
// everywhere. On the CPU a C++ run uses Descent directly (src/methods/descent.h), and an op runs a slice of its epochs.

#include <ATen/core/Tensor.h>
#include <factorise/export.h>

#include <optional>
#include <vector>

namespace factorise {

/// factorise::_descent_ratings. A (m x n, float32 or float64, finite) as the kernels read it; observed is bool, m x n.
/// The form depends on the values, so the call waits for the GPU.
FACTORISE_INTERNAL std::vector<at::Tensor> descent_ratings(const at::Tensor& A,
                                                           const std::optional<at::Tensor>& observed);

/// factorise::_descent_epochs. Runs epochs on U (m x rank) and V (n x rank), contiguous, in place. method: "masked"
/// (gd_factorise_masked), "squared" or "norm" (gd_factorise_ad). Returns, without waiting for a GPU, one number on the
/// device: the first of these epochs (from 1) after which a factor was not finite, and U and V are then not usable, or
/// 0.
FACTORISE_INTERNAL at::Tensor descent_epochs(at::TensorList ratings, const at::Tensor& U, const at::Tensor& V,
                                             double lr, const char* method, int64_t num_epochs);

/// factorise::_descent_loss. Σ err², or its root, as one float64 number on the device.
FACTORISE_INTERNAL at::Tensor descent_loss(at::TensorList ratings, const at::Tensor& U, const at::Tensor& V, bool norm);

}  // namespace factorise
