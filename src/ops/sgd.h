#pragma once
// The ops of exact SGD, called through torch's dispatcher, which picks the device.

#include <ATen/core/Tensor.h>

namespace factorise {

/// factorise::sgd_epochs. Runs epochs on U (m x rank) and V (n x rank) in place, both contiguous; `ratings` is what
/// was packed for their type, rank and device. lr is multiplied by lr_decay after each epoch. Returns the first of
/// these epochs (from 1) after which a factor was not finite, at which the run stops; 0 where there is none.
int64_t sgd_epochs(const at::Tensor& ratings, const at::Tensor& U, const at::Tensor& V, double lr, double weight_decay,
                   double lr_decay, int64_t num_epochs);

}  // namespace factorise
