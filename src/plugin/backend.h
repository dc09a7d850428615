#pragma once
// What the CUDA kernels offer the library's methods (core/backend.h), which see.

#include "core/observed_data.h"

#include <vector>

namespace factorise::cuda {

Tensor pack_sgd(const Observed& observed, int64_t rank);
Tensor sgd_epochs(const Tensor& ratings, const Tensor& U, const Tensor& V, at::ArrayRef<double> lrs,
                  double weight_decay, double lr_decay, int64_t epochs);

std::vector<Tensor> pack_gd(const Observed& observed);
int64_t gd_epochs(at::TensorList ratings, const Tensor& U, const Tensor& V, double lr, const char* method,
                  int64_t epochs);
double gd_loss(at::TensorList ratings, const Tensor& U, const Tensor& V, bool norm);

}  // namespace factorise::cuda
