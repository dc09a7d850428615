#pragma once
// The ops of exact SGD, called through torch's dispatcher, which picks the device.

#include <ATen/core/Tensor.h>
#include <factorise/export.h>

#include <optional>

#include "cpu/sgd_layout.h"

namespace factorise {

/// factorise::sgd_ratings. A and its mask, of any real type, packed for sgd_epochs at this rank on A's device.
FACTORISE_INTERNAL at::Tensor sgd_ratings(const at::Tensor& A, const std::optional<at::Tensor>& M, int64_t rank,
                                          cpu::SgdPath path);

/// factorise::sgd_epochs. Runs epochs on U (m x rank) and V (n x rank) in place, both contiguous; `ratings` is what
/// was packed for their type, rank and device. lr is multiplied by lr_decay after each epoch. Returns the first of
/// these epochs (from 1) after which a factor was not finite, at which the run stops; 0 where there is none.
FACTORISE_INTERNAL int64_t sgd_epochs(const at::Tensor& ratings, const at::Tensor& U, const at::Tensor& V, double lr,
                                      double weight_decay, double lr_decay, int64_t num_epochs);

/// factorise::_sgd_epochs_of_runs. The same for several runs at once, on U (runs x m x rank) and V (runs x n x rank),
/// each with an lr of its own. Returns sgd_epochs' number for each of them, int64 on their device.
FACTORISE_INTERNAL at::Tensor sgd_epochs_of_runs(const at::Tensor& ratings, const at::Tensor& U, const at::Tensor& V,
                                                 at::ArrayRef<double> lr, double weight_decay, double lr_decay,
                                                 int64_t num_epochs);

}  // namespace factorise
