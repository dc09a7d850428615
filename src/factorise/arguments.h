#pragma once
// The boundary: every public factoriser checks its arguments here, once, and works on what comes out. Kernels and
// loops behind it trust their input. Messages read [function] what must hold, but what was given.

#include <factorise/factors.h>

#include <string>

#include "cpu/sgd_ratings.h"

namespace factorise {

/// A checked matrix to factorise; for the fused engine A and its mask as they were given, of any real type.
struct Problem {
  const char* function;  ///< the public function, for messages
  Tensor A;              ///< m x n, float32 or float64, contiguous, without grad; 0 where not observed
  Tensor observed;       ///< m x n bool, contiguous; undefined where all of A is observed
  int64_t rank;

  int64_t rows() const { return A.size(0); }
  int64_t columns() const { return A.size(1); }
  std::optional<Tensor> mask() const { return observed.defined() ? std::optional(observed) : std::nullopt; }
};

/// Which ranks are allowed above min(m, n): a factorisation has none, a completion or an overcomplete one has.
enum class RankLimit { smaller_side, none };

/// Checks A, M and the rank, and brings A to its computing type. Never writes to A or M.
Problem check_problem(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                      RankLimit limit);

/// Checks the same as far as it can be done without looking at values, and keeps A and M as they were given, detached.
Problem describe_problem(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                         RankLimit limit);

/// Checks the values of what describe_problem gave, on the CPU: in one pass over A and M, without a copy of either.
cpu::SgdCounts check_values(const Problem& problem);

/// Checks what check_problem checks, for the fused engine. On the CPU by these two: A and observed stay as they were
/// given; on a GPU they come out as check_problem's.
Problem check_fused_problem(const char* function, const Tensor& A, const std::optional<Tensor>& M, int64_t rank,
                            RankLimit limit);

/// Checks a matrix alone: defined, dense, real, 2-D, not empty, on the CPU or CUDA. `name` is the argument's.
void check_matrix(const char* function, const char* name, const Tensor& matrix);

/// The part of it that sparse matrices share: real, 2-D, not empty, not too large.
void check_real_matrix(const char* function, const char* name, const Tensor& matrix);

/// Refuses a rank below 1, above the largest, or above the limit for an m x n matrix.
void check_rank(const char* function, int64_t rank, int64_t m, int64_t n, RankLimit limit);

/// float64 where A is, else float32.
c10::ScalarType computing_type(const Tensor& A);

/// A in its computing type (float64 stays, everything else becomes float32), contiguous and without grad.
Tensor to_computing_type(const Tensor& A);

/// M as bool, contiguous, true where it is not zero; refuses NaN and another shape or device than A's.
Tensor check_mask(const char* function, const Tensor& A, const Tensor& M);

/// "3 x 4" for messages.
std::string shape_of(const Tensor& tensor);

/// The numbers that all options share.
void check_epochs(const char* function, int64_t num_epochs, double lr, int64_t report_every);

/// weight_decay and lr_decay of SGD.
void check_decay(const char* function, double lr, double weight_decay, double lr_decay);

/// Refuses A on a device that the fused engine has no kernels for.
void check_fused_device(const char* function, const Tensor& A);

/// The factors that a run starts from: a copy of `initial`, else U and V drawn uniform on [0, 1), U first, from a CPU
/// generator of that seed, else from torch's global one. Then moved to A's device.
Factors start(const Problem& problem, const std::optional<Factors>& initial, const std::optional<uint64_t>& seed);

}  // namespace factorise
