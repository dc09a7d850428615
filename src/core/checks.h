#pragma once
// Checks of arguments that public functions share, and the factors that a run starts from. A message has the form
// "[function] what must hold, but what was given". Matrices to factorise are checked in core/observed_data.h.

#include <factorise/export.h>
#include <factorise/factors.h>

#include <string>

#include "core/observed_data.h"

namespace factorise {

/// The sentence for a mask that holds NaN.
constexpr char kMaskIsNan[] = "M must say for every entry whether it is observed, but holds NaN.";

/// Checks a matrix alone: defined, dense, real, 2-D, not empty, on the CPU or CUDA. `name` is the argument's.
void check_matrix(const char* function, const char* name, const Tensor& matrix);

/// The part of check_matrix that applies to sparse matrices too: real, 2-D, not empty, not too large.
void check_real_matrix(const char* function, const char* name, const Tensor& matrix);

/// Refuses a rank below 1, above the largest, or above the limit for an m x n matrix.
void check_rank(const char* function, int64_t rank, int64_t m, int64_t n, RankLimit limit);

/// float64 where A is, else float32.
c10::ScalarType computing_type(const Tensor& A);

/// A in its computing type (float64 stays, everything else becomes float32), contiguous and without grad.
Tensor to_computing_type(const Tensor& A);

/// Refuses a mask of another shape or device than A's.
void check_mask_fits(const char* function, const Tensor& A, const Tensor& M);

/// M as bool, contiguous, true where it is not zero; refuses NaN and another shape or device than A's.
Tensor check_mask(const char* function, const Tensor& A, const Tensor& M);

/// "3 x 4" for messages.
FACTORISE_INTERNAL std::string shape_of(const Tensor& tensor);

/// The numbers that all options share.
FACTORISE_INTERNAL void check_epochs(const char* function, int64_t num_epochs, int64_t report_every);

/// The step size.
FACTORISE_INTERNAL void check_lr(const char* function, double lr);

/// weight_decay and lr_decay of SGD.
FACTORISE_INTERNAL void check_decay(const char* function, double lr, double weight_decay, double lr_decay);

/// Refuses a device that the fused engine has no kernels for.
void check_fused_device(const char* function, const c10::Device& device);

/// The factors that a run starts from: a copy of `initial`, else U and V drawn uniform on [0, 1), U first, from a CPU
/// generator of that seed, else from torch's global one. Then moved to the matrix' device.
Factors start(const char* function, const Observed& observed, int64_t rank, const std::optional<Factors>& initial,
              const std::optional<uint64_t>& seed);

}  // namespace factorise
