#pragma once
// Epochs of exact SGD on the CPU: the bits of contract/sgd.h on every instruction set and number of threads.

#include <ATen/core/Tensor.h>

#include "cpu/sgd/sgd_ratings.h"

namespace factorise::cpu {

/// Runs `epochs` epochs on U (m x rank) and V (n x rank), contiguous, of the type that the ratings were packed for. lr
/// is multiplied by lr_decay after each. Stops at a divergence. Returns the first epoch (from 1) after which a factor
/// was not finite, or 0.
int64_t run_sgd(const at::Tensor& ratings, const at::Tensor& U, const at::Tensor& V, double lr, double weight_decay,
                double lr_decay, int64_t epochs, int threads);

}  // namespace factorise::cpu
